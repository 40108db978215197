// The page of the gateway in Chromium, allowed to send media through TURN over TCP alone: a call to the phone, with its
// tone and its picture, and a page to the fax machine. Run: turn.mjs ORIGIN PASSWORD DOMAIN
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { launch } from '../browser/lib/browser.mjs';
import { hears, until } from '../browser/lib/check.mjs';
import { dial, has, judge, phase, shows } from '../browser/lib/demo_page.mjs';
import { drawTiff } from '../browser/lib/fax_pages.mjs';
import { Run } from '../browser/lib/run.mjs';

const [origin, password, domain] = process.argv.slice(2);

// Before any script of the page: no candidate but relayed ones.
const relayOnly = () => {
  const Native = window.RTCPeerConnection;
  window.pcs = [];
  window.RTCPeerConnection = class extends Native {
    constructor(config) {
      super({ ...config, iceTransportPolicy: 'relay' });
      window.pcs.push(this);
    }
  };
};

// By what the pair that carries the call reaches its relay (nothing else has one), and what came.
const chosen = (page) => page.evaluate(async () => {
  const stats = [...(await window.pcs.at(-1).getStats()).values()];
  const one = (fact) => stats.find(fact) ?? {};
  const { selectedCandidatePairId } = one((s) => s.type === 'transport');
  const { localCandidateId } = one((s) => s.id === selectedCandidatePairId);
  return { by: one((s) => s.id === localCandidateId).relayProtocol,
    frames: one((s) => s.type === 'inbound-rtp' && s.kind === 'video').framesDecoded ?? 0 };
});

await Run.main('container turn', async (run) => {
  const browser = run.use(await launch('chromium', { log: (line) => run.log('browser', line) }));
  const page = await browser.open('about:blank');
  await page.evaluateOnNewDocument(relayOnly);
  await page.goto(`${origin}/#bob`, { waitUntil: 'load' });
  await page.evaluate(judge);
  await run.step('signs in', async () => {
    const filledIn = () => page.evaluate(() => document.getElementById('domain').value);
    await until('the domain is filled in', filledIn, (d) => d === domain);
    await page.evaluate((p) => { document.getElementById('password').value = p; }, password);
    await page.click('#signin button');
    await shows(page, 'bob is signed in', '#status', /^bob@/);
  });
  await run.step('a video call to the phone', async () => {
    await page.select('#source', 'test');
    await dial(page, 'phone', '#call-video');
    await phase(page, 'active');
  });
  await run.step('hears its tone and sees its picture', async () => {
    await hears(page, 440);
    await until('frames of the phone', () => chosen(page), (c) => c.frames > 20);
  });
  await run.step('all of it through TURN over TCP', () =>
    until('the pair that carries it', () => chosen(page), (c) => c.by === 'tcp'));
  await page.click('#hangup');
  await phase(page, 'none');
  await run.step('a page to the fax machine, the same way', async () => {
    const file = path.join(run.dir, 'page.tif');
    await writeFile(file, drawTiff(1, 100));
    await page.click('#with-fax');
    await dial(page, 'fax', '#call-audio');
    await phase(page, 'active');
    await has(page, 'fax');
    await (await page.$('#fax-file')).uploadFile(file);
    await page.click('#fax-send');
    await shows(page, 'the end', '#fax-state', /^1 pages? sent$/);
  });
});

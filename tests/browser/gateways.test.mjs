// Two browsers, each at a gateway of its own, talk, chat and send a file to each other: data channel to MSRP to data
// channel.
//   gateways.test.mjs BROWSER LIBRARY BROWSER LIBRARY
import { startDemoCore } from '../peers/demo_core/demo_core.mjs';
import { launch } from './lib/browser.mjs';
import { hears, until } from './lib/check.mjs';
import { startGateway } from './lib/gateway.mjs';
import { reservePorts } from './lib/ports.mjs';
import { Run } from './lib/run.mjs';
import { serve } from './lib/site.mjs';

const [browserA = 'chromium', libraryA = 'jssip', browserB = 'firefox', libraryB = 'sipjs'] = process.argv.slice(2);
const fileSize = Number(process.env.IMSGW_FILE_BYTES ?? 3_000_001);

await Run.main(`gateways ${browserA} ${libraryA} ${browserB} ${libraryB}`, async (run) => {
  const bases = [await reservePorts(run), await reservePorts(run)];
  const core = await run.step('core starts', () => startDemoCore(run, bases[0], [bases[0] + 10, bases[0] + 38]));
  const site = run.use(await serve());
  const open = async (base, browserName, library, user, hz) => {
    const gateway = await startGateway(run, { base, core, conf: { ws_origins: site.origin }, name: `imsgw-${user}` });
    const browser = run.use(await launch(browserName, { log: (line) => run.log(`browser-${user}`, line) }));
    const page = await browser.open(`${site.origin}/${library}.html`);
    const options = { url: gateway.url, user, password: core.password, domain: core.domain, hz, rgb: [230, 20, 20] };
    await page.evaluate((o) => test.start(o), options);
    await until(`${user} registered`, () => page.evaluate(() => test.state()), (s) => s.registered);
    return page;
  };
  const ann = await run.step('ann and her gateway', () => open(bases[0], browserA, libraryA, 'ann', 440));
  const ben = await run.step('ben and his', () => open(bases[1], browserB, libraryB, 'ben', 660));
  const seen = (page, what, holds) => until(what, () => page.evaluate(() => test.data()), holds, 30_000);
  run.onFailure = async () => {
    for (const page of [ann, ben]) run.log('page', JSON.stringify(await page.evaluate(() => [test.data(), test.sdp()]), null, 1));
  };
  await run.step('ann calls ben with sound, chat and text', async () => {
    await ann.evaluate((to) => test.call(to, { offer: ['chat', 'text'] }), `sip:ben@${core.domain}`);
    await until('it rings', () => ben.evaluate(() => test.state()), (s) => s.call === 'incoming');
    await ben.evaluate(() => test.answer());
    const isOpen = (d) => d.sessions.chat === 'open' && d.sessions.text === 'open';
    await Promise.all([seen(ann, 'open', isOpen), seen(ben, 'open', isOpen)]);
    await Promise.all([hears(ann, 660), hears(ben, 440)]);
  });
  await run.step('they chat, with reports of success', async () => {
    await ann.evaluate(() => test.chat('hello ben 👋', { successReport: true }));
    await seen(ben, 'her text', (d) => d.messages.includes('hello ben 👋'));
    await ben.evaluate(() => test.chat('grüß dich', { successReport: true }));
    await seen(ann, 'his text', (d) => d.messages.includes('grüß dich'));
  });
  await run.step('they type at once', async () => {
    await Promise.all([ann.evaluate(() => test.type('from ann')), ben.evaluate(() => test.type('from ben'))]);
    await Promise.all([seen(ben, 'text', (d) => d.text === 'from ann'), seen(ann, 'text', (d) => d.text === 'from ben')]);
  });
  await run.step(`files of ${fileSize} octets cross each other whole`, async () => {
    const send = (page, name) => page.evaluate((n, size) => test.sendFile(n, size), name, fileSize);
    const [up, down] = await Promise.all([send(ann, 'up.bin'), send(ben, 'down.bin')]);
    for (const [page, sent] of [[ben, up], [ann, down]]) {
      const { files } = await seen(page, 'the file', (d) => d.files.at(-1)?.hash || d.files.at(-1)?.error);
      if (files.at(-1).hash !== sent.hash) throw new Error(`the file: ${JSON.stringify({ sent, files })}`);
    }
  });
  await run.step('ben hangs up, and all is closed', async () => {
    await ben.evaluate(() => test.hangup());
    await Promise.all([ann, ben].map((p) => seen(p, 'closed', (d) => Object.values(d.sessions).every((s) => s === 'closed'))));
  });
});

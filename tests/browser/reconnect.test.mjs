// The page's connection is lost in a call and comes back (RFC 5626 s. 6): the call's sound never stops, requests find
// the page again, the phone reaches it anew. When it stays away, the call ends towards the phone.
//   reconnect.test.mjs BROWSER LIBRARY
import { startKamailio } from '../peers/kamailio/kamailio.mjs';
import { Baresip } from '../peers/baresip/baresip.mjs';
import { launch } from './lib/browser.mjs';
import { colours, hears, sleep, until } from './lib/check.mjs';
import { wire } from './lib/cut.mjs';
import { startGateway } from './lib/gateway.mjs';
import { reservePorts } from './lib/ports.mjs';
import { Run } from './lib/run.mjs';
import { serve } from './lib/site.mjs';

const [browserName = 'chromium', library = 'jssip'] = process.argv.slice(2);
const graceS = 12;

const state = (page, what, holds, timeoutMs) => until(what, () => page.evaluate(() => test.state()), holds, timeoutMs);
const heard = (page, phone) => Promise.all([hears(page, 1000), phone.hears(440)]);
const registrations = (s) => s.log.filter((l) => l === 'registered' || l === 'registerer Registered').length;

await Run.main(`reconnect ${browserName} ${library}`, async (run) => {
  const base = await reservePorts(run);
  const core = await run.step('core starts', () => startKamailio(run, base, base + 2));
  const site = run.use(await serve());
  const gateway = await run.step('gateway starts', () =>
    startGateway(run, { base, core, conf: { ws_origins: site.origin, flow_grace_s: graceS } }));
  const line = await wire(run, base + 8, base + 1);
  const phone = await run.step('phone registers', async () => {
    const p = await Baresip.start(run, { user: 'ben', password: core.password, domain: core.domain, proxy: core.uri,
      sipPort: base + 4, controlPort: base + 6, rtpPorts: [base + 10, base + 38], hz: 1000 });
    await p.registered();
    return p;
  });
  const page = await run.step('page registers', async () => {
    const browser = run.use(await launch(browserName, { log: (text) => run.log('browser', text) }));
    const p = await browser.open(`${site.origin}/${library}.html`);
    await p.evaluate((options) => test.start(options), { url: line.url, user: 'ann', password: core.password,
      domain: core.domain, hz: 440, rgb: colours.red });
    await state(p, 'registered', (s) => s.registered);
    return p;
  });

  const call = async () => {
    const from = phone.events.length;
    await page.evaluate((target) => test.call(target), `sip:ben@${core.domain}`);
    await Promise.all([state(page, 'established', (s) => s.call === 'established'), phone.event('CALL_ESTABLISHED', { from })]);
    await heard(page, phone);
    return from;
  };

  await run.step('a call is up', call);
  const before = registrations(await page.evaluate(() => test.state()));
  await run.step('the connection is lost; sound goes on', async () => {
    line.cut();
    await state(page, 'the page lost its connection', (s) => s.log.includes('disconnected'));
    await sleep(3000);
    await heard(page, phone);
    line.mend();
  });
  await run.step('the page comes back and registers again', () =>
    state(page, 'registered again', (s) => registrations(s) > before && s.registered, 30_000));
  await run.step('the call lives on and the phone can end it', async () => {
    await heard(page, phone);
    await phone.command('hangup');
    await state(page, 'the page hears of the end', (s) => s.call === 'ended');
  });
  await run.step('the phone reaches the page over its new connection', async () => {
    const from = phone.events.length;
    await phone.command('dial', `sip:ann@${core.domain}`);
    await state(page, 'it rings', (s) => s.call === 'incoming');
    await page.evaluate(() => test.answer());
    await Promise.all([state(page, 'established', (s) => s.call === 'established'), phone.event('CALL_ESTABLISHED', { from })]);
    await heard(page, phone);
    await page.evaluate(() => test.hangup());
    await phone.event('CALL_CLOSED', { from });
  });
  await run.step(`it stays away: the call ends after ${graceS} s`, async () => {
    const from = await call();
    const start = Date.now();
    line.cut();
    await phone.event('CALL_CLOSED', { from, timeoutMs: (graceS + 10) * 1000 });
    const tookS = (Date.now() - start) / 1000;
    if (tookS < graceS - 2) throw new Error(`the call ended after ${tookS} s already`);
  });
  await gateway.process.close();
  if (gateway.process.exit !== 0) throw new Error(`the gateway ended with ${gateway.process.exit}`);
});

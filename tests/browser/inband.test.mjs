// A page that knows nothing of dcmap opens plain data channels (RFC 8832) beside its call: those of a known
// sub-protocol get an m-line of the core, others are reset, and the call goes on.
//   inband.test.mjs chromium|firefox
import { startDemoCore } from '../peers/demo_core/demo_core.mjs';
import { launch } from './lib/browser.mjs';
import { ask, hears, until } from './lib/check.mjs';
import { startGateway } from './lib/gateway.mjs';
import { inCall, state } from './lib/lab.mjs';
import { reservePorts } from './lib/ports.mjs';
import { Run } from './lib/run.mjs';
import { serve } from './lib/site.mjs';

const [browserName = 'chromium'] = process.argv.slice(2);
const hz = 440;

const chat = (page, holds, what) => until(what, () => ask(page, 'channels'),
  (all) => holds(Object.fromEntries(all.map((c) => [c.protocol, c]))));

// A SEND of RFC 4975 to whoever is there: the page was told no URI.
const send = (tid, text) => [`MSRP ${tid} SEND`, `To-Path: msrps://gateway.invalid:9/${tid};dc`,
  'From-Path: msrps://page.invalid:9/p1;dc', `Message-ID: ${tid}`, `Byte-Range: 1-${text.length}/${text.length}`,
  'Content-Type: text/plain', '', text, `-------${tid}$`, ''].join('\r\n');

await Run.main(`inband ${browserName}`, async (run) => {
  const base = await reservePorts(run);
  const core = await run.step('core starts', () => startDemoCore(run, base, [base + 80, base + 98]));
  const site = run.use(await serve());
  const gateway = await run.step('gateway starts', () =>
    startGateway(run, { base, core, conf: { ws_origins: site.origin } }));
  const browser = run.use(await launch(browserName, { log: (line) => run.log('browser', line) }));
  const page = await browser.open(`${site.origin}/jssip.html`);
  run.onFailure = async () =>
    run.log('client', JSON.stringify([await ask(page, 'state'), await ask(page, 'channels')], null, 1));
  await run.step('the client registers', async () => {
    await ask(page, 'start', { url: gateway.url, user: 'ann', password: core.password, domain: core.domain, hz,
      rgb: [230, 20, 20] });
    await state(page, 'registered', (s) => s.registered);
  });
  await run.step('a call with three channels of DCEP', async () => {
    await ask(page, 'openInBand', ['t140', 'msrp', 'clue']);
    await ask(page, 'call', `sip:echo@${core.domain}`, { video: false });
    await inCall(page, 'established');
    await chat(page, (c) => c.t140.state === 'open' && c.msrp.state === 'open', 'two are open');
  });
  await run.step('what nobody knows is closed', () => chat(page, (c) => c.clue.state === 'closed', 'clue is closed'));
  await run.step('text comes back', async () => {
    await ask(page, 'say', 't140', 'grüße ');
    await chat(page, (c) => c.t140.got.includes('grüße '), 'the text');
  });
  await run.step('a message comes back', async () => {
    await ask(page, 'say', 'msrp', send('a786hjs2', 'hello there'));
    const said = [/^MSRP a786hjs2 200/m, / SEND\r\n[^]*\r\n\r\nhello there\r\n/];
    await chat(page, (c) => said.every((s) => s.test(c.msrp.got)), 'the answer and the echo');
  });
  await run.step('and the voice is there', () => hears(page, hz));
  await run.step('it ends', async () => {
    await ask(page, 'hangup');
    await inCall(page, 'ended');
  });
});

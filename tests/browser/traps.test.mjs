// What loses calls in a browser library and works with a phone: forks with early media of their own, a 2xx without SDP
// after a reliable 183, an offerless INVITE. sipp is the core, as in tests/scenarios; here the libraries themselves say
// whether they got over it.
//   traps.test.mjs chromium|firefox jssip|sipjs
import { createSocket } from 'node:dgram';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { launch } from './lib/browser.mjs';
import { ask, colours, until } from './lib/check.mjs';
import { startGateway } from './lib/gateway.mjs';
import { reservePorts } from './lib/ports.mjs';
import { Process } from './lib/process.mjs';
import { Run } from './lib/run.mjs';
import { serve } from './lib/site.mjs';

const [browserName = 'chromium', library = 'jssip'] = process.argv.slice(2);
const scenarios = fileURLToPath(new URL('../scenarios/sipp', import.meta.url));

const header = (text, name) => new RegExp(`^${name}:\\s*(.*?)\\r$`, 'mi').exec(text)?.[1];

// Says 200 to every REGISTER and remembers Path and Contact; what the browser calls goes to the Service-Route.
function registrar(run, port, serviceRoute) {
  const socket = run.use(createSocket('udp4'), (s) => new Promise((done) => s.close(done)));
  const self = { uri: `sip:127.0.0.1:${port}`, domain: 'ims.example', path: null, contact: null };
  socket.on('message', (data, from) => {
    const m = data.toString();
    if (!m.startsWith('REGISTER ')) return;
    self.path = header(m, 'Path');
    self.contact = /<([^>]*)>/.exec(header(m, 'Contact'))[1];
    socket.send(['SIP/2.0 200 OK', ...m.match(/^Via:.*(?=\r$)/gim), `From: ${header(m, 'From')}`, `To: ${header(m, 'To')};tag=r`,
      `Call-ID: ${header(m, 'Call-ID')}`, `CSeq: ${header(m, 'CSeq')}`, `Contact: ${header(m, 'Contact')}`, `Path: ${self.path}`,
      `Service-Route: <${serviceRoute}>`, 'Content-Length: 0', '', ''].join('\r\n'), from.port, from.address);
  });
  return new Promise((done) => socket.bind(port, '127.0.0.1', () => done(self)));
}

await Run.main(`traps ${browserName} ${library}`, async (run) => {
  const base = await reservePorts(run);
  const core = await registrar(run, base, `sip:127.0.0.1:${base + 4};lr`);
  const site = run.use(await serve());
  const gateway = await run.step('gateway starts', () => startGateway(run, { base, core, conf: { ws_origins: site.origin } }));
  const browser = run.use(await launch(browserName, { log: (line) => run.log('browser', line) }));
  const page = await browser.open(`${site.origin}/${library}.html`);
  const state = (what, holds) => until(what, () => ask(page, 'state'), holds, 20_000);

  await run.step('the page registers', async () => {
    await ask(page, 'start', { url: gateway.url, user: 'ann', password: 'x', domain: core.domain, hz: 440, rgb: colours.red });
    await state('registered', (s) => s.registered);
  });

  const sipp = (name, ...more) => new Process(run, name, 'sipp', ['-sf', path.join(scenarios, `${name}.xml`), '-i', '127.0.0.1', '-p',
    `${base + 4}`, '-m', '1', '-nostdin', '-timeout', '40', '-timeout_error', ...more], { cwd: run.dir });
  const finished = async (p) => {
    await until(`${p.name} ends`, () => p.exit, (e) => e !== null, 45_000);
    if (p.exit !== 0) throw new Error(`sipp says ${p.exit} in ${p.name}`);
  };
  const called = async (name, then) => {
    const phone = sipp(name);
    await new Promise((done) => setTimeout(done, 500));
    await ask(page, 'call', 'sip:bob@ims.example', { early: true });
    await then(phone);
    await finished(phone);
    await state('the call is over', (s) => s.call === 'ended');
  };
  const established = async () => {
    await state('the call is up', (s) => s.call === 'established');
    await new Promise((done) => setTimeout(done, 500));
    await ask(page, 'hangup');
  };
  const calls = async (name) => {
    const phone = sipp(name, '-key', 'path', core.path, '-key', 'contact', core.contact, `127.0.0.1:${gateway.sipPort}`);
    await state('it rings', (s) => s.call === 'incoming');
    await ask(page, 'answer', {});
    await finished(phone);
    const end = await state('the call is over', (s) => s.call === 'ended');
    if (!end.log.includes('established')) throw new Error(`it was never up: ${end.log.join(', ')}`);
  };

  await run.step('two forks with early media, two 200: one call', () => called('fork', established));
  await run.step('the fork that answers speaks another codec: a re-INVITE', () => called('fork_codecs', established));
  await run.step('a reliable 183 with the answer, a 200 without', () => called('reliable_callee', established));
  await run.step('a redirection', () => called('redirect', () => state('302', (s) => /302/.test(s.cause ?? ''))));
  await run.step('a session timer refused by the core', () => called('timer_refused', established));
  await run.step('called, plainly', () => calls('call_browser'));
  await run.step('called without an offer', () => calls('late_offer'));
  await run.step('called by who insists on reliable provisionals', () => calls('reliable_caller'));
});

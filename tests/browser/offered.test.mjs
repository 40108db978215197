// Sessions of imsgw-client that the core offers, in its first offer and later, and sessions that the page adds to a
// running call and takes out of it (RFC 8864 s. 6.6), at the demo core, which calls who asks it to.
//   offered.test.mjs BROWSER LIBRARY
import { startDemoCore } from '../peers/demo_core/demo_core.mjs';
import { launch } from './lib/browser.mjs';
import { hears, until } from './lib/check.mjs';
import { startGateway } from './lib/gateway.mjs';
import { inCall, state } from './lib/lab.mjs';
import { reservePorts } from './lib/ports.mjs';
import { Run } from './lib/run.mjs';
import { serve } from './lib/site.mjs';

const [browserName = 'chromium', library = 'jssip'] = process.argv.slice(2);

await Run.main(`offered ${browserName} ${library}`, async (run) => {
  const base = await reservePorts(run);
  const core = await run.step('core starts', () => startDemoCore(run, base, [base + 80, base + 98]));
  const site = run.use(await serve());
  const conf = { ws_origins: site.origin };
  const gateway = await run.step('gateway starts', () => startGateway(run, { base, core, conf }));
  const browser = run.use(await launch(browserName, { log: (line) => run.log('browser', line) }));
  const page = await browser.open(`${site.origin}/${library}.html`);
  const seen = (what, holds) => until(what, () => page.evaluate(() => test.data()), holds);
  const ask = (text) => page.evaluate((...a) => test.message(...a), `sip:echo@${core.domain}`, text);
  const isOpen = (...kinds) => seen(`${kinds} open`, (d) => kinds.every((k) => d.sessions[k] === 'open'));
  const chats = async (text) => {
    await page.evaluate((t) => test.chat(t), text);
    await seen(`the echo of ${text}`, (d) => d.messages.includes(text));
  };
  run.onFailure = async () =>
    run.log('page', JSON.stringify(await page.evaluate(() => [test.data(), test.state(), test.sdp()]), null, 1)
      .replaceAll('\\r\\n', '\n   '));
  await run.step('the page registers', async () => {
    const options = { url: gateway.url, user: 'ann', password: core.password, domain: core.domain };
    await page.evaluate((o) => test.start(o), { ...options, hz: 440, rgb: [230, 20, 20] });
    await state(page, 'registered', (s) => s.registered);
  });
  await run.step('the core calls with sound, chat and text', async () => {
    await ask('call me audio chat text');
    await inCall(page, 'incoming');
    await page.evaluate(() => test.answer());
    await inCall(page, 'established');
    await isOpen('chat', 'text');
  });
  await run.step('both work', async () => {
    await chats('hello core');
    await page.evaluate(() => test.type('typed'));
    await seen('the text', (d) => d.text === 'typed');
  });
  await run.step('the core adds the floor', async () => {
    await ask('add floor');
    await isOpen('chat', 'text', 'floor');
    await page.evaluate(() => test.requestFloor());
    await seen('granted', (d) => d.requests.at(-1)?.status === 'granted');
  });
  await run.step('the core drops the chat', async () => {
    await ask('drop chat');
    await seen('closed', (d) => d.sessions.chat === 'closed' && d.sessions.text === 'open');
  });
  await run.step('the page adds a chat of its own', async () => {
    await page.evaluate(() => test.addSession('chat'));
    await isOpen('chat', 'text');
    await chats('hello again');
  });
  await run.step('the page closes the text', async () => {
    await page.evaluate(() => test.closeSession('text'));
    await seen('closed', (d) => d.sessions.text === 'closed' && d.sessions.chat === 'open');
    await chats('and again');
  });
  await run.step('the sound was never in the way', () => hears(page, 440));
  await run.step('it ends', async () => {
    await page.evaluate(() => test.hangup());
    await inCall(page, 'ended');
  });
});

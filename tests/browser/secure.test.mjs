// What a browser must not get away with, and what it must be told: a fingerprint that is not its certificate's ends the
// call on both sides; a page from elsewhere gets no connection; a user with a wrong password no registration.
//   secure.test.mjs [chromium|firefox] [jssip|sipjs]
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { ask, until } from './lib/check.mjs';
import { inCall, pageColour, pageHz, startLab, state } from './lib/lab.mjs';
import { Run } from './lib/run.mjs';
import { serve } from './lib/site.mjs';

const [browser = 'chromium', library = 'jssip'] = process.argv.slice(2);

await Run.main(`secure ${browser} ${library}`, async (run) => {
  const lab = await startLab(run, { browser, library });
  const { page, phone, gateway } = lab;
  const records = () => readFileSync(path.join(run.dir, 'imsgw-calls.json'), 'utf8').trim().split('\n').map((l) => JSON.parse(l));

  await run.step('TLS: a fingerprint that is not its certificate’s ends the call, and no sound passes', async () => {
    const from = phone.events.length;
    await page.evaluate(() => test.forgeFingerprint(true));
    await ask(page, 'call', lab.phoneUri, { video: false });
    await phone.event('CALL_CLOSED', { from, timeoutMs: 20_000 });
    await inCall(page, 'ended');
    const heard = phone.hear();
    if (heard.hz) throw new Error(`the phone heard ${heard.hz} Hz`);
    const [record] = await until('a call record', () => { try { return records(); } catch { return []; } }, (r) => r.length === 1);
    if (record.ended_by !== 'gateway') throw new Error(`the record says ${JSON.stringify(record)}`);
    await gateway.process.line(/fingerprint/);
    await page.evaluate(() => test.forgeFingerprint(false));
  });
  await run.step('the next call is unharmed', async () => {
    const from = phone.events.length;
    await ask(page, 'call', lab.phoneUri, { video: false });
    await Promise.all([inCall(page, 'established'), phone.event('CALL_ESTABLISHED', { from })]);
    await phone.hears(pageHz);
    await ask(page, 'hangup');
    await inCall(page, 'ended');
  });
  const other = run.use(await serve());
  await run.step('a page from elsewhere gets no connection', async () => {
    await page.goto(`${other.origin}/${library}.html`);
    const closed = await page.evaluate((url) => new Promise((done) => {
      const socket = new WebSocket(url, 'sip');
      socket.onopen = () => done('open');
      socket.onclose = () => done('refused');
    }), gateway.url);
    if (closed !== 'refused') throw new Error(closed);
  });
  await run.step('a wrong password is refused', async () => {
    await page.goto(`${lab.origin}/${library}.html`);
    page.evaluate((options) => test.start(options), { url: gateway.url, user: 'ann', password: 'guess', domain: lab.core.domain,
      hz: pageHz, rgb: pageColour }).catch(() => {});
    await state(page, 'registration failed', (s) => s.log.includes('registration failed') && !s.registered);
  });
  await run.step('who is not registered does not call', async () => {
    const from = phone.events.length;
    await page.evaluate((uri) => { test.call(uri, {}); }, lab.phoneUri);
    await state(page, 'the page is told 403', (s) => s.call === 'ended' && /403/.test(s.cause));
    if (phone.events.slice(from).some((e) => e.type === 'CALL_INCOMING')) throw new Error('the phone rang');
  });
});

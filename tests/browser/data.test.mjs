// The library of web/imsgw-client in a call with the demo core: chat, files, text and the floor, over data channels
// that the page offers and that the gateway makes m-lines of the core (RFC 8864, 8873, 8865).
//   data.test.mjs BROWSER LIBRARY
import { startDemoCore } from '../peers/demo_core/demo_core.mjs';
import { launch } from './lib/browser.mjs';
import { hears, until } from './lib/check.mjs';
import { startGateway } from './lib/gateway.mjs';
import { reservePorts } from './lib/ports.mjs';
import { Run } from './lib/run.mjs';
import { serve } from './lib/site.mjs';

const [browserName = 'chromium', library = 'jssip'] = process.argv.slice(2);
const fileSize = Number(process.env.IMSGW_FILE_BYTES ?? 3_000_001);

const seen = (page, what, holds) => until(what, () => page.evaluate(() => test.data()), holds, 30_000);
const fail = (what, value) => {
  throw new Error(`${what}: ${JSON.stringify(value)}`);
};
const caught = (work) =>
  work.then(
    () => null,
    (e) => e.message,
  );

async function chat(run, page) {
  await run.step('a text is echoed, and reported', async () => {
    await page.evaluate(() => test.chat('hello, wörld 👋', { successReport: true }));
    await seen(page, 'the echo', (d) => d.messages.includes('hello, wörld 👋'));
  });
  await run.step('who writes is told, and is told back', async () => {
    await page.evaluate(() => test.composing(true));
    await seen(page, 'composing', (d) => d.composing.at(-1) === true);
  });
  await run.step('a text longer than a chunk', async () => {
    const long = 'long '.repeat(10_000);
    await page.evaluate((text) => test.chat(text), long);
    await seen(page, 'the echo', (d) => d.messages.at(-1) === long);
  });
  await run.step(`a file of ${fileSize} octets comes back whole`, async () => {
    const sent = await page.evaluate((size) => test.sendFile('a "picture" ü.bin', size), fileSize);
    const { files } = await seen(page, 'the file', (d) => d.files.at(-1)?.hash || d.files.at(-1)?.error);
    if (files.at(-1).hash !== sent.hash || files.at(-1).name !== 'a "picture" ü.bin' || sent.sent !== fileSize)
      fail('the file', { sent, file: files.at(-1) });
  });
  await run.step('a file given up, and one that is not wanted', async () => {
    const error = await caught(page.evaluate((size) => test.sendFile('up.bin', size, 100_000), fileSize));
    if (!/aborted/.test(error)) fail('the abort', error);
    await page.evaluate(() => test.rejectFiles(true));
    await page.evaluate(() => test.sendFile('no.bin', 200_000));
    await seen(page, 'the file is refused', (d) => d.files.at(-1)?.name === 'no.bin' && !d.files.at(-1).hash);
    await page.evaluate(() => test.chat('still here'));
    await seen(page, 'the session goes on', (d) => d.messages.at(-1) === 'still here');
  });
}

async function text(run, page) {
  await run.step('text as it is typed, and taken back', async () => {
    for (const part of ['real-', 'timé', 'x']) await page.evaluate((t) => test.type(t), part);
    await page.evaluate(() => test.erase());
    await page.evaluate(() => test.type(' 👍\nnext'));
    const { events } = await seen(page, 'the echo', (d) => d.text === 'real-timé 👍\nnext');
    if (!events.some((e) => e.what === 'erase') || events.some((e) => e.what === 'missing'))
      fail('the events', events);
  });
}

async function floor(run, page) {
  await run.step('the floor is granted and given back', async () => {
    const { primitives } = await page.evaluate(() => test.hello());
    if (!primitives.includes(1)) fail('what the server supports', primitives);
    const request = await page.evaluate(() => test.requestFloor({ info: 'me' }));
    await seen(
      page,
      'granted',
      (d) => d.requests.some((r) => r.id === request.id && r.status === 'granted') && d.floor?.isOurs,
    );
    await page.evaluate(() => test.releaseFloor());
    await seen(page, 'released', (d) => d.requests.at(-1)?.status === 'released' && d.floor?.requests.length === 0);
    const error = await caught(page.evaluate(() => test.requestFloor({ floor: 77 })));
    if (!/invalid floor/.test(error)) fail('a floor that is none', error);
  });
}

await Run.main(`data ${browserName} ${library}`, async (run) => {
  const base = await reservePorts(run);
  const core = await run.step('core starts', () => startDemoCore(run, base, [base + 10, base + 38]));
  const site = run.use(await serve());
  const gateway = await run.step('gateway starts', () =>
    startGateway(run, { base, core, conf: { ws_origins: site.origin } }),
  );
  const browser = run.use(await launch(browserName, { log: (line) => run.log('browser', line) }));
  const page = await run.step('the page registers', async () => {
    const p = await browser.open(`${site.origin}/${library}.html`);
    await p.evaluate((options) => test.start(options), {
      url: gateway.url,
      user: 'ann',
      password: core.password,
      domain: core.domain,
      hz: 440,
      rgb: [230, 20, 20],
    });
    await until(
      'registered',
      () => p.evaluate(() => test.state()),
      (s) => s.registered,
    );
    return p;
  });
  run.onFailure = async () =>
    run.log(
      'page',
      JSON.stringify(
        await page.evaluate(() => ({ data: test.data(), state: test.state(), sdp: test.sdp() })),
        null,
        1,
      ).replaceAll('\\r\\n', '\n   '),
    );
  await run.step('a call with sound, chat, text and floor', async () => {
    await page.evaluate((to) => test.call(to, { offer: ['chat', 'text', 'floor'] }), `sip:echo@${core.domain}`);
    await seen(page, 'all are open', (d) => ['chat', 'text', 'floor'].every((k) => d.sessions[k] === 'open'));
  });
  await text(run, page);
  await floor(run, page);
  await chat(run, page);
  await run.step('the sound was never in the way', () => hears(page, 440));
  const { warnings } = await page.evaluate(() => test.data());
  if (warnings.length) fail('warnings', warnings);
  await run.step('hanging up closes the sessions', async () => {
    await page.evaluate(() => test.hangup());
    await seen(page, 'closed', (d) => Object.values(d.sessions).every((s) => s === 'closed'));
  });
});

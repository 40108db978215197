// scripts/demo as a newcomer runs it: it prints one https URL, and there the caller hears and sees themself.
//   demo.test.mjs [chromium|firefox]
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { launch } from './lib/browser.mjs';
import { hears, sees, until } from './lib/check.mjs';
import { reservePorts } from './lib/ports.mjs';
import { Process } from './lib/process.mjs';
import { Run } from './lib/run.mjs';

const [browserName = 'chromium'] = process.argv.slice(2);
const judge = readFileSync(new URL('dist/judge.js', import.meta.url), 'utf8');
const script = fileURLToPath(new URL('../../scripts/demo', import.meta.url));

await Run.main(`demo ${browserName}`, async (run) => {
  const base = await reservePorts(run);
  const demo = new Process(run, 'demo', script, [], { env: { ...process.env, DEMO_PORT: String(base + 1) } });
  const url = await run.step('the demo prints a URL', () => demo.line(/^https:\/\/\S+$/, 900_000));
  const page = await run.step('the page opens', async () => {
    const browser = run.use(await launch(browserName, { log: (line) => run.log('browser', line) }));
    const p = await browser.open(url);
    await p.evaluate(judge);
    return p;
  });
  await run.step('what is filled in signs in', async () => {
    await until('the form is filled in', () => page.evaluate(() => document.getElementById('domain').value));
    await page.click('#signin button');
    await until('signed in', () => page.evaluate(() => document.body.dataset.phone), (s) => s === 'online');
  });
  await run.step('a video call to echo', async () => {
    await page.select('#source', 'test');
    await page.type('#target', 'echo');
    await page.click('#call-video');
    await until('the call is up', () => page.evaluate(() => document.body.dataset.call), (c) => c === 'active');
  });
  await run.step('the caller hears and sees themself', () => Promise.all([hears(page, 440), sees(page, [null, [32, 176, 32], null])]));
  await run.step('the demo ends when told to', async () => {
    demo.child.kill('SIGINT');
    await demo.done;
  });
}, { timeoutMs: 1_100_000 });

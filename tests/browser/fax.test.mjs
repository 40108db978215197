// Fax from the demo page to the fax machine of the demo core, and back in a call of the machine's own: pages compared
// pixel by pixel at either end.
//   fax.test.mjs chromium|firefox
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { FaxTerminal, loadTerminal } from '../../web/imsgw-client/fax_terminal.js';
import { startDemoCore } from '../peers/demo_core/demo_core.mjs';
import { launch } from './lib/browser.mjs';
import { until } from './lib/check.mjs';
import { dial, has, phase, shows, signIn } from './lib/demo_page.mjs';
import { drawTiff, wrongPixels } from './lib/fax_pages.mjs';
import { startGateway } from './lib/gateway.mjs';
import { looksRight } from './lib/layout.mjs';
import { reservePorts } from './lib/ports.mjs';
import { Run } from './lib/run.mjs';

const [browserName = 'chromium'] = process.argv.slice(2);
const HEIGHT = 150;
const PAGES = 2;
const FAX_MS = 80_000; // at the pace of a telephone: twenty seconds, and more when T.30 asks again

async function compareTiff(file) {
  const wasm = await readFile(new URL('../../web/imsgw-client/fax.wasm', import.meta.url));
  const pages = [...new FaxTerminal(await loadTerminal(wasm)).tiffPages(await readFile(file))];
  const wrong = pages.map((p, i) => wrongPixels(i, p, HEIGHT));
  if (pages.length !== PAGES || wrong.some(Boolean)) throw new Error(`${file}: ${wrong} pixels are wrong`);
}

// What the page shows, as pixels.
const shownPage = (page, index) => page.evaluate(async (i) => {
  const image = document.querySelectorAll('#fax-pages img')[i];
  await image.decode();
  const c = Object.assign(document.createElement('canvas'), { width: image.naturalWidth, height: image.naturalHeight });
  const paint = c.getContext('2d');
  paint.drawImage(image, 0, 0);
  const { data } = paint.getImageData(0, 0, c.width, c.height);
  let bits = '';
  for (let k = 0; k < data.length; k += 4) bits += data[k] < 128 ? '1' : '0';
  return { width: c.width, height: c.height, bits };
}, index);

await Run.main(`fax ${browserName}`, async (run) => {
  const base = await reservePorts(run);
  const core = await run.step('core starts', () => startDemoCore(run, base, [base + 10, base + 38]));
  const gateway = await run.step('gateway starts', () => startGateway(run, { base, core }));
  const browser = run.use(await launch(browserName, { log: (line) => run.log('browser', line) }));
  const page = await run.step('alice signs in', () => signIn(browser, gateway, 'alice'));
  const file = path.join(run.dir, 'pages.tif');

  run.onFailure = async () => run.log('page', await page.evaluate(() => document.body.innerText));
  await writeFile(file, drawTiff(PAGES, HEIGHT));
  await run.step('a call to faxback with fax beside the voice', async () => {
    await page.click('#with-fax');
    await page.click('#with-chat');
    await page.click('#with-text');
    await dial(page, 'faxback', '#call-audio');
    await phase(page, 'active');
    await has(page, 'fax');
    await looksRight(page, 'fax');
  });
  await run.step('the pages of a TIFF go over, with progress', async () => {
    await (await page.$('#fax-file')).uploadFile(file);
    await page.click('#fax-send');
    await shows(page, 'progress', '#fax-state', /sending page \d of 2, \d+ bit\/s imsgw demo/);
    await shows(page, 'the end', '#fax-state', /^2 pages sent$/, FAX_MS);
    await compareTiff(path.join(run.dir, 'fax/fax-1.tif'));
  });
  await run.step('the machine hangs up and calls back, and the page receives', async () => {
    await until('the machine calls', () => page.evaluate(() => document.body.dataset.call), (c) => c === 'incoming');
    await page.click('#answer-audio');
    await has(page, 'fax');
    await shows(page, 'the end', '#fax-state', /^2 pages received$/, FAX_MS);
    for (let i = 0; i < PAGES; i++) {
      const { width, height, bits } = await shownPage(page, i);
      const rgba = Uint8Array.from({ length: bits.length * 4 }, (_, k) => (bits[k >> 2] === '1' ? 0 : 255));
      const wrong = wrongPixels(i, { width, height, rgba }, HEIGHT);
      if (wrong) throw new Error(`page ${i + 1}: ${wrong} pixels are wrong`);
    }
  });
});

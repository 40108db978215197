// What a page may send by fax, as pages of a fax: TIFF in each compression, PNG, JPEG, PDF. Without a call.
//   papers.test.mjs chromium|firefox
import { createServer } from 'node:http';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { launch } from './lib/browser.mjs';
import { drawTiff, jpegTiff, wrongBits } from './lib/fax_pages.mjs';
import { Run } from './lib/run.mjs';

const [browserName = 'chromium'] = process.argv.slice(2);
const web = fileURLToPath(new URL('../../web', import.meta.url));
const HEIGHT = 120;
const [WIDE, HIGH] = [400, 104]; // of pictures: black to the left, white to the right

async function site(run) {
  const server = createServer((req, res) => {
    const name = new URL(req.url, 'http://x').pathname;
    try {
      const text = name === '/' ? '<!doctype html>' : readFileSync(path.join(web, name));
      res.writeHead(200, { 'content-type': /js$/.test(name) ? 'text/javascript' : 'text/html' }).end(text);
    } catch {
      res.writeHead(404).end();
    }
  });
  await new Promise((done, fail) => server.once('error', fail).listen(0, '127.0.0.1', done));
  run.use(server, () => server.closeAllConnections() ?? server.close());
  return `http://127.0.0.1:${server.address().port}/`;
}

// One page, whose left half is black.
function pdf() {
  const objects = ['<</Type/Catalog/Pages 2 0 R>>', '<</Type/Pages/Kids[3 0 R]/Count 1>>',
    `<</Type/Page/Parent 2 0 R/MediaBox[0 0 ${WIDE} ${HIGH}]/Contents 4 0 R>>`];
  const draw = `0 g 0 0 ${WIDE / 2} ${HIGH} re f`;
  objects.push(`<</Length ${draw.length}>>stream\n${draw}\nendstream`);
  let text = '%PDF-1.4\n';
  const at = objects.map((o, i) => { const here = text.length; text += `${i + 1} 0 obj${o}endobj\n`; return here; });
  const table = at.map((n) => `${String(n).padStart(10, '0')} 00000 n \n`).join('');
  return Buffer.from(`${text}xref\n0 5\n0000000000 65535 f \n${table}trailer<</Size 5/Root 1 0 R>>\nstartxref\n${text.length}\n%%EOF\n`);
}

// Runs in the page.
async function papersOf(base64, type) {
  const [{ toPages }, { loadTerminal }] = await Promise.all([import('/imsgw-client/fax_paper.js'),
    import('/imsgw-client/fax_terminal.js')]);
  const pdfjs = await import('/dist/pdf.min.mjs');
  pdfjs.GlobalWorkerOptions.workerSrc = '/dist/pdf.worker.min.mjs';
  const octets = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  try {
    const pages = await toPages(new Blob([octets], { type }), await loadTerminal('/imsgw-client/fax.wasm'), pdfjs);
    return pages.map(({ rows, ...p }) => ({ ...p, rows: Array.from(rows, (v) => v.toString(16).padStart(2, '0')).join('') }));
  } catch (error) {
    return error.message;
  }
}

async function picture(wide, high, type) {
  const c = new OffscreenCanvas(wide, high);
  const paint = c.getContext('2d');
  paint.fillStyle = 'white';
  paint.fillRect(0, 0, wide, high);
  paint.fillStyle = 'black';
  paint.fillRect(0, 0, wide / 2, high);
  const octets = new Uint8Array(await (await c.convertToBlob({ type, quality: 0.9 })).arrayBuffer());
  return btoa(String.fromCharCode(...octets));
}

function isHalfBlack({ width, height, rows }) {
  const margin = 6; // octets at the edge: a JPEG rings there
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width / 8; x++)
      if (Math.abs(x - width / 16) > margin && rows[(y * width) / 8 + x] !== (x < width / 16 ? 0xff : 0)) return false;
  return true;
}

await Run.main(`papers ${browserName}`, async (run) => {
  const browser = run.use(await launch(browserName, { log: (line) => run.log('browser', line) }));
  const page = await browser.open(await site(run));
  const read = async (octets, type) => {
    const got = await page.evaluate(papersOf, Buffer.from(octets).toString('base64'), type);
    return typeof got === 'string' ? got : got.map((p) => ({ ...p, rows: Buffer.from(p.rows, 'hex') }));
  };
  const made = async (type) => Buffer.from(await page.evaluate(picture, WIDE, HIGH, type), 'base64');

  for (const packing of ['none', 'PackBits', 'LZW', 'Deflate'])
    await run.step(`T38-011: two pages of a TIFF, ${packing}, pixel by pixel`, async () => {
      const pages = await read(drawTiff(2, HEIGHT, packing), 'image/tiff');
      const wrong = Array.isArray(pages) ? pages.map((p, i) => wrongBits(i, p, HEIGHT)) : pages;
      if (String(wrong) !== '0,0') throw new Error(`wrong pixels: ${wrong}`);
    });
  const jpeg = await made('image/jpeg');
  for (const [name, octets, type] of [['PNG', await made('image/png'), 'image/png'], ['JPEG', jpeg, 'image/jpeg'],
    ['PDF', pdf(), 'application/pdf'], ['TIFF of a JPEG', jpegTiff(jpeg, WIDE, HIGH), 'image/tiff']])
    await run.step(`a picture: ${name}`, async () => {
      const pages = await read(octets, type);
      const high = HIGH * 1728 / WIDE * 196 / 204;
      const [p] = pages;
      if (pages.length !== 1 || p.width !== 1728 || !isHalfBlack(p)) throw new Error(`not as drawn: ${p?.width ?? pages}`);
      // whoever wrote the TIFF named 204 and 196 pixels to the inch
      if (Math.abs(p.height - high * (name.startsWith('TIFF') ? 204 / 196 : 1)) > 2) throw new Error(`${p.height} rows`);
    });
  await run.step('what is broken is refused with a word', async () => {
    for (const [octets, type] of [[jpegTiff(jpeg.subarray(0, 90), WIDE, HIGH), 'image/tiff'], [Buffer.alloc(64, 7), 'image/png'],
      [Buffer.from('%PDF-1.4 no more'), 'application/pdf'], [Buffer.from('II*\0broken'), 'image/tiff']]) {
      const said = await read(octets, type);
      if (typeof said !== 'string' || !said) throw new Error(`${type}: taken`);
    }
  });
});

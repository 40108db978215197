// Pictures and documents as pages of a fax, and pages as pictures.
import { FaxTerminal } from './fax_terminal.js';

// A page of A4 at fine resolution (ITU-T T.4): what every machine prints.
export const PAPER = { width: 1728, height: 2292, xDpi: 204, yDpi: 196 };
const MAX_PAGES = 50;

// Shades become dots by error diffusion (Floyd and Steinberg); what is black and white already stays so.
export function dither(rgba, width, height) {
  const stride = Math.ceil(width / 8);
  const rows = new Uint8Array(stride * height);
  let below = new Float32Array(width + 2);
  for (let y = 0; y < height; y++) {
    const now = below;
    below = new Float32Array(width + 2);
    for (let x = 0; x < width; x++) {
      const i = (y * width + x) * 4;
      const a = rgba[i + 3] / 255;
      const light = (0.299 * rgba[i] + 0.587 * rgba[i + 1] + 0.114 * rgba[i + 2]) * a + 255 * (1 - a);
      const want = light + now[x + 1];
      const isBlack = want < 128;
      const error = want - (isBlack ? 0 : 255);
      if (isBlack) rows[y * stride + (x >> 3)] |= 0x80 >> (x & 7);
      now[x + 2] += (error * 7) / 16;
      below[x] += (error * 3) / 16;
      below[x + 1] += (error * 5) / 16;
      below[x + 2] += error / 16;
    }
  }
  return rows;
}

function canvas(width, height) {
  if (globalThis.OffscreenCanvas) return new OffscreenCanvas(width, height);
  return Object.assign(document.createElement('canvas'), { width, height });
}

// A picture on paper: as wide as the page, or as high if that comes first. Pixels of a fax are not square.
function onPaper(image, width, height) {
  const squeeze = PAPER.yDpi / PAPER.xDpi;
  const scale = Math.min(PAPER.width / width, PAPER.height / (height * squeeze));
  const w = Math.max(1, Math.round(width * scale));
  const h = Math.max(1, Math.round(height * squeeze * scale));
  const c = canvas(PAPER.width, h);
  const paint = c.getContext('2d', { willReadFrequently: true });
  paint.fillStyle = 'white';
  paint.fillRect(0, 0, PAPER.width, h);
  paint.imageSmoothingQuality = 'high';
  paint.drawImage(image, 0, 0, w, h);
  const rows = dither(paint.getImageData(0, 0, PAPER.width, h).data, PAPER.width, h);
  return { ...PAPER, height: h, rows };
}

// A page that is one of a fax already passes pixel by pixel.
const isFaxPage = (p) => p.width === PAPER.width && p.xDpi >= 190 && p.xDpi <= 210;

function tiffPage(page) {
  if (isFaxPage(page)) {
    const { rgba, ...rest } = page;
    return { ...rest, rows: dither(rgba, page.width, page.height) };
  }
  const c = canvas(page.width, page.height);
  const data = new ImageData(new Uint8ClampedArray(page.rgba.buffer), page.width, page.height);
  c.getContext('2d').putImageData(data, 0, 0);
  return onPaper(c, page.width, (page.height * page.xDpi) / page.yDpi);
}

async function* pdfPages(octets, pdfjs) {
  if (!pdfjs) throw new TypeError('a PDF needs the library pdfjs-dist: give it as the option pdfjs');
  const pdf = await pdfjs.getDocument({ data: octets }).promise;
  try {
    for (let i = 1; i <= pdf.numPages; i++) {
      const page = await pdf.getPage(i);
      const { width } = page.getViewport({ scale: 1 });
      const viewport = page.getViewport({ scale: PAPER.width / width });
      const c = canvas(Math.round(viewport.width), Math.round(viewport.height));
      await page.render({ canvasContext: c.getContext('2d'), viewport }).promise;
      yield onPaper(c, c.width, c.height);
    }
  } finally {
    await pdf.destroy();
  }
}

async function* blobPages(blob, module, pdfjs) {
  const octets = new Uint8Array(await blob.arrayBuffer());
  const begin = new TextDecoder('latin1').decode(octets.subarray(0, 5));
  if (begin.startsWith('II*\0') || begin.startsWith('MM\0*')) {
    for (const page of new FaxTerminal(module).tiffPages(octets)) yield tiffPage(page);
  } else if (begin === '%PDF-') {
    yield* pdfPages(octets, pdfjs);
  } else {
    const image = await createImageBitmap(blob);
    yield onPaper(image, image.width, image.height);
    image.close();
  }
}

// Pages of whatever can be sent: a Blob or File (TIFF, PDF, picture), what drawImage takes, a page, or a list of those.
export async function toPages(source, module, pdfjs) {
  const pages = [];
  for (const one of Array.isArray(source) ? source : [source]) {
    if (one instanceof Blob) for await (const page of blobPages(one, module, pdfjs)) pages.push(page);
    else if (one?.rows) pages.push(one);
    else pages.push(onPaper(one, one.naturalWidth || one.width, one.naturalHeight || one.height));
    if (pages.length > MAX_PAGES) throw new RangeError(`more than ${MAX_PAGES} pages`);
  }
  if (!pages.length) throw new TypeError('nothing to send');
  return pages;
}

// A page as it is seen: pixels of standard resolution are twice as high as wide.
export function toImageData({ width, height, xDpi, yDpi, rows }) {
  const times = Math.max(1, Math.round(xDpi / yDpi));
  const stride = Math.ceil(width / 8);
  const rgba = new Uint8ClampedArray(width * height * times * 4);
  const pixels = new Uint32Array(rgba.buffer);
  for (let y = 0; y < height * times; y++) {
    const row = Math.floor(y / times) * stride;
    for (let x = 0; x < width; x++)
      pixels[y * width + x] = rows[row + (x >> 3)] & (0x80 >> (x & 7)) ? 0xff000000 : 0xffffffff;
  }
  return new ImageData(rgba, width, height * times);
}

// As a PNG.
export async function toBlob(page) {
  const data = toImageData(page);
  const c = canvas(data.width, data.height);
  c.getContext('2d').putImageData(data, 0, 0);
  return c.convertToBlob ? c.convertToBlob() : new Promise((done) => c.toBlob(done, 'image/png'));
}

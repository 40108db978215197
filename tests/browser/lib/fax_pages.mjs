// Pages of a fax drawn by a rule, as a TIFF, and compared with the rule pixel by pixel.
import { deflateSync } from 'node:zlib';

const WIDTH = 1728;
const STRIDE = WIDTH / 8;

export const isBlack = (page, x, y) => (x % 96) ** 2 + ((y + page * 13) % 96) ** 2 < 900 || y % 61 === page;

function rows(page, height) {
  const octets = Buffer.alloc(STRIDE * height);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < WIDTH; x++) if (isBlack(page, x, y)) octets[y * STRIDE + (x >> 3)] |= 0x80 >> (x & 7);
  return octets;
}

// Letter by letter: its table stays empty, and the codes 9 bits long.
function lzw(octets) {
  let bits = '';
  octets.forEach((v, i) => { bits += (i % 250 ? '' : '100000000') + v.toString(2).padStart(9, '0'); });
  bits += '100000001';
  return Buffer.from(bits.match(/.{1,8}/g).map((b) => parseInt(b.padEnd(8, '0'), 2)));
}

function packBits(octets) {
  const parts = [];
  for (let i = 0; i < octets.length; i += 108) parts.push(Buffer.from([107]), octets.subarray(i, i + 108)); // two to a row
  return Buffer.concat(parts);
}

const packings = { none: [1, (o) => o], LZW: [5, lzw], Deflate: [8, deflateSync], PackBits: [32773, packBits] };

// A JPEG as the one strip of a TIFF.
export function jpegTiff(jpeg, width, height) {
  return file([{ image: jpeg, width, height, compression: 7, light: 6, samples: 3 }]);
}

export function drawTiff(pages, height, packing = 'none') {
  const [compression, pack] = packings[packing];
  const page = (_, i) => ({ image: pack(rows(i, height)), width: WIDTH, height, compression, light: 0, samples: 1 });
  return file(Array.from({ length: pages }, page));
}

function file(pages) {
  const head = Buffer.from([0x49, 0x49, 42, 0, 0, 0, 0, 0]);
  const parts = [head];
  let at = head.length;
  let link = { buffer: head, offset: 4 }; // where the next directory's place is written
  for (const { image, width, height, compression, light, samples } of pages) {
    const dpi = Buffer.alloc(16);
    [204, 1, 196, 1].forEach((v, i) => dpi.writeUInt32LE(v, 4 * i));
    const entries = [[256, 4, width], [257, 4, height], [258, 3, samples === 1 ? 1 : 8], [259, 3, compression],
      [262, 3, light], [273, 4, at], [277, 3, samples],
      [278, 4, height], [279, 4, image.length], [282, 5, at + image.length], [283, 5, at + image.length + 8], [296, 3, 2]];
    const directory = Buffer.alloc(2 + 12 * entries.length + 4);
    directory.writeUInt16LE(entries.length, 0);
    entries.forEach(([tag, type, value], i) => {
      directory.writeUInt16LE(tag, 2 + 12 * i);
      directory.writeUInt16LE(type, 4 + 12 * i);
      directory.writeUInt32LE(1, 6 + 12 * i);
      directory.writeUInt32LE(value, 10 + 12 * i);
    });
    link.buffer.writeUInt32LE(at + image.length + dpi.length, link.offset);
    link = { buffer: directory, offset: directory.length - 4 };
    parts.push(image, dpi, directory);
    at += image.length + dpi.length + directory.length;
  }
  return Buffer.concat(parts);
}

// Of a page of 1 bit.
export function wrongBits(page, { width, height, rows: octets }, want) {
  const rgba = new Uint8Array(width * height * 4);
  for (let i = 0; i < width * height; i++) rgba[i * 4] = octets[i >> 3] & (0x80 >> (i & 7)) ? 0 : 255; // whole octets a row
  return wrongPixels(page, { width, height, rgba }, want);
}

// Pixels that are not as drawn. rgba: of one page.
export function wrongPixels(page, { width, height, rgba }, want) {
  if (width !== WIDTH || height !== want) return width * height || 1;
  let wrong = 0;
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) wrong += (rgba[(y * width + x) * 4] < 128) !== isBlack(page, x, y);
  return wrong;
}

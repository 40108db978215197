// Pages of a fax drawn by a rule, as a TIFF without compression, and compared with the rule pixel by pixel.
const WIDTH = 1728;
const STRIDE = WIDTH / 8;

export const isBlack = (page, x, y) => (x % 96) ** 2 + ((y + page * 13) % 96) ** 2 < 900 || y % 61 === page;

function rows(page, height) {
  const octets = Buffer.alloc(STRIDE * height);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < WIDTH; x++) if (isBlack(page, x, y)) octets[y * STRIDE + (x >> 3)] |= 0x80 >> (x & 7);
  return octets;
}

export function drawTiff(pages, height) {
  const head = Buffer.from([0x49, 0x49, 42, 0, 0, 0, 0, 0]);
  const parts = [head];
  let at = head.length;
  let link = { buffer: head, offset: 4 }; // where the next directory's place is written
  for (let page = 0; page < pages; page++) {
    const image = rows(page, height);
    const dpi = Buffer.alloc(16);
    [204, 1, 196, 1].forEach((v, i) => dpi.writeUInt32LE(v, 4 * i));
    const entries = [[256, 4, WIDTH], [257, 4, height], [258, 3, 1], [259, 3, 1], [262, 3, 0], [273, 4, at], [277, 3, 1],
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

// Pixels that are not as drawn. rgba: of one page.
export function wrongPixels(page, { width, height, rgba }, want) {
  if (width !== WIDTH || height !== want) return width * height || 1;
  let wrong = 0;
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) wrong += (rgba[(y * width + x) * 4] < 128) !== isBlack(page, x, y);
  return wrong;
}

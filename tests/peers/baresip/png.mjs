// The mean colour of the upper half of a PNG picture (8 bits, RGB or RGBA, not interlaced): what snapshots are saved
// as.
import { inflateSync } from 'node:zlib';

function paeth(a, b, c) {
  const [pa, pb, pc] = [Math.abs(b - c), Math.abs(a - c), Math.abs(a + b - 2 * c)];
  return pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
}

export function meanColour(png) {
  const width = png.readUInt32BE(16);
  const height = png.readUInt32BE(20);
  const [depth, type, , , interlace] = png.subarray(24, 29);
  const bytes = { 2: 3, 6: 4 }[type];
  if (depth !== 8 || !bytes || interlace) throw new Error(`PNG of depth ${depth}, colour type ${type}, interlace ${interlace}`);
  const parts = [];
  for (let at = 8; at + 12 <= png.length; at += 12 + png.readUInt32BE(at))
    if (png.toString('latin1', at + 4, at + 8) === 'IDAT') parts.push(png.subarray(at + 8, at + 8 + png.readUInt32BE(at)));
  const raw = inflateSync(Buffer.concat(parts));
  const stride = width * bytes;
  const sum = [0, 0, 0];
  let above = new Uint8Array(stride);
  const rows = Math.floor(height / 2);
  for (let y = 0; y < rows; y++) {
    const filter = raw[y * (stride + 1)];
    const row = Uint8Array.from(raw.subarray(y * (stride + 1) + 1, (y + 1) * (stride + 1)));
    for (let i = 0; i < stride; i++) {
      const [a, b, c] = [i >= bytes ? row[i - bytes] : 0, above[i], i >= bytes ? above[i - bytes] : 0];
      row[i] += [0, a, b, (a + b) >> 1, paeth(a, b, c)][filter];
      if (i % bytes < 3) sum[i % bytes] += row[i];
    }
    above = row;
  }
  return { width, height, rgb: sum.map((s) => Math.round(s / (rows * width))) };
}

// The strongest tone at the end of a 16-bit WAV file that may still be growing.

function fft(re, im) {
  const n = re.length;
  for (let i = 1, j = 0; i < n; i++) {
    let bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) [re[i], re[j], im[i], im[j]] = [re[j], re[i], im[j], im[i]];
  }
  for (let len = 2; len <= n; len *= 2) {
    for (let i = 0; i < n; i += len) {
      for (let k = 0; k < len / 2; k++) {
        const a = (-2 * Math.PI * k) / len;
        const [c, s] = [Math.cos(a), Math.sin(a)];
        const [p, q] = [i + k, i + k + len / 2];
        const [x, y] = [re[q] * c - im[q] * s, re[q] * s + im[q] * c];
        [re[q], im[q], re[p], im[p]] = [re[p] - x, im[p] - y, re[p] + x, im[p] + y];
      }
    }
  }
}

// The first channel as floats, without trusting the length fields: a recorder writes them when it closes the file.
function samplesOf(wav) {
  const channels = wav.readUInt16LE(22);
  const hz = wav.readUInt32LE(24);
  const start = wav.indexOf('data', 12) + 8;
  const count = Math.floor((wav.length - start) / (2 * channels));
  return { hz, count, at: (i) => wav.readInt16LE(start + i * 2 * channels) / 32768 };
}

// { hz, share, rms, samples } of the last n samples; share is the tone's part of the energy.
export function toneOf(wav, n = 8192) {
  if (wav.length < 44) return { hz: 0, share: 0, rms: 0, samples: 0 };
  const s = samplesOf(wav);
  if (s.count < n) return { hz: 0, share: 0, rms: 0, samples: s.count };
  const re = new Float64Array(n);
  const im = new Float64Array(n);
  let energy = 0;
  for (let i = 0; i < n; i++) {
    const x = s.at(s.count - n + i);
    energy += x * x;
    re[i] = x * (0.5 - 0.5 * Math.cos((2 * Math.PI * i) / (n - 1)));
  }
  const rms = Math.sqrt(energy / n);
  fft(re, im);
  const power = Array.from({ length: n / 2 }, (_, i) => re[i] ** 2 + im[i] ** 2);
  let peak = 1;
  for (let i = 2; i < n / 2; i++) if (power[i] > power[peak]) peak = i;
  const sum = power.reduce((a, b) => a + b, 0);
  const near = power.slice(Math.max(0, peak - 4), peak + 5).reduce((a, b) => a + b, 0);
  return { hz: (peak * s.hz) / n, share: sum > 0 ? near / sum : 0, rms, samples: s.count };
}

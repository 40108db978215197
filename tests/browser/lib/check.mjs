// Judgements that wait: each polls until it holds or says what it saw last.

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

// Polls `probe` until `holds(value)`; the error shows the last value.
export async function until(what, probe, holds = Boolean, timeoutMs = 20_000) {
  const end = Date.now() + timeoutMs;
  let last;
  for (;;) {
    last = await probe();
    if (holds(last)) return last;
    if (Date.now() > end) throw new Error(`${what}: not within ${timeoutMs / 1000} s; last seen ${JSON.stringify(last)}`);
    await sleep(200);
  }
}

// What a client of a test answers: a page by window.test, or by window.judge where the page is not ours; others by
// ask().
export const ask = (client, name, ...args) => (client.ask ? client.ask(name, ...args)
  : client.evaluate((n, a) => (window.judge ?? test)[n](...a), name, args));

const isTone = (heard, hz) => Math.abs(heard.hz - hz) < Math.max(12, hz * 0.02) && heard.share > 0.5;
const isColour = (a, b) => a.every((v, i) => Math.abs(v - b[i]) < 70);
const isPicture = (seen, thirds) => seen.width > 0 && thirds.every((rgb, i) => !rgb || isColour(seen.columns[i], rgb));

export const hears = (page, hz, who = 'page') =>
  until(`${who} hears ${hz} Hz`, () => ask(page, 'hear'), (h) => isTone(h, hz));

// Three looks in a row: a jitter buffer that plays out what it had is not silence yet.
export async function hearsNothing(page, who = 'page') {
  let quiet = 0;
  await until(`${who} hears nothing`, () => ask(page, 'hear'),
    (h) => (quiet = h.rms < 0.005 ? quiet + 1 : 0) >= 3);
}

// The colours of the three thirds (null: any), or of the whole, and frames that keep coming.
export async function sees(page, colour, who = 'page') {
  const thirds = colour.length === 3 && colour.some((c) => c === null || Array.isArray(c)) ? colour : [colour, colour, colour];
  const look = () => ask(page, 'see');
  const first = await until(`${who} sees ${JSON.stringify(colour)}`, look, (s) => isPicture(s, thirds));
  return until(`${who} sees new frames`, look, (s) => s.frames > first.frames + 5 && isPicture(s, thirds));
}

export const colours = { red: [230, 20, 20], green: [20, 200, 20], blue: [30, 30, 230] };
export const css = (rgb) => `rgb(${rgb.join(',')})`;

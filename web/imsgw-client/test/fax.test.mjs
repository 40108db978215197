// Fax machines at both ends of a fake browser's channel: the terminals of web/fax, in Node.
import './setup.mjs';
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { CallChannels } from '../index.js';
import { dither } from '../fax_paper.js';
import { FaxTerminal, loadTerminal } from '../fax_terminal.js';
import { application, connections, next } from './pair.mjs';

const wasm = await readFile(new URL('../fax.wasm', import.meta.url));

// A page by a rule: rings and lines, other ones on each.
function page(number, height = 400) {
  const [width, stride] = [1728, 216];
  const rows = new Uint8Array(stride * height);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const r = (x % 96) ** 2 + ((y + number * 13) % 96) ** 2;
      if (r < 900 || y % 61 === number) rows[y * stride + (x >> 3)] |= 0x80 >> (x & 7);
    }
  return { width, height, xDpi: 204, yDpi: 196, rows };
}

async function call() {
  const [a, b] = connections();
  const options = { fax: { wasm, ident: '+1 555 0100' } };
  const caller = new CallChannels({ offer: ['fax'], options });
  const called = new CallChannels({ options });
  caller.attach(a);
  called.attach(b);
  caller.prepareOffer();
  const sdp = caller.toWire(application, 'offer');
  called.fromWire(sdp, 'offer');
  caller.fromWire(called.toWire(application, 'answer'), 'answer');
  await new Promise((done) => setTimeout(done));
  return { sdp, a: caller.get('fax'), b: called.get('fax') };
}

// Two terminals joined, with a clock of their own. cut: when the sender is stopped. asleep: { who, at, ms } stands
// still and wakes up late, before it hears what came meanwhile.
async function together(pages, settings = {}, cut = null, asleep = null) {
  const module = await loadTerminal(wasm);
  const ends = [];
  const queues = [[], []];
  for (const i of [0, 1]) ends.push(new FaxTerminal(module, { onIfp: (p) => queues[i].push(p) }));
  pages.forEach((p) => ends[0].addPage(p));
  ends.forEach((e, i) => e.start({ isSender: i === 0, ident: i ? 'receiver' : 'sender', ...settings }));
  for (let ms = 0; ms < 300_000 && !ends.every((e) => e.result); ms += 20) {
    const sleeper = asleep && ms >= asleep.at && ms < asleep.at + asleep.ms ? asleep.who : -1;
    if (ms === cut) ends[0].hangUp();
    if (asleep && ms === asleep.at + asleep.ms) ends[asleep.who].tick(asleep.ms);
    for (const i of [0, 1]) if (1 - i !== sleeper) for (const p of queues[i].splice(0)) ends[1 - i].ifp(p);
    ends.forEach((e, i) => i === sleeper || (e.result ?? e.tick(20)));
  }
  return ends;
}

for (const [name, settings] of [
  ['ECM, V.17', {}],
  ['without ECM', { hasEcm: false }],
  ['V.27ter', { rate: 4800 }],
])
  test(`T38-011: three pages pixel by pixel, ${name}`, async () => {
    const pages = [page(0), page(1, 300), page(2)];
    const [a, b] = await together(pages, settings);
    assert.deepEqual(a.result, { isGood: true, text: 'OK' });
    assert.equal(a.stats.pagesSent, 3);
    assert.equal(b.remote, 'sender');
    assert.equal(b.stats.hasEcm, settings.hasEcm !== false);
    pages.forEach((p, i) => assert.deepEqual(b.received(i).rows, p.rows));
    assert.equal(b.received(3), null);
    assert.equal(new TextDecoder().decode(b.tiff.subarray(0, 2)), 'II');
  });

test('T38-011: a page that stands still for three seconds ends its fax', async () => {
  const sent = page(0, 100);
  for (const who of [0, 1])
    for (let at = 500; at < 16_000; at += 1500) {
      const [a, b] = await together([sent], {}, null, { who, at, ms: 3000 });
      assert.ok(a.result?.isGood && b.result?.isGood, `${who} at ${at}: ${a.result?.text}, ${b.result?.text}`);
      assert.deepEqual(b.received(0).rows, sent.rows);
    }
});

test('a sender that is stopped says so, and what was whole is there', async () => {
  const [a, b] = await together([page(0), page(1)], {}, 8000);
  assert.equal(a.result.isGood, false);
  assert.equal(b.result?.isGood ?? false, false);
});

test('a TIFF is read page by page, and what is none is refused', async () => {
  const [, b] = await together([page(0), page(1)]);
  const module = await loadTerminal(wasm);
  const read = [...new FaxTerminal(module).tiffPages(b.tiff)];
  assert.equal(read.length, 2);
  assert.deepEqual(dither(read[1].rgba, read[1].width, read[1].height), page(1).rows);
  assert.throws(() => [...new FaxTerminal(module).tiffPages(new Uint8Array(100))], /not a TIFF/);
});

test('octets that are no fax packet do no harm', async () => {
  const terminal = new FaxTerminal(await loadTerminal(wasm));
  terminal.start({ isSender: false });
  for (let n = 0; n < 3000; n++) terminal.ifp(crypto.getRandomValues(new Uint8Array(n % 90)));
  terminal.tick(1000);
  assert.ok(terminal.stats.pagesReceived === 0);
});

test('sessions: a page goes over a channel with progress, and the far end has it as a picture', async () => {
  const { sdp, a, b } = await call();
  assert.match(sdp, /a=dcmap:0 subprotocol="t38"\r\na=dcsa:0 T38FaxVersion:0\r\na=dcsa:0 T38MaxBitRate:14400/);
  const seen = [];
  a.addEventListener('progress', ({ detail }) => seen.push(detail));
  const got = next(b, 'page');
  const received = b.receive();
  const sent = await a.send(page(0, 100));
  assert.deepEqual([sent.pages, sent.remote, sent.bitRate], [1, '+1 555 0100', 14_400]);
  assert.deepEqual((await got).page.rows, page(0, 100).rows);
  const { pages, tiff } = await received;
  assert.equal(pages.length, 1);
  assert.equal(tiff.type, 'image/tiff');
  assert.equal(seen.at(-1).fraction, 1);
  assert.ok(seen.some((p) => p.phase === 'sending' && p.bitRate === 14_400));
  a.close();
});

test('sessions: stopping, closing, and two at a time', async () => {
  const { a, b } = await call();
  const stop = new AbortController();
  const received = b.receive();
  const sent = a.send([page(0), page(1)], { signal: stop.signal });
  await new Promise((done) => setTimeout(done, 100));
  await assert.rejects(a.send(page(0)), { name: 'InvalidStateError' });
  stop.abort(new Error('enough'));
  await assert.rejects(sent, /enough/);
  a.close();
  await assert.rejects(received);
});

// T.140 over a data channel (RFC 8865), and cps (RFC 4103 s. 6).
import './setup.mjs';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MISSING, NEWLINE, Reader, Writer, apply, eraseLast } from '../codec/t140.js';

const octets = (text) => new TextEncoder().encode(text);
const shown = (...parts) => {
  const reader = new Reader();
  return parts.reduce((text, p) => apply(text, reader.read(typeof p === 'string' ? octets(p) : p)), '');
};

test('text, new lines, erasing, what is missing', () => {
  assert.equal(shown('hel', 'lo', '\b\b', 'p!', NEWLINE, 'x', MISSING), 'help!\nx\ufffd');
  assert.equal(shown('a\r', '\nb\nc\rd'), 'a\nb\nc\nd');
  assert.equal(shown('a\r\n\bb'), 'ab');
  assert.equal(shown('\b\b\bx'), 'x');
});

test('a character cut between messages is whole', () => {
  const o = octets('é👍');
  assert.equal(shown(o.subarray(0, 1), o.subarray(1, 3), o.subarray(3, 5), o.subarray(5)), 'é👍');
  assert.equal(shown(Uint8Array.of(0x41, 0xff, 0x42)), 'A\ufffdB');
});

test('how text looks is passed over, and so is what never ends', () => {
  assert.equal(shown('a\u009b1mb\u0098hidden\u009cc\ufeffd\u001bXe\u0007f'), 'abcdef');
  assert.equal(shown(`a\u0098${'x'.repeat(300)}y`).endsWith('y'), true);
});

test('one erase takes one character as it is seen', () => {
  assert.equal(eraseLast('a👩‍👩‍👧'), 'a');
  assert.equal(eraseLast('ae\u0301'), 'a');
  assert.equal(eraseLast(''), '');
});

test('cps is obeyed over any ten seconds and nothing is lost', () => {
  const writer = new Writer(3);
  const text = 'x'.repeat(100);
  writer.put(text);
  let out = '';
  const perTick = [];
  for (let now = 0; now <= 60_000; now += 300) {
    const taken = writer.take(now);
    out += taken;
    perTick.push({ now, n: taken.length });
    const window = perTick.filter((p) => p.now > now - 10_000).reduce((s, p) => s + p.n, 0);
    assert.ok(window <= 30, `${window} at ${now}`);
  }
  assert.equal(out, text);
});

test('a character is never cut', () => {
  const writer = new Writer(1);
  writer.put('👍'.repeat(12));
  assert.equal(writer.take(0), '👍'.repeat(10));
  assert.equal(writer.length, 2);
});

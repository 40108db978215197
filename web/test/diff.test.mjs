import assert from 'node:assert/strict';
import { test } from 'node:test';
import { diff } from '../console/diff.js';

const told = (before, after) => diff(before, after).map((r) => (r.isSame ? `  ${r.before}`
  : `${r.before === undefined ? '' : `-${r.before}`}|${r.after === undefined ? '' : `+${r.after}`}`));

test('lines that stayed stand beside each other, those changed too', () => {
  assert.deepEqual(told('v=0\r\nm=a\r\na=x\r\n', 'v=0\r\nm=b\r\na=x\r\n'), ['  v=0', '-m=a|+m=b', '  a=x']);
});
test('what went has nothing beside it, what came neither', () => {
  assert.deepEqual(told('v=0\na=1\na=2\na=3', 'v=0\na=2'), ['  v=0', '-a=1|', '  a=2', '-a=3|']);
  assert.deepEqual(told('v=0', 's=-\nv=0\nt=0'), ['|+s=-', '  v=0', '|+t=0']);
});
test('nothing went on: all of it is gone', () => {
  assert.deepEqual(told('v=0\r\na=1\r\n', ''), ['-v=0|', '-a=1|']);
  assert.deepEqual(told('', ''), []);
});
test('as many lines as there were, in their order', () => {
  const lines = (n, step) => Array.from({ length: n }, (_, i) => `a=${i * step % 7}`);
  const [a, b] = [lines(200, 3), lines(150, 5)];
  const rows = diff(a.join('\n'), b.join('\n'));
  assert.deepEqual(rows.map((r) => r.before).filter((l) => l !== undefined), a);
  assert.deepEqual(rows.map((r) => r.after).filter((l) => l !== undefined), b);
});

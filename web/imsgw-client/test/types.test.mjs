// index.d.ts compiles, says what index.js has, and allows what types.ts does.
import './setup.mjs';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import * as module from '../index.js';

const at = (name) => fileURLToPath(new URL(name, import.meta.url));

test('the compiler is content', () => {
  try {
    execFileSync(
      at('../../node_modules/.bin/tsc'),
      [
        '--noEmit',
        '--strict',
        '--target',
        'es2022',
        '--module',
        'nodenext',
        '--moduleResolution',
        'nodenext',
        '--lib',
        'es2022,dom,dom.iterable',
        at('types.ts'),
      ],
      { encoding: 'utf8' },
    );
  } catch (e) {
    assert.fail(e.stdout || e.message);
  }
});

test('every export has a type', () => {
  const types = readFileSync(at('../index.d.ts'), 'utf8');
  for (const name of Object.keys(module)) assert.match(types, new RegExp(`export (class|function) ${name}\\b`));
});

// Makes web/dist, which the gateway serves as its web_root: static files and one bundled script. Nothing is loaded from
// elsewhere when the page runs.
import { build } from 'esbuild';
import { copyFileSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
const out = path.join(here, 'dist');

mkdirSync(out, { recursive: true });
await build({ entryPoints: [path.join(here, 'demo/main.js')], bundle: true, minify: true, outdir: out, format: 'iife',
  target: ['chrome111', 'firefox115'], define: { global: 'window' }, legalComments: 'inline', logLevel: 'warning' });
for (const f of ['index.html', 'style.css', 'icon.svg']) copyFileSync(path.join(here, 'demo', f), path.join(out, f));

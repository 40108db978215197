// Makes web/dist, which the gateway serves as its web_root: static files and one bundled script. Nothing is loaded from
// elsewhere when the page runs.
import { build } from 'esbuild';
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
const out = path.join(here, 'dist');

mkdirSync(out, { recursive: true });
try {
  execFileSync(path.join(here, 'fax/build'), { stdio: ['ignore', 2, 2] });
} catch {
  console.warn('the fax terminal is not built (web/fax/build): the page says so when a fax is asked for');
}
await build({ entryPoints: [path.join(here, 'demo/main.js')], bundle: true, minify: true, outdir: out, format: 'iife',
  target: ['chrome111', 'firefox115'], define: { global: 'window', 'import.meta.url': 'document.baseURI' },
  legalComments: 'inline', logLevel: 'warning' });
for (const f of ['index.html', 'style.css', 'icon.svg']) copyFileSync(path.join(here, 'demo', f), path.join(out, f));
// The fax terminal, and pdf.js for who sends a PDF: loaded when they are needed.
const terminal = path.join(here, 'imsgw-client/fax.wasm');
if (existsSync(terminal)) copyFileSync(terminal, path.join(out, 'fax.wasm'));
for (const f of ['pdf.min.mjs', 'pdf.worker.min.mjs'])
  copyFileSync(path.join(here, 'node_modules/pdfjs-dist/legacy/build', f), path.join(out, f));

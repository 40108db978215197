// Bundles the test pages: one script and one page per client library.
import { build } from 'esbuild';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
const out = path.join(here, 'dist');
const pages = ['loop', 'jssip', 'sipjs'];
const scripts = [...pages, 'judge'];

mkdirSync(out, { recursive: true });
await build({ entryPoints: scripts.map((p) => path.join(here, 'page', `${p}.js`)), bundle: true, outdir: out, format: 'iife',
  define: { global: 'window' }, logLevel: 'warning' });
for (const p of pages)
  writeFileSync(path.join(out, `${p}.html`), `<!doctype html><meta charset="utf-8"><title>${p}</title><body><script src="${p}.js"></script>\n`);

// The libraries as modules, for examples that run without a bundler.
const modules = { jssip: "import JsSIP from 'jssip'; export default JsSIP;", sip: "export * from 'sip.js';" };
for (const [name, contents] of Object.entries(modules))
  await build({ stdin: { contents, resolveDir: here }, bundle: true, outfile: path.join(out, `module-${name}.js`),
    format: 'esm', define: { global: 'window' }, logLevel: 'warning' });

// Every example of web/imsgw-client/README.md, as it stands, in a page without a bundler, at the demo core.
//   readme.test.mjs [chromium|firefox]
import { createServer } from 'node:http';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { startDemoCore } from '../peers/demo_core/demo_core.mjs';
import { launch } from './lib/browser.mjs';
import { until } from './lib/check.mjs';
import { startGateway } from './lib/gateway.mjs';
import { reservePorts } from './lib/ports.mjs';
import { Run } from './lib/run.mjs';

const [browserName = 'chromium'] = process.argv.slice(2);
const library = fileURLToPath(new URL('../../web/imsgw-client', import.meta.url));
const dist = fileURLToPath(new URL('dist', import.meta.url));
const readme = readFileSync(path.join(library, 'README.md'), 'utf8');

const heard = () => document.querySelector('audio').currentTime > 0.5;
const body = () => document.body.innerText;
const proofs = {
  'A voice call': [heard, (v) => v],
  Chat: [body, (v) => v === 'hello'],
  'A file': [body, (v) => v === 'night.raw1000000'],
  'Real-time text': [() => document.title, (v) => v === 'as it is typed'],
  'The floor': [body, (v) => v === 'granted'],
  'A fax': [body, (v) => v === '1 page sent to imsgw demo', 60_000],
  'With SIP.js': [body, (v) => v === 'hello'],
};

// Modules as they lie in the tree; JsSIP and SIP.js, which are no modules of browsers, as one file each.
async function site(run, setup) {
  let example = '';
  const imports = { jssip: '/module-jssip.js', 'sip.js': '/module-sip.js', 'imsgw-client': '/imsgw-client/index.js' };
  const html = `<!doctype html><audio autoplay></audio><canvas hidden width="20" height="2"></canvas>
<script type="importmap">${JSON.stringify({ imports })}</script>
<script>${setup}</script><script type="module" src="/example.js"></script>`;
  const server = createServer((req, res) => {
    const { pathname } = new URL(req.url, 'http://x');
    const isOurs = pathname.startsWith('/imsgw-client/');
    const file = isOurs ? path.join(library, pathname.slice(14)) : path.join(dist, pathname);
    const text = { '/': html, '/example.js': example, '/favicon.ico': '' }[pathname] ?? readFileSync(file);
    res.writeHead(200, { 'content-type': pathname.endsWith('.js') ? 'text/javascript' : 'text/html; charset=utf-8' });
    res.end(text);
  });
  await new Promise((done, fail) => server.once('error', fail).listen(0, '127.0.0.1', done));
  run.use(server, () => server.closeAllConnections() ?? server.close());
  return { origin: `http://127.0.0.1:${server.address().port}`, show: (text) => { example = text; } };
}

await Run.main(`readme ${browserName}`, async (run) => {
  const base = await reservePorts(run);
  const core = await run.step('core starts', () => startDemoCore(run, base, [base + 10, base + 38]));
  const names = {
    gateway: `wss://127.0.0.1:${base + 1}/sip`,
    uri: `sip:alice@${core.domain}`,
    password: core.password,
  };
  const setup = `Object.assign(window, ${JSON.stringify(names)});`;
  const { origin, show } = await site(run, setup);
  await run.step('gateway starts', () => startGateway(run, { base, core, conf: { ws_origins: origin } }));
  const browser = run.use(await launch(browserName, { log: (line) => run.log('browser', line) }));
  const examples = readme.split(/^## /m).slice(1)
    .map((part) => [part.split('\n')[0], /```js\n([^]*?)```/.exec(part)?.[1]]).filter(([, code]) => code);
  for (const [name, code] of examples)
    await run.step(name, async () => {
      const [look, holds, timeoutMs] = proofs[name];
      show(code);
      const page = await browser.open(origin);
      await until('what it shows', () => page.evaluate(look), holds, timeoutMs);
      await page.close();
    });
  if (examples.length !== Object.keys(proofs).length) throw new Error('examples and proofs differ');
});

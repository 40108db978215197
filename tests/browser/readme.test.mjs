// Every example of web/imsgw-client/README.md and docs/developers.md, as it stands, in a page without a bundler, at the
// demo core.
//   readme.test.mjs [chromium|firefox]
import { createServer } from 'node:http';
import { createHmac } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
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
const documents = [path.join(library, 'README.md'), fileURLToPath(new URL('../../docs/developers.md', import.meta.url))];

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
  'With a password': [() => document.title, (v) => v === 'registered'],
  'With a token of your own server': [() => document.title, (v) => v === 'registered'],
  'A video call': [() => document.title, (v) => v === 'in the call'],
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

// What the page's own server would sign.
const secret = 'a secret of more than thirty-two octets';
function sign(impu) {
  const part = (o) => Buffer.from(JSON.stringify(o)).toString('base64url');
  const text = `${part({ alg: 'HS256' })}.${part({ iss: 'https://page.example', aud: 'imsgw', impu,
    exp: Math.floor(Date.now() / 1000) + 600 })}`;
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
}

await Run.main(`readme ${browserName}`, async (run) => {
  const base = await reservePorts(run);
  const core = await run.step('core starts', () => startDemoCore(run, base, [base + 10, base + 38]));
  const names = {
    gateway: `wss://127.0.0.1:${base + 1}/sip`,
    uri: `sip:alice@${core.domain}`,
    password: core.password,
    token: sign(`sip:alice@${core.domain}`),
  };
  const key = path.join(run.dir, 'token.key');
  writeFileSync(key, secret);
  const setup = `Object.assign(window, ${JSON.stringify(names)});`;
  const { origin, show } = await site(run, setup);
  await run.step('gateway starts', () => startGateway(run, { base, core, conf: { ws_origins: origin,
    token_key: key, token_algorithms: 'HS256', token_issuer: 'https://page.example', token_audience: 'imsgw' } }));
  const browser = run.use(await launch(browserName, { log: (line) => run.log('browser', line) }));
  const examples = documents.flatMap((file) => readFileSync(file, 'utf8').split(/^## /m).slice(1)).flatMap((part) =>
    [...part.matchAll(/```js\n([^]*?)```/g)].map(([, code]) => [part.split('\n')[0], code]));
  for (const [name, code] of examples)
    await run.step(name, async () => {
      const [look, holds, timeoutMs] = proofs[name];
      show(code);
      const page = await browser.open(origin);
      await until('what it shows', () => page.evaluate(look), holds, timeoutMs);
      await page.close();
    });
  if (new Set(examples.map(([name]) => name)).size !== Object.keys(proofs).length) throw new Error('examples and proofs differ');
});

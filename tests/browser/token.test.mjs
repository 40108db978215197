// A page signs in with a web token (JWT) instead of a password, at Kamailio behind the gateway: as JsSIP's
// authorization_jwt (RFC 8898) and as parameter of the WebSocket's address, and is told why when the token is no good.
//   token.test.mjs [chromium|firefox]
import { generateKeyPairSync, sign } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { Baresip } from '../peers/baresip/baresip.mjs';
import { startKamailio } from '../peers/kamailio/kamailio.mjs';
import { launch } from './lib/browser.mjs';
import { ask, hears } from './lib/check.mjs';
import { startGateway } from './lib/gateway.mjs';
import { inCall, pageColour, pageHz, phoneHz, state } from './lib/lab.mjs';
import { reservePorts } from './lib/ports.mjs';
import { Run } from './lib/run.mjs';
import { serve } from './lib/site.mjs';
import { Wire } from './lib/wire.mjs';

const [browserName = 'chromium'] = process.argv.slice(2);
const issuer = 'https://waf.example';

// Who gives web users their tokens (the WAF of TS 24.371).
class Waf {
  given = [];

  constructor(dir) {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    this.key = privateKey;
    this.file = path.join(dir, 'jwks.json');
    const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'one', use: 'sig' };
    writeFileSync(this.file, JSON.stringify({ keys: [jwk] }));
  }

  token(impu, { seconds = 300, aud = 'imsgw' } = {}) {
    const part = (o) => Buffer.from(JSON.stringify(o)).toString('base64url');
    const text = `${part({ alg: 'RS256', kid: 'one' })}.${part({ iss: issuer, aud, impu,
      exp: Math.floor(Date.now() / 1000) + seconds })}`;
    const token = `${text}.${sign('sha256', text, this.key).toString('base64url')}`;
    this.given.push(token);
    return token;
  }
}

await Run.main(`token ${browserName}`, async (run) => {
  const base = await reservePorts(run);
  const waf = new Waf(run.dir);
  const wire = await run.step('the wire is watched', () => Wire.start(run, base));
  const core = await run.step('core starts', () => startKamailio(run, base, base + 2));
  const site = run.use(await serve());
  const gateway = await run.step('gateway starts', () => startGateway(run, { base, core,
    conf: { ws_origins: site.origin, token_key: waf.file, token_issuer: issuer, token_audience: 'imsgw',
      admin_listen: `127.0.0.1:${base + 90}` } }));
  const phone = await run.step('phone registers', async () => {
    const p = await Baresip.start(run, { user: 'ben', password: core.password, domain: core.domain, proxy: core.uri,
      sipPort: base + 4, controlPort: base + 6, rtpPorts: [base + 8, base + 22], hz: phoneHz });
    await p.registered();
    return p;
  });
  const browser = await run.step('browser starts', async () =>
    run.use(await launch(browserName, { log: (line) => run.log('browser', line) })));
  const page = await browser.open(`${site.origin}/jssip.html`);
  const fresh = () => page.goto(`${site.origin}/jssip.html`);
  const start = (options) => ask(page, 'start', { url: gateway.url, user: 'ann', domain: core.domain, hz: pageHz,
    rgb: pageColour, ...options });
  run.onFailure = async () => run.log('client', JSON.stringify(await ask(page, 'state'), null, 1));

  async function refused(what, token, status, challenge) {
    await run.step(`${what}: ${status}, with the reason`, async () => {
      await start({ token });
      await state(page, 'registration failed',
        (s) => !s.registered && s.status === status && challenge.test(s.challenge));
      await fresh();
    });
  }

  async function calls() {
    await state(page, 'registered', (s) => s.registered);
    const from = phone.events.length;
    await ask(page, 'call', `sip:ben@${core.domain}`, { video: false });
    await Promise.all([inCall(page, 'established'), phone.event('CALL_ESTABLISHED', { from })]);
    await Promise.all([hears(page, phoneHz), phone.hears(pageHz)]);
    await ask(page, 'hangup');
    await inCall(page, 'ended');
  }

  const ann = `sip:ann@${core.domain}`;
  const good = waf.token(ann);
  await refused('a token of yesterday', waf.token(ann, { seconds: -60 }), 401, /invalid_token.*expired/);
  await refused('a token for somewhere else', waf.token(ann, { aud: 'shop' }), 401, /invalid_token.*audience/);
  await refused('a changed token', `${good.slice(0, -8)}AAAAAAAA`, 401, /invalid_token.*signature/);
  await refused('the token of another', waf.token(`sip:eve@${core.domain}`), 403, /insufficient_scope/);
  await run.step('REG-006 a good token signs in, and calls', async () => {
    await start({ token: good });
    await calls();
    await fresh();
  });
  await run.step('REG-006 so does one in the address of the WebSocket', async () => {
    await start({ url: `${gateway.url}?access_token=${waf.token(ann)}` });
    await calls();
  });
  await run.step('REG-007 no token went to the core, into the log or to the console', async () => {
    await wire.stop();
    const texts = wire.texts(`udp.dstport == ${base}`);
    if (!texts.some((t) => /auth-done/.test(t))) throw new Error('nothing was said to the core for a token');
    const at = `http://127.0.0.1:${base + 90}/api`;
    const list = await (await fetch(`${at}/history`)).json();
    texts.push(JSON.stringify(list), ...gateway.process.lines);
    const traces = list.data.map(({ call_id: id }) => `trace/${encodeURIComponent(id)}`);
    for (const what of ['registrations', 'metrics', ...traces]) texts.push(await (await fetch(`${at}/${what}`)).text());
    if (list.data.length !== 2) throw new Error(`${list.data.length} calls`);
    for (const token of waf.given)
      for (const text of texts)
        if (text.includes(token) || text.includes(token.split('.')[2])) throw new Error(`a token in ${text}`);
  });
});

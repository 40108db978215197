// The operator's console beside a gateway with good and failed calls: each explains itself on its page, nothing secret
// is in any answer, and what is exported by HEP is what was said.
//   console.test.mjs [chromium|firefox]
import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { startDemoCore } from '../peers/demo_core/demo_core.mjs';
import { launch } from './lib/browser.mjs';
import { ask, hears, sleep, until } from './lib/check.mjs';
import { startGateway } from './lib/gateway.mjs';
import { looksRight } from './lib/layout.mjs';
import { state } from './lib/lab.mjs';
import { reservePorts } from './lib/ports.mjs';
import { Process } from './lib/process.mjs';
import { Run } from './lib/run.mjs';
import { serve } from './lib/site.mjs';
import { Wire } from './lib/wire.mjs';

const [browserName = 'chromium'] = process.argv.slice(2);
const token = 'the-token-of-this-test';
const words = 'nobody else should read this';
const consoleRoot = fileURLToPath(new URL('../../web/console', import.meta.url));

function expect(holds, what, seen) {
  if (!holds) throw new Error(`${what}: ${typeof seen === 'string' ? seen : JSON.stringify(seen)}`);
}

const shows = (page, what, selector, pattern) => until(what,
  () => page.evaluate((s) => document.querySelector(s)?.innerText ?? '', selector), (text) => pattern.test(text));

async function call(page, target, { forged, state: wanted = 'established', then } = {}) {
  await page.evaluate((f) => test.forge(f), forged ?? false);
  await ask(page, 'call', `sip:${target}@ims.example`, {});
  await state(page, `the call to ${target} is ${wanted}`, (s) => s.call === wanted);
  await then?.();
  if (wanted !== 'ended') {
    await ask(page, 'hangup').catch(() => {});
    await state(page, 'the call is over', (s) => s.call === 'ended');
  }
  await page.evaluate(() => test.forge(false));
}

// What must be in no answer: ICE passwords and digest responses as they were on the wire, and the text of a message.
function secretsOf(wire, base, sdps) {
  const found = { message: [words], 'ICE password': [], 'digest response': [] };
  for (const sdp of sdps) found['ICE password'].push(...[...sdp.matchAll(/a=ice-pwd:(\S+)/g)].map((m) => m[1]));
  for (const text of wire.texts(`udp.dstport == ${base} && sip`))
    found['digest response'].push(...[...text.matchAll(/response="(\w+)"/g)].map((m) => m[1]));
  for (const [kind, values] of Object.entries(found)) expect(values.length > 0, `a ${kind} to look for`, found);
  return Object.values(found).flat();
}

// Firefox looks at fewer: its engine is what differs, not the views.
const looks = (view, name) => (browserName === 'chromium' || /-(call|overview)$/.test(name) ? looksRight(view, name)
  : undefined);

const open = async (view, id) => {
  await view.evaluate((hash) => { location.hash = hash; }, id === undefined ? '#/history' : `#/call/${id}`);
};

await Run.main(`console ${browserName}`, async (run) => {
  const base = await reservePorts(run);
  const [consolePort, hepPort] = [base + 4, base + 5];
  const wire = await run.step('the wire is watched', () => Wire.start(run, base));
  const heard = path.join(run.dir, 'hep.pcap');
  const collector = new Process(run, 'sngrep', 'sngrep', ['-N', '-L', `udp:127.0.0.1:${hepPort}`, '-O', heard],
    { endSignal: 'SIGINT' });
  const core = await run.step('core starts', () => startDemoCore(run, base, [base + 10, base + 38]));
  const site = run.use(await serve());
  const gateway = await run.step('gateway starts', () => startGateway(run, { base, core,
    conf: { ws_origins: site.origin, admin_listen: `127.0.0.1:${consolePort}`, admin_token: token,
      console_root: consoleRoot, hep_address: `127.0.0.1:${hepPort}` } }));
  const at = `http://127.0.0.1:${consolePort}/`;
  const api = async (what, options = {}) => (await fetch(`${at}api/${what}`, options)).json();
  const browser = await run.step('browser starts', async () =>
    run.use(await launch(browserName, { log: (line) => run.log('browser', line) })));
  const page = await browser.open(`${site.origin}/jssip.html`);
  const sdps = [];
  const remember = async () => sdps.push(...Object.values(await ask(page, 'sdp')).filter(Boolean));
  await run.step('a client registers', async () => {
    await ask(page, 'start', { url: gateway.url, user: 'ann', password: 'demo', domain: 'ims.example', hz: 440,
      rgb: [200, 20, 20] });
    await state(page, 'registered', (s) => s.registered);
    await ask(page, 'message', 'sip:ann@ims.example', words).catch(() => {});
  });
  await run.step('one call is well', () => call(page, 'echo', { then: async () => {
    await hears(page, 440);
    await remember();
  } }));
  await run.step('one has another fingerprint', () => call(page, 'echo', { forged: 'fingerprint', state: 'ended' }));
  await run.step('one gets no ICE', () => call(page, 'echo', { forged: 'ice', then: async () => {
    await remember();
    await sleep(1500);
  } }));
  await run.step('one would not be secure', () => call(page, 'echo', { forged: 'bare', state: 'ended' }));
  await run.step('one meets busy', () => call(page, 'busy', { state: 'ended' }));

  const view = await run.step('the console opens', () => browser.open(at));
  run.onFailure = async () => run.log('console', await view.evaluate(() => document.body.innerText));
  await run.step('overview', async () => {
    await shows(view, 'the state', '#state', /^running, 0 calls/);
    await shows(view, 'the numbers', '.numbers', /1\s+registrations/);
    await looks(view, 'console-overview');
  });
  await run.step('who is registered', async () => {
    await view.keyboard.press('3');
    await shows(view, 'ann', '#view', /sip:ann@ims\.example/);
    await looks(view, 'console-registrations');
  });
  const history = (await api('history')).data;
  await run.step('history, searched and filtered by keys', async () => {
    await view.keyboard.press('4');
    await shows(view, 'five calls', '#found', /5 of 5 calls/);
    await looks(view, 'console-history');
    await view.keyboard.press('/');
    await until('the search has the focus', () => view.evaluate(() => document.activeElement.id),
      (id) => id === 'search');
    await view.keyboard.type('busy');
    await shows(view, 'one of them', '#found', /1 of 5 calls[^]*486/);
    await view.evaluate(() => { const s = document.getElementById('search'); s.value = '';
      s.dispatchEvent(new Event('input')); });
    await view.select('#outcome', 'refused');
    await shows(view, 'the refused ones', '#found', /2 of 5 calls/);
    await view.select('#outcome', 'troubled');
    await shows(view, 'those with troubles', '#found', /4 of 5 calls/);
    await view.select('#outcome', 'all');
  });
  const [busy, bare, noIce, forged, good] = history.map((c) => c.call || c.call_id);
  await run.step('the good call: ladder, steps, SDP before and after', async () => {
    await open(view, good);
    await shows(view, 'the verdict', '#verdict', /Answered with 200\.[^]*Nothing went wrong/);
    for (const step of [/WebSocket\s+✓ WSS/, /SDP\s+✓/, /ICE\s+✓ connected/, /DTLS\s+✓ fingerprint verified/,
      /core leg\s+✓/])
      await shows(view, 'its media', '.steps', step);
    await shows(view, 'the ladder', '.ladder', /INVITE \(SDP\)[^]*200 OK \(SDP\)[^]*BYE/);
    await shows(view, 'the offer before', '.diff .gone', /^− /);
    await shows(view, 'the offer after', '.diff', /\+ m=audio \d+ RTP\/AVP/);
    await shows(view, 'a mask', '.diff', /a=ice-pwd:\*+/);
    await view.evaluate(() => document.querySelector('.ladder summary').focus());
    await view.keyboard.press('Enter');
    await shows(view, 'the message', '.ladder details[open] pre', /^INVITE sip:echo@ims\.example[^]*a=ice-pwd:\*+/);
    await looks(view, 'console-call');
  });
  await run.step('the failed ones explain themselves', async () => {
    await open(view, forged);
    await shows(view, 'the fingerprint, and no word of ICE', '#verdict',
      /^(?![^]*ICE:)[^]*DTLS: failed: does not match/);
    await view.evaluate(() => { for (const d of document.querySelectorAll('.sdp[open]')) d.open = false; });
    await looks(view, 'console-failed');
    await open(view, noIce);
    await shows(view, 'no ICE', '#verdict', /ICE: no valid connectivity check/);
    await open(view, bare);
    await shows(view, 'not secure', '#verdict', /Refused with 488[^]*SDP: offer of the access leg refused/);
    await open(view, busy);
    await shows(view, 'busy', '#verdict', /Refused with 486[^]*the core said SIP\/2\.0 486/);
    const text = execFileSync(path.join(run.build, 'imsgwctl'), ['-s', gateway.values.admin_socket, 'explain', noIce],
      { encoding: 'utf8' });
    expect(/ICE: no valid connectivity check/.test(text), 'imsgwctl explain says the same', text);
    await view.keyboard.press('Escape');
    await shows(view, 'back', '#found', /5 of 5 calls/);
  });
  await run.step('a call that lives', () => call(page, 'echo', { then: async () => {
    await view.keyboard.press('2');
    await shows(view, 'one call', '#view', /1 live[^]*up[^]*sip:ann@ims\.example[^]*sip:echo@ims\.example/);
    await looks(view, 'console-calls');
    await view.click('td a');
    await shows(view, 'it goes on', '#verdict', /Answered with 200, goes on[^]*not yet/);
    await ask(page, 'hangup');
    await shows(view, 'it is over', '#verdict', /Answered with 200\./);
  } }));
  await run.step('nothing changes without the token, and no page of another name gets in', async () => {
    const post = (headers) => fetch(`${at}api/log-level/info`, { method: 'POST', headers }).then((r) => r.status);
    expect(await post({}) === 401, 'without a token', await post({}));
    expect(await post({ authorization: 'Bearer something-else-of-this' }) === 401, 'with a wrong one', '');
    const got = execFileSync('curl', ['-s', '-o', '/dev/null', '-w', '%{http_code}', '-H', 'Host: evil.example',
      `${at}api/status`], { encoding: 'utf8' });
    expect(got === '403', 'by another name', got);
  });
  await run.step('with it: log level, reload, drain', async () => {
    await view.keyboard.press('1');
    await shows(view, 'the overview', '.numbers', /registrations/);
    expect(await view.evaluate(() => document.getElementById('actions').hidden), 'no actions yet', '');
    await view.type('#token', 'not-it-but-long-enough');
    await view.keyboard.press('Enter');
    await shows(view, 'refused', '#problem', /wrong or no token/);
    await view.evaluate(() => { document.getElementById('token').value = ''; });
    await view.type('#token', token);
    await view.keyboard.press('Enter');
    await until('the actions', () => view.evaluate(() => document.getElementById('actions')?.hidden),
      (h) => h === false);
    await looks(view, 'console-actions');
    await view.select('#level', 'warning');
    await view.click('#set-level');
    await shows(view, 'done', '#done', /Done: log from warning on/);
    await view.click('#reload');
    await shows(view, 'read again', '#done', /Done: configuration read/);
    await view.select('#level', 'debug');
    await view.click('#set-level');
    await gateway.process.line(/log level is debug/);
  });
  if (browserName === 'chromium') // the other driver sets no headers
    await run.step('an operator elsewhere sees nothing before the token is given', async () => {
      const far = await browser.open('about:blank');
      await far.setExtraHTTPHeaders({ 'X-Forwarded-For': '192.0.2.9' }); // as a proxy says it
      await far.goto(`${at}#/history`);
      await shows(far, 'why', '#problem', /shows nothing without its token/);
      expect(!/sip:/.test(await far.evaluate(() => document.body.innerText)), 'nobody is named', '');
      await far.type('#token', token);
      await far.keyboard.press('Enter');
      await shows(far, 'the history', '#found', /6 of 6 calls/);
      await far.close();
    });
  await run.step('nothing secret is in any answer', async () => {
    await wire.stop();
    const secrets = secretsOf(wire, base, sdps);
    const paths = ['status', 'calls', 'registrations', 'history', 'agws', 'metrics', 'help',
      ...history.flatMap(({ call: id, call_id: callId }) => [`trace/${encodeURIComponent(callId)}`,
        `explain/${encodeURIComponent(id || callId)}`])];
    for (const p of paths) {
      const answer = await (await fetch(`${at}api/${p}`)).text();
      expect(/^\{"ok":true/.test(answer), `an answer to ${p}`, answer);
      for (const s of secrets) expect(!answer.includes(s), `${p} without ${s}`, answer);
    }
    for (const hex of wire.fields(`udp.dstport == ${hepPort}`, ['udp.payload']).flat()) {
      const packet = Buffer.from(hex.replaceAll(':', ''), 'hex').toString('latin1');
      for (const s of secrets) expect(!packet.includes(s), `HEP without ${s}`, packet);
    }
  });
  await run.step('HEP: a collector reads what was said, and who said it to whom', async () => {
    await until('it wrote', () => statSync(heard).size, (n) => n > 100);
    await collector.close();
    const rows = execFileSync('tshark', ['-r', heard, '-Y', 'sip.Method == "INVITE"', '-T', 'fields', '-e', 'ip.src',
      '-e', 'ip.dst', '-e', 'udp.srcport', '-e', 'udp.dstport', '-e', 'sip.r-uri.user', '-d', `udp.port==${base},sip`,
      '-d', `udp.port==${base + 2},sip`],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim().split('\n').map((l) => l.split('\t'));
    const toCore = rows.filter((r) => r[3] === `${base}`);
    expect(toCore.length === 5 && toCore.every(([from, to, source]) => from === '127.0.0.1' && to === '127.0.0.1'
      && source === `${base + 2}`),
      'the INVITEs to the core', rows);
    expect(rows.some((r) => r[4] === 'busy'), 'one to busy', rows);
  });
  await run.step('drain', async () => {
    await view.click('#drain');
    await view.waitForSelector('#sure[open]');
    await view.keyboard.press('Escape');
    await view.click('#drain');
    await view.click('#sure button[value=yes]');
    await gateway.process.line(/draining, 0 calls left/);
  });
});

// IMS phones on UDP, TCP and TLS: baresip registers through the gateway, calls and is called, in clear and with SRTP
// whose keys are the two phones' own (TS 33.328 s. 7.2.2), and a page beside them is reached by voice.
import { appendFileSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { startDemoCore } from '../peers/demo_core/demo_core.mjs';
import { Baresip } from '../peers/baresip/baresip.mjs';
import { until } from '../browser/lib/check.mjs';
import { startGateway } from '../browser/lib/gateway.mjs';
import { reservePorts } from '../browser/lib/ports.mjs';
import { Run } from '../browser/lib/run.mjs';

const secure = { codecs: ['g711'], account: 'mediaenc=srtp-mand;' };

await Run.main('ims phones', async (run) => {
  const base = await reservePorts(run);
  const core = await run.step('core starts', () => startDemoCore(run, base, [base + 10, base + 18]));
  const ports = { udp: base + 4, tcp: base + 5, tls: base + 6 };
  const gateway = await run.step('gateway starts', () => startGateway(run, { base, core, conf: {
    access_address: '127.0.0.1', core_port_max: base + 69, access_udp: `127.0.0.1:${ports.udp}`,
    access_tcp: `127.0.0.1:${ports.tcp}`, access_tls: `127.0.0.1:${ports.tls}` } }));
  let n = 0;
  const phone = async (user, transport, hz, more = {}) => {
    const at = base + 20 + 4 * n;
    const rtp = base + 70 + 6 * n++;
    const p = await Baresip.start(run, { user, password: core.password, domain: core.domain, transport, hz,
      codecs: ['g711'], proxy: `sip:127.0.0.1:${ports[transport]};transport=${transport}`, sipPort: at, controlPort: at + 2,
      rtpPorts: [rtp, rtp + 5], ...more });
    await p.registered();
    return p;
  };
  const call = async (from, to, hz) => {
    const [a, b] = [from.events.length, to?.events.length ?? 0];
    for (const [p] of hz) p.forget();
    await from.command('dial', to ? `sip:${to.user}@${core.domain}` : `sip:echo@${core.domain}`);
    await from.event('CALL_ESTABLISHED', { from: a });
    if (to) await to.event('CALL_ESTABLISHED', { from: b });
    await Promise.all(hz.map(([p, f]) => p.hears(f)));
    await from.command('hangup');
    if (to) await to.event('CALL_CLOSED', { from: b });
  };

  const all = {};
  for (const [user, transport, hz] of [['udo', 'udp', 440], ['tom', 'tcp', 600], ['tess', 'tls', 1000]])
    await run.step(`${user} registers over ${transport}`, async () => {
      all[user] = await phone(user, transport, hz);
      all[user].user = user;
    });
  const { udo, tom, tess } = all;
  await run.step('udo calls echo', () => call(udo, null, [[udo, 440]]));
  await run.step('tess calls udo: TLS to UDP', () => call(tess, udo, [[tess, 440], [udo, 1000]]));
  await run.step('udo calls tom: UDP to TCP', () => call(udo, tom, [[udo, 600], [tom, 440]]));
  let secured;
  await run.step('two phones with keys of their own: what they say passes unread', async () => {
    const sara = await phone('sara', 'udp', 700, secure);
    const seth = await phone('seth', 'tls', 800, secure);
    Object.assign(sara, { user: 'sara' });
    Object.assign(seth, { user: 'seth' });
    secured = () => call(sara, seth, [[sara, 800], [seth, 700]]);
    await secured();
  });
  await run.step('the records say what passed', () => until('records', () => {
    const text = readFileSync(path.join(run.dir, 'imsgw-calls.json'), 'utf8').trim();
    const lines = text.split('\n').map((l) => JSON.parse(l));
    const passed = (s) => s.to_core.packets > 20 && s.to_access.packets > 20;
    return lines.length >= 7 && lines.every((l) => l.streams.length === 1 && l.streams.every(passed))
      ? lines.length : lines;
  }, (v) => typeof v === 'number'));
  await run.step('e2e_anchor = no: what they secured goes past us', async () => {
    appendFileSync(path.join(run.dir, 'imsgw.conf'), 'e2e_anchor = no\n');
    gateway.process.child.kill('SIGHUP');
    await gateway.process.line(/reloaded/);
    const made = () => gateway.process.lines.filter((l) => / media: ctx=.* made /.test(l)).length;
    const before = made();
    await secured();
    if (made() !== before) throw new Error('a context was made for media that goes past us');
  });
});

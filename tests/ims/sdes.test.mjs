// Phones of others whose SDES ends at the gateway (TS 33.328 s. 7.2.1, 7.3.1, annex E), over TLS: linphone and baresip,
// with the UE's half of mediasec added between; and both as they are, whose keys pass unread (s. 7.2.2). tshark judges.
import { startDemoCore } from '../peers/demo_core/demo_core.mjs';
import { Baresip } from '../peers/baresip/baresip.mjs';
import { Linphone } from '../peers/linphone/linphone.mjs';
import { UeHalf } from '../peers/mediasec/ue_half.mjs';
import { startGateway } from '../browser/lib/gateway.mjs';
import { reservePorts } from '../browser/lib/ports.mjs';
import { Run } from '../browser/lib/run.mjs';
import { Wire } from '../browser/lib/wire.mjs';

function expect(holds, what, seen) {
  if (!holds) throw new Error(`${what}: ${JSON.stringify(seen)}`);
}

const keysOf = (sdp) => [...sdp.matchAll(/^a=crypto:\d+ \S+ inline:(\S+)/gm)].map((m) => m[1]);

// Of the capture: [core, access] of each packet that was seen on both sides, core ports being base + 30 to + 59.
function pairs(wire, base) {
  const sides = [new Map(), new Map()];
  const decode = Array.from({ length: 25 }, (_, i) => `udp.port==${base + 30 + 2 * i},rtp`);
  for (const [from, to, ssrc, seq, packet] of wire.fields('rtp && rtp.version == 2 && rtp.p_type == 8',
    ['udp.srcport', 'udp.dstport', 'rtp.ssrc', 'rtp.seq', 'udp.payload'], decode)) {
    const isPhone = [from, to].some((p) => p >= base + 60 && p < base + 80);
    sides[isPhone ? 1 : 0].set(`${ssrc}/${seq}`, packet.replaceAll(':', ''));
  }
  return [...sides[0]].filter(([id]) => sides[1].has(id)).map(([id, packet]) => [packet, sides[1].get(id)]);
}

await Run.main('ims sdes', async (run) => {
  const base = await reservePorts(run);
  const core = await startDemoCore(run, base, [base + 10, base + 18]);
  const ports = { tls: base + 6, hop: base + 7 };
  await startGateway(run, { base, core, conf: { access_address: '127.0.0.1', mediasec: 'sdes-srtp',
    core_port_min: base + 30, core_port_max: base + 59, access_tls: `127.0.0.1:${ports.tls}` } });
  const hop = UeHalf.start(run, { port: ports.hop, gateway: ports.tls });
  let n = 0; // phones; each has four ports for media
  const proxy = (port) => `sip:127.0.0.1:${port};transport=tls`;
  const account = (user, port, hz) => ({ user, hz, password: core.password, domain: core.domain, proxy: proxy(port) });
  const linphone = (user, port, hz, more = {}) => Linphone.start(run, { ...account(user, port, hz),
    sipPort: base + 84 + n, rtpPort: base + 60 + 4 * n++, ...more });
  let at = base + 90;
  const baresip = async (user, port, hz) => {
    const rtp = base + 60 + 4 * n++;
    const p = await Baresip.start(run, { ...account(user, port, hz), transport: 'tls', codecs: ['g711'],
      account: 'mediaenc=srtp-mand;audio_codecs=pcma;', sipPort: at, controlPort: at + 2, rtpPorts: [rtp, rtp + 3] });
    at += 3;
    return Object.assign(p, { user });
  };
  const wire = await Wire.start(run, base);
  const [lin, bea] = await run.step('linphone and baresip register for sdes-srtp over TLS', async () => {
    const all = [await linphone('lin', ports.hop, 440), await baresip('bea', ports.hop, 1000)];
    await Promise.all(all.map((p) => p.registered()));
    expect(hop.answers.length >= 2 && hop.answers.every((a) => a === 'sdes-srtp;mediasec'), 'E2A-004', hop.answers);
    return all;
  });
  const uri = (p) => `sip:${p?.user ?? 'echo'}@${core.domain}`;
  const dials = (p, to) => (p instanceof Linphone ? p.command(`call ${uri(to)}`) : p.command('dial', uri(to)));
  const ends = (p) => p.command(p instanceof Linphone ? 'terminate' : 'hangup');
  const call = async (from, to, heard) => {
    for (const [p] of heard) p.forget();
    await dials(from, to);
    await Promise.all(heard.map(([p, hz]) => p.hears(hz)));
    await ends(from);
    await Promise.all([from, to].filter((p) => p instanceof Linphone).map((p) => p.idle()));
  };
  await run.step('E2A-007 SDP-020 linphone calls echo', () => call(lin, null, [[lin, 440]]));
  await run.step('E2A-007 E2A-010 baresip calls linphone', () => call(bea, lin, [[bea, 440], [lin, 1000]]));
  await run.step('E2A-007 E2A-010 linphone calls baresip', () => call(lin, bea, [[bea, 440], [lin, 1000]]));
  const words = 'words that TLS protects';
  await run.step('TS 33.328 F.2 an immediate message of linphone reaches baresip', async () => {
    lin.command(`chat ${uri(bea)} ${words}`);
    await bea.process.line(new RegExp(words));
  });
  await run.step('SDP-001 RTP/SAVPF of linphone becomes RTP/AVPF, and that RTP/SAVPF of another', async () => {
    const ava = await linphone('ava', ports.hop, 700, { isAvpf: true });
    const avo = await linphone('avo', ports.hop, 800, { isAvpf: true });
    await Promise.all([ava, avo].map((p) => p.registered()));
    await call(ava, avo, [[ava, 800], [avo, 700]]);
  });
  await run.step('what tshark saw: plain in the core, protected on the way to phones', async () => {
    await wire.stop();
    const invites = wire.texts(`sip.Method == "INVITE" && udp.srcport == ${base + 2}`);
    const offers = invites.filter((t) => /^m=/m.test(t));
    const profiles = new Set(offers.map((t) => /^m=audio \d+ (\S+)/m.exec(t)[1]));
    expect([...profiles].sort().join() === 'RTP/AVP,RTP/AVPF', 'SDP-001 profiles', [...profiles]);
    const trace = /^(a=(crypto|3ge2ae)|Security-|(Proxy-)?Require:.*mediasec).*/im;
    const left = offers.map((t) => trace.exec(t)?.[0]).find(Boolean);
    expect(!left, 'E2A-003 E2A-006 E2A-019 nothing of it reaches the core', left);
    const seen = pairs(wire, base);
    expect(seen.length > 200, 'packets on both sides', seen.length);
    for (const [plain, secret] of seen) {
      expect(secret.length === plain.length + 2 * 10, 'a tag of ten octets', [plain, secret]);
      expect(!secret.includes(plain.slice(24)), 'E2A-014 the payload is encrypted', [plain, secret]);
    }
  });
  await run.step('TS 33.328 F.2 the message is in clear in the core alone', () => {
    const frames = wire.fields(`frame contains "${words}"`, ['udp.dstport', 'tcp.dstport']);
    const seen = new Set(frames.map((r) => r.join('')));
    expect([...seen].sort().join() === [base, base + 2].join(), 'ports', [...seen]);
  });
  await run.step('E2A-010 SDP-020 several lines of ours, a key for each, none twice, no lifetime', () => {
    const profiles = hop.offers.map((sdp) => /^m=audio \d+ (\S+)/m.exec(sdp)[1]);
    expect(profiles.join() === 'RTP/SAVP,RTP/SAVP,RTP/SAVPF', 'three phones were called', profiles);
    for (const sdp of hop.offers) expect(/^a=3ge2ae:applied\r$/m.test(sdp), 'applied', sdp);
    const keys = hop.offers.flatMap(keysOf);
    expect(keys.length >= 6 && new Set(keys).size === keys.length, 'keys', keys);
    expect(keys.every((k) => !k.includes('|')), 'E2A-018 no lifetime, no MKI', keys);
  });
  await run.step('E2A-008 linphone and baresip as they are: what they say passes unread', async () => {
    const [lea, bob] = [await linphone('lea', ports.tls, 500), await baresip('bob', ports.tls, 900)];
    await Promise.all([lea, bob].map((p) => p.registered()));
    await call(lea, bob, [[lea, 900], [bob, 500]]);
  });
}, { timeoutMs: 100_000 });

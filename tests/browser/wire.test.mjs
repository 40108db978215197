// A call of a browser as tshark sees it on both sides of the gateway.
//   wire.test.mjs [chromium|firefox] [jssip|sipjs]
import { ask, sleep } from './lib/check.mjs';
import { inCall, media, startLab } from './lib/lab.mjs';
import { Run } from './lib/run.mjs';
import { Wire } from './lib/wire.mjs';

const [browser = 'chromium', library = 'jssip'] = process.argv.slice(2);

function expect(holds, what, seen) {
  if (!holds) throw new Error(`${what}: ${JSON.stringify(seen)}`);
}

// Each packet one more than the last, over the roll-over.
function isWithoutGap(seqs) {
  return seqs.every((s, i) => i === 0 || ((s - seqs[i - 1]) & 0xffff) === 1);
}

function judgeSignalling(wire, base) {
  const invites = wire.texts(`sip.Method == "INVITE" && udp.srcport == ${base + 2}`);
  expect(invites.length > 0, 'an INVITE to the core', invites.length);
  for (const text of invites) {
    expect(/^m=audio \d+ RTP\/AVP /m.test(text), 'SDP-001 the profile is RTP/AVP', text);
    const left = /^a=(candidate|ice-|fingerprint|setup|group|mid|msid|ssrc|rtcp-mux|rtcp-fb|3ge2ae|crypto|extmap.*mid).*|UDP\/TLS.*/m.exec(text);
    expect(!left, 'SDP-003 nothing of WebRTC is left', left?.[0]);
    expect(!/\.invalid|transport=ws/i.test(text), 'no name of the browser’s connection', text);
    expect((text.match(/^(Via|v):/gim) ?? []).length === 1, 'one Via', text);
    expect(/^P-Asserted-Identity: <sip:ann@/m.test(text), 'the asserted identity', text);
    expect(/^P-Charging-Vector: .*icid-value=/m.test(text), 'a charging vector', text);
    expect(!/^P-Access-Network-Info|^P-Preferred-Identity|^Authorization/m.test(text), 'nothing that ends here', text);
  }
}

async function judgeMedia(wire, base, port, ssrc) {
  const decode = [`udp.port==${port},rtp`, `udp.port==${base + 3},rtp`];
  const names = ['rtp.ssrc', 'rtp.seq', 'rtp.timestamp', 'rtp.ext', 'udp.payload'];
  const core = wire.fields(`rtp && udp.srcport == ${port} && rtp.version == 2`, names, decode);
  const access = wire.fields(`rtp && udp.dstport == ${base + 3} && rtp.version == 2`, names, decode);
  expect(core.length > 100, 'packets to the phone', core.length);
  expect(core.every(([s]) => Number(s) === ssrc), 'the SSRC of the browser', [core[0][0], ssrc]);
  expect(isWithoutGap(core.map((r) => Number(r[1]))), 'sequence numbers without a gap', core.map((r) => r[1]).slice(0, 50));
  expect(core.every((r) => !/1|true/i.test(r[3])), 'no header extension that the phone did not accept', core[0]);
  let compared = 0;
  for (const [s, seq, ts, , packet] of core) {
    const same = access.find((r) => r[0] === s && r[1] === seq);
    if (!same) continue;
    compared++;
    expect(same[2] === ts, 'the time stamp of the browser', [same[2], ts]);
    const [secret, plain] = [same[4], packet].map((hex) => hex.replaceAll(':', ''));
    expect(secret.length >= plain.length + 2 * 10, 'SRTP is longer by its tag', [secret.length, plain.length]);
    expect(!secret.includes(plain.slice(2 * 12)), 'the payload is encrypted on the access side', seq);
  }
  expect(compared > 100, 'packets seen on both sides', compared);
}

function judgeRtcp(wire, base, port) {
  const decode = [`udp.port==${port + 1},rtcp`];
  const types = wire.fields(`rtcp && udp.srcport == ${port + 1}`, ['rtcp.pt', 'rtcp.ssrc.identifier'], decode);
  expect(types.length > 0, 'RTCP from its own port', types.length);
  // Firefox sends a receiver report without a description, against RFC 3550 s. 6.1; it passes, as a name of ours beside
  // the browser's own would be a second one for the same source.
  for (const [pt] of types) expect(/^20[01]\b/.test(pt), 'each datagram begins with a report', pt);
  expect(types.some(([pt]) => /^200\b.*\b202\b/.test(pt)), 'a sender report with a description', types);
  const muxed = wire.fields(`udp.srcport == ${port} && rtcp`, ['rtcp.pt'], [`udp.port==${port},rtcp`])
    .filter(([pt]) => /^20[0-7]/.test(pt));
  expect(muxed.length === 0, 'no RTCP among RTP towards a phone without rtcp-mux', muxed.length);
}

await Run.main(`wire ${browser} ${library}`, async (run) => {
  const lab = await startLab(run, { browser, library });
  const { page, phone, base } = lab;
  const wire = await Wire.start(run, base);
  const from = phone.events.length;
  const ssrc = await run.step('an audio call of some seconds', async () => {
    await ask(page, 'call', lab.phoneUri, { video: false });
    await Promise.all([inCall(page, 'established'), phone.event('CALL_ESTABLISHED', { from })]);
    await media(page, phone, { video: false });
    await sleep(6000); // RTCP comes every five seconds
    const { out_audio: out } = await ask(page, 'stats');
    await ask(page, 'hangup');
    await Promise.all([inCall(page, 'ended'), phone.event('CALL_CLOSED', { from })]);
    return out.ssrc;
  });
  await wire.stop();
  const [[offer]] = wire.fields(`sip.Method == "INVITE" && udp.srcport == ${base + 2}`, ['sdp.media.port']);
  await run.step('signalling', () => judgeSignalling(wire, base));
  await run.step('media', () => judgeMedia(wire, base, Number(offer), ssrc));
  await run.step('RTCP', () => judgeRtcp(wire, base, Number(offer)));
});

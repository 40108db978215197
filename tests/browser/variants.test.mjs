// The same call with another core side or another access side: SDES with and without feedback, one codec only, H.264
// pictures, SIP over TCP, IPv6.
//   variants.test.mjs VARIANT [chromium|firefox] [jssip|sipjs]
import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import path from 'node:path';
import { ask } from './lib/check.mjs';
import { inCall, media, startLab } from './lib/lab.mjs';
import { Run } from './lib/run.mjs';

const ipv6 = Object.values(networkInterfaces()).flat().find((a) => a.family === 'IPv6' && !a.internal && !a.scopeid)?.address;

// record: what the call record must say of each stream
const variants = {
  sdes: { conf: { core_proto: 'savp' }, phone: { account: 'mediaenc=srtp-mand' }, record: /SDES/ },
  sdesf: { conf: { core_proto: 'savpf' }, phone: { account: 'mediaenc=srtp-mandf' }, record: /SDES/ },
  g711: { phone: { codecs: ['g711', 'vp8'] } },
  h264: { phone: { codecs: ['opus', 'avcodec'] } },
  tcp: { route: ';transport=tcp' },
  ipv6: { conf: { access_address: ipv6 }, needs: ipv6 },
};

const [name, browser = 'chromium', library = 'jssip'] = process.argv.slice(2);
const variant = variants[name];
if (!variant) {
  console.log(`which? ${Object.keys(variants).join(' ')}`);
  process.exit(2);
}
if ('needs' in variant && !variant.needs) {
  console.log('skipped: this machine has no IPv6 address');
  process.exit(77);
}

await Run.main(`variant ${name} ${browser} ${library}`, async (run) => {
  const lab = await startLab(run, { browser, library, ...variant });
  const { page, phone } = lab;
  for (const video of [false, true]) {
    const kind = video ? 'video' : 'audio';
    let from = phone.events.length;
    await run.step(`${kind} call from the page`, async () => {
      await ask(page, 'call', lab.phoneUri, { video });
      await Promise.all([inCall(page, 'established'), phone.event('CALL_ESTABLISHED', { from })]);
      await media(page, phone, { video });
      await ask(page, 'hangup');
      await Promise.all([inCall(page, 'ended'), phone.event('CALL_CLOSED', { from })]);
    });
    from = phone.events.length;
    await run.step(`${kind} call from the phone`, async () => {
      await phone.command('dial', lab.pageUri);
      await inCall(page, 'incoming');
      await ask(page, 'answer', { video });
      await Promise.all([inCall(page, 'established'), phone.event('CALL_ESTABLISHED', { from })]);
      await media(page, phone, { video });
      await phone.command('hangup');
      await Promise.all([inCall(page, 'ended'), phone.event('CALL_CLOSED', { from })]);
    });
  }
  await run.step('four call records, with what protected the streams', async () => {
    const records = readFileSync(path.join(run.dir, 'imsgw-calls.json'), 'utf8').trim().split('\n').map((l) => JSON.parse(l));
    if (records.length !== 4) throw new Error(`${records.length} records`);
    for (const r of records)
      for (const s of r.streams) {
        if (!/^DTLS-SRTP AE/.test(s.security) || !(variant.record ?? /^none$/).test(s.core_security))
          throw new Error(`security ${s.security}, core ${s.core_security}`);
        if (s.to_core.lost || s.to_access.lost) throw new Error(`lost packets: ${JSON.stringify(s)}`);
      }
  });
});

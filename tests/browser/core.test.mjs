// The cores before the gateway: phones register with digest, call each other, and hear themselves from the demo core.
import { startKamailio } from '../peers/kamailio/kamailio.mjs';
import { startDemoCore } from '../peers/demo_core/demo_core.mjs';
import { Baresip } from '../peers/baresip/baresip.mjs';
import { reservePorts } from './lib/ports.mjs';
import { Run } from './lib/run.mjs';

const which = process.argv[2];

await Run.main(`core ${which}`, async (run) => {
  const base = await reservePorts(run);
  const core = await run.step('core starts', () =>
    which === 'kamailio' ? startKamailio(run, base) : startDemoCore(run, base, [base + 70, base + 98]));
  const phone = (user, n, hz) => Baresip.start(run, { user, password: core.password, domain: core.domain, proxy: core.uri,
    sipPort: base + n, controlPort: base + n + 5, rtpPorts: [base + n + 10, base + n + 28], hz });
  const [a, b] = await run.step('phones start', async () => [await phone('ann', 2, 440), await phone('ben', 32, 1000)]);
  await run.step('phones register', () => Promise.all([a.registered(), b.registered()]));
  await run.step('a call', async () => {
    await a.command('dial', `sip:ben@${core.domain}`);
    await Promise.all([a.event('CALL_ESTABLISHED'), b.event('CALL_ESTABLISHED')]);
  });
  await run.step('each hears the other', () => Promise.all([a.hears(1000), b.hears(440)]));
  await run.step('it ends', async () => {
    await b.command('hangup');
    await a.event('CALL_CLOSED');
  });
  if (which !== 'demo') return;

  const before = a.events.length;
  await run.step('a call to echo', async () => {
    await a.command('dial', `sip:echo@${core.domain}`);
    await a.event('CALL_ESTABLISHED', { from: before });
  });
  await run.step('the caller hears and sees itself', async () => {
    await a.hears(440);
    await a.sees([89, 88, 90]);
  });
  await run.step('it ends', async () => {
    await a.command('hangup');
    await a.event('CALL_CLOSED', { from: before });
  });
});

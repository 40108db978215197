// The phone before the gateway: two of them call each other directly.
import { Baresip } from '../peers/baresip/baresip.mjs';
import { reservePorts } from './lib/ports.mjs';
import { Run } from './lib/run.mjs';

await Run.main('phone baresip', async (run) => {
  const base = await reservePorts(run);
  const phone = (user, n, hz) => Baresip.start(run, { user, password: 'x', domain: `127.0.0.1:${base + n}`,
    regint: 0, sipPort: base + n, controlPort: base + n + 5,
    rtpPorts: [base + n + 20, base + n + 38], hz });
  const [a, b] = await run.step('phones start', async () => [await phone('ann', 0, 440), await phone('ben', 50, 1000)]);
  await run.step('a call', async () => {
    await a.command('dial', `sip:ben@127.0.0.1:${base + 50}`);
    await Promise.all([a.event('CALL_ESTABLISHED'), b.event('CALL_ESTABLISHED')]);
  });
  await run.step('each hears the other', () => Promise.all([a.hears(1000), b.hears(440)]));
  await run.step('each sees the other: three bars, grey in the mean', async () => {
    for (const phone of [a, b]) await phone.sees([89, 88, 90]);
  });
  await run.step('it ends', async () => {
    await b.command('hangup');
    await a.event('CALL_CLOSED');
  });
});

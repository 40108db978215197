// Page to page: both ends are browsers, each call crosses the gateway twice with the core between. Sound and picture
// both ways, hold, and a hang-up from either side.
//   pair.test.mjs BROWSER LIBRARY BROWSER LIBRARY
import { startKamailio } from '../peers/kamailio/kamailio.mjs';
import { launch } from './lib/browser.mjs';
import { colours, hears, hearsNothing, sees, until } from './lib/check.mjs';
import { startGateway } from './lib/gateway.mjs';
import { reservePorts } from './lib/ports.mjs';
import { Run } from './lib/run.mjs';
import { serve } from './lib/site.mjs';

const [browserA = 'chromium', libraryA = 'jssip', browserB = 'chromium', libraryB = 'sipjs'] = process.argv.slice(2);

const state = (page, what, holds) => until(what, () => page.evaluate(() => test.state()), holds);
const both = (a, b, call) => Promise.all([state(a, `the caller's call is ${call}`, (s) => s.call === call),
  state(b, `the called one's call is ${call}`, (s) => s.call === call)]);

await Run.main(`pair ${browserA} ${libraryA} ${browserB} ${libraryB}`, async (run) => {
  const base = await reservePorts(run);
  const core = await run.step('core starts', () => startKamailio(run, base, base + 2));
  const site = run.use(await serve());
  const gateway = await run.step('gateway starts', () => startGateway(run, { base, core, conf: { ws_origins: site.origin } }));
  const open = async (name, library, user, hz, colour) => {
    const browser = run.use(await launch(name, { log: (text) => run.log(`browser-${user}`, text) }));
    const page = await browser.open(`${site.origin}/${library}.html`);
    await page.evaluate((options) => test.start(options),
      { url: gateway.url, user, password: core.password, domain: core.domain, hz, rgb: colour });
    await state(page, `${user} registered`, (s) => s.registered);
    return { page, user, hz, colour };
  };
  const ann = await run.step('ann registers', () => open(browserA, libraryA, 'ann', 440, colours.red));
  const ben = await run.step('ben registers', () => open(browserB, libraryB, 'ben', 700, colours.blue));

  for (const [from, to, video] of [[ann, ben, false], [ben, ann, true]]) {
    await run.step(`${from.user} calls ${to.user}`, async () => {
      await from.page.evaluate((target, options) => test.call(target, options), `sip:${to.user}@${core.domain}`, { video });
      const { remote } = await state(to.page, 'it rings', (s) => s.call === 'incoming');
      if (!remote.includes(`${from.user}@${core.domain}`)) throw new Error(`it rings for ${remote}`);
      await to.page.evaluate((options) => test.answer(options), { video });
      await both(from.page, to.page, 'established');
    });
    await run.step('both hear', () => Promise.all([hears(from.page, to.hz, from.user), hears(to.page, from.hz, to.user)]));
    if (video)
      await run.step('both see', () => Promise.all([sees(from.page, to.colour, from.user), sees(to.page, from.colour, to.user)]));
    await run.step('hold and resume', async () => {
      await from.page.evaluate(() => test.hold(true));
      await state(to.page, 'held', (s) => s.heldByPeer);
      await hearsNothing(from.page, from.user);
      await from.page.evaluate(() => test.hold(false));
      await state(to.page, 'held no more', (s) => !s.heldByPeer);
      await Promise.all([hears(from.page, to.hz, from.user), hears(to.page, from.hz, to.user)]);
    });
    await run.step(`${to.user} hangs up`, async () => {
      await to.page.evaluate(() => test.hangup());
      await both(from.page, to.page, 'ended');
    });
  }
  await run.step('a call that is refused', async () => {
    await ann.page.evaluate((target) => test.call(target), `sip:ben@${core.domain}`);
    await state(ben.page, 'it rings', (s) => s.call === 'incoming');
    await ben.page.evaluate(() => test.reject(486));
    await both(ann.page, ben.page, 'ended');
  });
  await run.step('a call nobody answers is taken back', async () => {
    await ann.page.evaluate((target) => test.call(target), `sip:ben@${core.domain}`);
    await state(ben.page, 'it rings', (s) => s.call === 'incoming');
    await ann.page.evaluate(() => test.hangup());
    await both(ann.page, ben.page, 'ended');
  });
  await run.step('who has left is not reached', async () => {
    await ben.page.evaluate(() => test.unregister());
    await state(ben.page, 'unregistered', (s) => !s.registered);
    await ann.page.evaluate((target) => test.call(target), `sip:ben@${core.domain}`);
    await state(ann.page, 'it fails', (s) => s.call === 'ended');
  });
  await gateway.process.close();
  if (gateway.process.exit !== 0) throw new Error(`the gateway ended with ${gateway.process.exit}`);
});

// The harness before the gateway: two pages call each other with no SIP between them, in each pair of browsers. What
// fails here is the machine or the harness, not the gateway.
import { launch } from './lib/browser.mjs';
import { colours, css, hears, hearsNothing, sees } from './lib/check.mjs';
import { Run } from './lib/run.mjs';
import { serve } from './lib/site.mjs';

const [caller = 'chromium', callee = caller] = process.argv.slice(2);

await Run.main(`harness ${caller} ${callee}`, async (run) => {
  const site = run.use(await serve());
  const open = async (name) => {
    const browser = run.use(await launch(name, { log: (line) => run.log(name, line) }));
    return browser.open(`${site.origin}/loop.html`);
  };
  const [a, b] = await run.step('browsers start', async () => [await open(caller), await open(callee)]);

  await run.step('an offer is answered', async () => {
    await a.evaluate((hz, c) => test.send(hz, c), 440, css(colours.red));
    await b.evaluate((hz, c) => test.send(hz, c), 1000, css(colours.green));
    const offer = await a.evaluate(() => test.offer());
    const answer = await b.evaluate((sdp) => test.answer(sdp), offer);
    await a.evaluate((sdp) => test.accept(sdp), answer);
  });
  await run.step('each hears the other tone', () => Promise.all([hears(a, 1000, 'a'), hears(b, 440, 'b')]));
  await run.step('each sees the other colour', () => Promise.all([sees(a, colours.green, 'a'), sees(b, colours.red, 'b')]));
  await run.step('a wrong tone is not accepted', async () => {
    const h = await a.evaluate(() => test.hear());
    if (Math.abs(h.hz - 440) < 100) throw new Error(`heard ${h.hz} Hz`);
  });
  await run.step('silence is recognised', async () => {
    await b.evaluate(() => test.mute(true));
    await hearsNothing(a, 'a');
  });
});

// The demo page as a user meets it: served by the gateway, signed in at the demo core, driven by its own controls.
//   page.test.mjs chromium|firefox [avp|avpf]: profile towards the core
import { startDemoCore } from '../peers/demo_core/demo_core.mjs';
import { launch } from './lib/browser.mjs';
import { hears, hearsNothing, sees } from './lib/check.mjs';
import { dial, phase, shows, signIn } from './lib/demo_page.mjs';
import { startGateway } from './lib/gateway.mjs';
import { reservePorts } from './lib/ports.mjs';
import { Run } from './lib/run.mjs';

const [browserName = 'chromium', coreProto = 'avp'] = process.argv.slice(2);
const testHz = 440;
const testPicture = [null, [32, 176, 32], null]; // the middle one of its bars

async function echo(run, page) {
  await run.step('a video call to echo', async () => {
    await dial(page, 'echo', '#call-video');
    await phase(page, 'active');
  });
  await run.step('the caller hears and sees themself', async () => {
    await Promise.all([hears(page, testHz), sees(page, testPicture)]);
  });
  await run.step('the page says what protects the call', async () => {
    await shows(page, 'signalling', '#protect', /secure WebSocket/);
    await shows(page, 'media', '#protect', /SRTP/);
    await shows(page, 'keys', '#protect', /DTLS/);
  });
  await run.step('hold and resume by key', async () => {
    await page.keyboard.press('Tab'); // out of the field
    await page.evaluate(() => document.activeElement.blur());
    await page.keyboard.press('h');
    await hearsNothing(page);
    await page.keyboard.press('h');
    await hears(page, testHz);
  });
  await run.step('mute and back', async () => {
    await page.click('#mute');
    await hearsNothing(page);
    await page.click('#mute');
    await hears(page, testHz);
  });
  await run.step('hang up by key', async () => {
    await page.evaluate(() => document.activeElement.blur());
    await page.keyboard.press('Escape');
    await phase(page, 'none');
  });
}

await Run.main(`page ${browserName}`, async (run) => {
  const base = await reservePorts(run);
  const core = await run.step('core starts', () => startDemoCore(run, base, [base + 10, base + 38]));
  const gateway = await run.step('gateway starts', () => startGateway(run, { base, core, conf: { core_proto: coreProto } }));
  const browser = await run.step('browser starts', async () =>
    run.use(await launch(browserName, { log: (line) => run.log('browser', line) })));
  const page = await run.step('alice signs in', () => signIn(browser, gateway, 'alice'));
  try {
    await echo(run, page);
    await run.step('a digit is answered with a digit', async () => {
      await dial(page, 'dtmf', '#call-audio');
      await phase(page, 'active');
      await hears(page, testHz);
      await page.evaluate(() => [...document.querySelectorAll('#pad button')].find((b) => b.textContent === '5').click());
      await shows(page, 'the digit', '#events', /digit 5 received/);
      await page.click('#hangup');
      await phase(page, 'none');
    });
    await run.step('sound before the answer', async () => {
      await dial(page, 'early', '#call-audio');
      await hears(page, testHz);
      if (await page.evaluate(() => document.body.dataset.call) !== 'calling') throw new Error('answered before it was heard');
      await phase(page, 'active');
      await hears(page, testHz);
      await page.click('#hangup');
      await phase(page, 'none');
    });
    await run.step('busy is told', async () => {
      await dial(page, 'busy', '#call-audio');
      await shows(page, 'busy', '#events', /486/);
      await phase(page, 'none');
    });
    await run.step('noanswer rings until the caller gives up', async () => {
      await dial(page, 'noanswer', '#call-audio');
      await shows(page, 'ringing', '#events', /noanswer is ringing/);
      await page.click('#hangup');
      await phase(page, 'none');
    });
    const second = await run.step('bob signs in', async () => signIn(
      run.use(await launch(browserName, { log: (line) => run.log('second', line) })), gateway, 'bob'));
    await run.step('alice calls bob with video', async () => {
      await dial(page, 'bob', '#call-video');
      await phase(second, 'incoming');
      await second.click('#answer-video');
      await Promise.all([phase(page, 'active'), phase(second, 'active')]);
    });
    await run.step('both hear and see', () => Promise.all([page, second].flatMap((p) => [hears(p, testHz), sees(p, testPicture)])));
    await run.step('bob hangs up', async () => {
      await second.click('#hangup');
      await Promise.all([phase(page, 'none'), phase(second, 'none')]);
    });
    await run.step('alice signs out', async () => {
      await page.click('#signout');
      await shows(page, 'signed out', '#status', /Not signed in/);
    });
  } catch (e) {
    run.log('page', await page.evaluate(() => document.body.innerText));
    throw e;
  }
});

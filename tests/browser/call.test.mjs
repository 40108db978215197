// A client (a page, or aiortc) calls a phone and is called by it, through the gateway, with Kamailio as registrar: sound and picture both ways,
// hold and resume from either side, digits, and a hang-up from either side.
//   call.test.mjs chromium|firefox jssip|sipjs
//   call.test.mjs aiortc
import { startKamailio } from '../peers/kamailio/kamailio.mjs';
import { Aiortc } from '../peers/aiortc/aiortc.mjs';
import { Baresip } from '../peers/baresip/baresip.mjs';
import { launch } from './lib/browser.mjs';
import { ask, colours, hears, hearsNothing, sees, until } from './lib/check.mjs';
import { startGateway } from './lib/gateway.mjs';
import { reservePorts } from './lib/ports.mjs';
import { Run } from './lib/run.mjs';
import { serve } from './lib/site.mjs';

const [browserName = 'chromium', library = 'jssip'] = process.argv.slice(2);
const bars = [[230, 20, 20], [20, 230, 20], [20, 20, 230]]; // what the phone draws
const pageHz = 440;
const phoneHz = 1000;

const state = (page, what, holds) => until(what, () => ask(page, 'state'), holds);
const inCall = (page, call) => state(page, `the page's call is ${call}`, (s) => s.call === call);

// Both tones, and both pictures where there are any.
async function media(page, phone, { video }) {
  await Promise.all([hears(page, phoneHz), phone.hears(pageHz)]);
  if (video) await Promise.all([sees(page, bars), phone.sees(colours.red)]);
}

async function holds(run, page, phone) {
  await run.step('the page holds: the phone is silent towards it', async () => {
    await ask(page, 'hold', true);
    await state(page, 'the page holds', (s) => s.held);
    await hearsNothing(page);
  });
  await run.step('the page resumes', async () => {
    await ask(page, 'hold', false);
    await state(page, 'the page has resumed', (s) => !s.held);
    await media(page, phone, { video: false });
  });
  await run.step('the phone holds and resumes', async () => {
    await phone.command('hold');
    await state(page, 'the page is held', (s) => s.heldByPeer);
    await hearsNothing(page);
    await phone.command('resume');
    await state(page, 'the page is held no more', (s) => !s.heldByPeer);
    await media(page, phone, { video: false });
  });
}

async function calls(run, page, phone, core, { video }) {
  const kind = video ? 'video' : 'audio';
  let from = phone.events.length;
  await run.step(`${kind} call from the page`, async () => {
    await ask(page, 'call', `sip:ben@${core.domain}`, { video });
    await Promise.all([inCall(page, 'established'), phone.event('CALL_ESTABLISHED', { from })]);
  });
  await run.step(`${kind} both ways`, () => media(page, phone, { video }));
  if (!video) {
    await holds(run, page, phone);
    await run.step('digits reach the phone', async () => {
      await ask(page, 'dtmf', '159#', 'rtp');
      await until('the phone got the digits', () => phone.digits(), (d) => d === '159#');
    });
  }
  await run.step('the page hangs up', async () => {
    await ask(page, 'hangup');
    await Promise.all([inCall(page, 'ended'), phone.event('CALL_CLOSED', { from })]);
  });

  from = phone.events.length;
  await run.step(`${kind} call from the phone`, async () => {
    await phone.command('dial', `sip:ann@${core.domain}`);
    await inCall(page, 'incoming');
    await ask(page, 'answer', { video });
    await Promise.all([inCall(page, 'established'), phone.event('CALL_ESTABLISHED', { from })]);
  });
  await run.step(`${kind} both ways`, () => media(page, phone, { video }));
  await run.step('the phone hangs up', async () => {
    await phone.command('hangup');
    await Promise.all([inCall(page, 'ended'), phone.event('CALL_CLOSED', { from })]);
  });
}

await Run.main(`call ${browserName} ${library}`, async (run) => {
  const base = await reservePorts(run);
  const core = await run.step('core starts', () => startKamailio(run, base, base + 2));
  const site = run.use(await serve());
  const gateway = await run.step('gateway starts', () => startGateway(run, { base, core, conf: { ws_origins: site.origin } }));
  const phone = await run.step('phone registers', async () => {
    const p = await Baresip.start(run, { user: 'ben', password: core.password, domain: core.domain, proxy: core.uri,
      sipPort: base + 4, controlPort: base + 6, rtpPorts: [base + 10, base + 38], hz: phoneHz });
    await p.registered();
    return p;
  });
  const page = await run.step('client starts', async () => {
    if (browserName === 'aiortc') return new Aiortc(run);
    const browser = run.use(await launch(browserName, { log: (line) => run.log('browser', line) }));
    return browser.open(`${site.origin}/${library}.html`);
  });
  await run.step('the page registers', async () => {
    await ask(page, 'start', { url: gateway.url, user: 'ann', password: core.password, domain: core.domain, hz: pageHz,
      rgb: colours.red });
    await state(page, 'registered', (s) => s.registered);
  });
  try {
    await calls(run, page, phone, core, { video: false });
    await calls(run, page, phone, core, { video: true });
  } catch (e) {
    run.log('page', JSON.stringify({ state: await ask(page, 'state'), sdp: await ask(page, 'sdp') }, null, 1)
      .replaceAll('\\r\\n', '\n   '));
    throw e;
  }
});

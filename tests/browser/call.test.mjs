// A client (a page, or aiortc) calls a phone and is called by it, through the gateway, with Kamailio as registrar:
// sound and picture both ways, hold and resume from either side, digits, and a hang-up from either side.
//   call.test.mjs chromium|firefox jssip|sipjs
//   call.test.mjs aiortc
import { ask, hearsNothing, until } from './lib/check.mjs';
import { inCall, media, startLab, state } from './lib/lab.mjs';
import { Run } from './lib/run.mjs';

const [browser = 'chromium', library = 'jssip'] = process.argv.slice(2);
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

async function calls(run, { page, phone, phoneUri, pageUri }, { video }) {
  const kind = video ? 'video' : 'audio';
  let from = phone.events.length;
  await run.step(`${kind} call from the page`, async () => {
    await ask(page, 'call', phoneUri, { video });
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
    await phone.command('dial', pageUri);
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

await Run.main(`call ${browser} ${library}`, async (run) => {
  const lab = await startLab(run, { browser, library });
  await calls(run, lab, { video: false });
  await calls(run, lab, { video: true });
});

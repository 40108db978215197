// What may happen in and around a call: the picture comes later, addresses change, a refusal, a change of mind, a
// transfer.
//   change.test.mjs chromium|firefox jssip|sipjs
import { ask, hears, hearsNothing, sleep, until } from './lib/check.mjs';
import { inCall, media, startLab, state } from './lib/lab.mjs';
import { Run } from './lib/run.mjs';

const [browser = 'chromium', library = 'jssip'] = process.argv.slice(2);

async function up({ page, phone, phoneUri }) {
  const from = phone.events.length;
  await ask(page, 'call', phoneUri, { video: false });
  await phone.event('CALL_INCOMING', { from });
  await phone.command('accept');
  await Promise.all([inCall(page, 'established'), phone.event('CALL_ESTABLISHED', { from })]);
  await media(page, phone, { video: false });
  return from;
}

async function down({ page, phone }, from) {
  await ask(page, 'hangup');
  await Promise.all([inCall(page, 'ended'), phone.event('CALL_CLOSED', { from })]);
}

const log = async (page) => (await ask(page, 'state')).log;

async function media_changes(run, lab) {
  await run.step('ICE starts anew, and sound goes on', async () => {
    const from = await up(lab);
    await ask(lab.page, 'restartIce');
    await media(lab.page, lab.phone, { video: false });
    await down(lab, from);
  });
  await run.step('the picture comes during the call', async () => {
    const from = await up(lab);
    await ask(lab.page, 'addVideo');
    await media(lab.page, lab.phone, { video: true });
    await down(lab, from);
  });
}

async function no_call(run, lab) {
  const { page, phone } = lab;
  await run.step('the phone refuses', async () => {
    const from = phone.events.length;
    await ask(page, 'call', lab.phoneUri, { video: false });
    await phone.event('CALL_INCOMING', { from });
    await phone.command('hangup');
    await state(page, 'the page is told 486', (s) => s.call === 'ended' && /486/.test(s.cause));
  });
  await run.step('the page takes its call back', async () => {
    const from = phone.events.length;
    await ask(page, 'call', lab.phoneUri, { video: false });
    await phone.event('CALL_INCOMING', { from });
    await ask(page, 'hangup');
    await Promise.all([inCall(page, 'ended'), phone.event('CALL_CLOSED', { from })]);
  });
  await run.step('the phone takes its call back', async () => {
    const from = phone.events.length;
    await phone.command('dial', lab.pageUri);
    await inCall(page, 'incoming');
    await phone.command('hangup');
    await Promise.all([inCall(page, 'ended'), phone.event('CALL_CLOSED', { from })]);
  });
  await run.step('the page refuses', async () => {
    const from = phone.events.length;
    await phone.command('dial', lab.pageUri);
    await inCall(page, 'incoming');
    await ask(page, 'reject', 486);
    await phone.event('CALL_CLOSED', { from, param: /486/ });
  });
  await run.step('nobody is there', async () => {
    await ask(page, 'call', `sip:nobody@${lab.core.domain}`, { video: false });
    await state(page, 'the page is told 404', (s) => s.call === 'ended' && /404/.test(s.cause));
  });
}

async function transfers(run, lab, cat) {
  const { page, phone, core } = lab;
  await run.step('the page sends the phone on', async () => {
    const from = await up(lab);
    const catFrom = cat.events.length;
    await sleep(1100); // recordings of the phone are named by the second
    await ask(page, 'refer', `sip:cat@${core.domain}`);
    await cat.event('CALL_INCOMING', { from: catFrom });
    await cat.command('accept');
    await cat.event('CALL_ESTABLISHED', { from: catFrom });
    await Promise.all([cat.hears(1000), phone.hears(700)]);
    await cat.command('hangup');
    await phone.event('CALL_CLOSED', { from });
    if ((await ask(page, 'state')).call !== 'ended') await ask(page, 'hangup');
    await inCall(page, 'ended');
  });
  await run.step('the phone sends the page on', async () => {
    await up(lab);
    const catFrom = cat.events.length;
    await phone.command('transfer', `sip:cat@${core.domain}`);
    await until('the page was asked', () => log(page), (l) => l.includes('referred'));
    await cat.event('CALL_INCOMING', { from: catFrom });
    await cat.command('accept');
    await cat.event('CALL_ESTABLISHED', { from: catFrom });
    await Promise.all([hears(page, 700), cat.hears(440)]);
    await cat.command('hangup');
    await cat.event('CALL_CLOSED', { from: catFrom });
    await hearsNothing(page);
  });
}

await Run.main(`change ${browser} ${library}`, async (run) => {
  const lab = await startLab(run, { browser, library, phone: { answermode: 'manual' } });
  const cat = await run.step('another phone', () => lab.anotherPhone({ answermode: 'manual', hz: 700 }));
  await media_changes(run, lab);
  await no_call(run, lab);
  await transfers(run, lab, cat);
});

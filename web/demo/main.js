// The page: wires the controls to the phone and shows what the phone tells.
import { chosen, listDevices } from './devices.js';
import { $, note } from './page.js';
import { Phone } from './phone.js';
import { protection } from './protect.js';
import { clearQuality, showQuality } from './quality.js';
import { levelOf, openSource } from './source.js';
import { follow, offered } from './talk.js';
import { wireTransfer } from './transfer.js';

const phone = new Phone();
let level = () => 0;

/* ---- signing in ---- */

// A config.json beside the page may name the domain and a user; the address bar (#bob) overrides the user.
const configuration = () => fetch('config.json').then((r) => (r.ok ? r.json() : {})).catch(() => ({}));

async function prefill() {
  const given = await configuration();
  const saved = JSON.parse(sessionStorage.getItem('account') ?? '{}');
  $('user').value = decodeURIComponent(location.hash.slice(1)) || saved.user || given.user || 'alice';
  $('password').value = given.password ?? 'demo';
  $('domain').value = saved.domain || given.domain || 'ims.example';
}

const account = () => ({ user: $('user').value.trim(), domain: $('domain').value.trim() });

$('signin').addEventListener('submit', (e) => {
  e.preventDefault();
  sessionStorage.setItem('account', JSON.stringify(account()));
  const url = `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/sip`;
  phone.signIn({ url, password: $('password').value, ...account() });
});
$('signout').addEventListener('click', () => phone.signOut());

phone.addEventListener('phone', ({ detail: { state, why } }) => {
  const was = document.body.dataset.phone;
  // A lost connection keeps the call on the screen: the library connects again and media does not depend on it.
  document.body.dataset.phone = state === 'connecting' && was === 'online' ? 'online' : state;
  const words = { offline: 'Not signed in', connecting: why ?? 'Signing in…', online: why, failed: `Refused: ${why}` };
  $('status').textContent = words[state];
  if (state === 'online' && was !== 'online') {
    note(`signed in as ${why}`);
    $('target').focus();
  }
  if (state === 'failed') note(`sign-in refused: ${why}`);
});

/* ---- calling ---- */

const withDomain = (text) => (text.includes('@') ? text : `${text}@${account().domain}`);
const toUri = (text) => (/^(sips?|tel):/.test(text) ? text : `sip:${withDomain(text)}`);

let opening = false;

async function withSource(video, use) {
  if (opening) return; // a second click, while the browser still asks for the microphone
  opening = true;
  try {
    phone.iceServers = (await configuration()).iceServers ?? []; // their passwords are good for a while only
    use(await openSource($('source').value, video, chosen()));
    listDevices();
  } catch (e) {
    note(`no ${video ? 'camera or microphone' : 'microphone'}: ${e.message}. Try the test tone and picture.`);
    $('source').focus();
  } finally {
    opening = false;
  }
}

$('dial').addEventListener('submit', (e) => {
  e.preventDefault();
  if (document.body.dataset.call !== 'none') return;
  const video = e.submitter?.value === 'video';
  withSource(video, (stream) => phone.call(toUri($('target').value.trim()), stream, video, offered()));
});
$('answer-audio').addEventListener('click', () => withSource(false, (stream) => phone.answer(stream, false)));
$('answer-video').addEventListener('click', () => withSource(true, (stream) => phone.answer(stream, true)));
$('decline').addEventListener('click', () => phone.hangUp(486));
$('hangup').addEventListener('click', () => phone.hangUp());
$('mute').addEventListener('click', () => phone.mute());
$('hold').addEventListener('click', () => phone.hold());
wireTransfer(phone, toUri, withSource);
phone.addEventListener('channels', ({ detail: { channels } }) => follow(channels));

const phases = {
  none: 'Dial echo to hear and see yourself.', calling: 'Calling…', ringing: 'Ringing…', incoming: 'is calling you', active: '',
};

phone.addEventListener('call', ({ detail: { state, peer, why, video } }) => {
  document.body.dataset.call = state === 'ringing' ? 'calling' : state;
  $('peer').textContent = state === 'none' ? 'No call' : peer;
  $('phase').textContent = phases[state];
  for (const b of ['call-audio', 'call-video']) $(b).disabled = state !== 'none';
  $('answer-video').hidden = state === 'incoming' && !video;
  if (state === 'none') {
    note(`call with ${peer} ended: ${why}`);
    clearCall();
    $('target').focus();
  } else {
    const notes = {
      calling: `calling ${peer}`, ringing: `${peer} is ringing`, incoming: `${peer} calls`, active: `connected to ${peer}`,
    };
    note(notes[state]);
  }
  if (state === 'incoming') $('answer-audio').focus();
  if (state === 'active') refresh();
});

function clearCall() {
  for (const id of ['remote-video', 'remote-audio', 'local-video']) {
    $(id).srcObject = null;
    $(id).classList.remove('on');
  }
  $('screen').classList.remove('picture');
  for (const id of ['mute', 'hold']) $(id).setAttribute('aria-pressed', 'false');
  $('sent').value = '';
  $('transfer-form').hidden = true;
  document.body.classList.remove('consulting');
  clearQuality();
  level = () => 0;
}

phone.addEventListener('track', ({ detail: { track } }) => {
  const element = $(track.kind === 'video' ? 'remote-video' : 'remote-audio');
  element.srcObject = new MediaStream([track]);
  element.play().catch(() => note('click the page to hear the call'));
  if (track.kind === 'audio') level = levelOf(track);
});
$('remote-video').addEventListener('resize', () => {
  const on = $('remote-video').videoWidth > 0 && $('remote-video').srcObject !== null;
  $('remote-video').classList.toggle('on', on);
  $('screen').classList.toggle('picture', on);
});

phone.addEventListener('local', ({ detail: { stream } }) => {
  const video = stream?.getVideoTracks().length > 0;
  $('local-video').srcObject = video ? stream : null;
  $('local-video').classList.toggle('on', video);
});

phone.addEventListener('pressed', ({ detail: { held, heldByPeer, muted } }) => {
  $('mute').setAttribute('aria-pressed', muted);
  $('hold').setAttribute('aria-pressed', held);
  $('phase').textContent = held ? 'On hold' : heldByPeer ? 'The other side holds the call' : '';
});

/* ---- digits and keys ---- */

function press(digit) {
  if (phone.digit(digit)) $('sent').value += digit;
}

for (const digit of '123456789*0#') {
  const button = document.createElement('button');
  button.type = 'button';
  button.textContent = digit;
  button.addEventListener('click', () => press(digit));
  $('pad').querySelector('div').append(button);
}
phone.addEventListener('digit', ({ detail: { digit } }) => note(`digit ${digit} received`));

document.addEventListener('keydown', (e) => {
  if (e.ctrlKey || e.altKey || e.metaKey || e.target.matches('input, select, textarea')) return;
  const active = ['calling', 'active'].includes(document.body.dataset.call);
  if (!active) return;
  if (/^[0-9*#]$/.test(e.key)) press(e.key);
  else if (e.key === 'm') phone.mute();
  else if (e.key === 'h') phone.hold();
  else if (e.key === 't') $('transfer').click();
  else if (e.key === 'Escape') phone.hangUp();
});

/* ---- what the running call looks like ---- */

async function refresh() {
  const pc = phone.pc;
  if (!pc) return;
  const rows = await protection(pc, phone.url);
  $('protect').replaceChildren(...rows.flatMap(([name, value]) => {
    const dt = document.createElement('dt');
    const dd = document.createElement('dd');
    dt.textContent = name;
    dd.textContent = value;
    return [dt, dd];
  }));
  await showQuality(pc);
}
setInterval(refresh, 1000);
setInterval(() => { $('level').value = level(); }, 80);

prefill();

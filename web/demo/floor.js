// The floor: a BfcpSession on the page.
import { $, make, note } from './page.js';

let session = null;
let state = { requests: [], isOurs: false };

function show() {
  const own = session?.request;
  $('floor').textContent = own
    ? session.isGranted
      ? 'Give the floor back'
      : 'Leave the queue'
    : 'Ask for the floor';
  $('floor').setAttribute('aria-pressed', String(!!own));
  $('floor-state').textContent = session?.isGranted
    ? 'You have the floor'
    : own
      ? `You are waiting${own.queuePosition ? `, number ${own.queuePosition}` : ''}`
      : state.requests.some((r) => r.status === 'granted')
        ? 'Somebody has the floor'
        : 'The floor is free';
  $('floor-queue').replaceChildren(
    ...state.requests.map((r) =>
      make('li', {}, `${r.id === own?.id ? 'You' : (r.name ?? `User ${r.user ?? '?'}`)}: ${r.status}`),
    ),
  );
}

export function takeFloor(taken) {
  session = taken;
  state = { requests: [], isOurs: false };
  for (const type of ['request', 'floor', 'open'])
    taken.addEventListener(type, ({ detail }) => {
      if (type === 'floor') state = detail;
      show();
    });
  show();
}

$('floor').addEventListener('click', async () => {
  $('floor').disabled = true;
  await (session.request ? session.releaseFloor() : session.requestFloor()).catch((e) => note(`floor: ${e.message}`));
  $('floor').disabled = false;
  show();
});

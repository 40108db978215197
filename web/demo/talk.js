// Sessions beside the voice: which ones a call is offered, and which are on the screen.
import { takeChat } from './chat.js';
import { takeFax } from './fax.js';
import { takeFloor } from './floor.js';
import { $, note } from './page.js';
import { takeText } from './text.js';

const parts = { chat: takeChat, text: takeText, floor: takeFloor, fax: takeFax };
const names = { chat: 'chat', text: 'real-time text', floor: 'floor control', fax: 'fax' };

export const offered = () => Object.keys(parts).filter((kind) => $(`with-${kind}`).checked);

function take(kind, session) {
  session.addEventListener('open', () => {
    parts[kind](session);
    document.body.classList.add(`has-${kind}`);
    note(`${names[kind]} is open`);
  });
  session.addEventListener('close', ({ detail: { error } }) => {
    document.body.classList.remove(`has-${kind}`);
    if (error) note(`no ${names[kind]}: ${error.message}`);
  });
  session.addEventListener('warning', ({ detail: { error } }) => note(`${names[kind]}: ${error.message}`));
}

export function follow(channels) {
  for (const [, session] of channels.sessions) take(session.kind, session);
  channels.addEventListener('session', ({ detail: { kind, session } }) => take(kind, session));
}

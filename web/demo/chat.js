// Chat and files: an MsrpSession on the page.
import { $, make, note, size } from './page.js';

let session = null;
let urls = [];

function line(who, ...children) {
  const li = make('li', { className: who }, ...children);
  $('chat-log').append(li);
  $('chat-log').scrollTop = $('chat-log').scrollHeight;
  while ($('chat-log').children.length > 200) $('chat-log').firstChild.remove();
  return li;
}

function fileLine(who, name, total, stop) {
  const bar = make('progress', { max: Math.max(1, total ?? 1), value: 0, ariaLabel: `${name}, progress` });
  const state = make('small', { textContent: total === null ? '' : size(total) });
  const button = make('button', {
    type: 'button',
    className: 'quiet',
    textContent: 'Stop',
    ariaLabel: `Stop ${name}`,
  });
  const li = line(who, make('strong', { textContent: name }), state, bar, button);
  button.addEventListener('click', stop);
  return {
    progress(n) {
      bar.value = n;
    },
    end(text, link) {
      bar.remove();
      button.remove();
      state.textContent = text;
      if (link) li.append(link);
    },
  };
}

async function sendFile(file) {
  const abort = new AbortController();
  const shown = fileLine('own', file.name, file.size, () => abort.abort(new Error('stopped')));
  try {
    await session.sendFile(file, { signal: abort.signal, onProgress: (n) => shown.progress(n) });
    shown.end(`${size(file.size)}, sent`);
  } catch (e) {
    shown.end(e.status === 413 ? 'the other side does not want it' : e.message);
  }
}

async function receiveFile(file) {
  const shown = fileLine('peer', file.name, file.total, () => file.reject());
  file.addEventListener('progress', ({ detail }) => shown.progress(detail.received));
  try {
    const url = URL.createObjectURL(await file.blob());
    urls.push(url);
    shown.end(size(file.received), make('a', { href: url, download: file.name, textContent: 'Save' }));
  } catch (e) {
    shown.end(file.isRejected ? 'refused' : e.message);
  }
}

export function takeChat(taken) {
  session = taken;
  $('chat-log').replaceChildren();
  for (const url of urls) URL.revokeObjectURL(url);
  urls = [];
  taken.addEventListener('message', ({ detail }) => line('peer', detail.text));
  taken.addEventListener('composing', ({ detail }) => {
    $('chat-composing').textContent = detail.isOn ? 'is writing…' : '';
  });
  taken.addEventListener('file', ({ detail }) => receiveFile(detail.file));
}

$('chat-form').addEventListener('submit', async (e) => {
  e.preventDefault();
  const text = $('chat-text').value.trim();
  if (!text) return;
  $('chat-text').value = '';
  const li = line('own', text);
  await session.sendText(text).catch((error) => {
    li.classList.add('failed');
    note(`message not sent: ${error.message}`);
  });
});
$('chat-text').addEventListener(
  'input',
  () => session?.state === 'open' && session.composing($('chat-text').value !== ''),
);
$('chat-file').addEventListener('change', () => {
  for (const file of $('chat-file').files) sendFile(file);
  $('chat-file').value = '';
});

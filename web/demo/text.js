// Real-time text: an RttSession on the page. What is typed goes at once, and so does what is taken back.
import { $ } from './page.js';

const segmenter = Intl.Segmenter && new Intl.Segmenter();
const characters = (text) => (segmenter ? Array.from(segmenter.segment(text), (s) => s.segment) : [...text]);

let session = null;
let sent = [];

export function takeText(taken) {
  session = taken;
  sent = [];
  $('text-own').value = $('text-peer').textContent = '';
  taken.addEventListener('text', ({ detail }) => {
    $('text-peer').textContent = detail.text;
    $('text-peer').scrollTop = $('text-peer').scrollHeight;
  });
}

$('text-own').addEventListener('input', (e) => {
  if (session?.state !== 'open' || e.isComposing) return;
  const now = characters($('text-own').value);
  let same = 0;
  while (same < sent.length && now[same] === sent[same]) same++;
  if (sent.length > same) session.erase(sent.length - same);
  if (now.length > same) session.type(now.slice(same).join(''));
  sent = now;
});

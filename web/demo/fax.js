// Fax: a FaxSession on the page. What was chosen is sent, else what comes is received and shown.
import { $, make, note } from './page.js';

let session = null;
let stop = null;
let urls = [];

// pdf.js is large, and few send a PDF: it is loaded when one is chosen.
async function pdfjs() {
  const at = new URL('pdf.min.mjs', document.baseURI);
  const lib = await import(at.href);
  lib.GlobalWorkerOptions.workerSrc = new URL('pdf.worker.min.mjs', document.baseURI).href;
  return lib;
}

function show(text, fraction = null) {
  $('fax-state').textContent = text;
  $('fax-progress').hidden = fraction === null;
  $('fax-progress').value = fraction ?? 0;
}

function busy(isBusy) {
  for (const id of ['fax-send', 'fax-receive', 'fax-file']) $(id).disabled = isBusy;
  $('fax-stop').hidden = !isBusy;
}

function onProgress({ phase, page, pages, fraction, bitRate, remote }) {
  const who = remote ? ` ${remote}` : '';
  const what = {
    connecting: `calling the other machine${who}`,
    sending: `sending page ${page} of ${pages}, ${bitRate} bit/s${who}`,
    receiving: `receiving page ${page}, ${bitRate} bit/s${who}`,
    over: 'done',
  }[phase];
  show(what, fraction ?? 0);
}

async function addPage({ page }) {
  const url = URL.createObjectURL(await page.blob());
  urls.push(url);
  const picture = make('img', { src: url, alt: `Page ${page.number} of the fax` });
  const link = make('a', { href: url, download: `fax-${page.number}.png` }, picture);
  $('fax-pages').append(make('li', {}, link));
}

async function run(work) {
  stop = new AbortController();
  busy(true);
  show('calling the other machine', 0);
  try {
    const { pages } = await work(stop.signal);
    const n = Array.isArray(pages) ? pages.length : pages;
    show(`${n} ${n === 1 ? 'page' : 'pages'} ${Array.isArray(pages) ? 'received' : 'sent'}`);
    note(`fax: ${$('fax-state').textContent}`);
  } catch (error) {
    show(error.message);
    note(error.message);
  }
  busy(session?.state !== 'open');
  $('fax-stop').hidden = true;
}

const send = (files) =>
  run(async (signal) => {
    if (files.some((f) => f.type === 'application/pdf')) session.pdfjs = await pdfjs();
    return session.send(files, { signal });
  });

const receive = () =>
  run((signal) => {
    for (const url of urls.splice(0)) URL.revokeObjectURL(url);
    $('fax-pages').replaceChildren();
    return session.receive({ signal });
  });

export function takeFax(taken) {
  session = taken;
  busy(false);
  show('Choose what to send: a picture, a PDF or a TIFF');
  taken.addEventListener('progress', ({ detail }) => onProgress(detail));
  taken.addEventListener('page', ({ detail }) => addPage(detail));
  taken.addEventListener('close', () => busy(true));
  const files = [...$('fax-file').files];
  if (!taken.isOurs) receive(); // who calls by fax sends
  else if (files.length) send(files);
}

$('fax-form').addEventListener('submit', (e) => {
  e.preventDefault();
  const files = [...$('fax-file').files];
  if (files.length) send(files);
  else $('fax-file').focus();
});
$('fax-receive').addEventListener('click', receive);
$('fax-stop').addEventListener('click', () => stop?.abort(new Error('fax stopped')));

// Real-time text as T.140 has it, over a data channel (RFC 8865 s. 5). Pure but for the state of its objects.

export const BACKSPACE = '\b';
export const NEWLINE = '\u2028';
export const MISSING = '\ufffd';
const BELL = '\u0007';
const SEQUENCE_MAX = 256; // of SOS ... ST

// Octets of messages to what happened: [{ what: 'text', text }, { what: 'erase' }, { what: 'newline' }, { what:
// 'missing' }, { what: 'bell' }]. A character cut between messages is put together; control sequences (how text
// looks) are passed over.
export class Reader {
  #decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  #hidden = null; // inside a control sequence: what ends it
  #count = 0;
  #hadCr = false;

  read(octets) {
    const out = [];
    for (const c of this.#decoder.decode(octets, { stream: true })) this.#take(c, out);
    return out;
  }

  #take(c, out) {
    const hadCr = this.#hadCr;
    this.#hadCr = false;
    if (this.#hidden) {
      if (this.#hidden.test(c) || ++this.#count > SEQUENCE_MAX) this.#hidden = null;
    } else if (c === '\u0098') this.#hide(/[\u009c]/);
    else if (c === '\u009b') this.#hide(/[@-~]/);
    else if (c === '\u001b') this.#hide(/[0-~]/);
    else if (c === '\r') {
      out.push({ what: 'newline' });
      this.#hadCr = true;
    } else if (c === '\n') {
      if (!hadCr) out.push({ what: 'newline' });
    } else if (c === NEWLINE || c === '\u2029') out.push({ what: 'newline' });
    else if (c === BACKSPACE) out.push({ what: 'erase' });
    else if (c === MISSING) out.push({ what: 'missing' });
    else if (c === BELL) out.push({ what: 'bell' });
    else if (c >= ' ' && c !== '\u007f' && c !== '\ufeff' && !(c >= '\u0080' && c <= '\u009f')) {
      const last = out.at(-1);
      if (last?.what === 'text') last.text += c;
      else out.push({ what: 'text', text: c });
    }
  }

  #hide(end) {
    this.#hidden = end;
    this.#count = 0;
  }
}

// The text on the screen after these events: an erase takes a whole character as its writer sees it, or a new line.
export function apply(text, events) {
  for (const e of events) {
    if (e.what === 'text') text += e.text;
    else if (e.what === 'newline') text += '\n';
    else if (e.what === 'missing') text += MISSING;
    else if (e.what === 'erase') text = eraseLast(text);
  }
  return text;
}

const segmenter = globalThis.Intl?.Segmenter && new Intl.Segmenter(undefined, { granularity: 'grapheme' });

export function eraseLast(text) {
  const tail = text.slice(-64);
  const last = segmenter ? [...segmenter.segment(tail)].at(-1)?.segment : [...tail].at(-1);
  return last ? text.slice(0, -last.length) : text;
}

// What was typed and not sent. take(now) gives what may go now: the mean over any 10 s stays within `cps` (RFC 4103
// s. 6).
export class Writer {
  #queue = [];
  #sent = []; // { at, n }

  constructor(cps = 30) {
    this.cps = cps;
  }

  get length() {
    return this.#queue.length;
  }

  put(text) {
    for (const c of text.replace(/\r\n?|\n/g, NEWLINE)) this.#queue.push(c);
  }

  take(now) {
    while (this.#sent.length && this.#sent[0].at <= now - 10_000) this.#sent.shift();
    const room = 10 * this.cps - this.#sent.reduce((sum, s) => sum + s.n, 0);
    const text = this.#queue.splice(0, Math.max(0, room));
    if (text.length) this.#sent.push({ at: now, n: text.length });
    return text.join('');
  }
}

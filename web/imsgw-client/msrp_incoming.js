// Messages on their way in, put together from chunks that may overlap or come out of order (RFC 4975 s. 7.3.1).
import { MsrpError, readRange } from './codec/msrp.js';

const TEXT_MAX = 1 << 20; // a longer text is a file
const AHEAD_MAX = 1 << 20; // octets that came before those that belong in front of them
const AHEAD_CHUNKS = 256;
const UNREAD_MAX = 1 << 20; // of a stream, before answers wait for its reader

// A file that comes. Events: `progress` ({ received, total }), `end`, `error` (detail: the error). Read it as
// `stream`, or whole by blob(); reject() stops the sender.
export class IncomingFile extends EventTarget {
  received = 0;
  isRejected = false;
  #parts = [];
  #controller = null;
  #stream = null;
  #unread = 0;
  #room = [];
  #done;

  constructor({ name, type, total }) {
    super();
    Object.assign(this, { name, type, total });
    this.#done = new Promise((end, fail) => Object.assign(this, { settle: { end, fail } }));
    this.#done.catch(() => {});
  }

  // Taken early it holds the sender while nobody reads it. Without it the octets are kept for blob().
  get stream() {
    return (this.#stream ??= new ReadableStream(
      {
        start: async (controller) => {
          while (this.#parts.length)
            // what came before anybody read
            controller.enqueue(new Uint8Array(await this.#parts.shift().arrayBuffer()));
          this.#controller = controller;
          this.#done.then(
            () => controller.close(),
            (e) => controller.error(e),
          );
        },
        pull: () => this.#drain(),
        cancel: () => this.reject(),
      },
      { highWaterMark: UNREAD_MAX, size: (part) => part.length },
    ));
  }

  // The whole of it, when it came whole.
  async blob() {
    if (this.#stream) return new Response(this.#stream).blob();
    await this.#done;
    return new Blob(this.#parts, { type: this.type });
  }

  // 413 to the next chunk: the sender shall stop (RFC 4975 s. 10.5).
  reject() {
    if (this.isRejected) return;
    this.isRejected = true;
    this.fail(new MsrpError(413, 'rejected'));
  }

  #enqueue(part) {
    this.#controller.enqueue(part);
    this.#unread = this.#controller.desiredSize <= 0 ? 1 : 0;
  }

  #drain() {
    this.#unread = 0;
    for (const go of this.#room.splice(0)) go();
  }

  // A promise while the reader is behind: the chunk's answer waits, which holds the sender.
  push(part) {
    this.received += part.length;
    if (this.#controller) this.#enqueue(part);
    else this.#parts.push(new Blob([part])); // out of our memory, where the browser can
    this.dispatchEvent(new CustomEvent('progress', { detail: { received: this.received, total: this.total } }));
    return this.#unread ? new Promise((go) => this.#room.push(go)) : null;
  }

  end() {
    this.total = this.received;
    this.settle.end();
    this.dispatchEvent(new CustomEvent('end'));
  }

  fail(error) {
    this.#parts = [];
    this.#drain();
    this.settle.fail(error);
    this.dispatchEvent(new CustomEvent('error', { detail: error }));
  }
}

const disposition = (value = '') => {
  const extended = /filename\*=(?:UTF-8|utf-8)''([^;\s]+)/.exec(value);
  try {
    if (extended) return decodeURIComponent(extended[1]);
  } catch {
    /* the plain one, then */
  }
  return /filename="((?:[^"\\]|\\.)*)"/.exec(value)?.[1].replace(/\\(.)/g, '$1') ?? null;
};

export const bareName = (name) =>
  (name ?? '')
    .replace(/[\0-\x1f\x7f]/g, '')
    .split(/[\\/]/)
    .pop()
    .slice(0, 255) || 'file';

// One message. `whole` is called with its octets when it is a short text, `begin` with an IncomingFile when it is not.
export class Incoming {
  #next = 1;
  #ahead = new Map();
  #aheadOctets = 0;
  #text = [];
  #file = null;
  #end = null; // the last octet's number, once known

  constructor(message, { whole, begin, maxSize }) {
    const range = readRange(message.headers.get('byte-range'));
    this.type = message.headers.get('content-type');
    this.id = message.headers.get('message-id');
    this.wantsReport = message.headers.get('success-report') === 'yes';
    this.whole = whole;
    this.maxSize = maxSize;
    const total = range ? range.total : message.body.length;
    const hasName = /attachment/i.test(message.headers.get('content-disposition') ?? '');
    const isText =
      !hasName && /^(text\/|message\/cpim|application\/im-iscomposing)/i.test(this.type) && (total ?? 0) <= TEXT_MAX;
    if (total !== null && total > maxSize) throw new MsrpError(413, 'too large');
    if (isText) return;
    this.#file = new IncomingFile({
      name: bareName(disposition(message.headers.get('content-disposition'))),
      type: this.type,
      total,
    });
    begin(this.#file);
  }

  // Null or a promise to wait for before the answer. Throws MsrpError; `isOver` tells that nothing more comes of it.
  take(message) {
    const start = readRange(message.headers.get('byte-range'))?.start ?? 1;
    const body = message.body ?? new Uint8Array();
    if (this.#file?.isRejected) return this.#stop(new MsrpError(413, 'rejected'));
    if (message.flag === '#') return (this.abandon(new MsrpError(408, 'given up by its sender')), null);
    if (start < 1 || start + body.length - 1 > this.maxSize) return this.#stop(new MsrpError(413, 'too large'));
    if (message.flag === '$') this.#end = start + body.length - 1;
    if (start > this.#next) this.#keep(start, body);
    let wait = start <= this.#next ? this.#push(start, body) : null;
    for (let more = true; more;) {
      more = false;
      for (const [at, octets] of this.#ahead)
        if (at <= this.#next) {
          this.#ahead.delete(at);
          this.#aheadOctets -= octets.length;
          wait = this.#push(at, octets) ?? wait;
          more = true;
        }
    }
    if (this.#end !== null && this.#next > this.#end) this.#finish();
    return wait;
  }

  get received() {
    return this.#next - 1;
  }

  #stop(error) {
    this.abandon(error);
    throw error;
  }

  abandon(error) {
    this.isOver = true;
    if (this.#file && !this.#file.isRejected) this.#file.fail(error);
  }

  #keep(start, body) {
    this.#aheadOctets += body.length - (this.#ahead.get(start)?.length ?? 0);
    if (this.#aheadOctets > AHEAD_MAX || this.#ahead.size >= AHEAD_CHUNKS)
      this.#stop(new MsrpError(413, 'too far out of order'));
    this.#ahead.set(start, body.slice());
  }

  #push(start, body) {
    const fresh = body.slice(Math.max(0, this.#next - start));
    this.#next += fresh.length;
    if (!fresh.length) return null;
    if (this.#file) return this.#file.push(fresh);
    if (this.#next - 1 > TEXT_MAX) this.#stop(new MsrpError(413, 'too long a text'));
    this.#text.push(fresh);
    return null;
  }

  #finish() {
    this.isOver = true;
    if (this.#file) return this.#file.end();
    const octets = new Uint8Array(this.received);
    let at = 0;
    for (const part of this.#text) {
      octets.set(part, at);
      at += part.length;
    }
    this.whole(this.type, octets);
  }
}

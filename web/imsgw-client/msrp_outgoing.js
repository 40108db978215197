// One message on its way out: cut into chunks, of which a window may be unanswered, and no more than the channel takes.
import { MsrpError, isClear, token, writeMessage, writeRange } from './codec/msrp.js';

const CHUNK = 15 * 1024; // a larger one would hold up the other channels of the association
const WINDOW = 32; // unanswered chunks
const BUFFERED_MAX = 512 * 1024;
const ANSWER_MS = 30_000; // RFC 4975 s. 7.1.1

// What the peer takes in one SCTP message, less the largest head.
const chunkSize = (session) => {
  const max = session.pc?.sctp?.maxMessageSize || 65536;
  return Math.max(256, Math.min(CHUNK, max - 1024));
};

const drained = (channel) =>
  new Promise((done) => {
    if (channel.bufferedAmount <= BUFFERED_MAX || channel.readyState !== 'open') return done();
    channel.bufferedAmountLowThreshold = BUFFERED_MAX / 2;
    const end = () => {
      for (const e of ['bufferedamountlow', 'close', 'error']) channel.removeEventListener(e, end);
      done();
    };
    for (const e of ['bufferedamountlow', 'close', 'error']) channel.addEventListener(e, end);
  });

// Sends `blob` as one message. Fulfilled when every chunk was answered with 200, rejected with MsrpError, or with the
// signal's reason after an abort; the peer is told by a last chunk with `#`.
export class Outgoing {
  id = token();
  #session;
  #blob;
  #options;
  #unanswered = 0;
  #answered = 0;
  #error = null;
  #wake = () => {};

  constructor(session, blob, options) {
    this.#session = session;
    this.#blob = blob;
    this.#options = options;
    options.signal?.addEventListener('abort', () => this.fail(options.signal.reason), { once: true });
    if (options.signal?.aborted) this.#error = options.signal.reason;
  }

  fail(error) {
    this.#error ??= error;
    this.#wake();
  }

  async run() {
    const total = this.#blob.size;
    const size = chunkSize(this.#session);
    let at = 0;
    do {
      const body = new Uint8Array(await this.#blob.slice(at, at + size).arrayBuffer());
      await drained(this.#session.channel);
      await this.#until(() => this.#unanswered < WINDOW);
      if (this.#error) break;
      const isLast = at + body.length >= total;
      this.#chunk({ body, start: at + 1, flag: isLast ? '$' : '+' });
      at += body.length;
    } while (at < total);
    if (!this.#error) await this.#until(() => this.#unanswered === 0);
    if (!this.#error) return;
    if (at > 0 && at < total) this.#chunk({ body: new Uint8Array(), start: at + 1, flag: '#' });
    throw this.#error;
  }

  #chunk({ body, start, flag }) {
    const { contentType, headers = [], successReport = false, onProgress } = this.#options;
    const total = this.#blob.size;
    let tid = token();
    while (!isClear(body, tid)) tid = token();
    const range = writeRange({ start, end: body.length > 2048 ? null : start + body.length - 1, total });
    const octets = writeMessage({
      tid,
      method: 'SEND',
      ...this.#session.paths(),
      flag,
      body,
      headers: [
        ['Message-ID', this.id],
        ['Byte-Range', range],
        ...(successReport ? [['Success-Report', 'yes']] : []),
        ...headers,
        ['Content-Type', contentType],
      ],
    });
    const answer = (error) => {
      clearTimeout(timer);
      this.#unanswered--;
      if (error) this.fail(error);
      else {
        this.#answered += body.length;
        if (flag !== '#') onProgress?.(this.#answered, total);
      }
      this.#wake();
    };
    const timer = setTimeout(
      () => this.#session.answered(tid, new MsrpError(408, 'no answer within 30 s')),
      ANSWER_MS,
    );
    this.#unanswered++;
    this.#session.expect(tid, answer);
    if (!this.#session.post(octets)) this.#session.answered(tid, new MsrpError(481, 'the channel is closed'));
  }

  async #until(holds) {
    while (!this.#error && !holds())
      await new Promise((done) => {
        this.#wake = done;
      });
  }
}

// Real-time text: what is typed appears at the other side while it is typed (RFC 8865, T.140).
import { attribute } from './codec/dcsdp.js';
import { BACKSPACE, Reader, Writer, apply } from './codec/t140.js';
import { Session } from './session.js';

const INTERVAL_MS = 300; // RFC 8865 s. 5.3
const TEXT_MAX = 20_000; // characters kept of each side
const DEFAULT_CPS = 30;

// Events: `text` (detail: { events, text }: what happened, and all that the peer wrote so far). `localText`,
// `remoteText`.
export class RttSession extends Session {
  static subprotocol = 't140';
  localText = '';
  remoteText = '';
  #reader = new Reader();
  #writer = new Writer(DEFAULT_CPS);
  #timer = null;
  #isHeld = false;

  constructor({ label, cps = DEFAULT_CPS, language = null } = {}) {
    super({ label });
    this.cps = cps;
    this.language = language;
  }

  attributes() {
    const language = this.language ? [`hlang-send:${this.language}`, `hlang-recv:${this.language}`] : [];
    return [`fmtp:t140 cps=${this.cps}`, ...language, 'sendrecv'];
  }

  takeRemote(channel) {
    if (channel.maxRetr !== null || channel.maxTime !== null || !channel.isOrdered)
      throw new Error('text needs an ordered, reliable channel'); // RFC 8865 s. 4.1
    const cps = Number(/^t140 (?:.*[; ])?cps=(\d{1,4})/.exec(attribute(channel, 'fmtp') ?? '')?.[1] ?? 0);
    this.#writer.cps = cps || DEFAULT_CPS;
    this.#isHeld = ['sendonly', 'inactive'].some((d) => attribute(channel, d) !== null); // what the peer says of itself
    this.#schedule();
  }

  // What is typed: text, BACKSPACE for each character taken back, '\n' for a new line. Never blocks.
  type(text) {
    this.requireOpen();
    this.#writer.put(text);
    this.localText = apply(this.localText, new Reader().read(new TextEncoder().encode(text))).slice(-TEXT_MAX);
    this.#schedule();
  }

  erase(count = 1) {
    this.type(BACKSPACE.repeat(count));
  }

  // Characters that wait: the peer takes `cps` a second over ten seconds.
  get waiting() {
    return this.#writer.length;
  }

  onOpen() {
    this.#schedule();
  }

  onClose() {
    clearTimeout(this.#timer);
  }

  // The first characters go at once, those after them are collected for 300 ms.
  #schedule() {
    if (this.#timer === null && this.state === 'open' && !this.#isHeld) this.#flush();
  }

  #flush() {
    const text = this.#isHeld ? '' : this.#writer.take(performance.now());
    this.#timer = null;
    if (text) this.post(new TextEncoder().encode(text));
    if (text || (this.#writer.length && !this.#isHeld)) this.#timer = setTimeout(() => this.#flush(), INTERVAL_MS);
  }

  onMessage(octets) {
    const events = this.#reader.read(octets);
    if (!events.length) return;
    this.remoteText = apply(this.remoteText, events).slice(-TEXT_MAX);
    this.emit('text', { events, text: this.remoteText });
  }
}

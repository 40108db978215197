// Chat and files: MSRP over a data channel (RFC 4975, RFC 8873, RFC 3994).
import { attribute } from './codec/dcsdp.js';
import { MsrpError, isSameUri, readMessage, readUri, token, writeMessage, writeRange } from './codec/msrp.js';
import { Incoming, bareName } from './msrp_incoming.js';
import { Outgoing } from './msrp_outgoing.js';
import { Session } from './session.js';

const MESSAGES_MAX = 32; // coming in at a time; past it 413
const STOPPED_MAX = 64; // stopped before their end, of which chunks may still be on their way
const REPORTS_MAX = 256; // asked for and not come
const COMPOSING = 'application/im-iscomposing+xml';
const COMPOSING_S = 60;

export class MsrpSession extends Session {
  static subprotocol = 'msrp';
  #own = `msrps://${token()}.invalid:2855/${token()};dc`;
  #peer = [];
  #setup = 'active';
  #waiting = new Map(); // tid -> answer(error)
  #outgoing = new Set();
  #incoming = new Map(); // Message-ID -> Incoming
  #stopped = new Set(); // Message-IDs
  #reports = new Map(); // Message-ID -> { resolve, reject }
  #keepAlive = null;
  #composing = { isOn: false, quiet: null, isPeerOn: false, peerQuiet: null };

  // maxSize: octets of a message that is taken; acceptTypes: of a=accept-types; keepAliveMs: 0 for none.
  constructor({ label, maxSize = 2 ** 31, acceptTypes = '*', keepAliveMs = 120_000 } = {}) {
    super({ label });
    Object.assign(this, { maxSize, acceptTypes, keepAliveMs });
  }

  attributes(isOffer) {
    return [
      `path:${this.#own}`,
      'msrp-cema',
      `setup:${isOffer && !this.isAgreed ? 'active' : this.#setup}`,
      `accept-types:${this.acceptTypes}`,
      'sendrecv',
    ];
  }

  takeRemote(channel, isOffer) {
    const path = (attribute(channel, 'path') ?? '').split(' ').filter(Boolean);
    if (!path.length || path.length > 16 || !path.every(readUri)) throw new Error('a=dcsa path is missing or wrong');
    this.#peer = path;
    if (!this.isAgreed)
      this.#setup = isOffer ? (attribute(channel, 'setup') === 'active' ? 'passive' : 'active') : this.#setup;
  }

  // Chunks of a message are answered one by one; see Outgoing.
  paths() {
    return { to: this.#peer, from: [this.#own] };
  }

  expect(tid, answer) {
    this.#waiting.set(tid, answer);
  }

  answered(tid, error) {
    const answer = this.#waiting.get(tid);
    this.#waiting.delete(tid);
    answer?.(error);
  }

  onOpen() {
    if (this.#setup === 'active') this.#sendEmpty(); // RFC 8873 s. 5.2
    if (this.keepAliveMs) this.#keepAlive = setInterval(() => this.#sendEmpty(), this.keepAliveMs);
  }

  onClose(error) {
    clearInterval(this.#keepAlive);
    clearTimeout(this.#composing.quiet);
    clearTimeout(this.#composing.peerQuiet);
    for (const o of this.#outgoing) o.fail(error);
    for (const tid of [...this.#waiting.keys()]) this.answered(tid, error);
    for (const m of this.#incoming.values()) m.abandon(error);
    for (const r of this.#reports.values()) r.reject(error);
    this.#incoming.clear();
  }

  #sendEmpty() {
    this.post(
      writeMessage({
        tid: token(),
        method: 'SEND',
        ...this.paths(),
        headers: [
          ['Message-ID', token()],
          ['Byte-Range', '1-0/0'],
          ['Failure-Report', 'no'],
        ],
      }),
    );
  }

  // ---- out ----

  // Fulfilled with { id } when the far end took it: with `successReport` by its report, without by the answers.
  async sendText(text, { contentType = 'text/plain;charset=UTF-8', successReport = false, signal } = {}) {
    this.#composing.isOn = false;
    clearTimeout(this.#composing.quiet);
    return this.#send(new Blob([text]), { contentType, successReport, signal });
  }

  // onProgress(sentOctets, total) counts what was answered.
  async sendFile(
    file,
    {
      name = file.name,
      contentType = file.type || 'application/octet-stream',
      onProgress,
      signal,
      successReport = false,
    } = {},
  ) {
    const plain = bareName(name);
    const ascii = plain.replace(/[^\x20-\x7e]|["\\%]/g, '_');
    return this.#send(file, {
      contentType,
      onProgress,
      signal,
      successReport,
      headers: [
        ['Content-Disposition', `attachment; filename="${ascii}"; filename*=UTF-8''${encodeURIComponent(plain)}`],
      ],
    });
  }

  // Tells the peer that its user writes, or stopped. Call it at each key: it sends only what changes.
  composing(isOn = true) {
    this.requireOpen();
    const state = this.#composing;
    clearTimeout(state.quiet);
    if (isOn) state.quiet = setTimeout(() => this.state === 'open' && this.composing(false), 15_000);
    if (isOn === state.isOn) return;
    state.isOn = isOn;
    const more = isOn ? `<contenttype>text/plain</contenttype><refresh>${COMPOSING_S}</refresh>` : '';
    const xml =
      '<?xml version="1.0" encoding="UTF-8"?>\n<isComposing xmlns="urn:ietf:params:xml:ns:im-iscomposing">' +
      `<state>${isOn ? 'active' : 'idle'}</state>${more}</isComposing>`;
    this.#send(new Blob([xml]), { contentType: COMPOSING }).catch(() => {}); // news of the moment
  }

  async #send(blob, options) {
    this.requireOpen();
    const out = new Outgoing(this, blob, options);
    const report = options.successReport ? this.#awaitReport(out.id) : null;
    this.#outgoing.add(out);
    try {
      await out.run();
      await report;
    } finally {
      this.#outgoing.delete(out);
      this.#reports.delete(out.id);
    }
    return { id: out.id };
  }

  #awaitReport(id) {
    if (this.#reports.size >= REPORTS_MAX) throw new Error('too many reports are waited for');
    const report = new Promise((resolve, reject) => this.#reports.set(id, { resolve, reject }));
    report.catch(() => {});
    return report;
  }

  // ---- in ----

  onMessage(octets) {
    const message = readMessage(octets);
    if (message.status) {
      this.answered(
        message.tid,
        message.status === 200 ? null : new MsrpError(message.status, `${message.status} ${message.comment}`.trim()),
      );
    } else if (!isSameUri(message.to[0], this.#own)) {
      this.#answer(message, 481, 'no such session');
    } else if (message.method === 'REPORT') {
      this.#onReport(message);
    } else if (message.method !== 'SEND') {
      this.#answer(message, 501, 'method not known');
    } else {
      this.#onSend(message);
    }
  }

  #answer(message, status, comment) {
    const wants = message.headers.get('failure-report') ?? 'yes';
    if (message.method === 'REPORT' || wants === 'no' || (wants === 'partial' && status === 200)) return;
    const to = message.method === 'SEND' ? message.from.slice(0, 1) : message.from;
    this.post(writeMessage({ tid: message.tid, status, comment, to, from: [this.#own] }));
  }

  #onReport(message) {
    const [, code] = /^000 (\d{3})/.exec(message.headers.get('status') ?? '') ?? [];
    const id = message.headers.get('message-id');
    const isOk = code === '200';
    if (!code) return;
    if (isOk) this.#reports.get(id)?.resolve();
    else this.#reports.get(id)?.reject(new MsrpError(Number(code), 'reported as failed'));
    this.emit('report', { id, status: Number(code), range: message.headers.get('byte-range') ?? null });
  }

  async #onSend(message) {
    const id = message.headers.get('message-id');
    if (!id) return this.#answer(message, 400, 'no Message-ID');
    if (!message.body || !message.headers.has('content-type')) return this.#answer(message, 200, 'OK'); // a keep-alive
    let incoming = this.#incoming.get(id);
    try {
      if (!incoming && message.flag === '#') return this.#answer(message, 200, 'OK');
      if (this.#stopped.has(id)) throw new MsrpError(413, 'stopped');
      if (!incoming && this.#incoming.size >= MESSAGES_MAX) throw new MsrpError(413, 'too many messages at a time');
      incoming ??= this.#begin(message, id);
      const wait = incoming.take(message);
      if (wait) await wait;
      this.#answer(message, 200, 'OK');
      if (incoming.isOver && message.flag !== '#') this.#reportSuccess(message, incoming);
    } catch (e) {
      this.#answer(message, e.status ?? 400, e.message);
      if (message.flag === '+') this.#stop(id);
    }
    if (incoming?.isOver) this.#incoming.delete(id);
  }

  #stop(id) {
    this.#stopped.add(id);
    if (this.#stopped.size > STOPPED_MAX) this.#stopped.delete(this.#stopped.values().next().value);
  }

  #begin(message, id) {
    const incoming = new Incoming(message, {
      maxSize: this.maxSize,
      whole: (type, octets) => this.#onWhole(type, octets, id),
      begin: (file) => this.emit('file', { id, file }),
    });
    this.#incoming.set(id, incoming);
    return incoming;
  }

  #reportSuccess(message, incoming) {
    if (!incoming.wantsReport || incoming.isReported) return;
    incoming.isReported = true;
    const n = incoming.received;
    this.post(
      writeMessage({
        tid: token(),
        method: 'REPORT',
        to: message.from,
        from: [this.#own],
        headers: [
          ['Message-ID', incoming.id],
          ['Byte-Range', writeRange({ start: 1, end: n, total: n })],
          ['Status', '000 200 OK'],
        ],
      }),
    );
  }

  #onWhole(type, octets, id) {
    const text = new TextDecoder().decode(octets);
    if (type.toLowerCase().startsWith(COMPOSING)) {
      const isOn = /<(?:\w+:)?state>\s*active\s*</.test(text);
      const refresh = Math.min(600, Number(/<(?:\w+:)?refresh>\s*(\d{1,4})\s*</.exec(text)?.[1] ?? 120));
      this.#onComposing(isOn, refresh * 1000);
    } else {
      this.#onComposing(false); // a message ends it too (RFC 3994 s. 3.3)
      this.emit('message', { id, type, text });
    }
  }

  #onComposing(isOn, untilMs) {
    const state = this.#composing;
    clearTimeout(state.peerQuiet);
    if (isOn) state.peerQuiet = setTimeout(() => this.#onComposing(false), untilMs);
    if (isOn === state.isPeerOn) return;
    state.isPeerOn = isOn;
    this.emit('composing', { isOn });
  }
}

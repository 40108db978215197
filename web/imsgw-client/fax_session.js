// Fax: pages go over as they do between fax machines, by T.38 (TS 33.328 s. N.3.1, ITU-T T.38 and T.30).
import { attribute } from './codec/dcsdp.js';
import { toBlob, toImageData, toPages } from './fax_paper.js';
import { FaxTerminal, loadTerminal } from './fax_terminal.js';
import { Session } from './session.js';

const TURN_MS = 20;
const PROGRESS_MS = 250;
const LONGEST_TURN_MS = 2000; // a page in the background wakes up late; what it slept longer is not caught up
const MAX_WAITING = 1000; // IFPs that come before send() or receive()
const FRESH_MS = 1500; // of those: what is older, its sender repeats, or has already repeated
const MAX_RATE = 14_400;

// One page that was received.
export class FaxPage {
  constructor(number, page) {
    this.number = number;
    Object.assign(this, page);
  }

  imageData() {
    return toImageData(this);
  }

  blob() {
    return toBlob(this);
  }
}

// Events: `progress` ({ phase, page, pages, fraction, bitRate, hasEcm, remote }), `page` ({ page: FaxPage }).
export class FaxSession extends Session {
  static subprotocol = 't38';
  #module;
  #terminal = null;
  #timer = null;
  #waiting = [];
  #rate = MAX_RATE;
  #job = null; // { isSender, pages, octets, taken, finish, fail }

  // wasm: where fax.wasm is (URL, octets or module). pdfjs: the library pdfjs-dist, if PDFs are to be sent. ident: our
  // number, as the other machine prints it.
  constructor({ label, wasm = new URL('./fax.wasm', import.meta.url), pdfjs = null, ident = '', hasEcm = true } = {}) {
    super({ label });
    this.pdfjs = pdfjs;
    this.ident = ident;
    this.hasEcm = hasEcm;
    this.#module = loadTerminal(wasm);
    this.#module.catch(() => {}); // told by send() or receive()
  }

  attributes() {
    return ['T38FaxVersion:0', `T38MaxBitRate:${MAX_RATE}`, 'T38FaxRateManagement:transferredTCF', 'sendrecv'];
  }

  takeRemote(channel) {
    if (channel.maxRetr !== null || channel.maxTime !== null || !channel.isOrdered)
      throw new Error('fax needs an ordered, reliable channel');
    this.#rate = Number(/^\d{4,5}$/.exec(attribute(channel, 'T38MaxBitRate') ?? '')?.[0] ?? MAX_RATE);
  }

  // A Blob or File (TIFF, PDF, picture), anything that can be drawn on a canvas, a page, or a list of those. Fulfilled
  // with { pages, remote, bitRate } when the other machine has confirmed the last page.
  async send(source, { signal } = {}) {
    const module = await this.#ready(signal);
    const pages = await toPages(source, module, this.pdfjs);
    return this.#run(module, { isSender: true, pages, signal });
  }

  // Fulfilled with { pages: [FaxPage], tiff, remote, bitRate }.
  async receive({ signal } = {}) {
    return this.#run(await this.#ready(signal), { isSender: false, pages: [], signal });
  }

  async #ready(signal) {
    if (this.#job) throw new DOMException('a fax is going on', 'InvalidStateError');
    const module = await this.#module;
    await this.opened;
    signal?.throwIfAborted();
    this.requireOpen();
    return module;
  }

  #run(module, job) {
    if (this.#job) throw new DOMException('a fax is going on', 'InvalidStateError');
    const done = new Promise((finish, fail) => {
      this.#job = { ...job, taken: 0, phase: 'connecting', toldAt: 0, finish, fail };
    });
    job.signal?.addEventListener('abort', () => this.#stop(), { once: true });
    try {
      const terminal = new FaxTerminal(module, {
        onIfp: (octets) => this.post(octets),
        onPhase: (phase) => this.#onPhase(phase),
      });
      this.#terminal = terminal;
      this.#job.octets = job.pages.map((p) => terminal.addPage(p));
      terminal.start({ isSender: job.isSender, hasEcm: this.hasEcm, rate: this.#rate, ident: this.ident });
      const now = performance.now();
      for (const { octets, at } of this.#waiting.splice(0)) if (now - at < FRESH_MS) terminal.ifp(octets);
      this.#turn(now);
    } catch (error) {
      this.#end(error);
    }
    return done;
  }

  #turn(last) {
    const now = performance.now();
    try {
      this.#terminal.tick(Math.min(now - last, LONGEST_TURN_MS));
      if (now - this.#job.toldAt >= PROGRESS_MS) this.#tell(now);
      if (this.#terminal.result) return this.#end(null);
    } catch (error) {
      return this.#end(error);
    }
    this.#timer = setTimeout(() => this.#turn(now), TURN_MS);
  }

  // The other machine is told by T.30 (DCN).
  #stop() {
    this.#terminal?.hangUp();
  }

  #onPhase(phase) {
    if (phase === 'B') this.#job.phase = this.#job.isSender ? 'sending' : 'receiving';
    if (phase === 'D' && !this.#job.isSender) queueMicrotask(() => this.#takePages());
    if (phase === 'E') this.#job.phase = 'over';
  }

  #takePages() {
    const { pagesReceived } = this.#terminal?.stats ?? {};
    for (; this.#job && this.#job.pages.length < pagesReceived; ) {
      const page = this.#terminal.received(this.#job.pages.length);
      if (!page) return;
      this.#job.pages.push(new FaxPage(this.#job.pages.length + 1, page));
      this.emit('page', { page: this.#job.pages.at(-1) });
    }
  }

  #tell(now) {
    const { isSender, pages, octets, phase } = this.#job;
    const { bitRate, hasEcm, pagesSent, pagesReceived, octets: here } = this.#terminal.stats;
    const over = isSender ? pagesSent : pagesReceived;
    const within = isSender && octets[over] ? Math.min(0.99, here / octets[over]) : 0; // by MMR: an estimate
    this.#job.toldAt = now;
    this.emit('progress', {
      phase,
      page: Math.min(over + 1, isSender ? pages.length : over + 1),
      pages: isSender ? pages.length : null,
      fraction: isSender ? (phase === 'over' ? over : over + (phase === 'sending' ? within : 0)) / pages.length : null,
      bitRate,
      hasEcm,
      remote: this.#terminal.remote,
    });
  }

  #end(error) {
    const job = this.#job;
    const terminal = this.#terminal;
    if (!job) return;
    clearTimeout(this.#timer);
    try {
      if (!error && !job.isSender) this.#takePages();
      if (!error) this.#tell(performance.now());
    } catch (e) {
      error = e;
    }
    this.#job = this.#terminal = null;
    if (error) return job.fail(error);
    const { bitRate, pagesSent } = terminal.stats;
    const isWhole = job.isSender ? pagesSent === job.pages.length : job.pages.length > 0;
    if (job.signal?.aborted) return job.fail(job.signal.reason);
    // a machine that hangs up behind its last page has sent it (its DCN may never come)
    if (!terminal.result?.isGood || !isWhole)
      return job.fail(new Error(`fax: ${terminal.result?.text ?? 'no end'}, ${job.isSender ? pagesSent : job.pages.length} pages`));
    const result = { pages: job.isSender ? pagesSent : job.pages, remote: terminal.remote, bitRate };
    return job.finish(job.isSender ? result : { ...result, tiff: new Blob([terminal.tiff], { type: 'image/tiff' }) });
  }

  onMessage(octets) {
    if (!this.#terminal) {
      this.#waiting.push({ octets, at: performance.now() });
      if (this.#waiting.length > MAX_WAITING) this.#waiting.shift();
      return;
    }
    try {
      this.#terminal.ifp(octets);
    } catch (error) {
      this.#end(error); // a trap of the module
    }
  }

  onClose(error) {
    this.#waiting.length = 0;
    if (!this.#job) return;
    const { isSender, pages } = this.#job;
    try {
      if (!isSender) this.#takePages();
      const { pagesSent } = this.#terminal.stats;
      // hung up right behind the confirmation of the last page
      if (isSender && pagesSent === pages.length) {
        const { finish } = this.#job;
        const { bitRate } = this.#terminal.stats;
        const { remote } = this.#terminal;
        clearTimeout(this.#timer);
        this.#job = this.#terminal = null;
        return finish({ pages: pagesSent, remote, bitRate });
      }
    } catch {
      // told as what it was
    }
    this.#end(error);
  }
}

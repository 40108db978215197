// The fax terminal: T.30 and T.38 of spandsp in a WebAssembly module (web/fax), which knows of no network and no clock.
// One instance serves one fax. A page: { width, height, xDpi, yDpi, rows }, 1 bit a pixel, rows of whole octets, 1 is
// black.
const SENT = 0;
const RECEIVED = 1;
const GIVEN = 2;
const Stat = { bitRate: 0, hasEcm: 1, pagesSent: 2, pagesReceived: 3, octets: 4, badRows: 5, result: 6 };
const PageStat = { width: 0, height: 1, xDpi: 2, yDpi: 3, bits: 4 };
const MAX_SIDE = 20_000;
const MAX_PIXELS = 64 << 20;
const EBADF = 8;

const modules = new Map(); // URL -> promise of a module

async function compile(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`fax terminal: ${url} is ${response.status}`);
  return WebAssembly.compile(await response.arrayBuffer());
}

// `source`: a URL, the octets, or a module that was compiled before.
export async function loadTerminal(source) {
  if (source instanceof WebAssembly.Module) return source;
  if (source instanceof ArrayBuffer || ArrayBuffer.isView(source)) return WebAssembly.compile(source);
  const url = String(source);
  if (!modules.has(url)) {
    modules.set(url, compile(url));
    modules.get(url).catch(() => modules.delete(url)); // tried again next time
  }
  return modules.get(url);
}

export class FaxTerminal {
  #wasm;
  #onIfp;
  #onPhase;
  #samples = 0; // that are owed to it, in parts of one

  // onIfp(octets): for the other side. onPhase('B' agreed on how to send, 'D' a page is over, 'E' the end).
  constructor(module, { onIfp = () => {}, onPhase = () => {} } = {}) {
    this.#onIfp = onIfp;
    this.#onPhase = onPhase;
    this.#wasm = new WebAssembly.Instance(module, this.#imports(module)).exports;
    this.#wasm._initialize();
  }

  #imports(module) {
    const system = {};
    for (const { module: from, name } of WebAssembly.Module.imports(module))
      if (from !== 'host') system[name] = () => EBADF; // it has no files but those in its memory
    system.clock_time_get = (id, precision, to) => {
      this.#view().setBigUint64(to, BigInt(Date.now()) * 1_000_000n, true);
      return 0;
    };
    system.environ_sizes_get = (count, size) => {
      this.#view().setUint32(count, 0, true);
      this.#view().setUint32(size, 0, true);
      return 0;
    };
    system.proc_exit = (code) => {
      throw new Error(`fax terminal: exit ${code}`);
    };
    return {
      wasi_snapshot_preview1: system,
      host: {
        on_ifp: (at, n) => this.#onIfp(this.#octets(at, n).slice()),
        on_phase: (phase) => this.#onPhase(String.fromCharCode(phase)),
      },
    };
  }

  #view() {
    return new DataView(this.#wasm.memory.buffer);
  }

  #octets(at, n) {
    return new Uint8Array(this.#wasm.memory.buffer, at, n);
  }

  #text(at) {
    const all = new Uint8Array(this.#wasm.memory.buffer);
    return new TextDecoder('latin1').decode(all.slice(at, all.indexOf(0, at)));
  }

  // What work does with a copy of octets in the module's memory.
  #with(octets, work) {
    const at = this.#wasm.term_alloc(octets.length || 1);
    if (!at) throw new Error('fax terminal: no memory');
    this.#octets(at, octets.length).set(octets);
    try {
      return work(at);
    } finally {
      this.#wasm.term_free(at);
    }
  }

  // Octets that the page will be with MMR. Before start().
  addPage({ width, height, xDpi, yDpi, rows }) {
    const n = this.#with(rows, (at) => this.#wasm.term_page_add(at, width, height, xDpi, yDpi));
    if (n < 0) throw new RangeError('fax terminal: a page that cannot be taken');
    return n;
  }

  start({ isSender, hasEcm = true, rate = 14_400, ident = '' }) {
    const name = new TextEncoder().encode(`${ident.replace(/[^ -~]/g, ' ').slice(0, 20)}\0`);
    if (this.#with(name, (at) => this.#wasm.term_new(isSender ? 1 : 0, hasEcm ? 1 : 0, rate, at)) !== 0)
      throw new Error('fax terminal: no memory');
  }

  // So much time has passed: lived through as far as it matters to a fax (t38/pace).
  tick(ms) {
    this.#samples += ms * 8;
    const n = Math.floor(this.#samples);
    this.#samples -= n;
    this.#wasm.term_tick(n);
  }

  ifp(octets) {
    this.#with(octets, (at) => this.#wasm.term_ifp(at, octets.length));
  }

  hangUp() {
    this.#wasm.term_hang_up();
  }

  get stats() {
    const read = (which) => this.#wasm.term_stat(which);
    return {
      bitRate: read(Stat.bitRate),
      hasEcm: read(Stat.hasEcm) === 1,
      pagesSent: read(Stat.pagesSent),
      pagesReceived: read(Stat.pagesReceived),
      octets: read(Stat.octets),
      badRows: read(Stat.badRows),
    };
  }

  // null before the end; then { isGood, text }.
  get result() {
    const code = this.#wasm.term_stat(Stat.result);
    return code < 0 ? null : { isGood: code === 0, text: this.#text(this.#wasm.term_result_text(code)) };
  }

  get remote() {
    return this.#text(this.#wasm.term_remote()).trim();
  }

  #pageStat(file, index) {
    const read = (which) => this.#wasm.term_page_stat(file, index, which);
    const width = read(PageStat.width);
    if (width < 0) return null;
    const page = { width, height: read(PageStat.height), xDpi: read(PageStat.xDpi), yDpi: read(PageStat.yDpi) };
    if (page.width > MAX_SIDE || page.height > MAX_SIDE || page.width * page.height > MAX_PIXELS)
      throw new RangeError('fax terminal: a page that is too large');
    return { ...page, bits: read(PageStat.bits) };
  }

  // What was received, while it goes on too: null for a page that is not there yet.
  received(index) {
    const { bits, ...page } = this.#pageStat(RECEIVED, index) ?? {};
    if (!page.width) return null;
    const size = Math.ceil(page.width / 8) * page.height;
    const rows = this.#with(new Uint8Array(size), (at) =>
      this.#wasm.term_page_rows(RECEIVED, index, at) === 0 ? this.#octets(at, size).slice() : null,
    );
    if (!rows || bits !== 1) throw new Error('fax terminal: a page that cannot be read');
    return { ...page, rows };
  }

  // All of it as one TIFF.
  get tiff() {
    const n = this.#wasm.term_file_size(RECEIVED);
    return this.#octets(this.#wasm.term_file(RECEIVED), n).slice();
  }

  // null: it cannot be read. A broken JPEG ends the instance (web/fax/include/setjmp.h).
  #rgba(index, size) {
    try {
      return this.#with(new Uint8Array(size), (to) =>
        this.#wasm.term_page_rgba(GIVEN, index, to) === 0 ? this.#octets(to, size).slice() : null,
      );
    } catch (error) {
      if (error instanceof WebAssembly.RuntimeError) return null;
      throw error;
    }
  }

  // The pages of a TIFF that the user has: { width, height, xDpi, yDpi, rgba }.
  *tiffPages(octets) {
    const at = this.#wasm.term_file_put(octets.length);
    if (!at) throw new RangeError('fax terminal: a TIFF that is too large');
    this.#octets(at, octets.length).set(octets);
    for (let index = 0; ; index++) {
      const { bits, ...page } = this.#pageStat(GIVEN, index) ?? {};
      if (!page.width) {
        if (index === 0) throw new TypeError('not a TIFF');
        return;
      }
      const size = page.width * page.height * 4;
      const rgba = this.#rgba(index, size);
      if (!rgba) throw new TypeError('a TIFF that is broken, or whose compression is not known here');
      yield { ...page, rgba };
    }
  }
}

export { SENT, RECEIVED };

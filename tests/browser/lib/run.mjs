// Runs one test script: steps in order, everything opened is closed, and on failure the logs are kept and shown.
import { appendFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export class Run {
  #closers = [];
  #started = Date.now();

  constructor(name) {
    this.name = name;
    this.build = process.env.IMSGW_BUILD ?? fileURLToPath(new URL('../../../build', import.meta.url));
    this.dir = mkdtempSync(path.join(tmpdir(), `imsgw-${name.replace(/[^a-z0-9]+/gi, '-')}-`));
    mkdirSync(this.dir, { recursive: true });
  }

  log(file, line) {
    appendFileSync(path.join(this.dir, `${file}.log`), line.endsWith('\n') ? line : `${line}\n`);
  }

  // Closed in reverse order at the end, whatever happens.
  use(thing, close = (t) => t.close()) {
    this.#closers.push(() => close(thing));
    return thing;
  }

  async step(what, work) {
    const start = Date.now();
    try {
      const value = await work();
      console.log(`ok   ${what} (${((Date.now() - start) / 1000).toFixed(1)} s)`);
      return value;
    } catch (e) {
      e.message = `${what}: ${e.message}`;
      throw e;
    }
  }

  async close() {
    for (const close of this.#closers.reverse()) await Promise.resolve().then(close).catch((e) => console.log(`closing: ${e.message}`));
    this.#closers = [];
  }

  showLogs() {
    for (const f of readdirSync(this.dir).filter((n) => n.endsWith('.log'))) {
      const lines = readFileSync(path.join(this.dir, f), 'utf8').trimEnd().split('\n');
      console.log(`---- ${f} (last ${Math.min(60, lines.length)} of ${lines.length} lines)\n${lines.slice(-60).join('\n')}`);
    }
    console.log(`---- all of it: ${this.dir}`);
  }

  // The body gets this object. The exit status is the verdict.
  static async main(name, body, { timeoutMs = 240_000 } = {}) {
    const run = new Run(name);
    const finish = async (error) => {
      clearTimeout(timer);
      if (error) await Promise.resolve(run.onFailure?.()).catch((e) => console.log(`looking: ${e.message}`));
      await run.close();
      error ??= run.complaint && new Error(run.complaint); // of a sanitizer, perhaps only at the end
      if (error) {
        console.log(`FAIL ${error.stack ?? error}`);
        run.showLogs();
      } else {
        rmSync(run.dir, { recursive: true, force: true });
        console.log(`pass ${name} (${((Date.now() - run.#started) / 1000).toFixed(0)} s)`);
      }
      process.exit(error ? 1 : 0);
    };
    const timer = setTimeout(() => finish(new Error(`${name}: not done within ${timeoutMs / 1000} s`)), timeoutMs);
    for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => finish(new Error(signal)));
    await body(run).then(() => finish(), finish);
  }
}

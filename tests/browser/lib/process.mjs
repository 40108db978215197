// A program under test or a peer: its output goes to a log of the run, and close() ends it and waits.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { sleep, until } from './check.mjs';

export class Process {
  lines = [];
  exit = null;

  constructor(run, name, command, args, { endSignal = 'SIGTERM', ...options } = {}) {
    this.name = name;
    this.endSignal = endSignal;
    this.child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], detached: true, ...options }); // a group of its own
    this.done = new Promise((done) => {
      this.child.once('error', (e) => done((this.exit = e.message)));
      this.child.once('close', (code, signal) => done((this.exit = signal ?? code)));
    });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        run.log(name, line);
        this.lines.push(line);
        if (/(Thread|Address|Leak)Sanitizer|: runtime error: /.test(line)) run.complaint ??= `${name}: ${line}`;
        this.onLine?.(line);
      });
    }
    this.child.stdin.on('error', () => {});
    this.note = (text) => run.log(name, text);
    run.log(name, `$ ${command} ${args.join(' ')}`);
    run.use(this);
  }

  // A line that matches, among those there are or the next ones.
  line(pattern, timeoutMs = 15_000) {
    return until(`${this.name} says ${pattern}`, () => {
      const found = this.lines.find((l) => pattern.test(l));
      if (!found && this.exit !== null) throw new Error(`${this.name} ended with ${this.exit} before it said ${pattern}`);
      return found;
    }, Boolean, timeoutMs);
  }

  async close() {
    if (this.exit !== null) return;
    this.child.kill(this.endSignal);
    if (await Promise.race([this.done.then(() => false), sleep(4000).then(() => true)])) {
      // with its children: those of Kamailio can hang at the end, and would keep our pipes open
      try { process.kill(-this.child.pid, 'SIGKILL'); } catch { this.child.kill('SIGKILL'); }
    }
    await this.done;
  }
}

// client.py as a client of the tests: ask() is what page.evaluate is for a browser.
import { fileURLToPath } from 'node:url';
import { Process } from '../../browser/lib/process.mjs';

const script = fileURLToPath(new URL('client.py', import.meta.url));

export class Aiortc {
  #waiting = new Map();
  #id = 0;

  constructor(run) {
    this.process = new Process(run, 'aiortc', '/usr/bin/python3', ['-u', script]);
    this.process.onLine = (line) => {
      if (!line.startsWith('{"id"')) return;
      const { id, result, error } = JSON.parse(line);
      const [done, fail] = this.#waiting.get(id);
      this.#waiting.delete(id);
      error ? fail(new Error(error)) : done(result);
    };
  }

  ask(name, ...args) {
    if (this.process.exit !== null) throw new Error(`aiortc ended with ${this.process.exit}`);
    const id = ++this.#id;
    this.process.child.stdin.write(`${JSON.stringify({ id, name, args })}\n`);
    return new Promise((...both) => this.#waiting.set(id, both));
  }
}

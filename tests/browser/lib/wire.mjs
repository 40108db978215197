// tshark as the judge of what is on the wire.
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { sleep } from './check.mjs';
import { Process } from './process.mjs';

export class Wire {
  // Captures the ports of a run on loopback, where both sides of the gateway are.
  static async start(run, base) {
    const wire = new Wire();
    wire.file = path.join(run.dir, 'wire.pcapng');
    wire.process = new Process(run, 'tshark', 'tshark', ['-i', 'lo', '-f', `portrange ${base}-${base + 98}`, '-w', wire.file, '-q'],
      { endSignal: 'SIGINT' });
    await wire.process.line(/Capturing on/);
    await sleep(500); // it says so a little before it is true
    return wire;
  }

  async stop() {
    await sleep(300);
    await this.process.close();
  }

  // One row of field values for each packet that matches; `decode` as for tshark -d.
  fields(filter, names, decode = []) {
    const out = execFileSync('tshark', ['-r', this.file, ...decode.flatMap((d) => ['-d', d]), '-Y', filter, '-T', 'fields',
      ...names.flatMap((n) => ['-e', n])], { encoding: 'utf8', maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'ignore'] });
    return out.split('\n').filter(Boolean).map((line) => line.split('\t'));
  }

  // The text of UDP payloads.
  texts(filter) {
    return this.fields(filter, ['udp.payload']).map(([hex]) => Buffer.from(hex.replaceAll(':', ''), 'hex').toString());
  }
}

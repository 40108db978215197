// imsgw-demo-core as the core: see signaling/demo_core.
import path from 'node:path';
import { answersSip } from '../../browser/lib/probe.mjs';
import { Process } from '../../browser/lib/process.mjs';

export async function startDemoCore(run, port, rtpPorts, more = []) {
  const process = new Process(run, 'demo-core', path.join(run.build, 'imsgw-demo-core'),
    ['--listen', `127.0.0.1:${port}`, '--ports', rtpPorts.join('-'), '--fax-dir', path.join(run.dir, 'fax'),
      '--verbose', ...more]);
  await answersSip(process, port);
  return { process, uri: `sip:127.0.0.1:${port}`, domain: 'ims.example', password: 'demo' };
}

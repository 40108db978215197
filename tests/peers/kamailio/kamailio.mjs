// Kamailio as the IMS core for tests in node: see ./run.
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { answersSip } from '../../browser/lib/probe.mjs';
import { Process } from '../../browser/lib/process.mjs';

export async function startKamailio(run, port, gatewayPort = 1) {
  const password = 'secret';
  const users = ['ann', 'ben', 'cat'];
  const process = new Process(run, 'kamailio', fileURLToPath(new URL('run', import.meta.url)),
    ['--port', port, '--gateway-port', gatewayPort, '--dir', path.join(run.dir, 'kamailio'), ...users.map((u) => `${u}:${password}`)]);
  await answersSip(process, port);
  return { process, uri: `sip:127.0.0.1:${port}`, domain: 'ims.example', password };
}

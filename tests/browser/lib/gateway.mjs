// The gateway itself, with a configuration of its own and ports from `base` on.
import { writeFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Process } from './process.mjs';

const webRoot = fileURLToPath(new URL('../../../web/dist', import.meta.url));

// Where browsers send media: Firefox does not send from an interface to loopback.
const accessAddress = Object.values(networkInterfaces()).flat().find((a) => a.family === 'IPv4' && !a.internal)?.address ?? '127.0.0.1';

// base + 1: WSS and HTTPS, + 2: SIP towards the core, + 3: WebRTC media, + 40 to + 79: media towards the core.
export async function startGateway(run, { base, core, conf = {}, name = 'imsgw' }) {
  const values = {
    domain: core.domain,
    log_level: 'debug',
    wss_listen: `127.0.0.1:${base + 1}`,
    sip_listen: `127.0.0.1:${base + 2}`,
    core_route: `${core.uri};lr`,
    access_address: accessAddress,
    access_port: base + 3,
    core_address: '127.0.0.1',
    core_port_min: base + 40,
    core_port_max: base + 79,
    core_networks: '127.0.0.0/8',
    admin_socket: path.join(run.dir, `${name}.sock`),
    call_record_file: path.join(run.dir, `${name}-calls.json`),
    web_root: webRoot,
    ...conf,
  };
  const file = path.join(run.dir, `${name}.conf`);
  writeFileSync(file, Object.entries(values).map(([k, v]) => `${k} = ${v}\n`).join(''));
  const child = new Process(run, name, path.join(run.build, 'imsgw'), ['-c', file], { endSignal: 'SIGINT' }); // at once: SIGTERM would wait for calls
  await child.line(/ ready$/);
  return { process: child, values, sipPort: base + 2, url: `wss://127.0.0.1:${base + 1}/sip`, page: `https://127.0.0.1:${base + 1}/` };
}

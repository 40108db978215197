// A piece of wire between a page and the gateway that can be cut: cut() resets what is connected, and until mend()
// nobody gets through.
import { createServer, connect } from 'node:net';

export async function wire(run, port, toPort) {
  const pairs = new Set();
  let isCut = false;
  const server = createServer((near) => {
    if (isCut) return near.resetAndDestroy();
    const far = connect(toPort, '127.0.0.1');
    const pair = [near, far];
    const end = () => { pairs.delete(pair); near.destroy(); far.destroy(); };
    for (const s of pair) s.on('error', end).on('close', end);
    pairs.add(pair);
    near.pipe(far).pipe(near);
  });
  await new Promise((done, fail) => server.once('error', fail).listen(port, '127.0.0.1', done));
  const drop = () => { for (const pair of pairs) for (const s of pair) s.resetAndDestroy(); };
  run.use(server, () => { drop(); server.close(); });
  return {
    url: `wss://127.0.0.1:${port}/sip`,
    cut() { isCut = true; drop(); },
    mend() { isCut = false; },
  };
}

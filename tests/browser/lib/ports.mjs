// A hundred ports for one run, so that runs of several trees on one machine do not meet. The last port of the block is
// held open as its lock; those that tests listen on first are tried.
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';

const listen = (port) => new Promise((done) => {
  const server = createServer().once('error', () => done(null)).listen(port, '127.0.0.1', () => done(server));
});

const isFree = (port) => new Promise((done) => {
  const socket = createSocket('udp4').once('error', () => done(false));
  socket.bind(port, () => socket.close(() => done(true)));
});

export async function reservePorts(run) {
  for (let tries = 0; tries < 200; tries++) {
    const base = 28000 + 100 * Math.floor(Math.random() * 44); // below the ports that systems give out by themselves
    const lock = await listen(base + 99);
    if (!lock) continue;
    const free = await Promise.all([0, 1, 2, 3, 4, 10, 40].map((n) => isFree(base + n)));
    if (free.every(Boolean)) {
      run.use(lock, (l) => new Promise((done) => l.close(done)));
      return base;
    }
    lock.close();
  }
  throw new Error('no hundred free ports found');
}

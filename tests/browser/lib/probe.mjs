// Is somebody there?
import { createSocket } from 'node:dgram';
import { until } from './check.mjs';

function options(port) {
  return new Promise((done) => {
    const socket = createSocket('udp4');
    const timer = setTimeout(() => finish(false), 300);
    const finish = (answered) => {
      clearTimeout(timer);
      socket.close();
      done(answered);
    };
    socket.once('message', () => finish(true)).once('error', () => finish(false));
    socket.bind(0, '127.0.0.1', () => {
      const id = Math.random().toString(36).slice(2);
      socket.send(`OPTIONS sip:127.0.0.1:${port} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:${socket.address().port};branch=z9hG4bK${id}\r\n` +
        `From: <sip:probe@127.0.0.1>;tag=${id}\r\nTo: <sip:127.0.0.1:${port}>\r\nCall-ID: ${id}\r\nCSeq: 1 OPTIONS\r\n` +
        'Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n', port, '127.0.0.1');
    });
  });
}

// A SIP element on loopback answers an OPTIONS, whatever it says.
export const answersSip = (process, port) => until(`${process.name} answers SIP on ${port}`, () => {
  if (process.exit !== null) throw new Error(`${process.name} ended with ${process.exit}`);
  return options(port);
}, Boolean, 15_000);

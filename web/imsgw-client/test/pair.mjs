// Two connections of a fake browser, of which channels of one id are joined; messages arrive in later turns.
class FakeChannel extends EventTarget {
  readyState = 'connecting';
  bufferedAmount = 0;
  constructor(id) {
    super();
    this.id = id;
  }
  send(octets) {
    const copy = octets.slice().buffer;
    queueMicrotask(
      () => this.far?.readyState === 'open' && this.far.dispatchEvent(new MessageEvent('message', { data: copy })),
    );
  }
  open() {
    this.readyState = 'open';
    this.dispatchEvent(new Event('open'));
  }
  close() {
    if (this.readyState === 'closed') return;
    this.readyState = 'closed';
    this.dispatchEvent(new Event('close'));
    this.far?.close();
  }
}

export class FakeConnection extends EventTarget {
  channels = new Map();
  sctp = { maxMessageSize: 65536 };
  connectionState = 'connected';
  createDataChannel(label, { id }) {
    if (this.channels.has(id)) throw new DOMException('in use', 'OperationError');
    const channel = new FakeChannel(id);
    this.channels.set(id, channel);
    const far = this.far?.channels.get(id);
    if (far) {
      channel.far = far;
      far.far = channel;
      queueMicrotask(() => [channel, far].forEach((c) => c.open()));
    }
    return channel;
  }
}

export function connections() {
  const [a, b] = [new FakeConnection(), new FakeConnection()];
  a.far = b;
  b.far = a;
  return [a, b];
}

export const application = [
  'v=0',
  's=-',
  'm=audio 9 UDP/TLS/RTP/SAVPF 0',
  'a=mid:0',
  'm=application 9 UDP/DTLS/SCTP webrtc-datachannel',
  'a=mid:1',
  'a=sctp-port:5000',
  '',
].join('\r\n');

export const next = (target, type) =>
  new Promise((done) => target.addEventListener(type, (e) => done(e.detail), { once: true }));

// What the sessions share: one data channel and its life. Events: `open`, `close` (detail: { error }, null when it
// was closed in order), and those of the kind.
export class Session extends EventTarget {
  state = 'connecting'; // open, closed
  error = null;
  #opened;
  #open;
  #fail;

  // attributes(isOffer): the channel's a=dcsa lines. takeRemote(channel, isOffer): the peer's; throws what does not
  // fit.
  constructor({ label = '' } = {}) {
    super();
    this.label = label;
    this.#opened = new Promise((open, fail) => {
      this.#open = open;
      this.#fail = fail;
    });
    this.#opened.catch(() => {});
  }

  // Fulfilled when text can be sent, rejected when the peer refused or the channel failed before.
  get opened() {
    return this.#opened;
  }

  emit(type, detail = null) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  bind(channel, pc) {
    this.channel = channel;
    this.pc = pc;
    channel.binaryType = 'arraybuffer';
    channel.addEventListener('open', () => this.#isReady());
    channel.addEventListener('message', (e) => this.#take(e.data));
    channel.addEventListener('close', () => this.finish(null));
    channel.addEventListener('error', (e) => this.finish(e.error ?? new Error('the data channel failed')));
  }

  // The peer agreed by its SDP.
  agree() {
    this.isAgreed = true;
    this.#isReady();
  }

  #isReady() {
    if (this.state !== 'connecting' || !this.isAgreed || this.channel?.readyState !== 'open') return;
    this.state = 'open';
    this.onOpen?.();
    this.#open();
    this.emit('open');
  }

  #take(data) {
    if (this.state === 'closed') return;
    const octets = typeof data === 'string' ? new TextEncoder().encode(data) : new Uint8Array(data);
    try {
      this.onMessage(octets);
    } catch (error) {
      // a peer's bad octets end nothing but themselves
      this.emit('warning', { error });
    }
  }

  // True when it went to the channel.
  post(octets) {
    if (this.channel?.readyState !== 'open') return false;
    try {
      this.channel.send(octets);
      return true;
    } catch (error) {
      this.finish(error);
      return false;
    }
  }

  requireOpen() {
    if (this.state !== 'open') throw new DOMException(`the session is ${this.state}`, 'InvalidStateError');
  }

  close() {
    this.finish(null);
  }

  finish(error) {
    if (this.state === 'closed') return;
    this.state = 'closed';
    this.error = error;
    this.onClose?.(error ?? new DOMException('the session is closed', 'AbortError'));
    this.#fail(error ?? new DOMException('the session is closed', 'AbortError'));
    this.channel?.close();
    this.emit('close', { error });
  }
}

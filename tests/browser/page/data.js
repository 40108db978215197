// The sessions of a call's data channels, for the tests: what came is in `seen`, what is done is by name.

const hash = async (blob) =>
  Array.from(new Uint8Array(await crypto.subtle.digest('SHA-256', await blob.arrayBuffer())), (octet) =>
    octet.toString(16).padStart(2, '0'),
  ).join('');

export class Data {
  seen = {
    sessions: {},
    messages: [],
    composing: [],
    files: [],
    text: '',
    events: [],
    requests: [],
    floor: null,
    warnings: [],
  };
  channels = null;

  follow(channels) {
    if (!channels || this.channels === channels) return;
    this.channels = channels;
    for (const s of channels.sessions.values()) this.#take(s.kind, s);
    channels.addEventListener('session', ({ detail: { kind, session } }) => this.#take(kind, session));
  }

  #take(kind, session) {
    const { seen } = this;
    seen.sessions[kind] = 'connecting';
    const on = (type, use) => session.addEventListener(type, (e) => use(e.detail));
    on('open', () => {
      seen.sessions[kind] = 'open';
    });
    on('close', ({ error }) => {
      seen.sessions[kind] = error ? `closed: ${error.message}` : 'closed';
    });
    on('warning', ({ error }) => seen.warnings.push(error.message));
    on('message', ({ text }) => seen.messages.push(text));
    on('composing', ({ isOn }) => seen.composing.push(isOn));
    on('text', ({ text, events }) => {
      seen.text = text;
      seen.events.push(...events);
    });
    on('request', (request) => seen.requests.push(request));
    on('floor', (floor) => {
      seen.floor = floor;
    });
    on('file', async ({ file }) => {
      const entry = { name: file.name, type: file.type, total: file.total, progress: 0 };
      seen.files.push(entry);
      if (this.rejects) return file.reject();
      file.addEventListener('progress', ({ detail }) => {
        entry.progress = detail.received;
      });
      const blob = await file.blob().catch((e) => {
        entry.error = e.message;
      });
      if (blob) Object.assign(entry, { size: blob.size, hash: await hash(blob) });
    });
  }

  get(kind) {
    const session = this.channels?.get(kind);
    if (!session) throw new Error(`no session: ${kind}`);
    return session;
  }

  // A file of pseudo-random octets; gives the hash of what was sent.
  async sendFile(name, size, abortAt = Infinity) {
    const octets = new Uint32Array(Math.ceil(size / 4));
    let x = 2463534242;
    for (let i = 0; i < octets.length; i++) octets[i] = ((x ^= x << 13), (x ^= x >>> 17), (x ^= x << 5), x >>> 0);
    const blob = new Blob([new Uint8Array(octets.buffer, 0, size)], { type: 'application/x-test' });
    const abort = new AbortController();
    const progress = [];
    await this.get('chat').sendFile(blob, {
      name,
      signal: abort.signal,
      onProgress: (sent) => {
        progress.push(sent);
        if (sent > abortAt) abort.abort(new Error('aborted'));
      },
    });
    return { hash: await hash(blob), steps: progress.length, sent: progress.at(-1) };
  }
}

export const dataFunctions = (client) => ({
  data: () => client()?.data.seen,
  chat: (text, options) => client().data.get('chat').sendText(text, options),
  composing: (on) => client().data.get('chat').composing(on),
  rejectFiles: (on) => {
    client().data.rejects = on;
  },
  sendFile: (...args) => client().data.sendFile(...args),
  type: (text) => client().data.get('text').type(text),
  erase: (n) => client().data.get('text').erase(n),
  hello: () => client().data.get('floor').hello(),
  requestFloor: (options) => client().data.get('floor').requestFloor(options),
  releaseFloor: () => client().data.get('floor').releaseFloor(),
  addSession: (kind) => {
    client().data.channels.add(kind);
    return client().renegotiate();
  },
  closeSession: (kind) => {
    client().data.get(kind).close();
    return client().renegotiate();
  },
});

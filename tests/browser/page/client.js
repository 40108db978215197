// What every client library offers the tests as window.test. A library fills in `lib`; see jssip.js and sipjs.js.
import { Data, dataFunctions } from './data.js';
import { Receiver, picture, stats, tone } from './media.js';

export class Client {
  receiver = new Receiver();
  state = { registered: false, call: 'none', cause: null, remote: null, held: false, heldByPeer: false, log: [] };
  pc = null;
  inBand = []; // sub-protocols of channels that the next call opens by DCEP: no library knows of them
  #channels = [];
  data = new Data();
  offer = []; // sessions in the next call's offer
  #hz;
  #colour;
  #audio;
  #video;

  constructor({ hz, rgb }) {
    this.#hz = hz;
    this.#colour = `rgb(${rgb.join(',')})`;
  }

  note(what, more = {}) {
    Object.assign(this.state, more);
    this.state.log.push(what);
    console.log(what, JSON.stringify(more));
  }

  // What this side sends: always its tone, and its colour when video is wanted. New tracks for each call, because a
  // library stops those of a call that ended.
  stream(video) {
    this.#audio = tone(this.#hz);
    this.#video = video ? picture(this.#colour) : null;
    return new MediaStream([this.#audio, this.#video].filter(Boolean));
  }

  // Puts a new picture beside the tone that is sent already.
  attachVideo() {
    this.#video = picture(this.#colour);
    this.pc.addTrack(this.#video, new MediaStream([this.#audio, this.#video]));
  }

  follow(pc) {
    this.pc = pc;
    pc.addEventListener('track', (e) => this.receiver.take(e.track));
    pc.addEventListener('connectionstatechange', () => this.note(`connection ${pc.connectionState}`));
    this.#channels = this.inBand.map((protocol) => {
      const c = { protocol, got: '', channel: pc.createDataChannel(protocol, { protocol }) };
      c.channel.binaryType = 'arraybuffer';
      c.channel.onmessage = ({ data }) => {
        c.got += typeof data === 'string' ? data : new TextDecoder().decode(data);
      };
      return c;
    });
    this.inBand = [];
  }

  say(protocol, text) {
    this.#channels.find((c) => c.protocol === protocol).channel.send(text);
  }

  channels() {
    return this.#channels.map(({ protocol, got, channel }) => ({ protocol, got, id: channel.id, state: channel.readyState }));
  }
}

// What is signalled is not what is so: the fingerprint is another one than the certificate's, as somebody in the middle
// would make it ('fingerprint', true); there is none ('bare'); the gateway's ICE password is a wrong one ('ice').
let isForged = false;
const getLocal = Object.getOwnPropertyDescriptor(RTCPeerConnection.prototype, 'localDescription').get;
Object.defineProperty(RTCPeerConnection.prototype, 'localDescription', {
  get() {
    const description = getLocal.call(this);
    if (!isForged || isForged === 'ice' || !description) return description;
    const sdp = isForged === 'bare' ? description.sdp.replace(/a=fingerprint:.*\r\n/g, '')
      : description.sdp.replace(/(a=fingerprint:\S+ )(..)/g, (_, head, octet) => head + (octet === '00' ? 'FF' : '00'));
    return new RTCSessionDescription({ type: description.type, sdp });
  },
});

const { setRemoteDescription } = RTCPeerConnection.prototype;
RTCPeerConnection.prototype.setRemoteDescription = function forged(description, ...more) {
  if (isForged !== 'ice' || !description?.sdp) return setRemoteDescription.call(this, description, ...more);
  const sdp = description.sdp.replace(/(a=ice-pwd:)(....)/g, '$1AAAA');
  return setRemoteDescription.call(this, { type: description.type, sdp }, ...more);
};

export function expose(make) {
  let client;
  window.test = {
    ...dataFunctions(() => client),
    start: (options) => {
      client = make(options);
      return client.start(options);
    },
    call: (target, options = {}) => client.call(target, options),
    answer: (options = {}) => client.answer(options),
    reject: (status) => client.reject(status),
    hangup: () => client.hangup(),
    openInBand: (protocols) => {
      client.inBand = protocols;
    },
    say: (protocol, text) => client.say(protocol, text),
    channels: () => client.channels(),
    hold: (on) => client.hold(on),
    mute: (on) => client.mute(on),
    dtmf: (digits, how = 'rtp') => client.dtmf(digits, how),
    addVideo: () => client.addVideo(),
    restartIce: () => client.restartIce(),
    refer: (target) => client.refer(target),
    message: (target, text) => client.message(target, text),
    unregister: () => client.unregister(),
    forgeFingerprint: (on) => {
      isForged = on;
    },
    forge: (what) => {
      isForged = what;
    },
    state: () => client.state,
    hear: () => client.receiver.hear(),
    see: () => client.receiver.see(),
    stats: () => (client.pc ? stats(client.pc) : null),
    sdp: () => ({ local: client.pc?.localDescription?.sdp, remote: client.pc?.remoteDescription?.sdp }),
  };
}

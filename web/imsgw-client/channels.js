// The data channels of one call: made before the offer, named in the SDP that goes on the wire, and bound to sessions.
import { readChannels, writeChannels } from './codec/dcsdp.js';
import { BfcpSession } from './bfcp_session.js';
import { FaxSession } from './fax_session.js';
import { MsrpSession } from './msrp_session.js';
import { RttSession } from './rtt_session.js';

const kinds = { chat: MsrpSession, text: RttSession, floor: BfcpSession, fax: FaxSession };
const MAX_CHANNELS = 16;

const kindOf = (subprotocol) => Object.keys(kinds).find((k) => kinds[k].subprotocol === subprotocol);

// `offer`: kinds that the own offer has ('chat', 'text', 'floor', 'fax'); `accept`: kinds taken from the peer's offers.
// Event `session` (detail: { kind, session, isOurs }) for each one as it begins.
export class CallChannels extends EventTarget {
  sessions = new Map(); // channel id -> session
  #pc = null;
  #offer;
  #accept;
  #options;
  #nextId = 0; // even: the gateway is the DTLS server, a browser the client (RFC 8864 s. 6.1)

  constructor({ offer = [], accept = Object.keys(kinds), options = {} } = {}) {
    super();
    for (const k of [...offer, ...accept]) if (!kinds[k]) throw new TypeError(`no kind of session is named ${k}`);
    this.#offer = offer;
    this.#accept = accept;
    this.#options = options;
  }

  // The connection of the call, before its first offer or answer.
  attach(pc) {
    if (this.#pc === pc) return;
    this.#pc = pc;
    pc.addEventListener(
      'connectionstatechange',
      () => ['closed', 'failed'].includes(pc.connectionState) && this.close(),
    );
  }

  // A session of a kind, in the next offer: at the beginning of a call, or with a re-INVITE.
  add(kind) {
    if (!this.#pc) throw new DOMException('not attached to a call', 'InvalidStateError');
    while (this.sessions.has(this.#nextId)) this.#nextId += 2;
    const id = this.#nextId;
    this.#nextId += 2;
    return this.#make(kind, id, this.#options[kind]?.label, true);
  }

  #make(kind, id, label, isOurs) {
    const Kind = kinds[kind];
    const session = new Kind({ label, ...this.#options[kind] });
    const channel = this.#pc.createDataChannel(label ?? '', {
      negotiated: true,
      id,
      protocol: Kind.subprotocol,
      ordered: true,
    });
    session.kind = kind;
    session.isOurs = isOurs;
    session.bind(channel, this.#pc);
    this.sessions.set(id, session);
    session.addEventListener('close', () => this.sessions.delete(id));
    this.dispatchEvent(new CustomEvent('session', { detail: { kind, session, isOurs } }));
    return session;
  }

  // The first session of a kind that is not closed.
  get(kind) {
    return [...this.sessions.values()].find((s) => s.kind === kind);
  }

  // The channels asked for, made once, before the first own offer is created.
  prepareOffer() {
    for (const kind of this.#offer.splice(0)) this.add(kind);
  }

  // Our SDP as it goes on the wire.
  toWire(sdp, type) {
    return writeChannels(
      sdp,
      [...this.sessions].map(([id, s]) => ({
        id,
        label: s.label,
        subprotocol: s.constructor.subprotocol,
        attributes: s.attributes(type === 'offer'),
      })),
    );
  }

  // The peer's SDP, before the browser takes it.
  fromWire(sdp, type) {
    const { isOn, channels } = readChannels(sdp);
    const named = new Map(isOn ? channels.map((c) => [c.id, c]) : []);
    for (const [id, session] of [...this.sessions]) {
      const channel = named.get(id);
      if (channel) this.#agree(session, channel, type === 'offer');
      else if (type === 'answer' || session.isAgreed)
        session.finish(session.isAgreed ? null : new Error('the peer refused this session'));
    }
    if (type !== 'offer') return;
    this.#offer.length = 0; // who is called does not offer
    for (const channel of named.values()) if (!this.sessions.has(channel.id)) this.#onOffered(channel);
  }

  #onOffered(channel) {
    const kind = kindOf(channel.subprotocol);
    const isReliable = channel.isOrdered && channel.maxRetr === null && channel.maxTime === null;
    // no dcmap in the answer: refused
    if (!this.#accept.includes(kind) || !isReliable || this.sessions.size >= MAX_CHANNELS) return;
    let session;
    try {
      session = this.#make(kind, channel.id, channel.label, false);
    } catch {
      return; // an id that the browser has in use
    }
    this.#agree(session, channel, true);
  }

  #agree(session, channel, isOffer) {
    try {
      session.takeRemote(channel, isOffer);
      session.agree();
    } catch (error) {
      session.finish(error);
    }
  }

  close() {
    for (const session of [...this.sessions.values()]) session.finish(null);
  }
}

// ---- around the libraries ----

// JsSIP: call it in 'newRTCSession', for calls in either direction.
export function attachJsSip(session, options) {
  const channels = options instanceof CallChannels ? options : new CallChannels(options);
  if (session.connection) {
    channels.attach(session.connection);
    channels.prepareOffer(); // JsSIP makes the offer of an outgoing call after this event
  }
  session.on('peerconnection', ({ peerconnection }) => channels.attach(peerconnection));
  session.on('sdp', (e) => {
    if (e.originator === 'local') e.sdp = channels.toWire(e.sdp, e.type);
    else channels.fromWire(e.sdp, e.type);
  });
  session.on('ended', () => channels.close());
  session.on('failed', () => channels.close());
  return channels;
}

// SIP.js: its modifiers work before the browser reads the SDP, which drops what it does not know; so the handler is
// wrapped. `make(session)` gives the CallChannels, or their options, of each call.
export function sipJsFactory(factory, make) {
  return (session, options) => {
    const handler = factory(session, options);
    const made = make(session);
    const channels = made instanceof CallChannels ? made : new CallChannels(made);
    const { getDescription, setDescription } = handler;
    channels.attach(handler.peerConnection);
    handler.imsgw = channels;
    handler.getDescription = async (...args) => {
      const isOffer = handler.peerConnection.signalingState === 'stable';
      if (isOffer) channels.prepareOffer();
      const description = await getDescription.apply(handler, args);
      return { ...description, body: channels.toWire(description.body, isOffer ? 'offer' : 'answer') };
    };
    handler.setDescription = (sdp, ...rest) => {
      channels.fromWire(sdp, handler.peerConnection.signalingState === 'have-local-offer' ? 'answer' : 'offer');
      return setDescription.call(handler, sdp, ...rest);
    };
    return handler;
  };
}

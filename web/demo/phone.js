// One SIP user over JsSIP, with one call on the screen and, during a transfer, one more on hold. Knows nothing of the
// page; tells it by events:
//   phone    { state: offline | connecting | online | failed, why }
//   call     { state: none | calling | ringing | incoming | active, peer, why }
//   track    { track }          received
//   local    { stream }         sent, null when the call is over
//   pressed  { held, heldByPeer, muted }
//   digit    { digit }          sent by the peer
//   channels { channels }       those of the call: a CallChannels of imsgw-client
//   transfer { state: consulting | sent | done | failed | asked | back, why }
import JsSIP from 'jssip';
import { attachJsSip } from '../imsgw-client/index.js';

export class Phone extends EventTarget {
  #ua;
  #session;
  #waiting = null; // the first call while its transfer is talked about
  #expected = null; // a call that takes the place of the one there is
  #streams = new Map(); // of each call
  #offer = []; // sessions of the next call
  url = '';
  iceServers = []; // TURN, where nothing else passes

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  get pc() {
    return this.#session?.connection ?? null;
  }

  signIn({ url, user, password, domain }) {
    this.url = url;
    this.#tell('phone', { state: 'connecting' });
    this.#ua = new JsSIP.UA({
      sockets: [new JsSIP.WebSocketInterface(url)],
      uri: `sip:${user}@${domain}`,
      password,
      user_agent: 'imsgw demo',
      register_expires: 600,
    });
    const ua = this.#ua;
    ua.on('registered', () => this.#tell('phone', { state: 'online', why: `${user}@${domain}` }));
    ua.on('unregistered', () => this.#tell('phone', { state: 'offline' }));
    ua.on('registrationFailed', (e) =>
      this.#fail(e.response ? `${e.response.status_code} ${e.response.reason_phrase}` : e.cause),
    );
    ua.on(
      'disconnected',
      () => ua === this.#ua && this.#tell('phone', { state: 'connecting', why: 'connection lost' }),
    );
    ua.on('newRTCSession', ({ session, originator }) => this.#take(session, originator));
    ua.start();
  }

  #fail(why) {
    this.#ua?.stop();
    this.#tell('phone', { state: 'failed', why });
  }

  signOut() {
    const ua = this.#ua;
    this.#ua = null;
    ua?.unregister();
    setTimeout(() => ua?.stop(), 500); // after the answer to the unregistration, or without it
    this.#tell('phone', { state: 'offline' });
  }

  #take(session, originator) {
    const isExpected = session === this.#expected;
    if (this.#session && !isExpected) {
      session.terminate({ status_code: 486 });
      return;
    }
    this.#session = session;
    this.#expected = null;
    const channels = attachJsSip(session, { offer: this.#offer.splice(0), accept: ['chat', 'text', 'fax'] });
    this.#tell('channels', { channels });
    const peer = session.remote_identity.display_name || session.remote_identity.uri.user;
    const hear = (pc) =>
      pc.addEventListener('track', (e) => session === this.#session && this.#tell('track', { track: e.track }));
    if (session.connection) hear(session.connection);
    session.on('peerconnection', (e) => hear(e.peerconnection));
    session.on('progress', () => originator === 'local' && this.#tell('call', { state: 'ringing', peer }));
    session.on('confirmed', () => this.#tell('call', { state: 'active', peer }));
    for (const e of ['hold', 'unhold', 'muted', 'unmuted']) session.on(e, () => this.#pressed());
    session.on('newDTMF', (e) => e.originator === 'remote' && this.#tell('digit', { digit: e.dtmf.tone }));
    session.on('refer', (e) => this.#onRefer(session, e));
    session.on('replaces', ({ accept }) => accept((next) => this.#onReplaced(session, next)));
    const over = (e) =>
      this.#over(
        session,
        peer,
        e.message?.status_code ? `${e.message.status_code} ${e.message.reason_phrase}` : e.cause,
      );
    session.on('ended', over);
    session.on('failed', over);
    this.#tell('call', {
      state: originator === 'local' || isExpected ? 'calling' : 'incoming',
      peer,
      video: originator === 'remote' && /^m=video [1-9]/m.test(session._request?.body ?? ''),
    });
  }

  #pressed() {
    const hold = this.#session?.isOnHold() ?? {};
    this.#tell('pressed', { held: !!hold.local, heldByPeer: !!hold.remote, muted: !!this.#session?.isMuted().audio });
  }

  #over(session, peer, why) {
    for (const t of this.#streams.get(session)?.getTracks() ?? []) t.stop();
    this.#streams.delete(session);
    if (session === this.#waiting) this.#waiting = null;
    if (session !== this.#session) return;
    this.#session = this.#waiting;
    this.#waiting = null;
    if (this.#session) this.#return(`call with ${peer} ended: ${why}`);
    else {
      this.#tell('local', { stream: null });
      this.#tell('call', { state: 'none', peer, why });
    }
  }

  // The call that was asked about is over: the first one is on the screen again.
  #return(why) {
    const session = this.#session;
    session.unhold();
    this.#tell('transfer', { state: 'back', why });
    this.#tell('local', { stream: this.#streams.get(session) });
    for (const r of session.connection.getReceivers()) if (r.track) this.#tell('track', { track: r.track });
    this.#tell('call', { state: 'active', peer: session.remote_identity.uri.user });
  }

  // ---- transfer ----

  transfer(target, options = {}) {
    const session = options.session ?? this.#session;
    const tell = (state, why) => this.#tell('transfer', { state, why });
    session.refer(target, {
      replaces: options.replaces,
      eventHandlers: {
        requestSucceeded: () => tell('sent'),
        requestFailed: (e) => tell('failed', e.cause),
        accepted: () => {
          tell('done');
          if (!session.isEnded()) session.terminate();
        },
        failed: (e) => tell('failed', e.status_line?.reason_phrase ?? 'refused'),
      },
    });
  }

  // Holds the call and calls another, to talk about the transfer.
  consult(target, stream) {
    if (!this.#session?.isEstablished() || this.#waiting) return;
    this.#waiting = this.#session;
    if (!this.#waiting.isOnHold().local) this.#waiting.hold();
    this.#session = null;
    this.#tell('transfer', { state: 'consulting' });
    this.call(target, stream, false);
  }

  // Joins the two calls: the first one's peer takes our place in the second (RFC 5589 s. 7.3).
  complete() {
    if (!this.#waiting || !this.#session?.isEstablished()) return;
    this.transfer(this.#session.remote_identity.uri.toString(), { session: this.#waiting, replaces: this.#session });
  }

  // We are asked to call somebody else instead: with the microphone of the call there is.
  #onRefer(session, { request, accept }) {
    this.#tell('transfer', { state: 'asked', why: request.refer_to?.uri.user });
    const options = this.#media(session);
    accept((next) => this.#follow(session, next, options), options);
  }

  // Somebody takes the place of our peer.
  #onReplaced(session, next) {
    const options = this.#media(session);
    this.#follow(session, next, options);
    queueMicrotask(() => next.answer(options));
  }

  #follow(session, next, options) {
    this.#expected = next;
    this.#streams.set(next, options.mediaStream);
  }

  // A copy of what a call sends, as either may end first. On hold the original is silenced, which does not pass on.
  #media(session) {
    const stream = this.#streams.get(session).clone();
    for (const t of stream.getTracks()) t.enabled = true;
    return this.#options(stream, stream.getVideoTracks().length > 0);
  }

  #options(stream, video) {
    this.#tell('local', { stream });
    return { mediaStream: stream, mediaConstraints: { audio: true, video }, pcConfig: { iceServers: this.iceServers } };
  }

  // `offer`: sessions beside sound and picture (chat, text, floor).
  call(target, stream, video, offer = []) {
    this.#offer = [...offer];
    this.#streams.set(this.#ua.call(target, this.#options(stream, video)), stream);
  }

  answer(stream, video) {
    this.#streams.set(this.#session, stream);
    this.#session.answer(this.#options(stream, video));
  }

  hangUp(status) {
    this.#session?.terminate(status ? { status_code: status } : undefined);
  }

  hold() {
    if (this.#session?.isEstablished())
      this.#session.isOnHold().local ? this.#session.unhold() : this.#session.hold();
  }

  mute() {
    if (!this.#session) return;
    this.#session.isMuted().audio ? this.#session.unmute({ audio: true }) : this.#session.mute({ audio: true });
  }

  // Telephone events where the answer has them, else SIP INFO (which the gateway passes on).
  digit(digit) {
    if (!this.#session?.isEstablished()) return false;
    const events = /^a=rtpmap:\d+ telephone-event\//m.test(this.pc.remoteDescription?.sdp ?? '');
    this.#session.sendDTMF(digit, { transportType: events ? 'RFC2833' : 'INFO', duration: 160 });
    return true;
  }
}

// One SIP user with at most one call, over JsSIP. Knows nothing of the page; tells it by events:
//   phone   { state: offline | connecting | online | failed, why }
//   call    { state: none | calling | ringing | incoming | active, peer, why }
//   track   { track }          received
//   local   { stream }         sent, null when the call is over
//   pressed { held, heldByPeer, muted }
//   digit   { digit }          sent by the peer
import JsSIP from 'jssip';

export class Phone extends EventTarget {
  #ua;
  #session;
  #stream;
  url = '';

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  get pc() {
    return this.#session?.connection ?? null;
  }

  signIn({ url, user, password, domain }) {
    this.url = url;
    this.#tell('phone', { state: 'connecting' });
    this.#ua = new JsSIP.UA({ sockets: [new JsSIP.WebSocketInterface(url)], uri: `sip:${user}@${domain}`, password,
      user_agent: 'imsgw demo', register_expires: 600 });
    const ua = this.#ua;
    ua.on('registered', () => this.#tell('phone', { state: 'online', why: `${user}@${domain}` }));
    ua.on('unregistered', () => this.#tell('phone', { state: 'offline' }));
    ua.on('registrationFailed', (e) => this.#fail(e.response ? `${e.response.status_code} ${e.response.reason_phrase}` : e.cause));
    ua.on('disconnected', () => ua === this.#ua && this.#tell('phone', { state: 'connecting', why: 'connection lost' }));
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
    if (this.#session) {
      session.terminate({ status_code: 486 });
      return;
    }
    this.#session = session;
    const peer = session.remote_identity.display_name || session.remote_identity.uri.user;
    const hear = (pc) => pc.addEventListener('track', (e) => this.#tell('track', { track: e.track }));
    if (session.connection) hear(session.connection);
    session.on('peerconnection', (e) => hear(e.peerconnection));
    session.on('progress', () => originator === 'local' && this.#tell('call', { state: 'ringing', peer }));
    session.on('confirmed', () => this.#tell('call', { state: 'active', peer }));
    for (const e of ['hold', 'unhold', 'muted', 'unmuted']) session.on(e, () => this.#pressed());
    session.on('newDTMF', (e) => e.originator === 'remote' && this.#tell('digit', { digit: e.dtmf.tone }));
    const over = (e) => this.#over(peer, e.message?.status_code ? `${e.message.status_code} ${e.message.reason_phrase}` : e.cause);
    session.on('ended', over);
    session.on('failed', over);
    this.#tell('call', { state: originator === 'local' ? 'calling' : 'incoming', peer,
      video: originator === 'remote' && /^m=video [1-9]/m.test(session._request?.body ?? '') });
  }

  #pressed() {
    const hold = this.#session?.isOnHold() ?? {};
    this.#tell('pressed', { held: !!hold.local, heldByPeer: !!hold.remote, muted: !!this.#session?.isMuted().audio });
  }

  #over(peer, why) {
    this.#session = null;
    for (const t of this.#stream?.getTracks() ?? []) t.stop();
    this.#stream = null;
    this.#tell('local', { stream: null });
    this.#tell('call', { state: 'none', peer, why });
  }

  #options(stream, video) {
    this.#stream = stream;
    this.#tell('local', { stream });
    return { mediaStream: stream, mediaConstraints: { audio: true, video }, pcConfig: { iceServers: [] } };
  }

  call(target, stream, video) {
    this.#ua.call(target, this.#options(stream, video));
  }

  answer(stream, video) {
    this.#session.answer(this.#options(stream, video));
  }

  hangUp(status) {
    this.#session?.terminate(status ? { status_code: status } : undefined);
  }

  hold() {
    if (this.#session?.isEstablished()) this.#session.isOnHold().local ? this.#session.unhold() : this.#session.hold();
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

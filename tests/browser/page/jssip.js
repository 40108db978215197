import JsSIP from 'jssip';
import { attachJsSip } from '../../../web/imsgw-client/index.js';
import { Client, expose } from './client.js';

const pcConfig = { iceServers: [] };

class JsSipClient extends Client {
  #ua;
  #session;

  // `token`: a web token instead of the password.
  start({ url, user, password, domain, token }) {
    JsSIP.debug.enable('JsSIP:Transport JsSIP:RTCSession');
    this.#ua = new JsSIP.UA({ sockets: [new JsSIP.WebSocketInterface(url)], uri: `sip:${user}@${domain}`, password,
      authorization_jwt: token && `Bearer ${token}`, register_expires: 600 });
    this.#ua.on('registered', () => this.note('registered', { registered: true }));
    this.#ua.on('unregistered', () => this.note('unregistered', { registered: false }));
    this.#ua.on('registrationFailed', (e) => this.note('registration failed', { cause: e.cause,
      challenge: e.response?.getHeader('WWW-Authenticate'), status: e.response?.status_code }));
    this.#ua.on('disconnected', (e) => this.note('disconnected', { cause: e.reason }));
    this.#ua.on('newRTCSession', ({ session, originator }) => this.#take(session, originator));
    this.#ua.start();
  }

  #take(session, originator) {
    this.#session = session;
    this.data.follow(attachJsSip(session, { offer: this.offer }));
    if (session.connection) this.follow(session.connection);
    session.on('peerconnection', ({ peerconnection }) => this.follow(peerconnection));
    if (originator === 'remote') this.note('incoming', { call: 'incoming', remote: session.remote_identity.uri.toString(), cause: null });
    session.on('progress', (e) => this.note(`progress ${e.response?.status_code ?? ''}`));
    session.on('confirmed', () => this.note('established', { call: 'established' }));
    session.on('hold', ({ originator: who }) => this.note('hold', who === 'local' ? { held: true } : { heldByPeer: true }));
    session.on('unhold', ({ originator: who }) => this.note('unhold', who === 'local' ? { held: false } : { heldByPeer: false }));
    session.on('refer', ({ accept }) => {
      this.note('referred');
      accept((next) => this.#take(next, 'local'), { mediaStream: this.stream(false), mediaConstraints: { audio: true, video: false }, pcConfig });
    });
    session.on('newDTMF', (e) => e.originator === 'remote' && this.note(`dtmf ${e.dtmf.tone}`));
    session.on('ended', (e) => this.note('ended', { call: 'ended', cause: e.cause }));
    session.on('failed', (e) => this.note('failed', { call: 'ended', cause: `${e.message?.status_code ?? ''} ${e.cause}`.trim() }));
    for (const e of ['peerconnection:createofferfailed', 'peerconnection:createanswerfailed',
      'peerconnection:setlocaldescriptionfailed', 'peerconnection:setremotedescriptionfailed'])
      session.on(e, (error) => this.note(`${e} ${error}`));
  }

  call(target, { video = false, offer = [] } = {}) {
    this.offer = [...offer];
    this.note('calling', { call: 'calling', cause: null });
    this.#ua.call(target, { mediaStream: this.stream(video), mediaConstraints: { audio: true, video }, pcConfig,
      rtcOfferConstraints: { offerToReceiveAudio: true, offerToReceiveVideo: video } });
  }

  answer({ video = false } = {}) {
    this.#session.answer({ mediaStream: this.stream(video), mediaConstraints: { audio: true, video }, pcConfig });
  }

  reject(status = 486) {
    this.#session.terminate({ status_code: status });
  }

  hangup() {
    this.#session.terminate();
  }

  hold(on) {
    return on ? this.#session.hold() : this.#session.unhold();
  }

  mute(on) {
    on ? this.#session.mute({ audio: true }) : this.#session.unmute({ audio: true });
  }

  dtmf(digits, how) {
    this.#session.sendDTMF(digits, { transportType: how === 'rtp' ? 'RFC2833' : 'INFO', duration: 160, interToneGap: 200 });
  }

  // Not while an exchange of the peer's still waits for its ACK.
  async #renegotiate(options) {
    for (let tries = 0; tries < 20 && !this.#session.isReadyToReOffer(); tries++) await new Promise((r) => setTimeout(r, 100));
    return new Promise((done, fail) => this.#session.renegotiate(options, done) || fail(new Error('cannot renegotiate now')));
  }

  renegotiate() {
    return this.#renegotiate({});
  }

  addVideo() {
    this.attachVideo();
    return this.#renegotiate({ rtcOfferConstraints: { offerToReceiveAudio: true, offerToReceiveVideo: true } });
  }

  restartIce() {
    return this.#renegotiate({ rtcOfferConstraints: { iceRestart: true } });
  }

  refer(target) {
    return new Promise((done, fail) => this.#session.refer(target, { eventHandlers: {
      requestSucceeded: () => done(), requestFailed: (e) => fail(new Error(`refer: ${e.cause}`)) } }));
  }

  message(target, text) {
    return new Promise((done, fail) => this.#ua.sendMessage(target, text, { eventHandlers: {
      succeeded: () => done(), failed: (e) => fail(new Error(`message: ${e.response?.status_code ?? e.cause}`)) } }));
  }

  unregister() {
    this.#ua.unregister();
  }
}

expose((options) => new JsSipClient(options));

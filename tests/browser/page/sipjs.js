import { Inviter, Messager, Registerer, RegistererState, SessionState, UserAgent, Web } from 'sip.js';
import { sipJsFactory } from '../../../web/imsgw-client/index.js';
import { Client, expose } from './client.js';

class SipJsClient extends Client {
  #agent;
  #registerer;
  #session;
  #wantsVideo = false;

  async start({ url, user, password, domain }) {
    const media = () => Promise.resolve(this.stream(this.#wantsVideo));
    this.#agent = new UserAgent({
      uri: UserAgent.makeURI(`sip:${user}@${domain}`),
      transportOptions: { server: url },
      authorizationUsername: user,
      authorizationPassword: password,
      logBuiltinEnabled: false,
      logLevel: 'log',
      logConnector: (level, category, label, content) => console.log(level, category, content),
      sessionDescriptionHandlerFactory: sipJsFactory(Web.defaultSessionDescriptionHandlerFactory(media), () => ({ offer: this.offer })),
      sessionDescriptionHandlerFactoryOptions: { peerConnectionConfiguration: { iceServers: [] }, iceGatheringTimeout: 3000 },
      delegate: {
        onInvite: (invitation) => {
          this.note('incoming', { call: 'incoming', remote: invitation.remoteIdentity.uri.toString(), cause: null });
          this.#take(invitation);
        },
        onDisconnect: (e) => this.note('disconnected', { cause: String(e) }),
      },
    });
    await this.#agent.start();
    this.#registerer = new Registerer(this.#agent, { expires: 600, regId: 1, instanceId: crypto.randomUUID?.() });
    this.#registerer.stateChange.addListener((s) =>
      this.note(`registerer ${s}`, { registered: s === RegistererState.Registered }));
    await this.#registerer.register({ requestDelegate: { onReject: (r) => this.note('registration failed', { cause: r.message.statusCode }) } });
  }

  #take(session) {
    this.#session = session;
    session.delegate = {
      onSessionDescriptionHandler: (handler) => {
        this.data.follow(handler.imsgw);
        this.follow(handler.peerConnection);
      },
      onInvite: (request) => this.note('re-INVITE', { heldByPeer: /^a=(sendonly|inactive)\r?$/m.test(request.body) }),
      onRefer: (referral) => {
        this.note('referred');
        this.#wantsVideo = false;
        referral.accept().then(() => {
          this.#take(referral.makeInviter({ sessionDescriptionHandlerOptions: { constraints: { audio: true, video: false } } }));
          return this.#session.invite();
        });
      },
      onInfo: (info) => {
        this.note(`dtmf ${/Signal=\s*(\S)/.exec(info.request.body)?.[1]}`);
        info.accept();
      },
      onBye: (bye) => {
        this.note('bye', { cause: 'Terminated' });
        bye.accept();
      },
    };
    session.stateChange.addListener((s) => {
      if (s === SessionState.Established) this.note('established', { call: 'established' });
      if (s === SessionState.Terminated) this.note('ended', { call: 'ended' });
    });
  }

  call(target, { video = false, early = false, offer = [] } = {}) {
    this.offer = [...offer];
    this.#wantsVideo = video;
    this.note('calling', { call: 'calling', cause: null });
    const inviter = new Inviter(this.#agent, UserAgent.makeURI(target), {
      earlyMedia: early,
      sessionDescriptionHandlerOptions: { constraints: { audio: true, video } } });
    this.#take(inviter);
    return inviter.invite({ requestDelegate: {
      onProgress: (r) => this.note(`progress ${r.message.statusCode}`),
      onReject: (r) => this.note('failed', { call: 'ended', cause: `${r.message.statusCode} ${r.message.reasonPhrase}` }),
      onRedirect: (r) => this.note('redirected', { call: 'ended', cause: `${r.message.statusCode} ${r.message.reasonPhrase}` }),
    } }).then(() => {});
  }

  answer({ video = false } = {}) {
    this.#wantsVideo = video;
    return this.#session.accept({ sessionDescriptionHandlerOptions: { constraints: { audio: true, video } } });
  }

  reject(status = 486) {
    return this.#session.reject({ statusCode: status });
  }

  hangup() {
    const s = this.#session;
    if (s.state === SessionState.Established) return s.bye().then(() => {});
    return (s instanceof Inviter ? s.cancel() : s.reject()).then(() => {});
  }

  hold(on) {
    const options = { ...this.#session.sessionDescriptionHandlerOptionsReInvite, hold: on };
    this.#session.sessionDescriptionHandlerOptionsReInvite = options;
    return new Promise((done, fail) => this.#session.invite({ requestDelegate: {
      onAccept: () => {
        this.note(on ? 'hold' : 'unhold', { held: on });
        this.mute(on);
        done();
      },
      onReject: (r) => fail(new Error(`hold: ${r.message.statusCode}`)),
    } }).catch(fail));
  }

  mute(on) {
    for (const s of this.pc.getSenders()) if (s.track) s.track.enabled = !on;
  }

  dtmf(digits, how) {
    if (how === 'rtp') return this.#session.sessionDescriptionHandler.sendDtmf(digits, { duration: 160, interToneGap: 200 });
    return this.#session.info({ requestOptions: { body: { contentDisposition: 'render',
      contentType: 'application/dtmf-relay', content: `Signal=${digits}\r\nDuration=160` } } }).then(() => {});
  }

  #renegotiate(options = {}) {
    return new Promise((done, fail) => this.#session.invite({ ...options, requestDelegate: {
      onAccept: () => done(), onReject: (r) => fail(new Error(`re-INVITE: ${r.message.statusCode}`)) } }).catch(fail));
  }

  renegotiate() {
    return this.#renegotiate();
  }

  addVideo() {
    this.attachVideo();
    return this.#renegotiate();
  }

  restartIce() {
    return this.#renegotiate({ sessionDescriptionHandlerOptions: { offerOptions: { iceRestart: true } } });
  }

  refer(target) {
    return new Promise((done, fail) => this.#session.refer(UserAgent.makeURI(target), { requestDelegate: {
      onAccept: () => done(), onReject: (r) => fail(new Error(`refer: ${r.message.statusCode}`)) } }).catch(fail));
  }

  message(target, text) {
    return new Promise((done, fail) => new Messager(this.#agent, UserAgent.makeURI(target), text).message({
      requestDelegate: { onAccept: () => done(), onReject: (r) => fail(new Error(`message: ${r.message.statusCode}`)) } }));
  }

  unregister() {
    return this.#registerer.unregister().then(() => {});
  }
}

expose((options) => new SipJsClient(options));

// baresip as an IMS phone without sound card or screen: sends a sine and drawn frames, keeps what it hears in a WAV
// file, saves what it sees as a picture, and is steered over its TCP control port (JSON in netstrings).
import { createConnection } from 'node:net';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { until } from '../../browser/lib/check.mjs';
import { Process } from '../../browser/lib/process.mjs';
import { meanColour } from './png.mjs';
import { toneOf } from './wav.mjs';

const modules = ['ausine', 'sndfile', 'uuid', 'fakevideo', 'snapshot', 'srtp'];
const applications = ['account', 'menu', 'ctrl_tcp']; // after the others, whose names accounts use

function config({ sipPort, controlPort, rtpPorts, hz, dir, codecs }) {
  return [
    'poll_method epoll', 'net_interface 127.0.0.1', `sip_listen 127.0.0.1:${sipPort}`, 'call_local_timeout 120', 'call_max_calls 4',
    `ctrl_tcp_listen 127.0.0.1:${controlPort}`, `audio_source ausine,${hz}`, 'ausrc_srate 48000', 'ausrc_channels 2',
    'audio_txmode thread', `rtp_ports ${rtpPorts[0]}-${rtpPorts[1]}`, 'rtp_stats no', 'jitter_buffer_type fixed',
    'jitter_buffer_delay 2-10', 'video_source fakevideo,nil', 'video_display fakevideo,nil', 'video_size 320x240',
    'video_bitrate 400000', 'video_fps 15', 'video_selfview pip', `snd_path ${dir}`, 'module_path /usr/lib/baresip/modules',
    ...[...modules, ...codecs].map((m) => `module ${m}.so`), ...applications.map((m) => `module_app ${m}.so`),
  ].join('\n') + '\n';
}

export class Baresip {
  events = [];
  #socket;
  #waiting = new Map();
  #token = 0;

  // options: user, password, domain, proxy (SIP URI of the registrar), sipPort (and the next one), controlPort,
  // rtpPorts, transport (udp, tcp, tls), hz, codecs, answermode (auto, manual), account (more parameters of the account
  // line)
  static async start(run, options) {
    const phone = new Baresip();
    phone.name = `baresip-${options.user}`;
    phone.dir = path.join(run.dir, phone.name);
    mkdirSync(phone.dir, { recursive: true });
    writeFileSync(path.join(phone.dir, 'config'), config({ codecs: ['opus', 'g711', 'vp8'], ...options, dir: phone.dir }));
    writeFileSync(path.join(phone.dir, 'accounts'), `<sip:${options.user}@${options.domain};transport=${options.transport ?? 'udp'}>;` +
      `auth_user=${options.user};auth_pass=${options.password};${options.proxy ? `outbound="${options.proxy};lr";` : ''}regint=${options.regint ?? 600};` +
      `answermode=${options.answermode ?? 'auto'};ptime=20;${options.account ?? ''}\n`);
    writeFileSync(path.join(phone.dir, 'contacts'), '');
    phone.process = new Process(run, phone.name, 'baresip', ['-f', phone.dir, '-v', '-s'], { cwd: phone.dir });
    await phone.process.line(/ctrl_tcp: TCP socket listening/);
    await phone.#connect(options.controlPort);
    run.use(phone, () => phone.#socket.destroy());
    return phone;
  }

  async #connect(port) {
    this.#socket = createConnection(port, '127.0.0.1');
    await new Promise((done, fail) => this.#socket.once('connect', done).once('error', fail));
    let buffer = Buffer.alloc(0);
    this.#socket.on('error', () => {}).on('data', (data) => {
      buffer = Buffer.concat([buffer, data]);
      for (;;) {
        const colon = buffer.indexOf(58);
        const length = Number(buffer.subarray(0, Math.max(0, colon)).toString());
        if (colon < 1 || buffer.length < colon + length + 2) return;
        this.#take(JSON.parse(buffer.subarray(colon + 1, colon + 1 + length).toString()));
        buffer = buffer.subarray(colon + length + 2);
      }
    });
  }

  #take(message) {
    if (message.event) {
      this.events.push(message);
      this.process.note(`event ${JSON.stringify(message)}`);
      return;
    }
    this.#waiting.get(message.token)?.(message);
    this.#waiting.delete(message.token);
  }

  command(command, params = '') {
    const token = String(++this.#token);
    const text = JSON.stringify({ command, params, token });
    this.#socket.write(`${Buffer.byteLength(text)}:${text},`);
    return new Promise((done) => this.#waiting.set(token, done));
  }

  // An event of that type (REGISTER_OK, CALL_INCOMING, CALL_ESTABLISHED, CALL_CLOSED ...) after the first `from`
  // events.
  event(type, { from = 0, param = /.*/, timeoutMs = 15_000 } = {}) {
    return until(`${this.name}: ${type}`, () => {
      if (this.process.exit !== null) throw new Error(`${this.name} ended with ${this.process.exit}`);
      return this.events.slice(from).find((e) => e.type === type && param.test(e.param ?? ''));
    }, Boolean, timeoutMs);
  }

  registered() {
    return this.process.line(/: \{\d+\/.*200 OK .*binding/); // it may happen before the control port is connected
  }

  // Digits received, in order.
  digits() {
    return this.events.filter((e) => e.type === 'CALL_DTMF_START').map((e) => e.param).join('');
  }

  #recording() {
    const name = readdirSync(this.dir).filter((f) => /^dump-.*dec\.wav$/.test(f)).sort().at(-1);
    return name ? readFileSync(path.join(this.dir, name)) : null;
  }

  // Drops what it heard in calls that are over.
  forget() {
    for (const f of readdirSync(this.dir).filter((f) => /^dump-.*dec\.wav$/.test(f))) rmSync(path.join(this.dir, f));
  }

  // The tone in the last half second that it decoded.
  hear() {
    const wav = this.#recording();
    return wav ? toneOf(wav) : { hz: 0, share: 0, rms: 0, samples: 0 };
  }

  hears(hz) {
    return until(`${this.name} hears ${hz} Hz`, () => this.hear(),
      (h) => Math.abs(h.hz - hz) < Math.max(12, hz * 0.02) && h.share > 0.5);
  }

  // The mean colour of what it sees now: { width, height, rgb }.
  async see() {
    const name = `seen-${++this.#token}.png`;
    await this.command('snapshot_recv', path.join(this.dir, name));
    const file = await until(`${this.name}: a picture of received video`,
      () => existsSync(path.join(this.dir, name)) && readFileSync(path.join(this.dir, name)),
      (f) => f && f.length > 12 && f.toString('latin1', f.length - 8, f.length - 4) === 'IEND');
    return meanColour(file);
  }

  sees(rgb) {
    return until(`${this.name} sees rgb(${rgb})`, () => this.see(), (s) => s.rgb.every((v, i) => Math.abs(v - rgb[i]) < 40));
  }
}

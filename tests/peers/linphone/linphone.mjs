// linphone as an IMS phone without sound card: plays a sine from a file, keeps what it hears in another, and is steered
// by the commands of linphonec on its standard input.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { until } from '../../browser/lib/check.mjs';
import { Process } from '../../browser/lib/process.mjs';
import { toneOf } from '../baresip/wav.mjs';

const HZ = 8000;

function header(octets) {
  const wav = Buffer.alloc(44);
  wav.write('RIFF', 0);
  wav.writeUInt32LE(36 + octets, 4);
  wav.write('WAVEfmt ', 8);
  const fields = [[16, 4], [1, 2], [1, 2], [HZ, 4], [2 * HZ, 4], [2, 2], [16, 2]];
  fields.reduce((at, [v, size]) => wav.writeUIntLE(v, at, size), 16);
  wav.write('data', 36);
  wav.writeUInt32LE(octets, 40);
  return wav;
}

function sine(hz, seconds = 60) {
  const sample = (_, i) => Math.round(12000 * Math.sin((2 * Math.PI * hz * i) / HZ));
  const samples = Int16Array.from({ length: seconds * HZ }, sample);
  return Buffer.concat([header(samples.byteLength), Buffer.from(samples.buffer)]);
}

// SDES or nothing at all: linphone offers RTP/SAVP, or RTP/SAVPF with `isAvpf`, with a line for each of its suites.
function config({ user, password, domain, proxy, sipPort, rtpPort, isAvpf, suites }) {
  const sections = {
    sip: { verify_server_certs: 0, verify_server_cn: 0, sip_port: 0, sip_tcp_port: 0,
      sip_tls_port: sipPort, default_proxy: 0,
      media_encryption: 'srtp', media_encryption_mandatory: 1, guess_hostname: 0, use_ipv6: 0,
      ...(suites && { srtp_crypto_suites: suites }) },
    rtp: { audio_rtp_port: rtpPort, audio_jitt_comp: 40 },
    video: { enabled: 0, capture: 0, display: 0 },
    sound: { echocancellation: 0 },
    misc: { store_ha1_passwd: 0, add_missing_audio_codecs: 0 },
    audio_codec_0: { mime: 'PCMA', rate: HZ, channels: 1, enabled: 1 },
    auth_info_0: { username: user, userid: user, passwd: password, realm: domain, domain },
    proxy_0: { reg_proxy: `<${proxy}>`, reg_route: `<${proxy};lr>`, reg_identity: `"${user}" <sip:${user}@${domain}>`,
      reg_expires: 600, reg_sendregister: 1, publish: 0, avpf: isAvpf ? 1 : 0, realm: domain },
  };
  return Object.entries(sections).map(([name, values]) =>
    `[${name}]\n${Object.entries(values).map(([k, v]) => `${k}=${v}\n`).join('')}`).join('\n');
}

export class Linphone {
  #recordings = 0;

  // options: user, password, domain, proxy (SIP URI of the registrar), sipPort, rtpPort, hz, isAvpf, suites
  static async start(run, options) {
    const phone = new Linphone();
    phone.user = options.user;
    phone.name = `linphone-${options.user}`;
    phone.dir = path.join(run.dir, phone.name);
    mkdirSync(path.join(phone.dir, '.local/share/linphone'), { recursive: true });
    const file = (name, text) => (writeFileSync(path.join(phone.dir, name), text), path.join(phone.dir, name));
    const rc = file('linphonerc', config(options));
    const args = ['-a', '-c', rc, '-d', '1', '-l', path.join(phone.dir, 'messages.log')];
    phone.process = new Process(run, phone.name, 'linphonec', args,
      { cwd: phone.dir, env: { ...process.env, HOME: phone.dir } });
    await phone.process.line(/video is disabled/);
    for (const c of ['soundcard use files', `play ${file('sine.wav', sine(options.hz))}`]) phone.command(c);
    phone.forget();
    return phone;
  }

  command(line) {
    this.process.note(`> ${line}`);
    this.process.child.stdin.write(`${line}\n`);
  }

  // What linphonec says to a question, once it matches.
  says(question, pattern, timeoutMs = 15_000) {
    const from = this.process.lines.length;
    return until(`${this.name}: ${question} gives ${pattern}`, () => {
      if (this.process.exit !== null) throw new Error(`${this.name} ended with ${this.process.exit}`);
      this.command(question);
      return this.process.lines.slice(from).find((l) => pattern.test(l));
    }, Boolean, timeoutMs);
  }

  registered() {
    return this.says('status register', /^registered, identity=/);
  }

  inCall() {
    return this.says('status hook', /^hook=(answered|\w+_call)/);
  }

  idle() {
    return this.says('status hook', /^hook=on-hook/);
  }

  // What it hears from now on is another recording.
  forget() {
    this.heard = path.join(this.dir, `heard-${++this.#recordings}.wav`);
    this.command(`record ${this.heard}`);
  }

  hear() { // the header of the file is written at the end of a call
    const wav = existsSync(this.heard) ? readFileSync(this.heard) : Buffer.alloc(0);
    const pcm = wav.subarray(44);
    return toneOf(Buffer.concat([header(pcm.length), pcm]), 4096);
  }

  hears(hz) {
    return until(`${this.name} hears ${hz} Hz`, () => this.hear(), (h) => Math.abs(h.hz - hz) < 12 && h.share > 0.5);
  }
}

// What a test page sends and how it judges what it receives. A tone is recognised by its frequency in decoded samples,
// a picture by its colour in decoded frames: counting packets would not notice silence or another call's media.

let context;
const audioContext = () => (context ??= new AudioContext({ sampleRate: 48000 }));

// An audio track with a sine; .setHz() changes it.
export function tone(hz) {
  const ctx = audioContext();
  const osc = ctx.createOscillator();
  const gain = ctx.createGain();
  const out = ctx.createMediaStreamDestination();
  osc.frequency.value = hz;
  gain.gain.value = 0.5;
  osc.connect(gain).connect(out);
  osc.start();
  ctx.resume();
  return out.stream.getAudioTracks()[0];
}

// A video track: a plain colour with a white square that moves.
export function picture(colour, { width = 320, height = 240, fps = 15 } = {}) {
  const canvas = Object.assign(document.createElement('canvas'), { width, height });
  const c = canvas.getContext('2d');
  let n = 0;
  const draw = () => {
    c.fillStyle = colour;
    c.fillRect(0, 0, width, height);
    c.fillStyle = 'white';
    c.fillRect((n++ * 8) % width, height - 40, 32, 32);
  };
  draw();
  setInterval(draw, 1000 / fps);
  document.body.append(canvas);
  return canvas.captureStream(fps).getVideoTracks()[0];
}

export class Receiver {
  #video;
  #frames = 0;
  #audio;
  #analyser;
  #canvas = Object.assign(document.createElement('canvas'), { width: 24, height: 12 });

  // Follows a remote track; a later one of the same kind takes its place.
  take(track) {
    const stream = new MediaStream([track]);
    const element = document.createElement(track.kind);
    element.autoplay = true;
    element.muted = true;
    element.playsInline = true;
    element.srcObject = stream;
    document.body.append(element);
    element.play().catch(() => {});
    if (track.kind === 'video') {
      this.#video?.remove();
      this.#video = element;
      const count = () => {
        this.#frames++;
        element.requestVideoFrameCallback(count);
      };
      element.requestVideoFrameCallback(count);
      return;
    }
    this.#audio?.remove();
    this.#audio = element; // Chromium decodes a remote track only while an element plays it
    const ctx = audioContext();
    const source = ctx.createMediaStreamSource(stream);
    this.#analyser = ctx.createAnalyser();
    this.#analyser.fftSize = 16384;
    this.#analyser.smoothingTimeConstant = 0;
    source.connect(this.#analyser);
    ctx.resume();
  }

  // The strongest frequency of the last third of a second: { hz, share, rms }, share = its part of the energy.
  hear() {
    if (!this.#analyser) return { hz: 0, share: 0, rms: 0 };
    const n = this.#analyser.fftSize;
    const samples = new Float32Array(n);
    const db = new Float32Array(n / 2);
    this.#analyser.getFloatTimeDomainData(samples);
    this.#analyser.getFloatFrequencyData(db);
    const rms = Math.sqrt(samples.reduce((s, x) => s + x * x, 0) / n);
    if (rms < 1e-4) return { hz: 0, share: 0, rms };
    const power = db.map((v) => (Number.isFinite(v) ? 10 ** (v / 10) : 0));
    const peak = power.reduce((best, v, i) => (v > power[best] ? i : best), 1);
    const sum = power.reduce((s, v) => s + v, 0);
    const near = power.slice(Math.max(0, peak - 4), peak + 5).reduce((s, v) => s + v, 0);
    return { hz: (peak * audioContext().sampleRate) / n, share: near / sum, rms };
  }

  // The mean colours of the left, middle and right third of the upper half: { width, height, columns, frames }.
  see() {
    const v = this.#video;
    if (!v?.videoWidth) return { width: 0, height: 0, columns: [], frames: 0 };
    const c = this.#canvas.getContext('2d', { willReadFrequently: true });
    c.drawImage(v, 0, 0, v.videoWidth, v.videoHeight / 2, 0, 0, 24, 12);
    const columns = [0, 8, 16].map((x) => {
      const d = c.getImageData(x + 2, 0, 4, 12).data; // not the edges, where colours run into each other
      return [0, 1, 2].map((k) => Math.round(d.reduce((s, p, i) => (i % 4 === k ? s + p : s), 0) / (d.length / 4)));
    });
    return { width: v.videoWidth, height: v.videoHeight, columns, frames: this.#frames };
  }
}

// Sums of what the connection's statistics say, for diagnostics and for counters that must move.
export async function stats(pc) {
  const out = { state: pc.connectionState, ice: pc.iceConnectionState };
  for (const r of (await pc.getStats()).values()) {
    if (r.type === 'inbound-rtp')
      out[`in_${r.kind}`] = { packets: r.packetsReceived, lost: r.packetsLost, decoded: r.framesDecoded, pli: r.pliCount, ssrc: r.ssrc };
    if (r.type === 'outbound-rtp')
      out[`out_${r.kind}`] = { packets: r.packetsSent, encoded: r.framesEncoded, pli: r.pliCount, fir: r.firCount, ssrc: r.ssrc };
    if (r.type === 'transport') out.transport = { dtls: r.dtlsState, srtp: r.srtpCipher, tls: r.tlsVersion };
  }
  return out;
}

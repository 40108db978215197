// What the caller sends: microphone and camera, or, where a machine has none, a tone and a drawn picture.

let context;
export const audioContext = () => (context ??= new AudioContext());

function testTone() {
  const ctx = audioContext();
  const osc = ctx.createOscillator();
  const gain = ctx.createGain();
  const out = ctx.createMediaStreamDestination();
  osc.frequency.value = 440;
  gain.gain.value = 0.25;
  osc.connect(gain).connect(out);
  osc.start();
  ctx.resume();
  return out.stream.getAudioTracks()[0];
}

function testPicture() {
  const canvas = Object.assign(document.createElement('canvas'), { width: 640, height: 400 });
  const c = canvas.getContext('2d');
  const bars = ['#e8e8e8', '#d8d820', '#20c8c8', '#20b020', '#c820c8', '#c82020', '#2020c8'];
  const draw = () => {
    bars.forEach((colour, i) => {
      c.fillStyle = colour;
      c.fillRect((i * 640) / bars.length, 0, 640 / bars.length + 1, 320);
    });
    c.fillStyle = '#111';
    c.fillRect(0, 320, 640, 80);
    c.fillStyle = '#fff';
    c.font = '36px monospace';
    c.fillText(new Date().toLocaleTimeString('en-GB'), 24, 372);
    c.fillRect((Date.now() / 6) % 640, 340, 40, 40);
  };
  draw();
  const timer = setInterval(draw, 66);
  const track = canvas.captureStream(15).getVideoTracks()[0];
  const stop = track.stop.bind(track);
  track.stop = () => {
    clearInterval(timer);
    stop();
  };
  return track;
}

// Rejects with the browser's own error when a device is refused or missing.
export async function openSource(kind, video, { microphone, camera } = {}) {
  if (kind === 'test') return new MediaStream([testTone(), ...(video ? [testPicture()] : [])]);
  return navigator.mediaDevices.getUserMedia({
    audio: { echoCancellation: true, noiseSuppression: true, ...(microphone && { deviceId: { exact: microphone } }) },
    video: video && { width: { ideal: 640 }, height: { ideal: 400 }, ...(camera && { deviceId: { exact: camera } }) },
  });
}

// The level of a received track, 0 to 1, each time it is asked.
export function levelOf(track) {
  const ctx = audioContext();
  const source = ctx.createMediaStreamSource(new MediaStream([track]));
  const analyser = ctx.createAnalyser();
  const samples = new Float32Array(analyser.fftSize);
  source.connect(analyser);
  ctx.resume();
  return () => {
    analyser.getFloatTimeDomainData(samples);
    return Math.min(1, Math.sqrt(samples.reduce((s, x) => s + x * x, 0) / samples.length) * 2.5);
  };
}

// A bare RTCPeerConnection: proves the media judges without any SIP.
import { Receiver, picture, stats, tone } from './media.js';

const receiver = new Receiver();
const pc = new RTCPeerConnection();
pc.ontrack = (e) => receiver.take(e.track);

const gathered = () => new Promise((done) => {
  const check = () => pc.iceGatheringState === 'complete' && done();
  pc.addEventListener('icegatheringstatechange', check);
  check();
});

window.test = {
  async send(hz, colour) {
    await navigator.mediaDevices.getUserMedia({ audio: true }); // lifts the hiding of host addresses
    const stream = new MediaStream([tone(hz), picture(colour)]);
    for (const t of stream.getTracks()) pc.addTrack(t, stream);
  },
  async offer() {
    await pc.setLocalDescription();
    await gathered();
    return pc.localDescription.sdp;
  },
  async answer(sdp) {
    await pc.setRemoteDescription({ type: 'offer', sdp });
    return this.offer();
  },
  mute(on) {
    for (const s of pc.getSenders()) if (s.track?.kind === 'audio') s.track.enabled = !on;
  },
  accept: (sdp) => pc.setRemoteDescription({ type: 'answer', sdp }),
  hear: () => receiver.hear(),
  see: () => receiver.see(),
  stats: () => stats(pc),
};

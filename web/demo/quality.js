// How well what arrives arrives: numbers each second, and a small plot of the last minute.
import { $ } from './page.js';

const SPAN = 60;
let last = null;
let plot = [];

export function clearQuality() {
  last = null;
  plot = [];
  $('quality').value = '';
  $('plot').replaceChildren();
}

function read(stats) {
  const now = { received: 0, lost: 0, jitterMs: 0, rttMs: null, size: '' };
  for (const r of stats.values()) {
    if (r.type === 'inbound-rtp') {
      now.received += r.packetsReceived ?? 0;
      now.lost += Math.max(0, r.packetsLost ?? 0);
      now.jitterMs = Math.max(now.jitterMs, 1000 * (r.jitter ?? 0));
      if (r.kind === 'video' && r.frameWidth) now.size = `${r.frameWidth}×${r.frameHeight}`;
    }
    if (r.type === 'remote-inbound-rtp' && r.roundTripTime > 0) now.rttMs = 1000 * r.roundTripTime;
    if (r.type === 'candidate-pair' && r.nominated && r.currentRoundTripTime)
      now.rttMs ??= 1000 * r.currentRoundTripTime;
  }
  return now;
}

// One line each of loss (percent, to 10) and jitter (ms, to 100).
function draw() {
  const points = (value) =>
    plot
      .map((p, i) => `${((i + SPAN - plot.length) * 100) / (SPAN - 1)},${28 - 26 * Math.min(1, value(p))}`)
      .join(' ');
  const line = (className, value) => {
    const l = document.createElementNS('http://www.w3.org/2000/svg', 'polyline');
    l.setAttribute('class', className);
    l.setAttribute('points', points(value));
    return l;
  };
  $('plot').replaceChildren(
    line('jitter', (p) => p.jitterMs / 100),
    line('loss', (p) => p.loss / 10),
  );
}

export async function showQuality(pc) {
  const now = read(await pc.getStats());
  const received = now.received - (last?.received ?? 0);
  const lost = Math.max(0, now.lost - (last?.lost ?? 0));
  last = now;
  if (!now.received) return;
  const loss = (100 * lost) / Math.max(1, received + lost);
  plot = [...plot.slice(1 - SPAN), { loss, jitterMs: now.jitterMs }];
  $('quality').value = [
    now.size,
    `loss ${loss.toFixed(1)} %`,
    `jitter ${now.jitterMs.toFixed(0)} ms`,
    now.rttMs === null ? '' : `round trip ${now.rttMs.toFixed(0)} ms`,
  ]
    .filter(Boolean)
    .join(' · ');
  draw();
}

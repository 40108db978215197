// What protects the call, as far as a browser can tell: taken from the running connection, not from what was offered.

const dtlsNames = { FEFD: 'DTLS 1.2', FEFC: 'DTLS 1.3', FEFF: 'DTLS 1.0' };

export async function protection(pc, transportUrl) {
  const rows = [['Signalling', transportUrl.startsWith('wss:') ? 'SIP over secure WebSocket (TLS)' : 'SIP over WebSocket, not encrypted']];
  const stats = [...(await pc.getStats()).values()];
  const transport = stats.find((r) => r.type === 'transport');
  if (transport?.dtlsState === 'connected' || pc.connectionState === 'connected') {
    const dtls = dtlsNames[transport?.tlsVersion?.toUpperCase()] ?? 'DTLS';
    rows.push(['Keys', [dtls, transport?.dtlsCipher].filter(Boolean).join(', ')]);
    rows.push(['Media', `SRTP${transport?.srtpCipher ? `, ${transport.srtpCipher.replace(/^SRTP_/, '')}` : ''}`]);
  } else {
    rows.push(['Media', 'not set up yet']);
  }
  const sdp = pc.remoteDescription?.sdp ?? '';
  const fingerprint = /^a=fingerprint:(\S+) (\S+)/m.exec(sdp);
  if (fingerprint) rows.push(['Gateway', `${fingerprint[1]} ${fingerprint[2].slice(0, 23)}…`]);
  rows.push(['Reach', /^a=3ge2ae:\s*applied/m.test(sdp)
    ? 'to the access edge; the gateway said so (3ge2ae: applied)'
    : 'to the access edge; beyond it the operator’s policy decides']);
  return rows;
}

// A line for the quality of what arrives, or an empty string.
export async function quality(pc) {
  const parts = [];
  for (const r of (await pc.getStats()).values()) {
    if (r.type !== 'inbound-rtp' || !r.packetsReceived) continue;
    const loss = (100 * Math.max(0, r.packetsLost)) / (r.packetsReceived + Math.max(0, r.packetsLost));
    const size = r.kind === 'video' && r.frameWidth ? ` ${r.frameWidth}×${r.frameHeight}` : '';
    parts.push(`${r.kind}${size} ${loss.toFixed(1)}% lost`);
  }
  return parts.join(' · ');
}

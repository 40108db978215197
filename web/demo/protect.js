// What protects the call, as far as a browser can tell: taken from the running connection, not from what was offered.

const dtlsNames = { FEFD: 'DTLS 1.2', FEFC: 'DTLS 1.3', FEFF: 'DTLS 1.0' };

export async function protection(pc, transportUrl) {
  const isTls = transportUrl.startsWith('wss:');
  const rows = [['Signalling', isTls ? 'SIP over secure WebSocket (TLS)' : 'SIP over WebSocket, not encrypted']];
  const stats = [...(await pc.getStats()).values()];
  const transport = stats.find((r) => r.type === 'transport');
  if (transport?.dtlsState === 'connected' || pc.connectionState === 'connected') {
    const dtls = dtlsNames[transport?.tlsVersion?.toUpperCase()] ?? 'DTLS';
    rows.push(['Keys', [dtls, transport?.dtlsCipher].filter(Boolean).join(', ')]);
    rows.push(['Media', `SRTP${transport?.srtpCipher ? `, ${transport.srtpCipher.replace(/^SRTP_/, '')}` : ''}`]);
  } else {
    rows.push(['Media', 'not set up yet']);
  }
  if (pc.sctp) rows.push(['Chat, text, floor', `data channels in the same DTLS, ${pc.sctp.state}`]);
  const sdp = pc.remoteDescription?.sdp ?? '';
  const fingerprint = /^a=fingerprint:(\S+) (\S+)/m.exec(sdp);
  if (fingerprint) rows.push(['Gateway', `${fingerprint[1]} ${fingerprint[2]}`]);
  rows.push(['Reach', /^a=3ge2ae:\s*applied/m.test(sdp)
    ? 'to the access edge; the gateway said so (3ge2ae: applied)'
    : 'to the access edge; beyond it the operator’s policy decides']);
  return rows;
}

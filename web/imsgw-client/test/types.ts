// Compiled, never run: the types allow what the README shows.
import { BfcpError, MsrpError, attachJsSip, sipJsFactory } from '../index.js';

declare const session: {
  connection: RTCPeerConnection | null;
  on(event: string, listener: (e: unknown) => void): void;
};
const channels = attachJsSip(session, { offer: ['chat', 'text', 'floor'], options: { text: { cps: 20 } } });
const chat = channels.get('chat');
chat
  ?.sendFile(new Blob(['x']), { name: 'x', onProgress: (sent: number, total: number) => sent / total })
  .catch((e: unknown) => e instanceof MsrpError && e.status === 413);
channels.add('text').type('x');
channels
  .get('floor')
  ?.requestFloor({ priority: 3 })
  .then(
    (r) => r.status === 'granted',
    (e: BfcpError) => e.code,
  );
const make = sipJsFactory(
  (s: object) => ({ close: () => s }),
  () => ({ offer: ['chat'] }),
);
make({}).imsgw.close();
// @ts-expect-error no such kind
channels.add('fax2');
// @ts-expect-error not a priority
channels.get('floor')?.requestFloor({ priority: 9 });

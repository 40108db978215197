// Types of imsgw-client. JsSIP and SIP.js are described by what is used of them.

export type Kind = 'chat' | 'text' | 'floor' | 'fax';

export interface ChatOptions {
  label?: string;
  /** Octets of a message that is taken; a larger one gets 413. */
  maxSize?: number;
  /** Of a=accept-types. */
  acceptTypes?: string;
  /** Empty SENDs; 0 for none. */
  keepAliveMs?: number;
}

export interface TextOptions {
  label?: string;
  /** Characters a second that we take, as a mean over ten seconds. */
  cps?: number;
  /** A language tag (RFC 8373). */
  language?: string | null;
}

export interface FloorOptions {
  label?: string;
}

export interface FaxOptions {
  label?: string;
  /** Where fax.wasm is, or what it is; beside the library by default. */
  wasm?: string | URL | ArrayBuffer | ArrayBufferView | WebAssembly.Module;
  /** The library pdfjs-dist, to send PDFs. */
  pdfjs?: object | null;
  /** Our number, as the other machine prints it. */
  ident?: string;
  /** Error correction mode (ITU-T T.30 annex A). */
  hasEcm?: boolean;
}

export interface ChannelOptions {
  /** In our first offer. */
  offer?: Kind[];
  /** Taken from the peer's offers; all by default. */
  accept?: Kind[];
  options?: { chat?: ChatOptions; text?: TextOptions; floor?: FloorOptions; fax?: FaxOptions };
}

export interface SessionEvent {
  kind: Kind;
  session: Session;
  isOurs: boolean;
}

/** Events: `session` (CustomEvent<SessionEvent>). */
export class CallChannels extends EventTarget {
  constructor(options?: ChannelOptions);
  readonly sessions: Map<number, Session>;
  attach(pc: RTCPeerConnection): void;
  prepareOffer(): void;
  /** A new session in the next offer. */
  add(kind: 'chat'): MsrpSession;
  add(kind: 'text'): RttSession;
  add(kind: 'floor'): BfcpSession;
  add(kind: 'fax'): FaxSession;
  get(kind: 'chat'): MsrpSession | undefined;
  get(kind: 'text'): RttSession | undefined;
  get(kind: 'floor'): BfcpSession | undefined;
  get(kind: 'fax'): FaxSession | undefined;
  toWire(sdp: string, type: 'offer' | 'answer'): string;
  fromWire(sdp: string, type: 'offer' | 'answer'): void;
  close(): void;
}

/** JsSIP: to be called in `newRTCSession`. */
export function attachJsSip(
  session: { connection: RTCPeerConnection | null; on(event: string, listener: (e: any) => void): unknown },
  options?: ChannelOptions | CallChannels,
): CallChannels;

/** SIP.js: wraps a factory of session description handlers, whose `imsgw` is then the CallChannels. */
export function sipJsFactory<S, H extends object>(
  factory: (session: S, options?: object) => H,
  make: (session: S) => ChannelOptions | CallChannels,
): (session: S, options?: object) => H & { imsgw: CallChannels };

/** Events: `open`, `close` (detail: { error: Error | null }), `warning` (detail: { error: Error }). */
export class Session extends EventTarget {
  readonly state: 'connecting' | 'open' | 'closed';
  readonly error: Error | null;
  readonly kind: Kind;
  readonly isOurs: boolean;
  readonly label: string;
  readonly opened: Promise<void>;
  close(): void;
}

export interface SendOptions {
  contentType?: string;
  /** Wait for the far end's own report, not only for the answers of the next hop. */
  successReport?: boolean;
  signal?: AbortSignal;
}

export interface FileOptions extends SendOptions {
  name?: string;
  onProgress?: (sentOctets: number, totalOctets: number) => void;
}

/** Events: `message` ({ id, type, text }), `file` ({ id, file }),
 *  `composing` ({ isOn }), `report` ({ id, status, range }). */
export class MsrpSession extends Session {
  constructor(options?: ChatOptions);
  sendText(text: string, options?: SendOptions): Promise<{ id: string }>;
  sendFile(file: Blob, options?: FileOptions): Promise<{ id: string }>;
  composing(isOn?: boolean): void;
}

/** Events: `progress` ({ received, total }), `end`, `error` (detail: Error). */
export class IncomingFile extends EventTarget {
  readonly name: string;
  readonly type: string;
  readonly total: number | null;
  readonly received: number;
  /** A stream that nobody reads holds the sender; after 30 s of it the sender may give up. */
  readonly stream: ReadableStream<Uint8Array>;
  blob(): Promise<Blob>;
  /** 413: the sender stops. */
  reject(): void;
}

export type RequestState =
  'pending' | 'accepted' | 'granted' | 'denied' | 'cancelled' | 'released' | 'revoked' | 'unknown';

export interface FloorRequest {
  id: number;
  status: RequestState;
  queuePosition: number;
  user: number | null;
  name: string | null;
}

/** Events: `request` (FloorRequest, ours), `floor` ({ floor, requests: FloorRequest[], isOurs }). */
export class BfcpSession extends Session {
  constructor(options?: FloorOptions);
  readonly floors: number[];
  readonly request: FloorRequest | null;
  readonly isGranted: boolean;
  requestFloor(options?: { floor?: number; priority?: 0 | 1 | 2 | 3 | 4; info?: string }): Promise<FloorRequest>;
  releaseFloor(id?: number): Promise<FloorRequest>;
  hello(): Promise<{ primitives: number[]; attributes: number[] }>;
}

/** 1 bit a pixel, rows of whole octets, the leftmost pixel in the highest bit, 1 is black. */
export interface Raster {
  width: number;
  height: number;
  xDpi: number;
  yDpi: number;
  rows: Uint8Array;
}

export class FaxPage implements Raster {
  readonly width: number;
  readonly height: number;
  readonly xDpi: number;
  readonly yDpi: number;
  readonly rows: Uint8Array;
  readonly number: number;
  imageData(): ImageData;
  /** A PNG. */
  blob(): Promise<Blob>;
}

export interface FaxProgress {
  phase: 'connecting' | 'sending' | 'receiving' | 'over';
  page: number;
  /** null: we receive, and nobody says how many. */
  pages: number | null;
  fraction: number | null;
  bitRate: number;
  hasEcm: boolean;
  remote: string;
}

export type FaxSource = Blob | CanvasImageSource | Raster;

/** Events: `progress` (FaxProgress), `page` ({ page: FaxPage }). */
export class FaxSession extends Session {
  constructor(options?: FaxOptions);
  pdfjs: object | null;
  send(
    source: FaxSource | FaxSource[],
    options?: { signal?: AbortSignal },
  ): Promise<{ pages: number; remote: string; bitRate: number }>;
  receive(options?: {
    signal?: AbortSignal;
  }): Promise<{ pages: FaxPage[]; tiff: Blob; remote: string; bitRate: number }>;
}

export interface TextEvent {
  what: 'text' | 'erase' | 'newline' | 'missing' | 'bell';
  text?: string;
}

/** Events: `text` ({ events: TextEvent[], text }). */
export class RttSession extends Session {
  constructor(options?: TextOptions);
  readonly localText: string;
  readonly remoteText: string;
  /** Characters typed and not sent yet: the peer takes so many a second. */
  readonly waiting: number;
  type(text: string): void;
  erase(count?: number): void;
}

/** `status`: that of the MSRP response or report. */
export class MsrpError extends Error {
  readonly status: number;
}

/** `code`: that of RFC 8855 s. 5.2.6. */
export class BfcpError extends Error {
  readonly code: number;
}

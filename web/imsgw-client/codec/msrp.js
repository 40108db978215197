// MSRP messages (RFC 4975 s. 9). Over a data channel each is exactly one SCTP message (RFC 8873 s. 5.4). Pure.

const MAX_HEAD = 16384;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

const isToken = (text) => /^[A-Za-z0-9][A-Za-z0-9.\-+%=]{3,31}$/.test(text);

export class MsrpError extends Error {
  constructor(status, message) {
    super(message);
    this.name = 'MsrpError';
    this.status = status;
  }
}

const bad = (what) => new MsrpError(400, `malformed MSRP: ${what}`);

// 16 letters and digits of 80 bits (RFC 4975 s. 7.1 asks for 64).
export function token(random = (a) => crypto.getRandomValues(a)) {
  const letters = 'abcdefghijklmnopqrstuvwxyz234567';
  return Array.from(random(new Uint8Array(16)), (octet) => letters[octet & 31]).join('');
}

// { scheme, host, port, session, transport }, null when it is none.
export function readUri(text) {
  const host = String.raw`(\[[0-9a-fA-F:.]+\]|[^:/;\s[\]]+)`;
  const form = new RegExp(
    String.raw`^(msrps?)://(?:[^@/;\s]*@)?${host}(?::(\d{1,5}))?(?:/([^;\s]*))?;([A-Za-z0-9]+)(?:;\S*)?$`,
    'i',
  );
  const m = form.exec(text);
  if (!m || text.length > 512) return null;
  return {
    scheme: m[1].toLowerCase(),
    host: m[2].toLowerCase(),
    port: m[3] ?? null,
    session: m[4] ?? null,
    transport: m[5].toLowerCase(),
  };
}

// RFC 4975 s. 6.1: an explicit port never equals an absent one; the session's name is case sensitive.
export function isSameUri(a, b) {
  const x = readUri(a);
  const y = readUri(b);
  return !!x && !!y && ['scheme', 'host', 'port', 'session', 'transport'].every((part) => x[part] === y[part]);
}

// { start, end, total }; null for `*`.
export function readRange(text) {
  const m = /^(\d{1,15})-(\d{1,15}|\*)\/(\d{1,15}|\*)$/.exec(text ?? '');
  const number = (s) => (s === '*' ? null : Number(s));
  return m ? { start: Number(m[1]), end: number(m[2]), total: number(m[3]) } : null;
}

export const writeRange = ({ start, end, total }) => `${start}-${end ?? '*'}/${total ?? '*'}`;

function indexOf(octets, text, from) {
  const want = encoder.encode(text);
  for (let i = octets.indexOf(want[0], from); i >= 0; i = octets.indexOf(want[0], i + 1))
    if (want.every((octet, k) => octets[i + k] === octet)) return i;
  return -1;
}

function readHeaders(lines, message) {
  for (const line of lines) {
    const m = /^([A-Za-z0-9!#$%&'*+.^_`|~-]+): (.*)$/.exec(line);
    if (!m) throw bad('header');
    const name = m[1].toLowerCase();
    if (!message.headers.has(name)) message.headers.set(name, m[2]);
  }
  const path = (name) => (message.headers.get(name) ?? '').split(' ').filter(Boolean);
  message.to = path('to-path');
  message.from = path('from-path');
  if (!message.to.length || !message.from.length) throw bad('paths');
}

// A request { tid, method, to, from, headers, body, flag } or a response { tid, status, comment, to, from, headers,
// flag }. `headers` is a Map of lower-case names; `body` is null where there is none, and borrows from `octets`.
export function readMessage(octets) {
  const firstEnd = indexOf(octets.subarray(0, 1024), '\r\n', 0);
  const first = /^MSRP (\S+) (?:(\d{3})(?: (.*))?|([A-Z]+))$/.exec(
    firstEnd < 0 ? '' : decoder.decode(octets.subarray(0, firstEnd)),
  );
  if (!first || !isToken(first[1])) throw bad('first line');
  const [, tid, status, comment, method] = first;
  const endLine = `-------${tid}`;
  const flag = String.fromCharCode(octets[octets.length - 3]);
  const tail = octets.length - endLine.length - 3;
  if (
    tail < firstEnd + 2 ||
    indexOf(octets.subarray(tail), endLine, 0) !== 0 ||
    !'$+#'.includes(flag) ||
    decoder.decode(octets.subarray(-2)) !== '\r\n'
  )
    throw bad('end-line');
  const blank = indexOf(octets.subarray(0, Math.min(tail, MAX_HEAD)), '\r\n\r\n', firstEnd);
  const headEnd = blank < 0 ? tail - 2 : blank;
  if (headEnd > MAX_HEAD) throw bad('too many headers');
  const message = { tid, headers: new Map(), flag, to: [], from: [], body: null };
  if (status) Object.assign(message, { status: Number(status), comment: comment ?? '' });
  else message.method = method;
  readHeaders(decoder.decode(octets.subarray(firstEnd + 2, headEnd)).split('\r\n'), message);
  if (blank >= 0) {
    if (blank + 4 > tail - 2) throw bad('body');
    message.body = octets.subarray(blank + 4, tail - 2);
    if (indexOf(message.body, `\r\n${endLine}`, 0) >= 0) throw bad('end-line in the body');
  }
  return message;
}

// A request ({ tid, method, to, from, headers: [[name, value]], body, flag }) or a response ({ tid, status, ... }) as
// octets. The caller takes another tid when the body has the end-line of this one (isClear).
export function writeMessage({ tid, method, status, comment, to, from, headers = [], body = null, flag = '$' }) {
  const what = method ?? `${status}${comment ? ` ${comment}` : ''}`;
  const clean = (text) => String(text).replace(/[\r\n]+/g, ' ');
  const lines = [
    `MSRP ${tid} ${what}`,
    `To-Path: ${to.join(' ')}`,
    `From-Path: ${from.join(' ')}`,
    ...headers.map(([name, value]) => `${name}: ${clean(value)}`),
  ];
  const head = encoder.encode(`${lines.join('\r\n')}\r\n${body ? '\r\n' : ''}`);
  const tail = encoder.encode(`${body ? '\r\n' : ''}-------${tid}${flag}\r\n`);
  const out = new Uint8Array(head.length + (body?.length ?? 0) + tail.length);
  out.set(head);
  if (body) out.set(body, head.length);
  out.set(tail, out.length - tail.length);
  return out;
}

export const isClear = (body, tid) => !body || indexOf(body, `-------${tid}`, 0) < 0;

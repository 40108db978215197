// BFCP messages of version 1 (RFC 8855 s. 5). Over a data channel each is exactly one SCTP message. Pure.

export const primitives = {
  FloorRequest: 1,
  FloorRelease: 2,
  FloorRequestQuery: 3,
  FloorRequestStatus: 4,
  FloorQuery: 7,
  FloorStatus: 8,
  Hello: 11,
  HelloAck: 12,
  Error: 13,
};
const names = new Map(Object.entries(primitives).map(([name, number]) => [number, name]));

export const requestStates = [null, 'pending', 'accepted', 'granted', 'denied', 'cancelled', 'released', 'revoked'];

const errors = [
  null,
  'conference does not exist',
  'user does not exist',
  'unknown primitive',
  'unknown mandatory attribute',
  'unauthorized operation',
  'invalid floor',
  'floor request does not exist',
  'too many requests for a floor',
  'use TLS',
  'unable to parse message',
  'use DTLS',
  'unsupported version',
  'incorrect message length',
  'generic error',
];

export class BfcpError extends Error {
  constructor(code, info = '') {
    super([errors[code] ?? `error ${code}`, info].filter(Boolean).join(': '));
    this.name = 'BfcpError';
    this.code = code;
  }
}

const attributes = {
  BENEFICIARY_ID: 1,
  FLOOR_ID: 2,
  FLOOR_REQUEST_ID: 3,
  PRIORITY: 4,
  REQUEST_STATUS: 5,
  ERROR_CODE: 6,
  ERROR_INFO: 7,
  PARTICIPANT_PROVIDED_INFO: 8,
  STATUS_INFO: 9,
  SUPPORTED_ATTRIBUTES: 10,
  SUPPORTED_PRIMITIVES: 11,
  USER_DISPLAY_NAME: 12,
  USER_URI: 13,
  BENEFICIARY_INFORMATION: 14,
  FLOOR_REQUEST_INFORMATION: 15,
  REQUESTED_BY_INFORMATION: 16,
  FLOOR_REQUEST_STATUS: 17,
  OVERALL_REQUEST_STATUS: 18,
};
const attributeNames = new Map(Object.entries(attributes).map(([name, number]) => [number, name]));
const numbers = new Set([1, 2, 3]);
const texts = new Set([7, 8, 9, 12, 13]);
const groups = new Set([14, 15, 16, 17, 18]); // each begins with a number of two octets
const MAX_DEPTH = 4;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

function readValue(type, view, depth) {
  const octets = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  const need = (n) => {
    if (view.byteLength < n) throw new BfcpError(10, 'short attribute');
  };
  if (numbers.has(type)) return (need(2), view.getUint16(0));
  if (type === 4) return (need(2), view.getUint8(0) >> 5);
  if (type === 5)
    return (need(2), { status: requestStates[view.getUint8(0)] ?? 'unknown', queuePosition: view.getUint8(1) });
  if (type === 6) return (need(1), view.getUint8(0));
  if (texts.has(type)) return decoder.decode(octets);
  if (groups.has(type))
    return (need(2), { id: view.getUint16(0), attributes: readAttributes(octets.subarray(2), depth + 1) });
  return octets.slice();
}

function readAttributes(octets, depth = 0) {
  if (depth > MAX_DEPTH) throw new BfcpError(10, 'nested too deep');
  const out = [];
  for (let at = 0; at < octets.length;) {
    if (octets.length - at < 2) throw new BfcpError(10, 'short attribute');
    const type = octets[at] >> 1;
    const length = octets[at + 1];
    if (length < 2 || length > octets.length - at) throw new BfcpError(10, 'length of an attribute');
    const view = new DataView(octets.buffer, octets.byteOffset + at + 2, length - 2);
    out.push({
      name: attributeNames.get(type) ?? type,
      isMandatory: (octets[at] & 1) === 1,
      value: readValue(type, view, depth),
    });
    at += (length + 3) & ~3; // the padding of the last one may be missing
  }
  return out;
}

// { primitive, conference, transaction, user, attributes: [{ name, isMandatory, value }] }; the names of those that
// are not known are numbers. Throws BfcpError.
export function readMessage(octets) {
  if (octets.length < 12) throw new BfcpError(13, 'short message');
  const view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
  if (octets[0] >> 5 !== 1) throw new BfcpError(12);
  if (octets.length !== 12 + 4 * view.getUint16(2)) throw new BfcpError(13);
  return {
    primitive: names.get(octets[1]) ?? octets[1],
    conference: view.getUint32(4),
    transaction: view.getUint16(8),
    user: view.getUint16(10),
    attributes: readAttributes(octets.subarray(12)),
  };
}

function attributeOctets({ name, value, isMandatory = true }) {
  const type = attributes[name];
  let body;
  if (numbers.has(type)) body = [value >> 8, value & 255];
  else if (type === 4) body = [value << 5, 0];
  else if (type === 5) body = [requestStates.indexOf(value.status), value.queuePosition];
  else if (type === 6) body = [value];
  else if (texts.has(type)) body = cut(encoder.encode(value), 253);
  else if (groups.has(type)) body = [value.id >> 8, value.id & 255, ...value.attributes.flatMap(attributeOctets)];
  else body = value;
  const out = [(type << 1) | (isMandatory ? 1 : 0), body.length + 2, ...body];
  while (out.length % 4) out.push(0);
  return out;
}

// Whole characters only: an attribute has one octet for its length.
function cut(octets, max) {
  let end = Math.min(octets.length, max);
  while (end < octets.length && end > 0 && (octets[end] & 0xc0) === 0x80) end--;
  return octets.subarray(0, end);
}

export function writeMessage({ primitive, conference, transaction, user, attributes: list = [] }) {
  const body = list.flatMap(attributeOctets);
  const out = new Uint8Array(12 + body.length);
  const view = new DataView(out.buffer);
  out[0] = 1 << 5;
  out[1] = primitives[primitive] ?? primitive;
  view.setUint16(2, body.length / 4);
  view.setUint32(4, conference);
  view.setUint16(8, transaction);
  view.setUint16(10, user);
  out.set(body, 12);
  return out;
}

export const get = (list, name) => list.find((a) => a.name === name)?.value;

// Data channels in SDP: a=dcmap and a=dcsa (RFC 8864 s. 5). Browsers neither write nor read them. Pure.

const MAX_CHANNELS = 64;
const MAX_ATTRIBUTES = 64; // of one channel

const decoder = new TextDecoder();
const encoder = new TextEncoder();

// The text of a quoted string: octets outside the plain set are %HH (RFC 8864 s. 5.1).
export function quote(text) {
  let out = '"';
  for (const octet of encoder.encode(text)) {
    const isPlain = octet >= 0x20 && octet <= 0x7e && octet !== 0x22 && octet !== 0x25;
    out += isPlain ? String.fromCharCode(octet) : `%${octet.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return `${out}"`;
}

function unquote(text) {
  const octets = [];
  for (let i = 0; i < text.length; i++) {
    const hex = text[i] === '%' ? /^[0-9a-fA-F]{2}/.exec(text.slice(i + 1, i + 3)) : null;
    octets.push(hex ? parseInt(hex[0], 16) : text.charCodeAt(i) & 0xff);
    if (hex) i += 2;
  }
  return decoder.decode(new Uint8Array(octets));
}

function readDcmap(value) {
  const head = /^(\d{1,5})(?: +(.*))?$/.exec(value);
  if (!head || Number(head[1]) > 65534) return null;
  const map = {
    id: Number(head[1]),
    label: '',
    subprotocol: '',
    isOrdered: true,
    maxRetr: null,
    maxTime: null,
    priority: 256,
  };
  for (const [, name, quoted, plain] of (head[2] ?? '').matchAll(/([A-Za-z-]+)=(?:"([^"]*)"|([^;\s]*))(?:;|$)/g)) {
    const number = /^\d{1,10}$/.test(plain ?? '') ? Number(plain) : null;
    if (name === 'label') map.label = unquote(quoted ?? '');
    else if (name === 'subprotocol') map.subprotocol = unquote(quoted ?? '').toLowerCase();
    else if (name === 'ordered') map.isOrdered = plain !== 'false';
    else if (name === 'max-retr') map.maxRetr = number;
    else if (name === 'max-time') map.maxTime = number;
    else if (name === 'priority' && number !== null && number < 65536) map.priority = number;
  }
  return map;
}

// Where the data channels' m-line is, as indexes of lines; null without one.
function findSection(lines) {
  const start = lines.findIndex((l) => /^m=application \d+ .*(webrtc-datachannel|DTLS\/SCTP)/.test(l));
  if (start < 0) return null;
  const next = lines.findIndex((l, i) => i > start && l.startsWith('m='));
  return { start, end: next < 0 ? lines.length : next };
}

// { isOn, channels: [{ id, label, subprotocol, ..., attributes: [{ name, value }] }] }. isOn: there is an m-line and
// it is not refused. Lines that nobody can use are passed over, a second map of an id too.
export function readChannels(sdp) {
  const lines = sdp.split(/\r?\n/);
  const section = findSection(lines);
  if (!section) return { isOn: false, channels: [] };
  const channels = new Map();
  const own = lines.slice(section.start, section.end);
  for (const line of own) {
    const map = line.startsWith('a=dcmap:') ? readDcmap(line.slice(8).trimEnd()) : null;
    if (map && !channels.has(map.id) && channels.size < MAX_CHANNELS)
      channels.set(map.id, { ...map, attributes: [] });
  }
  for (const line of own) {
    const [, id, name, value] = /^a=dcsa:(\d{1,5}) +([^:\s]+)(?::(.*))?$/.exec(line) ?? [];
    const channel = name && channels.get(Number(id));
    if (channel && channel.attributes.length < MAX_ATTRIBUTES)
      channel.attributes.push({ name, value: (value ?? '').trim() });
  }
  return { isOn: !/^m=application 0 /.test(own[0]), channels: [...channels.values()] };
}

// The value of a channel's attribute: null when it is not there.
export const attribute = (channel, name) => channel.attributes.find((a) => a.name === name)?.value ?? null;

// The SDP with the lines of these channels ({ id, label, subprotocol, attributes: ['path:...', ...] }) in its m-line,
// and without those that stood there. Unchanged without such an m-line.
export function writeChannels(sdp, channels) {
  const lines = sdp.split('\r\n').filter((l) => !/^a=(dcmap|dcsa):/.test(l));
  const section = findSection(lines);
  if (!section) return sdp;
  const made = channels.flatMap(({ id, label, subprotocol, attributes }) => [
    `a=dcmap:${id} ${label ? `label=${quote(label)};` : ''}subprotocol=${quote(subprotocol)}`,
    ...attributes.map((a) => `a=dcsa:${id} ${a}`),
  ]);
  const end = lines[section.end - 1] === '' ? section.end - 1 : section.end; // before the last line's end
  lines.splice(end, 0, ...made);
  return lines.join('\r\n');
}

// RFC 8864: a=dcmap and a=dcsa.
import './setup.mjs';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { attribute, quote, readChannels, writeChannels } from '../codec/dcsdp.js';
import { application } from './pair.mjs';

const channels = [
  { id: 2, label: 'ü "%; x', subprotocol: 'msrp', attributes: ['path:msrps://a:1/b;dc', 'msrp-cema'] },
  { id: 4, label: '', subprotocol: 't140', attributes: [] },
];

test('what is written is read', () => {
  const sdp = writeChannels(application, channels);
  assert.ok(sdp.endsWith('\r\n') && !sdp.includes('\r\n\r\n'));
  const { isOn, channels: read } = readChannels(sdp);
  assert.ok(isOn);
  assert.deepEqual(
    read.map(({ id, label, subprotocol, isOrdered }) => ({ id, label, subprotocol, isOrdered })),
    [
      { id: 2, label: 'ü "%; x', subprotocol: 'msrp', isOrdered: true },
      { id: 4, label: '', subprotocol: 't140', isOrdered: true },
    ],
  );
  assert.equal(attribute(read[0], 'path'), 'msrps://a:1/b;dc');
  assert.equal(attribute(read[0], 'msrp-cema'), '');
  assert.equal(attribute(read[0], 'setup'), null);
});

test('lines are replaced, and stand in the right m-line', () => {
  const more = application.replace(/$/, 'm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:2\r\n');
  const once = writeChannels(more, channels);
  assert.equal(writeChannels(once, channels), once);
  assert.ok(
    once.indexOf('a=dcmap:4') < once.indexOf('m=video') && once.indexOf('a=dcmap:2') > once.indexOf('m=application'),
  );
  assert.equal(writeChannels(once, []), more);
  assert.equal(writeChannels('v=0\r\n', channels), 'v=0\r\n');
});

test('options of every kind, and a semicolon in quotes', () => {
  const sdp =
    application +
    [
      'a=dcmap:7 ordered=false;max-retr=3;label="a;b";subprotocol="MSRP";future=1;priority=512',
      'a=dcmap:9',
      'a=dcmap:99999 label="x"',
      'a=dcmap:x',
      'a=dcmap:7 subprotocol="other"',
      'a=dcsa:8 path:x',
      'a=dcsa:7 floorid:1 mstrm:10',
    ].join('\r\n');
  const {
    channels: [a, b, ...none],
  } = readChannels(sdp);
  assert.deepEqual(a, {
    id: 7,
    label: 'a;b',
    subprotocol: 'msrp',
    isOrdered: false,
    maxRetr: 3,
    maxTime: null,
    priority: 512,
    attributes: [{ name: 'floorid', value: '1 mstrm:10' }],
  });
  assert.deepEqual([b.id, b.subprotocol, none.length], [9, '', 0]);
});

test('a refused m-line and none', () => {
  assert.equal(readChannels(application.replace('application 9', 'application 0')).isOn, false);
  assert.deepEqual(readChannels('v=0\r\n'), { isOn: false, channels: [] });
  assert.ok(readChannels(application.replace('UDP/DTLS/SCTP webrtc-datachannel', 'DTLS/SCTP 5000')).isOn);
});

test('a label is quoted by octets', () => assert.equal(quote('"é%'), '"%22%C3%A9%25"'));

test('any octets are read without an error', () => {
  for (let i = 0; i < 2000; i++) {
    const noise = Array.from({ length: 40 }, () => 'dcmap:sa=12 ;"%\r\n'[Math.floor(Math.random() * 18)]).join('');
    readChannels(`${application}a=dcmap:1 ${noise}\r\na=dcsa:1 ${noise}`);
  }
});

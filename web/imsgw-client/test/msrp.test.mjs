// RFC 4975: messages, URIs, ranges.
import './setup.mjs';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  MsrpError,
  isClear,
  isSameUri,
  readMessage,
  readRange,
  readUri,
  token,
  writeMessage,
  writeRange,
} from '../codec/msrp.js';

const octets = (text) => new TextEncoder().encode(text);
const text = (o) => new TextDecoder().decode(o);
const to = ['msrps://b.example:1/bb;dc'];
const from = ['msrps://a.example:2/aa;dc'];

test('a SEND, octet for octet', () => {
  const message = {
    tid: 'd93kswow',
    method: 'SEND',
    to,
    from,
    headers: [
      ['Message-ID', '12339sdqwer'],
      ['Content-Type', 'text/plain'],
    ],
    body: octets('Hi'),
    flag: '$',
  };
  const written = writeMessage(message);
  assert.equal(
    text(written),
    [
      'MSRP d93kswow SEND',
      `To-Path: ${to[0]}`,
      `From-Path: ${from[0]}`,
      'Message-ID: 12339sdqwer',
      'Content-Type: text/plain',
      '',
      'Hi',
      '-------d93kswow$',
      '',
    ].join('\r\n'),
  );
  const read = readMessage(written);
  assert.deepEqual(
    [read.tid, read.method, read.to, read.from, text(read.body), read.flag],
    ['d93kswow', 'SEND', to, from, 'Hi', '$'],
  );
  assert.equal(read.headers.get('message-id'), '12339sdqwer');
  for (let n = 0; n < written.length; n++) assert.throws(() => readMessage(written.subarray(0, n)), MsrpError);
});

test('no body and an empty body differ', () => {
  const head = { tid: 'abcd', method: 'SEND', to, from };
  assert.equal(readMessage(writeMessage(head)).body, null);
  assert.equal(readMessage(writeMessage({ ...head, body: new Uint8Array() })).body.length, 0);
});

test('a response', () => {
  const read = readMessage(writeMessage({ tid: 'abcd', status: 413, comment: 'no more', to, from }));
  assert.deepEqual([read.status, read.comment, read.method], [413, 'no more', undefined]);
});

test('headers cannot be smuggled in, nor end-lines', () => {
  const written = text(writeMessage({ tid: 'abcd', method: 'SEND', to, from, headers: [['X', 'a\r\nY: b']] }));
  assert.ok(!written.includes('\r\nY:'));
  assert.equal(isClear(octets('x-------abcd$'), 'abcd'), false);
  assert.equal(isClear(octets('x-------abce$'), 'abcd'), true);
  const twice = text(writeMessage({ tid: 'abcd', method: 'SEND', to, from, body: octets('x') })).replace(
    '\r\nx\r\n',
    '\r\nx\r\n-------abcd$\r\nMSRP evil SEND\r\n',
  );
  assert.throws(() => readMessage(octets(twice)), /end-line/);
});

test('what is malformed', () => {
  for (const bad of [
    '',
    'MSRP',
    'HTTP abcd SEND\r\n-------abcd$\r\n',
    'MSRP a SEND\r\n-------a$\r\n',
    'MSRP abcd SEND\r\n-------abcd$\r\n',
    'MSRP abcd send\r\nTo-Path: a\r\nFrom-Path: b\r\n-------abcd$\r\n',
    'MSRP abcd SEND\r\nTo-Path:a\r\nFrom-Path: b\r\n-------abcd$\r\n',
    'MSRP abcd SEND\r\nTo-Path: a\r\nFrom-Path: b\r\n-------abcd!\r\n',
    'MSRP abcd SEND\r\nTo-Path: a\r\n-------abcd$\r\n',
  ])
    assert.throws(() => readMessage(octets(bad)), MsrpError, bad);
});

test('URIs are compared as s. 6.1 says', () => {
  const same = [
    ['msrps://A:1/x;dc', 'msrps://a:1/x;DC'],
    ['msrp://u@a:1/x;tcp', 'msrp://a:1/x;tcp;p=1'],
  ];
  const other = [
    ['msrps://a:1/x;dc', 'msrps://a:1/X;dc'],
    ['msrps://a/x;dc', 'msrps://a:1/x;dc'],
    ['msrps://a:1;dc', 'msrps://a:1/x;dc'],
    ['msrp://a:1/x;dc', 'msrps://a:1/x;dc'],
    ['junk', 'junk'],
  ];
  for (const [a, b] of same) assert.ok(isSameUri(a, b), a);
  for (const [a, b] of other) assert.ok(!isSameUri(a, b), a);
  assert.equal(readUri('msrps://[2001:db8::1]:9/s;dc').host, '[2001:db8::1]');
});

test('ranges', () => {
  for (const r of ['1-2/3', '1-*/3', '1-*/*']) assert.equal(writeRange(readRange(r)), r);
  for (const r of [undefined, '', '1-2', 'a-b/c', '1-2/3 ', '-1-2/3']) assert.equal(readRange(r), null);
});

test('a token is one, and another each time', () => {
  const all = new Set(Array.from({ length: 1000 }, () => token()));
  assert.equal(all.size, 1000);
  for (const t of all) assert.match(t, /^[a-z0-9]{16}$/);
});

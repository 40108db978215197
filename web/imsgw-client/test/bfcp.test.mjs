// RFC 8855: messages of version 1.
import './setup.mjs';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BfcpError, get, readMessage, writeMessage } from '../codec/bfcp.js';

const status = {
  primitive: 'FloorRequestStatus',
  conference: 0x01020304,
  transaction: 7,
  user: 9,
  attributes: [
    {
      name: 'FLOOR_REQUEST_INFORMATION',
      value: {
        id: 5,
        attributes: [
          {
            name: 'OVERALL_REQUEST_STATUS',
            value: {
              id: 5,
              attributes: [{ name: 'REQUEST_STATUS', value: { status: 'accepted', queuePosition: 2 } }],
            },
          },
          {
            name: 'BENEFICIARY_INFORMATION',
            value: { id: 9, attributes: [{ name: 'USER_DISPLAY_NAME', value: 'Zoë' }] },
          },
        ],
      },
    },
  ],
};

test('a FloorRequest, octet for octet', () => {
  assert.deepEqual(
    [
      ...writeMessage({
        primitive: 'FloorRequest',
        conference: 1,
        transaction: 2,
        user: 3,
        attributes: [{ name: 'FLOOR_ID', value: 4 }],
      }),
    ],
    [0x20, 1, 0, 1, 0, 0, 0, 1, 0, 2, 0, 3, 0x05, 4, 0, 4],
  );
});

test('groups and padding go there and back', () => {
  const written = writeMessage(status);
  const read = readMessage(written);
  assert.deepEqual(
    [read.primitive, read.conference, read.transaction, read.user],
    ['FloorRequestStatus', 0x01020304, 7, 9],
  );
  const info = get(read.attributes, 'FLOOR_REQUEST_INFORMATION');
  assert.deepEqual(get(get(info.attributes, 'OVERALL_REQUEST_STATUS').attributes, 'REQUEST_STATUS'), {
    status: 'accepted',
    queuePosition: 2,
  });
  assert.equal(get(get(info.attributes, 'BENEFICIARY_INFORMATION').attributes, 'USER_DISPLAY_NAME'), 'Zoë');
  for (let n = 0; n < written.length; n++) assert.throws(() => readMessage(written.subarray(0, n)), BfcpError);
});

test('a message of another version, and one with more after it', () => {
  const hello = writeMessage({ primitive: 'Hello', conference: 1, transaction: 2, user: 3 });
  assert.throws(
    () => readMessage(Uint8Array.of(...hello, 0, 0, 0, 0)),
    (e) => e.code === 13,
  );
  hello[0] = 2 << 5;
  assert.throws(
    () => readMessage(hello),
    (e) => e.code === 12,
  );
});

test('attributes that are unknown stay numbers, malformed ones are Error 10', () => {
  const base = [0x20, 4, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1];
  assert.equal(readMessage(Uint8Array.of(...base, 0x7f, 4, 1, 2)).attributes[0].name, 63);
  for (const bad of [
    [3, 1, 0, 0],
    [3, 5, 0, 0],
    [3, 2, 0, 0],
    [0x0b, 3, 0, 0],
  ])
    assert.throws(
      () => readMessage(Uint8Array.of(...base, ...bad)),
      (e) => e.code === 10,
      String(bad),
    );
});

test('a long text is cut between characters', () => {
  const written = writeMessage({
    primitive: 'FloorRequest',
    conference: 1,
    transaction: 1,
    user: 1,
    attributes: [{ name: 'PARTICIPANT_PROVIDED_INFO', value: 'é'.repeat(300) }],
  });
  assert.equal(get(readMessage(written).attributes, 'PARTICIPANT_PROVIDED_INFO'), 'é'.repeat(126));
});

test('any octets give a message or a BfcpError', () => {
  const seed = writeMessage(status);
  for (let i = 0; i < 3000; i++) {
    const noisy = seed.slice();
    for (let k = 0; k < 3; k++) noisy[4 + Math.floor(Math.random() * (seed.length - 4))] = Math.random() * 256;
    try {
      readMessage(noisy);
    } catch (e) {
      assert.ok(e instanceof BfcpError, e.stack);
    }
  }
});

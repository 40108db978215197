// Two ends of a call over a fake browser: what one offers the other takes.
import './setup.mjs';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CallChannels } from '../index.js';
import { writeMessage as bfcp } from '../codec/bfcp.js';
import { writeChannels } from '../codec/dcsdp.js';
import { readMessage, writeMessage } from '../codec/msrp.js';
import { application, connections, next } from './pair.mjs';

async function call(offer, options = {}, accept) {
  const [a, b] = connections();
  const caller = new CallChannels({ offer, options });
  const called = new CallChannels({ accept, options });
  caller.attach(a);
  called.attach(b);
  caller.prepareOffer();
  const sdp = caller.toWire(application, 'offer');
  called.fromWire(sdp, 'offer');
  const answer = called.toWire(application, 'answer');
  caller.fromWire(answer, 'answer');
  await new Promise((done) => setTimeout(done));
  return { caller, called, sdp, answer };
}

const chat = async (options) => {
  const made = await call(['chat'], options);
  return { a: made.caller.get('chat'), b: made.called.get('chat'), ...made };
};

test('chat: text, reports, composing, closing', async () => {
  const { a, b } = await chat({ chat: { keepAliveMs: 0 } });
  await a.opened;
  const got = next(b, 'message');
  await a.sendText('hello', { successReport: true });
  assert.equal((await got).text, 'hello');
  const composing = next(a, 'composing');
  b.composing();
  assert.deepEqual(await composing, { isOn: true });
  const quiet = next(a, 'composing');
  await b.sendText('done');
  assert.deepEqual(await quiet, { isOn: false });
  const closed = next(b, 'close');
  a.close();
  assert.deepEqual(await closed, { error: null });
  await assert.rejects(a.sendText('x'), { name: 'InvalidStateError' });
});

test('a file as a Blob, with progress and its name', async () => {
  const { a, b } = await chat();
  const body = crypto.getRandomValues(new Uint8Array(60_000));
  const progress = [];
  const got = next(b, 'file');
  const sent = a.sendFile(new Blob([body]), {
    name: '../é "x".bin',
    onProgress: (n, total) => progress.push(n / total),
  });
  const { file } = await got;
  await sent;
  assert.equal(file.name, 'é "x".bin');
  assert.deepEqual(new Uint8Array(await (await file.blob()).arrayBuffer()), body);
  assert.ok(progress.length > 3 && progress.at(-1) === 1);
  a.close();
});

test('a file as a stream holds its sender until it is read', async () => {
  const { a, b } = await chat();
  const got = next(b, 'file');
  let isSent = false;
  const body = new Uint8Array(4 << 20).fill(7);
  const sent = a.sendFile(new Blob([body]), { name: 'x' }).then(() => {
    isSent = true;
  });
  const { file } = await got;
  const { stream } = file;
  await new Promise((done) => setTimeout(done, 50));
  assert.equal(isSent, false);
  assert.ok(file.received < 3 << 20, String(file.received));
  let n = 0;
  for await (const part of stream) n += part.length;
  await sent;
  assert.equal(n, body.length);
  a.close();
});

test('a file refused with 413, one aborted by its sender, one too large', async () => {
  const { a, b } = await chat({ chat: { maxSize: 200_000 } });
  b.addEventListener('file', ({ detail: { file } }) => file.name === 'no' && file.reject());
  let files = 0;
  b.addEventListener('file', () => files++);
  await assert.rejects(a.sendFile(new Blob([new Uint8Array(150_000)]), { name: 'no' }), { status: 413 });
  await assert.rejects(a.sendFile(new Blob([new Uint8Array(200_001)]), { name: 'big' }), { status: 413 });
  const abort = new AbortController();
  const got = next(b, 'file');
  const sent = a.sendFile(new Blob([new Uint8Array(150_000)]), {
    name: 'stop',
    signal: abort.signal,
    onProgress: () => abort.abort(new Error('enough')),
  });
  const { file } = await got;
  await assert.rejects(sent, /enough/);
  await assert.rejects(file.blob(), { status: 408 });
  assert.equal(files, 2);
  await a.sendText('still here');
  a.close();
});

test('chunks out of order and overlapping make one message', async () => {
  const { a, b } = await chat();
  const path = a.paths();
  const chunk = (range, text, flag) =>
    a.post(
      writeMessage({
        tid: `t${range.replace(/\W/g, '')}xx`,
        method: 'SEND',
        ...path,
        flag,
        headers: [
          ['Message-ID', 'mmmm'],
          ['Byte-Range', range],
          ['Failure-Report', 'no'],
          ['Content-Type', 'text/plain'],
        ],
        body: new TextEncoder().encode(text),
      }),
    );
  const got = next(b, 'message');
  chunk('6-10/10', 'fghij', '$');
  chunk('1-3/10', 'abc', '+');
  chunk('2-5/10', 'bcde', '+');
  assert.equal((await got).text, 'abcdefghij');
  a.close();
});

test('481, 501, 400 and what is no MSRP', async () => {
  const { a, b } = await chat();
  const { to, from } = a.paths();
  const ask = (message) => {
    const answer = new Promise((done) => {
      a.onMessage = (o) => done(readMessage(o));
    });
    a.post(writeMessage({ tid: 'abcdefgh', method: 'SEND', to, from, ...message }));
    return answer;
  };
  assert.equal((await ask({ to: ['msrps://x:1/y;dc'] })).status, 481);
  assert.equal((await ask({ method: 'NICKNAME' })).status, 501);
  assert.equal((await ask({ body: new Uint8Array(3) })).status, 400);
  const warned = next(b, 'warning');
  a.post(new Uint8Array([1, 2, 3]));
  assert.match((await warned).error.message, /malformed/);
  assert.equal(b.state, 'open');
  a.close();
});

test('text: typed, taken back, and within cps', async () => {
  const { caller, called, sdp } = await call(['text'], { text: { cps: 2 } });
  assert.match(sdp, /a=dcsa:0 fmtp:t140 cps=2\r\n/);
  const [a, b] = [caller.get('text'), called.get('text')];
  const got = next(b, 'text');
  a.type(`ab\b${'x'.repeat(40)}`);
  assert.equal((await got).text, `a${'x'.repeat(17)}`); // 20 characters, of which one erased another
  assert.equal(a.waiting, 23);
  assert.equal(a.localText, `a${'x'.repeat(40)}`);
  a.close();
});

test('the floor, as a server over there sees it', async () => {
  const { a, b } = Object.fromEntries(connections().map((c, i) => ['ab'[i], c]));
  const caller = new CallChannels({ offer: ['floor'] });
  caller.attach(a);
  caller.prepareOffer();
  const server = b.createDataChannel('', { id: 0 });
  const serve = (o) => {
    const [primitive, transaction] = [o[1], (o[8] << 8) | o[9]];
    const status = { 1: 'accepted', 2: 'released' }[primitive];
    const answer = status
      ? {
          primitive: 'FloorRequestStatus',
          attributes: [
            {
              name: 'FLOOR_REQUEST_INFORMATION',
              value: {
                id: 3,
                attributes: [
                  {
                    name: 'OVERALL_REQUEST_STATUS',
                    value: { id: 3, attributes: [{ name: 'REQUEST_STATUS', value: { status, queuePosition: 1 } }] },
                  },
                ],
              },
            },
          ],
        }
      : primitive === 7
        ? { primitive: 'FloorStatus', attributes: [{ name: 'FLOOR_ID', value: 1 }] }
        : { primitive: 'Error', attributes: [{ name: 'ERROR_CODE', value: Uint8Array.of(5)[0] }] };
    server.send(bfcp({ conference: 77, user: 8, transaction, ...answer }));
  };
  server.addEventListener('message', (e) => serve(new Uint8Array(e.data)));
  caller.fromWire(
    writeChannels(application, [
      { id: 0, subprotocol: 'bfcp', attributes: ['floorctrl:s-only', 'confid:77', 'userid:8', 'floorid:1'] },
    ]),
    'answer',
  );
  const session = caller.get('floor');
  await session.opened;
  assert.deepEqual(await session.requestFloor(), {
    id: 3,
    status: 'accepted',
    queuePosition: 1,
    user: null,
    name: null,
  });
  assert.equal(session.isGranted, false);
  assert.equal(session.request.id, 3);
  await assert.rejects(session.hello(), { code: 5 });
  await session.releaseFloor();
  assert.equal(session.request, null);
  session.close();
});

test('what is refused is closed, what is not accepted is not answered', async () => {
  const { caller, called, answer } = await call(['chat', 'text', 'floor'], {}, ['text']);
  assert.deepEqual(
    [...answer.matchAll(/a=dcmap:(\d+)/g)].map((m) => m[1]),
    ['2'],
  );
  assert.equal(caller.get('chat'), undefined);
  assert.equal(caller.get('text').state, 'open');
  assert.equal([...called.sessions.keys()].length, 1);
  const closed = next(called.get('text'), 'close');
  called.fromWire(application, 'offer'); // the caller took it out
  assert.deepEqual(await closed, { error: null });
  caller.close();
});

test('a later offer keeps the channels and their ids are not used twice', async () => {
  const { caller, called } = await call(['chat']);
  const first = caller.get('chat');
  caller.add('text');
  const sdp = caller.toWire(application, 'offer');
  called.fromWire(sdp, 'offer');
  caller.fromWire(called.toWire(application, 'answer'), 'answer');
  await caller.get('text').opened;
  assert.equal(caller.get('chat'), first);
  first.close();
  caller.add('chat');
  assert.deepEqual([...caller.sessions.keys()], [2, 4]);
  caller.close();
});

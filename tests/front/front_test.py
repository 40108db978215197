#!/usr/bin/python3
"""The front of a running gateway against clients nobody here wrote: python3-websockets, openssl s_client, urllib, and
bare sockets for what a well-behaved client does not send. The core is a socket of this test.

usage: front_test.py BUILD_DIRECTORY [unittest arguments]
"""
import asyncio
import os
import random
import re
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

import websockets

IMSGW = os.path.join(os.path.abspath(sys.argv[1]), 'imsgw')
WAIT_S = 20  # under sanitizers on a busy machine


def free_port():
    """A port free for TCP and UDP a moment ago, below those that the kernel gives to others."""
    while True:
        port = random.randint(15000, 19999)
        try:
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                with socket.socket(socket.AF_INET, kind) as s:
                    s.bind(('127.0.0.1', port))
            return port
        except OSError:
            pass


class Gateway:
    def __init__(self, **keys):
        self.dir = tempfile.TemporaryDirectory(prefix='imsgw-front.')
        self.wss, self.ws, self.sip = free_port(), free_port(), free_port()
        self.core = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.core.bind(('127.0.0.1', 0))
        self.core.settimeout(WAIT_S)
        self.web = os.path.join(self.dir.name, 'web')
        os.mkdir(self.web)
        with open(os.path.join(self.web, 'index.html'), 'w') as f:
            f.write('<p>' + 'page ' * 100000)
        conf = os.path.join(self.dir.name, 'imsgw.conf')
        all_keys = dict(domain='ims.test', wss_listen=f'127.0.0.1:{self.wss}', ws_listen=f'127.0.0.1:{self.ws}',
                        sip_listen=f'127.0.0.1:{self.sip}', access_port=free_port(), web_root=self.web,
                        core_port_min=20000, core_port_max=20999,
                        core_route=f'sip:127.0.0.1:{self.core.getsockname()[1]}', admin_socket='')
        all_keys.update(keys)
        with open(conf, 'w') as f:
            f.writelines(f'{k} = {v}\n' for k, v in all_keys.items())
        self.log = open(os.path.join(self.dir.name, 'log'), 'w+')
        self.process = subprocess.Popen([IMSGW, '-c', conf], stderr=self.log)
        end = time.time() + WAIT_S
        while time.time() < end and self.process.poll() is None:
            try:
                socket.create_connection(('127.0.0.1', self.ws)).close()
                return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError('the gateway did not start: ' + self.read_log())

    def read_log(self):
        self.log.seek(0)
        return self.log.read()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(WAIT_S)
        self.core.close()
        self.text = self.read_log()
        self.log.close()
        self.dir.cleanup()
        return code

    def metric(self, name):
        with urllib.request.urlopen(f'http://127.0.0.1:{self.ws}/metrics') as r:
            return int(re.search(rf'^{re.escape(name)} (\d+)$', r.read().decode(), re.M).group(1))


def tls():
    c = ssl.create_default_context()
    c.check_hostname, c.verify_mode = False, ssl.CERT_NONE
    return c


def sip(method, cseq, branch, call_id='c1', headers='', body=''):
    return (f'{method} sip:ims.test SIP/2.0\r\nVia: SIP/2.0/WSS k3f9.invalid;branch=z9hG4bK{branch}\r\n'
            f'Max-Forwards: 69\r\nFrom: <sip:ann@ims.test>;tag=f1\r\nTo: <sip:ann@ims.test>\r\nCall-ID: {call_id}\r\n'
            f'CSeq: {cseq} {method}\r\n{headers}\r\n{body}')


CONTACT = 'Contact: <sip:u8@k3f9.invalid;transport=ws>;expires=600\r\n'

HANDSHAKE = ('Host: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n'
             'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: sip\r\n\r\n')


def frame(opcode, data, final=True, mask=b'\1\2\3\4'):
    n = len(data)
    size = bytes([n]) if n < 126 else b'\x7e' + struct.pack('>H', n) if n < 65536 else b'\x7f' + struct.pack('>Q', n)
    return bytes([final << 7 | opcode, size[0] | 0x80]) + size[1:] + mask + bytes(b ^ mask[i & 3] for i, b in enumerate(data))


class Front(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.gw = Gateway()

    @classmethod
    def tearDownClass(cls):
        code = cls.gw.stop()
        assert code == 0 and 'Sanitizer' not in cls.gw.text, cls.gw.text

    def connect(self, **kw):
        return websockets.connect(f'wss://127.0.0.1:{self.gw.wss}/sip', ssl=tls(), subprotocols=['sip'], **kw)

    def raw(self, data=b''):
        s = socket.create_connection(('127.0.0.1', self.gw.ws))
        s.settimeout(WAIT_S)
        if data is not None:
            s.sendall(f'GET /sip HTTP/1.1\r\n{HANDSHAKE}'.encode())
            head = b''
            while b'\r\n\r\n' not in head:
                head += s.recv(1000)
            self.assertTrue(head.startswith(b'HTTP/1.1 101 '), head)
            s.sendall(data)
        return s

    def close_code(self, data):
        with self.raw(data) as s:
            got = b''
            while True:
                part = s.recv(1000)
                if not part:
                    break
                got += part
                if got[:1] == b'\x88' and len(got) >= 4 and data[0] != 0x88:  # theirs is answered, ours was
                    s.sendall(frame(8, got[2:4]))
                    break
            return struct.unpack('>H', got[2:4])[0] if got[:1] == b'\x88' else None

    def answer_core(self, status):
        """Reads one request as the core would, and answers it."""
        text, peer = self.gw.core.recvfrom(65535)
        request = text.decode()
        kept = [l for l in request.split('\r\n') if re.match(r'(Via|From|To|Call-ID|CSeq):', l)]
        self.gw.core.sendto('\r\n'.join([f'SIP/2.0 {status}'] + kept + ['Content-Length: 0', '', '']).encode(), peer)
        return request

    async def register(self, ws, cseq=1, send=None):
        """One REGISTER refused by the core: there and back, each as one message (SIG-007)."""
        text = sip('REGISTER', cseq, f'r{cseq}', headers=CONTACT)
        await (send(ws, text) if send else ws.send(text))
        request = await asyncio.to_thread(self.answer_core, '403 Forbidden')
        answer = await asyncio.wait_for(ws.recv(), WAIT_S)
        self.assertIn(f'CSeq: {cseq} REGISTER', request)
        self.assertTrue(answer.startswith('SIP/2.0 403 '), answer)
        self.assertEqual(re.findall('^Via: (.*)\r$', answer, re.M), [f'SIP/2.0/WSS k3f9.invalid;branch=z9hG4bKr{cseq}'])

    def test_messages_fragments_binary_and_keepalive(self):
        async def run():
            async with self.connect() as ws:
                self.assertEqual(ws.subprotocol, 'sip')
                self.assertEqual(ws.extensions, [])
                await self.register(ws, 1)
                await self.register(ws, 2, lambda w, t: w.send([t[i:i + 40] for i in range(0, len(t), 40)]))
                await self.register(ws, 3, lambda w, t: w.send(t.encode()))
                await (await ws.ping('hello'))
                await ws.send('\r\n\r\n')
                self.assertEqual(await ws.recv(), '\r\n')
        asyncio.run(run())

    def test_refusals_of_the_handshake_seen_by_a_client(self):
        async def status(**kw):
            try:
                async with websockets.connect(**kw):
                    return 101
            except websockets.InvalidStatusCode as e:
                return e.status_code
        base = dict(uri=f'wss://127.0.0.1:{self.gw.wss}/sip', ssl=tls(), subprotocols=['sip'])
        self.assertEqual(asyncio.run(status(**base)), 101)
        self.assertEqual(asyncio.run(status(**{**base, 'subprotocols': ['chat']})), 400)
        self.assertEqual(asyncio.run(status(**{**base, 'subprotocols': None})), 400)
        self.assertEqual(asyncio.run(status(**base, origin='https://evil.example')), 403)
        self.assertEqual(asyncio.run(status(**base, origin=f'https://127.0.0.1:{self.gw.wss}')), 101)
        self.assertEqual(asyncio.run(status(**{**base, 'uri': f'wss://127.0.0.1:{self.gw.wss}/other'})), 404)

    def test_frames_against_the_protocol(self):
        self.assertEqual(self.close_code(b'\x81\x03abc'), 1002)
        self.assertEqual(self.close_code(frame(3, b'')), 1002)
        self.assertEqual(self.close_code(frame(1, b'\xff')), 1007)
        self.assertEqual(self.close_code(frame(2, b'a' * 65537)), 1009)
        self.assertEqual(self.close_code(frame(1, b'no SIP') * 20), 1008)
        self.assertEqual(self.close_code(frame(8, struct.pack('>H', 3001))), 3001)

    def test_bad_sip_is_answered_and_hurts_nobody_else(self):
        async def run():
            async with self.connect() as good, self.connect() as bad:
                await bad.send(sip('OPTIONS', 1, 'x').replace('1 OPTIONS', '1 INVITE'))
                self.assertTrue((await asyncio.wait_for(bad.recv(), WAIT_S)).startswith('SIP/2.0 400 CSeq Method Does Not Match\r\n'))
                await bad.send(sip('OPTIONS', 1, 'y', headers='Content-Length: 10\r\n'))
                self.assertTrue((await asyncio.wait_for(bad.recv(), WAIT_S)).startswith('SIP/2.0 400 Content-Length Beyond Message\r\n'))
                await bad.send(sip('OPTIONS', 1, 'z').replace('SIP/2.0\r\nVia', 'SIP/4.0\r\nVia', 1))
                self.assertTrue((await asyncio.wait_for(bad.recv(), WAIT_S)).startswith('SIP/2.0 505 '))
                await bad.send('a' * 66000)
                with self.assertRaises(websockets.ConnectionClosed):
                    await bad.recv()
                await self.register(good, 4)
        asyncio.run(run())

    def test_pages_health_and_traversal(self):
        url = f'https://127.0.0.1:{self.gw.wss}'
        with urllib.request.urlopen(f'{url}/', context=tls()) as r:
            self.assertEqual(len(r.read()), 3 + 500000)
            self.assertEqual(r.headers['Content-Type'], 'text/html; charset=utf-8')
            self.assertEqual(r.headers['X-Content-Type-Options'], 'nosniff')
            etag = r.headers['ETag']
        for path, headers, status in [('/', {'If-None-Match': etag}, 304), ('/../log', {}, 404), ('/%2e%2e/imsgw.conf', {}, 404)]:
            with self.assertRaises(urllib.error.HTTPError) as e:
                urllib.request.urlopen(urllib.request.Request(url + path, headers=headers), context=tls())
            self.assertEqual(e.exception.code, status)
        with urllib.request.urlopen(f'{url}/healthz', context=tls()) as r:
            self.assertEqual(r.read(), b'ok\n')

    def test_a_head_too_large_and_one_never_finished(self):
        with self.raw(None) as s:
            s.sendall(b'GET / HTTP/1.1\r\nX: ' + b'a' * 20000)
            self.assertTrue(s.recv(1000).startswith(b'HTTP/1.1 431 '))
        with self.raw(None) as s:
            s.sendall(b'GET / HTTP/1.1\r\n')
            began = time.time()
            self.assertEqual(s.recv(10), b'')
            self.assertLess(abs(time.time() - began - 10), 5)

    def test_openssl_s_client_gets_tls_with_aead_only(self):
        def s_client(*args):
            return subprocess.run(['openssl', 's_client', '-connect', f'127.0.0.1:{self.gw.wss}', *args], input=b'',
                                  capture_output=True, timeout=WAIT_S).returncode
        self.assertEqual(s_client('-tls1_3'), 0)
        self.assertEqual(s_client('-tls1_2'), 0)
        self.assertNotEqual(s_client('-tls1_2', '-cipher', 'ECDHE-ECDSA-AES128-SHA256:AES128-GCM-SHA256'), 0)
        self.assertNotEqual(s_client('-tls1_1', '-cipher', 'DEFAULT:@SECLEVEL=0'), 0)

    def test_five_hundred_come_and_go_and_leave_nothing(self):
        def fds():
            return len(os.listdir(f'/proc/{self.gw.process.pid}/fd'))

        async def run():
            one = await self.connect()
            many = [await websockets.connect(f'ws://127.0.0.1:{self.gw.ws}/', subprotocols=['sip']) for _ in range(150)]
            for w in many:
                await w.send('\r\n\r\n')
            for w in many:
                self.assertEqual(await w.recv(), '\r\n')
            for i, w in enumerate(many):
                await w.close() if i % 2 else w.transport.abort()
            await one.close()
        before = fds()
        for _ in range(4):
            asyncio.run(run())
        end = time.time() + WAIT_S
        while time.time() < end and self.gw.metric('imsgw_sip_flows'):
            time.sleep(0.1)
        self.assertEqual(self.gw.metric('imsgw_ws_connections'), 0)
        self.assertEqual(self.gw.metric('imsgw_sip_flows'), 0)
        while time.time() < end and fds() > before:
            time.sleep(0.1)
        self.assertLessEqual(fds(), before)


class Limits(unittest.TestCase):
    def test_the_third_of_an_address_is_503_and_the_end_closes_1001(self):
        gw = Gateway(ws_max_per_address=2, ws_listen_more='')

        async def run():
            url = f'ws://127.0.0.1:{gw.ws}/sip'
            a, b = [await websockets.connect(url, subprotocols=['sip']) for _ in range(2)]
            with self.assertRaises(websockets.InvalidStatusCode) as e:
                await websockets.connect(url, subprotocols=['sip'])
            self.assertEqual(e.exception.status_code, 503)
            self.assertTrue(e.exception.headers['Retry-After'])
            await a.close()
            await asyncio.sleep(0.2)
            c = await websockets.connect(url, subprotocols=['sip'])
            gw.process.send_signal(signal.SIGTERM)
            for w in (b, c):
                with self.assertRaises(websockets.ConnectionClosed) as e:
                    await asyncio.wait_for(w.recv(), WAIT_S)
                self.assertEqual(e.exception.rcvd.code, 1001)
        asyncio.run(run())
        self.assertEqual(gw.stop(), 0)


if __name__ == '__main__':
    unittest.main(argv=[sys.argv[0]] + sys.argv[2:], verbosity=2)

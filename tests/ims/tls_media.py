#!/usr/bin/python3
"""MSRP and BFCP of an IMS phone over TLS that ends at the gateway (TS 33.328 s. 7.2.1, 7.3.1, G.2, annex M; TS 23.334
s. 5.11.2): `openssl s_client` and `s_server` have the phone's end of TLS, libre its BFCP; the core has both in clear,
as tshark sees it. Run: tls_media.py BUILD_DIR"""
import asyncio
import os
import re
import socket
import ssl
import subprocess
import sys
import time

BUILD = os.path.abspath(sys.argv[1])
sys.argv[2:] = []
from phone_lab import DOMAIN, Core, Lab, Phone, called, sdp  # noqa: E402


class Openssl:
    """What is written goes out over TLS; `got` is what came."""
    started = []

    async def start(self, *args):
        self.started.append(self)
        self.p = await asyncio.create_subprocess_exec(
            "openssl", *args, "-quiet", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE)
        self.got, self.ended, self.bridge = b"", asyncio.Event(), None
        self.reader = asyncio.ensure_future(self._read())
        return self

    @classmethod
    def identity(cls, name):
        return ["-cert", f"{lab.dir}/{name}.pem", "-key", f"{lab.dir}/{name}.key"]

    @classmethod
    async def client(cls, port, name="ann"):
        return await cls().start("s_client", "-connect", f"127.0.0.1:{port}", *cls.identity(name))

    @classmethod
    async def server(cls, name="ann"):
        """Asks for a certificate, as TS 33.328 s. 4.1.2.3 wants it; which one is the other's business here."""
        self = await cls().start("s_server", "-accept", f"127.0.0.1:{SERVER}", "-Verify", "1", "-naccept", "1",
                                 *cls.identity(name))
        end = time.monotonic() + 8
        while not any(f":{SERVER:04X} 00000000:0000 0A" in line for line in open("/proc/net/tcp")):
            assert time.monotonic() < end
            await asyncio.sleep(0.02)
        return self

    async def _read(self):
        while part := await self.p.stdout.read(4096):
            self.got += part
            if self.bridge:
                self.bridge.write(part)
        self.ended.set()

    def write(self, data):
        self.p.stdin.write(data)

    async def until(self, what):
        end = time.monotonic() + 8
        while what not in self.got:
            assert time.monotonic() < end and not self.ended.is_set(), self.got
            await asyncio.sleep(0.01)

    async def stop(self):
        if self.p.returncode is None:
            self.p.kill()
        await self.p.wait()


class Libre:
    """libre's BFCP client on TCP, whose octets go out and come in by an Openssl."""

    async def start(self, tls, body):
        self.lines, user = [], re.search(r"a=userid:(\d+)", body)[1]

        async def carry(reader, writer):
            tls.bridge = writer
            while part := await reader.read(4096):
                tls.write(part)
        self.server = await asyncio.start_server(carry, "127.0.0.1", BRIDGE)
        self.p = await asyncio.create_subprocess_exec(f"{BUILD}/tests/peers/bfcp/re_bfcp", "client", "tcp", str(LIBRE),
                                                      str(BRIDGE), user,
                                                      stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
        await self.says("^connected")
        return self

    async def says(self, *patterns):
        for pattern in patterns:
            while True:
                try:
                    line = (await asyncio.wait_for(self.p.stdout.readline(), 8)).decode()
                except asyncio.TimeoutError:
                    line = ""
                assert line, f"libre never said {pattern}: {self.lines}"
                self.lines.append(line)
                if re.search(pattern, line):
                    break

    async def asks_for_the_floor(self):
        for line, *answers in (("hello", "^HelloAck"), ("request 1", "^FloorRequestStatus", "Granted"),
                               ("query 1", "^FloorStatus")):
            self.p.stdin.write(f"{line}\n".encode())
            await self.says(*answers)

    async def end(self):
        self.p.stdin.close()
        await asyncio.wait_for(self.p.wait(), 5)
        self.server.close()


def port_of(body):
    return int(re.search(r"m=\w+ (\d+) TCP/TLS/", body)[1])


def bfcp(setup, *more, port=9):
    return sdp([f"m=application {port} TCP/TLS/BFCP *", f"a=setup:{setup}", "a=connection:new",
                f"a=fingerprint:SHA-256 {mine}",
                "a=floorctrl:c-only", *more])


def msrp(setup, *more, port=9):
    return sdp([f"m=message {port} TCP/TLS/MSRP *", f"a=setup:{setup}", f"a=fingerprint:SHA-256 {mine}",
                f"a=path:msrps://127.0.0.1:{port}/ann;tcp", "a=accept-types:*", *more])


async def says_hello(tls, path, port=9):
    tls.write((f"MSRP tid1 SEND\r\nTo-Path: {path}\r\nFrom-Path: msrps://127.0.0.1:{port}/ann;tcp\r\n"
               "Message-ID: msg1\r\nByte-Range: 1-5/5\r\nContent-Type: text/plain\r\n\r\nhello\r\n-------tid1$\r\n").encode())
    await tls.until(b"MSRP tid1 200")
    await tls.until(b"hello\r\n-------")


async def hung_up(ann):
    assert (await ann.request("MESSAGE", f"sip:echo@{DOMAIN}", ["Content-Type: text/plain"], "hang up")).status == 200
    await ann.next("BYE")


async def bfcp_of_a_phone_that_offers(ann):
    """SDP-014 E2A-005: the phone offers, so it is the client of TLS; whoever listens on TCP."""
    answer, dialog = await ann.invites(bfcp("active", "a=3ge2ae:requested"))
    assert answer.status == 200 and "TCP/TLS/BFCP" in answer.body and "a=setup:passive" in answer.body, answer.text
    assert "a=floorctrl:s-only" in answer.body and "a=confid:1" in answer.body, answer.text
    assert "a=3ge2ae" not in answer.body, answer.text
    tls = await Openssl.client(port_of(answer.body))
    libre = await Libre().start(tls, answer.body)
    await libre.asks_for_the_floor()
    await libre.end()
    await tls.stop()
    await ann.hangs_up(dialog)


async def bfcp_of_a_phone_that_is_called(ann):
    """SDP-014 E2A-010: the gateway offers, so it is the client of TLS; the phone listens."""
    invite = await called(ann, "floor")
    assert "TCP/TLS/BFCP" in invite.body and "a=fingerprint:" in invite.body, invite.text
    assert "a=3ge2ae:applied" in invite.body, invite.text
    tls = await Openssl.server()
    ann.respond(invite, 200, "OK", body=bfcp("passive", port=SERVER))
    await ann.next("ACK")
    libre = await Libre().start(tls, invite.body)
    await libre.asks_for_the_floor()
    await libre.end()
    await tls.stop()
    await hung_up(ann)


async def bfcp_of_a_phone_that_connects_and_is_the_server_of_tls(ann):
    """SDP-014: TCP and TLS have their roles apart."""
    invite = await called(ann, "floor")
    ann.respond(invite, 200, "OK", body=bfcp("active"))
    await ann.next("ACK")

    def connect():
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{lab.dir}/ann.pem", f"{lab.dir}/ann.key")
        tcp = socket.create_connection(("127.0.0.1", port_of(invite.body)), 8)
        with tcp, context.wrap_socket(tcp, server_side=True) as t:
            t.settimeout(8)
            t.sendall(bytes([0x20, 11, 0, 0, 0, 0, 0, 1, 0, 7, 0, int(re.search(r"a=userid:(\d+)", invite.body)[1])]))
            return t.recv(100)
    ack = await asyncio.to_thread(connect)
    assert ack[:2] == bytes([0x20, 12]) and ack[8:10] == bytes([0, 7]), ack
    await hung_up(ann)


async def msrp_of_a_phone_that_connects(ann):
    """SDP-013 SDP-017: the active side is the client of TLS."""
    answer, dialog = await ann.invites(msrp("active", "a=3ge2ae:requested"))
    path = re.search(r"a=path:(msrps://\S+)", answer.body)[1]
    assert answer.status == 200 and "a=setup:passive" in answer.body, answer.text
    tls = await Openssl.client(port_of(answer.body))
    await says_hello(tls, path)
    await tls.stop()
    await ann.hangs_up(dialog)


async def msrp_of_a_phone_that_listens(ann):
    """SDP-013: here the gateway connects, and is the client of TLS."""
    invite = await called(ann, "chat")
    path = re.search(r"a=path:(msrps://\S+)", invite.body)[1]
    tls = await Openssl.server()
    ann.respond(invite, 200, "OK", body=msrp("passive", port=SERVER))
    await ann.next("ACK")
    await says_hello(tls, path, SERVER)
    await tls.stop()
    await hung_up(ann)


async def a_server_with_another_certificate(ann):
    """TLS-001 IQ-004: TLS and TCP end, the call too, and nothing has passed."""
    invite = await called(ann, "chat")
    tls = await Openssl.server("eve")
    tls.write(b"too early")
    ann.respond(invite, 200, "OK", body=msrp("passive", port=SERVER))
    await ann.next("ACK")
    bye = await ann.next("BYE")
    assert "media security" in (bye["Reason"] or ""), bye.text
    await asyncio.wait_for(tls.ended.wait(), 5)
    assert tls.got == b"", tls.got


async def tls_lost_and_found(ann):
    """IQ-003 IQ-004: with TLS goes the connection of the core; when the phone comes again the core gets another one."""
    answer, dialog = await ann.invites(msrp("active", "a=3ge2ae:requested"))
    path, port = re.search(r"a=path:(msrps://\S+)", answer.body)[1], port_of(answer.body)
    lost = lab.log("core").count("chat: connection lost")
    for n in range(2):
        tls = await Openssl.client(port)
        await says_hello(tls, path)
        await tls.stop()
        end = time.monotonic() + 8
        while lab.log("core").count("chat: connection lost") < lost + n + 1:
            assert time.monotonic() < end, lab.log("core")
            await asyncio.sleep(0.05)
    await ann.hangs_up(dialog)


async def a_phone_without_a_certificate(ann):
    """TLS-002: it is asked for one, so TLS and the call end."""
    invite = await called(ann, "chat")
    ann.respond(invite, 200, "OK", body=msrp("active"))
    await ann.next("ACK")
    tls = await Openssl().start("s_client", "-connect", f"127.0.0.1:{port_of(invite.body)}")
    tls.write(b"hello")
    bye = await ann.next("BYE")
    assert "media security" in (bye["Reason"] or ""), bye.text
    await asyncio.wait_for(tls.ended.wait(), 5)
    assert tls.got == b"", tls.got


async def nobody_listens(ann):
    """IQ-004: TCP that cannot be established is told; the call waits for its phone, which may say where else it
    listens."""
    invite = await called(ann, "chat")
    ann.respond(invite, 200, "OK", body=msrp("passive", port=SERVER))
    await ann.next("ACK")
    end = time.monotonic() + 5
    while "connection lost: input or output failed" not in lab.log("gateway"):
        assert time.monotonic() < end, lab.log("gateway")[-3000:]
        await asyncio.sleep(0.05)
    await hung_up(ann)


async def an_indication_without_registration(ben):
    """E2A-009, TS 33.328 s. 7.2.1 NOTE 2a: each medium by itself."""
    for body in (bfcp, msrp):
        answer, _ = await ben.invites(body("active", "a=3ge2ae:requested"))
        assert answer.status == 488 and answer["Warning"].startswith("399 "), answer.text


async def rcs_without_an_indication(ben):
    """E2A-012: where the operator wants RCS 5.1, MSRP of a phone that registered for no such thing is protected both
    ways."""
    answer, dialog = await ben.invites(msrp("active"))
    assert answer.status == 200 and "TCP/TLS/MSRP" in answer.body, answer.text
    tls = await Openssl.client(port_of(answer.body))
    await says_hello(tls, re.search(r"a=path:(msrps://\S+)", answer.body)[1])
    await tls.stop()
    await ben.hangs_up(dialog)
    invite = await called(ben, "chat")
    assert "TCP/TLS/MSRP" in invite.body and "a=fingerprint:" in invite.body, invite.text
    ben.respond(invite, 200, "OK", body=msrp("active"))
    await ben.next("ACK")
    tls = await Openssl.client(port_of(invite.body))
    await says_hello(tls, re.search(r"a=path:(msrps://\S+)", invite.body)[1])
    await tls.stop()
    await hung_up(ben)
    invite = await called(ben, "floor")
    assert " TCP/BFCP " in invite.body, invite.text  # of MSRP alone
    ben.respond(invite, 486, "Busy Here")
    await ben.next("ACK")


def judge():
    """E2A-003 E2A-014: what tshark makes of it: BFCP and MSRP in the core, TLS and nothing else towards the phone."""
    lab.end_capture()
    offers = lab.frames(f"sdp && udp.port == {lab.base} && udp.port == {lab.base + 2}", ["sdp.media", "sdp.media_attr"])
    lines = {m for row in offers for m in re.findall(r"\w+ \d+ [A-Z/]+", row[0])}
    assert {line.split()[2] for line in lines} == {"TCP/BFCP", "TCP/MSRP"}, lines
    assert not any(re.search("fingerprint|3ge2ae|msrps:", row[1]) for row in offers), offers
    decode = [f"tcp.port=={p},{t[4:].lower()}" for _, p, t in map(str.split, lines) if int(p) > 9]
    core = " || ".join(f"tcp.port == {lab.base + n}" for n in range(10, 26))
    assert not lab.frames("_ws.malformed", ["frame.number", "_ws.col.Info"], decode)
    primitives = {int(row[0]) for row in lab.frames(f"bfcp && ({core})", ["bfcp.primitive"], decode)}
    assert primitives >= {1, 4, 7, 8, 11, 12}, primitives
    assert len(lab.frames(f'msrp.method == "SEND" && ({core})', ["frame.number"], decode)) >= 8
    access = f"tcp.len > 0 && !({core}) && tcp.port != {BRIDGE}"
    assert not lab.frames(f'{access} && (msrp || bfcp || frame contains "MSRP tid1")', ["frame.number", "_ws.col.Info"],
                          decode)
    assert len(lab.frames(f"{access} && tls.app_data", ["frame.number"])) > 20


async def tls_that_passes(core, phone):
    """E2A-008: without an indication TLS is between the two ends: s_client of the phone, s_server in the core, who see
    each other's certificate; with CEMA their paths too pass as they are."""
    theirs = lab.certificate("theirs")
    end = f"msrps://core.example:{SERVER}/far;tcp"
    core.answer = lambda m: sdp([f"m=message {SERVER} TCP/TLS/MSRP *", "a=setup:passive", "a=msrp-cema",
                                 f"a=fingerprint:SHA-256 {theirs}",
                                 f"a=path:{end}", "a=accept-types:*"])
    answer, dialog = await phone.invites(msrp("active", "a=msrp-cema"))
    assert answer.status == 200 and theirs in answer.body.upper() and f"a=path:{end}" in answer.body, answer.text
    towards = core.invites[-1].body
    assert mine in towards.upper() and "a=path:msrps://127.0.0.1:9/ann;tcp" in towards, towards
    server = await Openssl.server("theirs")
    client = await Openssl().start("s_client", "-connect", f"127.0.0.1:{port_of(answer.body)}", "-CAfile",
                                   f"{lab.dir}/theirs.pem",
                                   "-verify_return_error", *Openssl.identity("ann"))
    client.write(b"not MSRP at all")
    await server.until(b"not MSRP at all")
    server.write(b"nor this")
    await client.until(b"nor this")
    await client.stop()
    await asyncio.wait_for(server.ended.wait(), 5)
    await phone.hangs_up(dialog)


class Far:
    """The MSRP end in the core: one connection at a time."""

    def __init__(self, core, *attributes):
        core.answer = lambda m: sdp([f"m=message {SERVER} TCP/MSRP *", "a=setup:passive", f"a=path:{self.path}",
                                     "a=accept-types:*",
                                     *attributes])
        self.path = "msrp://far.example:5/x;tcp"

    async def start(self):
        self.came = asyncio.get_running_loop().create_future()
        self.server = await asyncio.start_server(lambda *streams: self.came.set_result(streams), "127.0.0.1", SERVER)
        return self

    async def streams(self):
        return await asyncio.wait_for(self.came, 8)

    def close(self):
        self.server.close()


async def cema_in_clear(core, phone):
    """RFC 6714: both ends know it and no scheme changes, so paths pass; what follows too."""
    far = await Far(core, "a=msrp-cema").start()
    ours = "msrp://phone.example:9/ann;tcp"
    answer, dialog = await phone.invites(sdp(["m=message 9 TCP/MSRP *", "a=setup:active", f"a=path:{ours}",
                                              "a=msrp-cema",
                                              "a=accept-types:*"]))
    assert answer.status == 200 and "a=msrp-cema" in answer.body and f"a=path:{far.path}" in answer.body, answer.text
    assert "a=msrp-cema" in core.invites[-1].body and f"a=path:{ours}" in core.invites[-1].body, core.invites[-1].text
    _, writer = await asyncio.open_connection("127.0.0.1", int(re.search(r"m=message (\d+)", answer.body)[1]))
    send = (f"MSRP tid1 SEND\r\nTo-Path: {far.path}\r\nFrom-Path: {ours}\r\nMessage-ID: msg1\r\nByte-Range: 1-5/5\r\n"
            "Content-Type: text/plain\r\n\r\nhello\r\n-------tid1$\r\n").encode()
    writer.write(send)
    assert await (await far.streams())[0].readexactly(len(send)) == send
    writer.close()
    far.close()
    await phone.hangs_up(dialog)


async def tcp_lost_in_the_core(core, phone):
    """SDP-017 IQ-003: TLS ends here, so the paths are ours even if both know CEMA; and TLS goes with the connection of
    the core."""
    far = await Far(core, "a=msrp-cema").start()
    answer, dialog = await phone.invites(msrp("active", "a=msrp-cema", "a=3ge2ae:requested"))
    path = re.search(r"a=path:(msrps://\S+)", answer.body)[1]
    assert answer.status == 200 and path != far.path and "a=msrp-cema" not in answer.body, answer.text
    towards = re.search(r"a=path:(msrp://\S+)", core.invites[-1].body)[1]
    tls = await Openssl.client(port_of(answer.body))
    reader, writer = await far.streams()
    tls.write((f"MSRP tid1 SEND\r\nTo-Path: {path}\r\nFrom-Path: msrps://127.0.0.1:9/ann;tcp\r\nMessage-ID: msg1\r\n"
               "Byte-Range: 1-5/5\r\nContent-Type: text/plain\r\n\r\nhello\r\n-------tid1$\r\n").encode())
    head = await asyncio.wait_for(reader.readuntil(b"Message-ID"), 8)
    assert f"To-Path: {far.path}\r\nFrom-Path: {towards}\r\n".encode() in head, head
    writer.close()
    await asyncio.wait_for(tls.ended.wait(), 5)
    far.close()
    await phone.hangs_up(dialog)


async def a_mixed_session(core, phone):
    """E2A-006: messages are protected up to here, voice is from end to end, video is plain; each octet goes its own
    way."""
    key, answer_key = ("A" * 39 + c for c in "12")
    far = await Far(core).start()
    core_rtp, phone_rtp = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    for s in (core_rtp, phone_rtp):
        s.bind(("127.0.0.1", 0))
        s.settimeout(5)

    def lines(rtp, k):
        return [f"m=audio {rtp.getsockname()[1]} RTP/SAVP 8", f"a=crypto:7 AES_CM_128_HMAC_SHA1_80 inline:{k}",
                "m=video 9000 RTP/AVP 96", "a=rtpmap:96 VP8/90000"]
    chat = core.answer
    core.answer = lambda m: chat(m) + "\r\n".join([*lines(core_rtp, answer_key), ""])
    answer, dialog = await phone.invites(msrp("active", "a=3ge2ae:requested", *lines(phone_rtp, key)))
    assert answer.status == 200, answer.text
    towards = core.invites[-1].body
    for body, kind in ((answer.body, "TCP/TLS/MSRP"), (towards, "TCP/MSRP")):
        assert re.findall(r"^m=\w+ \d+ (\S+)", body, re.M) == [kind, "RTP/SAVP", "RTP/AVP"], body
    assert f"a=crypto:7 AES_CM_128_HMAC_SHA1_80 inline:{key}\r\n" in towards, towards
    assert f"a=crypto:7 AES_CM_128_HMAC_SHA1_80 inline:{answer_key}\r\n" in answer.body, answer.text
    voice = int(re.search(r"m=audio (\d+)", answer.body)[1])
    secret = bytes([0x80, 8]) + os.urandom(178)  # no SRTP of ours opens this
    phone_rtp.sendto(secret, ("127.0.0.1", voice))
    got, back = core_rtp.recvfrom(2000)
    assert got == secret, got
    core_rtp.sendto(secret, back)
    assert phone_rtp.recv(2000) == secret
    tls = await Openssl.client(port_of(answer.body))
    tls.write(b"MSRP tid1 SEND\r\n")
    await far.streams()
    far.close()
    core_rtp.close()
    phone_rtp.close()
    await phone.hangs_up(dialog)


async def play(case, *args):
    await case(*args)
    for tls in Openssl.started:
        await tls.stop()
    Openssl.started.clear()
    print("ok", case.__name__, flush=True)


async def with_a_script_as_core():
    core = await Core(lab.base).start()
    phone = await Phone("ann", DOMAIN, "demo").open_udp(lab.base + 5, ("127.0.0.1", lab.base + 4))
    lab.gateway(mediasec="msrp-tls", core_cema="first")
    await phone.signs_in("msrp-tls")
    for case in (tls_that_passes, cema_in_clear, tcp_lost_in_the_core, a_mixed_session):
        await play(case, core, phone)


async def with_the_demo_core():
    lab.core()
    lab.gateway(mediasec="sdes-srtp msrp-tls bfcp-tls", rcs51="yes")
    lab.capture()
    ann = await Phone("ann", DOMAIN, "demo").open_udp(lab.base + 5, ("127.0.0.1", lab.base + 4))
    await ann.signs_in("bfcp-tls", "msrp-tls")
    for case in (bfcp_of_a_phone_that_offers, bfcp_of_a_phone_that_is_called,
                 bfcp_of_a_phone_that_connects_and_is_the_server_of_tls, msrp_of_a_phone_that_connects,
                 msrp_of_a_phone_that_listens, tls_lost_and_found, a_server_with_another_certificate,
                 a_phone_without_a_certificate, nobody_listens):
        await play(case, ann)
    ben = await Phone("ben", DOMAIN, "demo").open_udp(lab.base + 6, ("127.0.0.1", lab.base + 4))
    await ben.signs_in("sdes-srtp")
    for case in (an_indication_without_registration, rcs_without_an_indication):
        await play(case, ben)
    judge()
    print("ok judge", flush=True)

for part in (with_the_demo_core, with_a_script_as_core):
    lab = Lab(BUILD, "tls-media")
    BRIDGE, SERVER, LIBRE = lab.base + 27, lab.base + 28, lab.base + 29
    mine = lab.certificate("ann")
    lab.certificate("eve")
    try:
        asyncio.run(part())
    except BaseException:
        print(lab.log("gateway")[-6000:])
        raise
    finally:
        lab.down()

#!/usr/bin/python3
"""End-to-access-edge security of an IMS phone (TS 33.328 s. 7): mediasec at registration, then SRTP with SDES and MSRP
over TLS that end at the gateway, called and calling; the demo core behind it hears plain RTP and MSRP. SRTP is
libsrtp's, TLS is OpenSSL's. Run: e2ae.py BUILD_DIR"""
import asyncio
import base64
import hashlib
import os
import re
import secrets
import socket
import ssl
import struct
import sys

import pylibsrtp

BUILD = os.path.abspath(sys.argv[1])
sys.argv[2:] = []
from phone_lab import DOMAIN, Core, Lab, Phone, called, sdp # noqa: E402

lab = Lab(BUILD, "e2ae")
DIR, certificate = lab.dir, lab.certificate
ACCESS = ("127.0.0.1", lab.base + 4)


def key():
    return secrets.token_bytes(30)


def crypto(k, tag=1):
    return f"a=crypto:{tag} AES_CM_128_HMAC_SHA1_80 inline:{base64.b64encode(k).decode()}"


def read_crypto(text, suite="AES_CM_128_HMAC_SHA1_80"):
    m = re.search(rf"a=crypto:(\d+) {suite} inline:([A-Za-z0-9+/=]+)(\S*)", text)
    assert m, text
    assert not m[3], f"a lifetime or an MKI: {text}"
    return int(m[1]), base64.b64decode(m[2])


def session(k, is_inbound):
    p = pylibsrtp.Policy(key=k, ssrc_type=pylibsrtp.Policy.SSRC_ANY_INBOUND if is_inbound else
                         pylibsrtp.Policy.SSRC_ANY_OUTBOUND)
    return pylibsrtp.Session(policy=p)


class Stream:
    """What we say under our key comes back under theirs; roll-over and replay window go on from one time to the
    next."""

    def __init__(self, sock, ours, theirs):
        self.sock, self.tx, self.rx, self.seq = sock, session(ours, False), session(theirs,
                                                                                    True), secrets.randbelow(60000)

    async def echoes(self, text):
        port = int(re.search(r"m=audio (\d+) ", text)[1])
        loop, sent, back = asyncio.get_running_loop(), set(), 0
        for _ in range(60):
            payload = secrets.token_bytes(160)
            sent.add(payload)
            self.seq += 1
            packet = struct.pack("!BBHII", 0x80, 8, self.seq & 0xffff, self.seq * 160 & 0xffffffff, 0x1234) + payload
            self.sock.sendto(self.tx.protect(packet), ("127.0.0.1", port))
            try:
                data = await asyncio.wait_for(loop.sock_recv(self.sock, 2000), 0.02)
                plain = self.rx.unprotect(data) if data[1] & 0x7f == 8 else b""
                back += plain[12:] in sent
            except asyncio.TimeoutError:
                pass
        assert back > 40, f"{back} of 60 came back"


def rtp_socket():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("127.0.0.1", 0))
    s.setblocking(False)
    return s


async def registration(ann, ben):
    server = await ann.signs_in("sdes-srtp", "msrp-tls")
    assert sorted(server) == ["bfcp-tls;mediasec", "msrp-tls;mediasec", "sdes-srtp;mediasec"], server
    assert await ben.signs_in() == []
    elsewhere = await ben.signs_in("sdes-srtp", network="DSL")  # the operator offers it in wireless LANs alone
    assert sorted(elsewhere) == ["bfcp-tls;mediasec", "msrp-tls;mediasec"], elsewhere


async def emergency(ann, ben):
    """E2A-015, TS 33.328 s. 7.5: to the E-CSCF, of strangers too; protected up to here if it was registered, else in
    clear and never end to end."""
    media = rtp_socket()

    def echo():
        data, peer = media.recvfrom(2000)
        media.sendto(data, peer)
    asyncio.get_running_loop().add_reader(media, echo)
    ecscf = await Core(lab.base + 7, lambda m: sdp([f"m=audio {media.getsockname()[1]} RTP/AVP 8"])).start()
    stranger = await Phone("zoe", DOMAIN, "demo").open_udp(lab.base + 8, ACCESS)
    sock, ours = rtp_socket(), key()
    port = sock.getsockname()[1]
    for phone in (ann, ben, stranger):
        refused, _ = await phone.invites(sdp([f"m=audio {port} RTP/SAVP 8", crypto(ours)]), to="urn:service:sos")
        assert refused.status == 488 and refused["Warning"].startswith("399 "), refused.text
    refused, _ = await stranger.invites(sdp([f"m=audio {port} RTP/SAVP 8", "a=3ge2ae:requested", crypto(ours)]),
                                        to="urn:service:sos.fire")
    assert refused.status == 488 and not ecscf.invites, refused.text
    answer, dialog = await stranger.invites(sdp([f"m=audio {port} RTP/AVP 8"]), to="urn:service:sos.fire")
    assert answer.status == 200 and "RTP/AVP 8" in answer.body, answer.text
    await stranger.hangs_up(dialog)
    answer, dialog = await ann.invites(sdp([f"m=audio {port} RTP/SAVP 8", "a=3ge2ae:requested", crypto(ours)]),
                                       to="urn:service:sos")
    assert answer.status == 200, answer.text
    await Stream(sock, ours, read_crypto(answer.body)[1]).echoes(answer.body)
    await ann.hangs_up(dialog)
    assert [m.uri for m in ecscf.invites] == ["urn:service:sos.fire", "urn:service:sos"], ecscf.invites
    assert all("RTP/AVP 8" in m.body and "crypto" not in m.text and "3ge2ae" not in m.text for m in ecscf.invites)
    assert not re.search("urn:service", lab.log("core"))


async def originating(ann, ben):
    sock, ours = rtp_socket(), key()
    media = [f"m=audio {sock.getsockname()[1]} RTP/SAVP 8", "a=3ge2ae:requested", crypto(ours)]
    answer, dialog = await ann.invites(sdp(media))
    assert answer.status == 200 and "RTP/SAVP 8" in answer.text and "3ge2ae" not in answer.text, answer.text
    tag, theirs = read_crypto(answer.body)
    assert tag == 1 and theirs != ours
    stream = Stream(sock, ours, theirs)
    await stream.echoes(answer.body)
    again, dialog = await ann.invites(sdp(media), dialog) # TS 33.328 s. 7.4: nothing is made anew
    assert read_crypto(again.body) == (1, theirs), again.text
    await stream.echoes(again.body)
    await ann.hangs_up(dialog)
    refused, _ = await ben.invites(sdp(media)) # NOTE 2a: it did not register for this
    assert refused.status == 488 and refused["Warning"].startswith("399 "), refused.text


async def terminating(ann, ben):
    invite = await called(ann, "audio")
    assert "RTP/SAVP " in invite.body and "a=3ge2ae:applied" in invite.body, invite.text
    assert len(re.findall("a=crypto:", invite.body)) >= 2, invite.text
    sock, ours = rtp_socket(), key()
    tag, theirs = read_crypto(invite.body)
    ann.respond(invite, 200, "OK", body=sdp([f"m=audio {sock.getsockname()[1]} RTP/SAVP 8", crypto(ours, tag)]))
    await ann.next("ACK")
    await Stream(sock, ours, theirs).echoes(invite.body)
    assert (await ann.request("MESSAGE", f"sip:echo@{DOMAIN}", ["Content-Type: text/plain"], "hang up")).status == 200
    await ann.next("BYE")
    invite = await called(ben, "audio") # who did not register is called in clear
    assert "RTP/AVP " in invite.body and "crypto" not in invite.body, invite.text
    ben.respond(invite, 486, "Busy Here")
    await ben.next("ACK")


def tls_connection(text, name):
    port = int(re.search(r"m=message (\d+) ", text)[1])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.load_cert_chain(f"{DIR}/{name}.pem", f"{DIR}/{name}.key")
    return asyncio.open_connection("127.0.0.1", port, ssl=context)


def message_answer(mine):
    return sdp(["m=message 9 TCP/TLS/MSRP *", "a=setup:active", f"a=fingerprint:SHA-256 {mine}",
                "a=path:msrps://127.0.0.1:9/ann;tcp", "a=accept-types:*"])


async def msrp(ann, ben):
    mine, _ = certificate("ann"), certificate("eve")
    invite = await called(ann, "chat")
    assert "TCP/TLS/MSRP" in invite.body and "a=3ge2ae:applied" in invite.body, invite.text
    path = re.search(r"a=path:(\S+)", invite.body)[1]
    assert path.startswith("msrps://"), path
    ann.respond(invite, 200, "OK", body=message_answer(mine))
    await ann.next("ACK")
    reader, writer = await tls_connection(invite.body, "ann")
    seen = hashlib.sha256(writer.get_extra_info("ssl_object").getpeercert(True)).hexdigest()
    assert re.search(r"a=fingerprint:\S+ (\S+)", invite.body)[1].replace(":", "").lower() == seen
    writer.write((f"MSRP tid1 SEND\r\nTo-Path: {path}\r\nFrom-Path: msrps://127.0.0.1:9/ann;tcp\r\nMessage-ID: msg1\r\n"
                  "Byte-Range: 1-5/5\r\nContent-Type: text/plain\r\n\r\nhello\r\n-------tid1$\r\n").encode())
    got = b""
    while b"hello\r\n-------" not in got:
        part = await asyncio.wait_for(reader.read(4096), 5)
        assert part, got
        got += part
    assert b"MSRP tid1 200" in got, got
    assert f"To-Path: msrps://127.0.0.1:9/ann;tcp\r\nFrom-Path: {path}\r\n".encode() in got, got
    writer.close()
    assert (await ann.request("MESSAGE", f"sip:echo@{DOMAIN}", ["Content-Type: text/plain"], "hang up")).status == 200
    await ann.next("BYE")


async def another_certificate(ann, ben):
    invite = await called(ann, "chat")
    ann.respond(invite, 200, "OK", body=message_answer(certificate("ann2")))
    await ann.next("ACK")
    try:
        reader, _ = await tls_connection(invite.body, "eve")
        assert await asyncio.wait_for(reader.read(100), 5) == b""
    except ssl.SSLError:
        pass
    bye = await ann.next("BYE")
    assert "media security" in (bye["Reason"] or ""), bye.text


async def main():
    lab.core()
    lab.gateway(mediasec="sdes-srtp@IEEE-802.11 msrp-tls bfcp-tls", emergency_route=f"sip:127.0.0.1:{lab.base + 7};lr")
    ann, ben = [await Phone(u, DOMAIN, "demo").open_udp(lab.base + n, ACCESS) for u, n in (("ann", 5), ("ben", 6))]
    for case in (registration, originating, terminating, emergency, msrp, another_certificate):
        await case(ann, ben)
        print("ok", case.__name__, flush=True)

try:
    asyncio.run(main())
except BaseException:
    print(lab.log("gateway")[-6000:])
    raise
finally:
    lab.down()

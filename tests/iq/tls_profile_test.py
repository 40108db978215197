#!/usr/bin/python3
"""The TLS profile (TS 33.328 annex M, TS 33.310 annex E) as openssl s_client sees it at every endpoint: the front, SIP of the
core and of phones, Iq, MSRP and BFCP over TLS of a call, DTLS-SRTP of a call. Every row is tried at every endpoint it has a meaning for.

usage: tls_profile_test.py BUILD_DIRECTORY [endpoint]"""
import asyncio
import hashlib
import hmac
import os
import re
import secrets
import socket
import struct
import subprocess
import sys
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, f"{HERE}/../datachannel")
from lab import DOMAIN, Core, main, sdp, section  # noqa: E402
sys.path.insert(0, f"{HERE}/../scenarios")
from call_flows import SDP, Browser  # noqa: E402
from msrp import token  # noqa: E402
from page import Chat, Floor  # noqa: E402

LOW = ":@SECLEVEL=0"  # else the client itself would refuse


def v12(cipher):
    return ["-tls1_2", "-cipher", cipher]


# What is tried, whether it must come up, and whether it is said over datagrams too (-tls1_2 is -dtls1_2 there).
ROWS = [
    ("TLS 1.3", ["-tls1_3"], True, False),
    ("TLS 1.3 with AES-256-GCM", ["-tls1_3", "-ciphersuites", "TLS_AES_256_GCM_SHA384"], True, False),
    ("TLS 1.2 with AES-128-GCM", v12("ECDHE-ECDSA-AES128-GCM-SHA256"), True, True),
    ("TLS 1.2 with AES-256-GCM", v12("ECDHE-ECDSA-AES256-GCM-SHA384"), True, True),
    ("TLS 1.2 with ChaCha20", v12("ECDHE-ECDSA-CHACHA20-POLY1305"), True, True),
    ("P-256", ["-tls1_2", "-groups", "P-256"], True, True),
    ("P-384", ["-tls1_3", "-groups", "P-384"], True, False),
    ("X25519", ["-tls1_3", "-groups", "X25519"], True, False),
    ("TLS 1.1", ["-tls1_1", "-cipher", "ALL" + LOW], False, True),
    ("TLS 1.0", ["-tls1", "-cipher", "ALL" + LOW], False, True),
    ("no encryption", v12("ECDHE-ECDSA-NULL-SHA:NULL-SHA256" + LOW), False, True),
    ("no certificate", v12("AECDH-AES128-SHA:ADH-AES128-GCM-SHA256" + LOW), False, True),
    ("a shared key", [*v12("PSK-AES128-GCM-SHA256:ECDHE-PSK-AES128-CBC-SHA256" + LOW), "-psk", "00112233445566778899aabbccddeeff"],
     False, True),
    ("no forward secrecy", v12("AES128-GCM-SHA256:AES128-SHA"), False, True),
    ("CBC", v12("ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA384"), False, True),
    ("CCM", ["-tls1_3", "-ciphersuites", "TLS_AES_128_CCM_SHA256"], False, False),
    ("another curve", ["-tls1_2", "-groups", "P-521"], False, True),
    ("another curve in TLS 1.3", ["-tls1_3", "-groups", "P-521"], False, False),
    ("SHA-1 signatures", [*v12("ECDHE-ECDSA-AES128-GCM-SHA256" + LOW), "-sigalgs", "ECDSA+SHA1:RSA+SHA1"], False, True),
]


def over_datagrams(options):
    return [{"-tls1_2": "-dtls1_2", "-tls1_1": "-dtls1", "-tls1": "-dtls1"}.get(o, o) for o in options]


def s_client(lab, address, *options, say=None):
    """What it says; what it is told, if anything, line by line with a pause before."""
    args = ["openssl", "s_client", "-connect", address, "-cert", f"{lab.dir}/peer.test.pem", "-key", f"{lab.dir}/peer.test.key", *options]
    p = subprocess.Popen(args, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        if say:
            asyncio.run(asyncio.sleep(0.4))
        return p.communicate(say or "Q\n", timeout=2 if say or "-bind" in options else 8)[0]
    except subprocess.TimeoutExpired:
        p.kill()
        return p.communicate()[0] + "\n(no end)"


def is_up(text):
    return bool(re.search(r"Cipher is (?!\(NONE\))", text)) and "Cipher    : 0000" not in text and "alert" not in text


async def try_rows(lab, connect, is_datagram=False):
    """connect() makes an endpoint ready for one connection: its address, and options that s_client needs for it."""
    for name, options, is_good, has_datagrams in ROWS:
        if is_datagram and not has_datagrams:
            continue
        address, more = await connect()
        options = over_datagrams(options) if is_datagram else options
        text = await asyncio.to_thread(s_client, lab, address, *more, *options)
        assert is_up(text) == is_good, f"{name}:\n{text}"
        if is_good and not is_datagram:
            assert "Compression: NONE" in text, text
    address, more = await connect()
    text = await asyncio.to_thread(s_client, lab, address, *more, "-dtls1_2" if is_datagram else "-tls1_2", say="R\n")
    assert is_up(text.split("RENEGOTIATING")[0]) and "RENEGOTIATING" in text, text
    after = text.split("RENEGOTIATING")[1]
    assert "verify return" in text and "verify return" not in after, text  # a second handshake would verify again
    assert re.search("no renegotiation|unexpected|handshake failure|\\(no end\\)", after), text  # an alert, or silence


# ---- endpoints ----

def certificates(lab):
    def run(*args):
        subprocess.run(["openssl", *args], check=True, capture_output=True)
    new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    run("req", "-x509", *new, "-days", "2", "-subj", "/CN=ca", "-keyout", f"{lab.dir}/ca.key", "-out", f"{lab.dir}/ca.pem")
    for name in ("own.test", "peer.test"):
        run("req", *new, "-subj", f"/CN={name}", "-keyout", f"{lab.dir}/{name}.key", "-out", f"{lab.dir}/csr")
        run("x509", "-req", "-in", f"{lab.dir}/csr", "-CA", f"{lab.dir}/ca.pem", "-CAkey", f"{lab.dir}/ca.key", "-CAcreateserial",
            "-days", "2", "-out", f"{lab.dir}/{name}.pem")
    der = subprocess.run(["openssl", "x509", "-in", f"{lab.dir}/peer.test.pem", "-outform", "DER"], check=True, capture_output=True).stdout
    lab.fingerprint = ":".join(f"{b:02X}" for b in hashlib.sha256(der).digest())


async def setup(lab):
    certificates(lab)
    lab.core = await Core(lab.base + 4, lab.base + 2).start()
    own = {"tls_cert": f"{lab.dir}/own.test.pem", "tls_key": f"{lab.dir}/own.test.key"}
    lab.gateway(sips_listen=f"127.0.0.1:{lab.base + 5}", access_tls=f"127.0.0.1:{lab.base + 8}", **own)
    lab.gateway("agw", offset=10, role="agw", iq_listen=f"127.0.0.1:{lab.base + 6}", iq_cert=own["tls_cert"], iq_key=own["tls_key"],
                iq_ca=f"{lab.dir}/ca.pem", iq_peers="peer.test")


async def tls_profile_front(lab):
    async def connect():
        return f"127.0.0.1:{lab.base + 1}", []
    await try_rows(lab, connect)


async def tls_profile_core_sip(lab):
    async def connect():
        return f"127.0.0.1:{lab.base + 5}", []
    await try_rows(lab, connect)


async def tls_profile_phones(lab):
    async def connect():
        return f"127.0.0.1:{lab.base + 8}", []
    await try_rows(lab, connect)


async def tls_profile_iq(lab):
    async def connect():
        return f"127.0.0.1:{lab.base + 6}", []
    await try_rows(lab, connect)


async def called_with(lab, lines, make):
    """A call of the core to a page; where its TLS server listens. The call before is over."""
    if lab.pages:
        await lab.call.bye()
        await lab.pages[0].ended.wait()
    page = lab.pages[0] if lab.pages else await lab.page()
    made = asyncio.ensure_future(lab.core.call(page.user, sdp(lines)))
    await page.answer(make)
    lab.call, answer = await made
    m = section(answer.body, lines[0].split()[0])
    assert " TCP/TLS/" in m and "a=setup:passive" in m, answer.text
    return m


async def tls_profile_msrp(lab):
    async def connect():
        m = await called_with(lab, ["m=message 9 TCP/TLS/MSRP *", f"a=path:msrps://127.0.0.1:9/{token()};tcp", "a=accept-types:*",
                                    "a=setup:active", f"a=fingerprint:sha-256 {lab.fingerprint}"], lambda id, protocol: Chat(id))
        return re.search(r"a=path:msrps://([^/]+)/", m)[1], []
    await try_rows(lab, connect)


async def tls_profile_bfcp(lab):
    async def connect():
        m = await called_with(lab, ["m=application 9 TCP/TLS/BFCP *", "a=setup:active", "a=connection:new", "a=floorctrl:s-only",
                                    "a=confid:1", "a=userid:2", "a=floorid:3", f"a=fingerprint:sha-256 {lab.fingerprint}"],
                              lambda id, protocol: Floor(id))
        return f"127.0.0.1:{m.split()[1]}", []
    await try_rows(lab, connect)


def stun_check(port, to, ufrag, own, password):
    """A connectivity check with USE-CANDIDATE, answered: from then on the port's DTLS is heard."""
    def attribute(kind, value):
        return struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)

    def head(length):
        return struct.pack("!HHI", 1, length, 0x2112A442) + txn
    txn = secrets.token_bytes(12)
    body = attribute(0x0006, f"{ufrag}:{own}".encode()) + attribute(0x0024, bytes([110, 0, 1, 255])) + attribute(0x802A, bytes(8)) + \
        attribute(0x0025, b"")
    body += attribute(0x0008, hmac.new(password.encode(), head(len(body) + 24) + body, hashlib.sha1).digest())
    body += attribute(0x8028, struct.pack("!I", zlib.crc32(head(len(body) + 8) + body) ^ 0x5354554E))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", port))
        s.settimeout(3)
        s.sendto(head(len(body)) + body, to)
        assert s.recv(1500)[:2] == b"\x01\x01", "the check failed"


async def tls_profile_dtls_srtp(lab):
    lab.core.answer = lambda offer: sdp("m=audio 9000 RTP/AVP 8\na=rtpmap:8 PCMA/8000")
    browser = await Browser("ann", DOMAIN).open_ws(lab.base + 1)
    assert (await browser.register()).status == 200
    await browser.expect(200)

    async def final():
        """The answer to the INVITE; the gateway may end the call before by itself, as its DTLS failed."""
        while True:
            m = await asyncio.wait_for(browser.inbox.get(), 8)
            if m.method == "BYE" and not m.status:
                browser.reply(m, 200, "OK")
            elif m.method == "INVITE" and m.status >= 200:
                return m

    async def connect():
        if hasattr(browser, "call"):
            browser.in_call("BYE")
        browser.invite("sip:bob@ims.example", SDP.format(version=1, setup="active", direction="sendrecv", fingerprint=lab.fingerprint,
                                                         pts="8 0"))
        answer = await final()
        assert answer.status == 200 and "a=setup:passive" in answer.body, answer.text
        browser.ack(answer)
        ufrag, password = (re.search(rf"a=ice-{w}:(\S+)", answer.body)[1] for w in ("ufrag", "pwd"))
        port = lab.port()
        await asyncio.to_thread(stun_check, port, ("127.0.0.1", lab.base + 3), ufrag, "Xy1z", password)
        return f"127.0.0.1:{lab.base + 3}", ["-bind", f"127.0.0.1:{port}", "-use_srtp", "SRTP_AES128_CM_SHA1_80"]
    await try_rows(lab, connect, is_datagram=True)
    await browser.close()


CLIENT_ROWS = [  # what a server has to offer, and whether we go on
    (["-tls1_3"], True),
    (v12("ECDHE-ECDSA-AES128-GCM-SHA256"), True),
    (["-tls1_1", "-cipher", "ALL" + LOW], False),
    (v12("ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES256-SHA384"), False),
    (v12("ECDHE-ECDSA-NULL-SHA" + LOW), False),
    (v12("AECDH-AES128-SHA" + LOW), False),
    (["-tls1_3", "-groups", "P-521"], False),
]


async def tls_profile_as_client(lab):
    """A controller of Iq, which is the client, and servers that offer one thing each."""
    servers, ports = [], []
    for options, _ in CLIENT_ROWS:
        ports.append(lab.port())
        servers.append(lab.start(f"server{len(servers)}", ["openssl", "s_server", "-accept", f"127.0.0.1:{ports[-1]}", "-cert",
                                                           f"{lab.dir}/own.test.pem", "-key", f"{lab.dir}/own.test.key", *options],
                                 "ACCEPT", stdin=subprocess.PIPE))
    own = {"iq_cert": f"{lab.dir}/peer.test.pem", "iq_key": f"{lab.dir}/peer.test.key", "iq_ca": f"{lab.dir}/ca.pem"}
    lab.gateway("pcscf", offset=10, role="pcscf", iq_agws=" ".join(f"127.0.0.1:{p}" for p in ports),
                sip_listen=f"127.0.0.1:{lab.port()}", wss_listen=f"127.0.0.1:{lab.port()}", **own)

    def said(n):
        with open(f"{lab.dir}/server{n}.log", errors="replace") as f:
            return f.read()
    for n, (options, is_good) in enumerate(CLIENT_ROWS):
        for _ in range(100):
            if "CIPHER is" in said(n) or "ERROR" in said(n):
                break
            await asyncio.sleep(0.05)
        assert ("CIPHER is" in said(n)) == is_good, f"{options}:\n{said(n)}"
    for p in servers:
        p.kill()


CASES = [tls_profile_as_client, tls_profile_front, tls_profile_core_sip, tls_profile_phones, tls_profile_iq,
         tls_profile_msrp, tls_profile_bfcp, tls_profile_dtls_srtp]

if __name__ == "__main__":
    main(CASES, setup, timeout=100)

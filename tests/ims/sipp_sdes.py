#!/usr/bin/python3
"""sipp with SDES on either side of the gateway. As an IMS phone: mediasec at registration, and what becomes of each
kind of crypto line and of later offers (TS 33.328 s. 7.2.1, 7.4, annex E). As the core (core_proto = savp): it echoes
SRTP, and a WebRTC client (aiortc) hears its tone, so that DTLS-SRTP and SDES are joined. Run: sipp_sdes.py BUILD_DIR"""
import asyncio
import os
import re
import subprocess
import sys
import time
from xml.sax.saxutils import escape

BUILD = os.path.abspath(sys.argv[1])
HERE = os.path.dirname(os.path.abspath(__file__))
sys.argv[2:] = []
from phone_lab import DOMAIN, Core, Lab  # noqa: E402
del sys.modules["sip"]  # of tests/registration; the client has its own
sys.path.insert(0, f"{HERE}/../peers/aiortc")
from client import Client  # noqa: E402

KEYS = ["OyIvP6O232RBrKJYZjZOO6uzjy0smaMmifp65rq8", "lob5HJFQUmQ2t4gkDmQTp6t2DpVP9+kj4hNyNGsn",
        "BQjRH9pwEzYfonBQRD++qbGKOLtIzw7c0+DjT1Po", "3y9hqf5oyA4jsq/8d62ZWmdl31TlR6sjuyJUXfdm"]
SDES_80, SDES_32 = "AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32"


# ---- scenarios ----

def send(start, *headers, body=""):
    lines = [start, *headers, *(["Content-Type: application/sdp"] if body else []), "Content-Length: [len]", "", body]
    retrans = ' retrans="500"' if not start.startswith(("ACK", "SIP/2.0")) else ""
    return f"<send{retrans}><![CDATA[\n" + "\n".join(lines) + "\n]]></send>"


def recv(what, *patterns, **attributes):
    """Each pattern must be in the message; one that begins with ! must not."""
    kind = "response" if isinstance(what, int) else "request"
    more = "".join(f' {k}="{v}"' for k, v in {kind: what, **attributes}.items())
    def check(p):
        how = "check_it_inverse" if p[0] == "!" else "check_it"
        return f'<ereg regexp="{escape(p.lstrip("!"))}" search_in="msg" {how}="true" assign_to="seen"/>'
    return f"<recv{more}>" + (f"<action>{''.join(map(check, patterns))}</action>" if patterns else "") + "</recv>"


PROVISIONAL = "".join(recv(s, optional="true") for s in (100, 180, 183))
MEDIASEC = ["Require: mediasec", "Proxy-Require: mediasec"]
SERVER = ["sdes-srtp;mediasec", "msrp-tls;mediasec", "bfcp-tls;mediasec"]
VERIFY = [f"Security-Verify: {s}" for s in SERVER]


def phone_request(method, uri, cseq, *headers, body="", call="[call_id]", to="<sip:echo@ims.example>[peer_tag_param]"):
    return send(f"{method} {uri} SIP/2.0", "Via: SIP/2.0/UDP 127.0.0.1:[local_port];branch=[branch]",
                "Max-Forwards: 70",
                "From: <sip:sip@ims.example>;tag=[call_number]", f"To: {to}", f"Call-ID: {call}",
                f"CSeq: {cseq} {method}",
                "Contact: <sip:sip@127.0.0.1:[local_port]>", *headers, body=body)


def registers():
    def register(cseq, *headers):
        return phone_request("REGISTER", "sip:ims.example", cseq, "Expires: 600", "Security-Client: sdes-srtp;mediasec",
                             "Security-Client: bfcp-tls;mediasec", *MEDIASEC, *headers, call="r///[call_id]",
                             to="<sip:sip@ims.example>")
    lines = [f"Security-Server: {s}" for s in SERVER]
    return (register(1) + recv(401, *lines, auth="true") +
            register(2, *VERIFY, "[authentication username=sip password=demo]") + recv(200))


def offer(*crypto, proto="RTP/SAVP", indication="a=3ge2ae:requested"):
    return "\n".join(["v=0", "o=sip 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0",
                      f"m=audio [media_port] {proto} 8", *([indication] if indication else []), *crypto])


def crypto(tag, suite, key, more=""):
    return f"a=crypto:{tag} {suite} inline:{key}{more}"


def invite(body, status, *patterns, cseq=1, call="[call_id]", uri="sip:echo@ims.example"):
    answer = recv(status, *patterns, **({"rrs": "true"} if status == 200 else {}))
    to = "<sip:echo@ims.example>" + ("" if cseq == 1 else "[peer_tag_param]")
    ack = phone_request("ACK", "[next_url]", cseq, call=call) if status == 200 else \
        send(f"ACK {uri} SIP/2.0", "[last_Via:]", "[last_From:]", "[last_To:]", "[last_Call-ID:]", f"CSeq: {cseq} ACK")
    return phone_request("INVITE", uri, cseq, *MEDIASEC, *VERIFY, body=body, call=call,
                         to=to) + PROVISIONAL + answer + ack


def scenario(*parts):
    return '<?xml version="1.0" encoding="ISO-8859-1" ?><scenario name="sdes">' + "".join(parts) + \
        '<Reference variables="seen"/></scenario>'


class Sipp:
    """One call of a scenario; what came and went is kept."""

    def __init__(self, lab, name, parts, port, *args):
        self.lab, self.name = lab, name
        with open(f"{lab.dir}/{name}.xml", "w") as f:
            f.write(scenario(*parts))
        self.p = subprocess.Popen(["sipp", "-sf", f"{name}.xml", "-i", "127.0.0.1", "-p", str(port), "-mi", "127.0.0.1",
                                   "-m", "1",
                                   "-nostdin", "-timeout", "25", "-timeout_error", "-trace_err", "-error_file",
                                   f"{name}.err",
                                   "-trace_msg", "-message_file", f"{name}.msg", *args], cwd=lab.dir,
                                  stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL)
        time.sleep(0.4)

    def messages(self):
        return self.read("msg").replace("\r", "").split("-----------------------------------------------")

    def read(self, kind):
        path = f"{self.lab.dir}/{self.name}.{kind}"
        return open(path, errors="replace").read() if os.path.exists(path) else ""

    def ends(self):
        assert self.p.wait(30) == 0, f"{self.name}: {self.read('err')}\n{self.read('msg')[-4000:]}"


# ---- cases ----

def phone(lab):
    """SDP-020, SDP-022, SDP-024, E2A-004, E2A-007, E2A-016, E2A-017, E2A-018"""
    first = offer(crypto(1, "F8_128_HMAC_SHA1_80", KEYS[0]), crypto(2, SDES_80, KEYS[1], " UNENCRYPTED_SRTP"),
                  crypto(3, SDES_80, KEYS[2], "|2^20"), crypto(4, SDES_32, KEYS[3]))
    changed = offer(crypto(3, SDES_80, KEYS[3]))
    chosen = ["m=audio [0-9]+ RTP/SAVP 8", f"a=crypto:3 {SDES_80} inline:[A-Za-z0-9+/]+", "!inline:[^ ]*[|]", "!3ge2ae"]
    refused = [offer(crypto(1, SDES_80, KEYS[0], more)) for more in
               (" UNENCRYPTED_SRTP", " UNENCRYPTED_SRTCP", " UNAUTHENTICATED_SRTP", " KDR=1", "|2^20|1:300", "AAAA")]
    refused += [offer(), offer(crypto(1, "NO_SUCH_SUITE", KEYS[0]))]
    refusals = [invite(body, 488, "Warning: 399 ", call=f"{n}///[call_id]") for n, body in enumerate(refused)]
    p = Sipp(lab, "phone", [
        registers(), invite(first, 200, *chosen), invite(first, 200, *chosen, cseq=2, uri="[next_url]"),
        invite(changed, 200, *chosen, cseq=3, uri="[next_url]"),
        phone_request("BYE", "[next_url]", 4), recv(200), *refusals], lab.base + 5, f"127.0.0.1:{lab.base + 4}")
    p.ends()
    ours = [re.search("inline:(.*)", m)[1] for m in p.messages() if "SIP/2.0 200" in m and "inline:" in m]
    assert len(ours) == 3 and ours[0] == ours[1] != ours[2], ours  # a new context for a new one, and for nothing else
    assert not set(ours) & set(KEYS), ours


def null_allowed(lab):
    """SDP-024: lines without encryption or authentication, where the operator allows them; ours says the same."""
    kinds = ["UNENCRYPTED_SRTP", "UNENCRYPTED_SRTCP", "UNAUTHENTICATED_SRTP", "UNENCRYPTED_SRTCP UNENCRYPTED_SRTP"]
    parts = []
    for n, kind in enumerate(kinds):
        call = f"{n}///[call_id]"
        parts += [invite(offer(crypto(1, SDES_80, KEYS[n], f" {kind}")), 200, f"a=crypto:1 {SDES_80} inline:",
                         call=call),
                  phone_request("BYE", "[next_url]", 2, call=call), recv(200)]
    p = Sipp(lab, "null", [registers(), *parts], lab.base + 5, f"127.0.0.1:{lab.base + 4}")
    p.ends()
    ours = [re.search(r"a=crypto:1 \S+ inline:\S+(.*)",
                      m)[1] for m in p.messages() if "SIP/2.0 200" in m and "inline:" in m]
    assert [sorted(o.split()) for o in ours] == [sorted(k.split()) for k in kinds], ours


async def core(lab):
    """SDP-001, SDP-020: the core is offered RTP/SAVP with lines of ours. sipp answers with the key that it was offered,
    so that what it echoes octet for octet is what it would say under its own; the client behind DTLS-SRTP hears its
    tone."""
    answer = "\n".join(["v=0", "o=sip 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0",
                        "m=audio [media_port] RTP/SAVP 8", "a=rtpmap:8 PCMA/8000", "[$line]"])
    line = (f'<ereg regexp="a=crypto:[0-9]+ {SDES_80} inline:[A-Za-z0-9+/]+" search_in="body" check_it="true" '
            'assign_to="line"/>')
    offered = recv("INVITE", "m=audio [0-9]+ RTP/SAVP ", "!inline:[^ ]*[|]", "!fingerprint|3ge2ae|RTP/SAVPF",
                   rrs="true").replace("</action>", f"{line}</action>")
    ok = ["SIP/2.0 200 OK", "[last_Via:]", "[last_From:]", "[last_To:];tag=sip", "[last_Call-ID:]", "[last_CSeq:]",
          "Contact: <sip:sip@127.0.0.1:[local_port]>"]
    bye = ["SIP/2.0 200 OK", "[last_Via:]", "[last_From:]", "[last_To:]", "[last_Call-ID:]", "[last_CSeq:]"]
    sipp = Sipp(lab, "core", [offered, send(*ok, body=answer), recv("ACK"), recv("BYE"), send(*bye)], lab.base + 8,
                "-rtp_echo", "-mp", str(lab.base + 26))
    await Core(lab.base, route=f"sip:127.0.0.1:{lab.base + 8};lr").start()
    client = Client()

    async def until(what, fact):
        end = time.monotonic() + 20
        while not fact():
            assert time.monotonic() < end and not client.status["cause"], f"never {what}: {client.status}"
            await asyncio.sleep(0.1)

    def hears():
        heard = client.receiver.hear()
        return heard["share"] > 0.3 and abs(heard["hz"] - 600) < 30
    await client.start({"url": f"wss://127.0.0.1:{lab.base + 1}/sip", "user": "ann", "password": "demo",
                        "domain": DOMAIN,
                        "hz": 600, "rgb": [0, 128, 0]})
    await client.call(f"sip:sip@{DOMAIN}", {})
    await until("answered", lambda: client.status["call"] == "established")
    await until("heard", hears)
    await client.hangup()
    sipp.ends()
    await client.transport.socket.close()


def with_phones(lab):
    lab.core()
    gateway = lab.gateway(mediasec="sdes-srtp msrp-tls bfcp-tls")
    phone(lab)
    print("ok phone", flush=True)
    gateway.send_signal(2)
    assert gateway.wait(20) == 0
    lab.gateway(mediasec="sdes-srtp msrp-tls bfcp-tls", srtp_null="yes")
    null_allowed(lab)
    print("ok null_allowed", flush=True)


def with_the_core(lab):
    lab.gateway(core_proto="savp")
    asyncio.run(core(lab))
    print("ok core", flush=True)


for part in (with_phones, with_the_core):
    lab = Lab(BUILD, "sipp")
    try:
        part(lab)
    except BaseException:
        print(lab.log("gateway")[-6000:], lab.dir)
        raise
    finally:
        lab.down()
sys.stdout.flush()
os._exit(0)  # without the threads of aiortc's codecs

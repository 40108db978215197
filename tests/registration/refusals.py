#!/usr/bin/python3
"""ERR-001: what a browser sends that makes no sense, or may not be, gets the answer of its row in the SIP table, and
the connection with its calls lives on. Run: refusals.py BUILD_DIR [ADDRESS [case]]"""
import asyncio

import websockets

from lab import run
from party import PLAIN, WEBRTC, Party
from sip import Message

OFFER = WEBRTC.format(setup="actpass")


def invite(a, body=OFFER, headers=(), uri="sip:nobody@ims.example", kind="application/sdp"):
    headers = [f"Contact: {a.contact}", *([f"Content-Type: {kind}"] if body else []), *headers]
    return a.text("INVITE", uri, headers, body)


async def expect(a, text, status, header=None, value=None):
    answer = await a.ask(text)
    assert answer.status == status, f"{text}\n\nexpected {status}, got\n{answer.text}"
    if header:
        assert answer[header] and (value or "") in answer[header], f"expected {header}: {value}, got\n{answer.text}"
    return answer


async def messages_that_cannot_be_read(lab):
    ann = await lab.client("ann")
    good = ann.text("MESSAGE", ann.aor)

    def changed(*pairs):
        text = ann.text("MESSAGE", ann.aor)
        for a, b in pairs:
            assert a in text, a
            text = text.replace(a, b, 1)
        return text

    assert "Content" in (await expect(ann, changed(("Content-Length: 0", "Content-Length: 10")), 400)).first
    assert "CSeq" in (await expect(ann, changed((" MESSAGE\r\nMax", " INVITE\r\nMax")), 400)).first
    await expect(ann, changed((" SIP/2.0\r\nVia", " SIP/3.0\r\nVia")), 505)
    await expect(ann, ann.text("MESSAGE", "foo:bar", To=f"<{ann.aor}>"), 416)
    await expect(ann, changed((f"To: <{ann.aor}>", "To: <foo:bar>")), 416)
    await expect(ann, changed(("Max-Forwards: 69", "Max-Forwards: 0")), 483)
    assert (await ann.ask(good)).status == 200
    await ann.close()


async def requests_that_may_not_be(lab):
    ann, other = await lab.client("ann"), await lab.client("eve", register=False)
    await expect(ann, invite(ann, headers=["Proxy-Require: foo"]), 420, "Unsupported", "foo")
    await expect(ann, invite(ann, headers=["Require: foo, precondition"]), 420, "Unsupported", "foo")
    for method in ("BYE", "INFO", "UPDATE", "PRACK", "REFER", "INVITE", "NOTIFY"):
        await expect(ann, ann.text(method, ann.aor, To=f"<{ann.aor}>;tag=unknown"), 481)
    await expect(ann, ann.text("CANCEL", ann.aor), 481)
    await expect(other, invite(other), 403)
    # JsSIP fails on 422, so a client's interval is taken as it is, and this call gets as far as the core
    await expect(ann, invite(ann, headers=["Supported: timer", "Session-Expires: 20"]), 404)
    assert (await ann.request("OPTIONS", "sip:visited.example")).status == 200
    await asyncio.gather(ann.close(), other.close())


async def bodies_that_are_no_offer(lab):
    ann = await lab.client("ann")
    await expect(ann, invite(ann, body="hello", kind="text/plain"), 415, "Accept", "application/sdp")
    await expect(ann, invite(ann, headers=["Content-Encoding: gzip"]), 415, "Accept-Encoding", "identity")
    await expect(ann, invite(ann, body="v=0\r\nthis is no sdp\r\n"), 400)
    for name, body, code in (("plain RTP", PLAIN, "30"), ("no fingerprint", without(OFFER, "a=fingerprint"), "302"),
                             ("no ICE", without(OFFER, "a=ice-ufrag"), "302"),
                             ("no rtcp-mux", without(OFFER, "a=rtcp-mux"), "302"),
                             ("unknown media", OFFER.replace("m=audio", "m=smell"), "30")):
        answer = await expect(ann, invite(ann, body=body), 488, "Warning", code)
        assert answer["Warning"].count('"') == 2, f"{name}: {answer.text}"
    await expect(ann, invite(ann), 404) # and a good one reaches the core, which knows nobody of that name
    await ann.close()


def without(sdp, line):
    return "".join(part + "\r\n" for part in sdp.split("\r\n") if part and not part.startswith(line))


async def closed(a, code):
    await asyncio.wait_for(a.ws.wait_closed(), 10)
    assert a.ws.close_code == code, f"closed with {a.ws.close_code}, not {code}"


async def sockets_that_are_misused(lab):
    """Only the socket that did it is closed."""
    ann, flood, large, binary = [await lab.client("ann"), *[await lab.client("eve", register=False) for _ in range(3)]]
    for _ in range(25):
        flood.send("this is no SIP\r\n\r\n")
    await closed(flood, 1008)
    try:
        await large.ws.send(large.text("MESSAGE", ann.aor, body="x" * 70000))
    except websockets.ConnectionClosed:
        pass
    await closed(large, 1009)
    await binary.ws.send(binary.text("OPTIONS", "sip:visited.example").encode())
    for _ in range(3):
        await ann.ws.send("\r\n\r\n")
    await asyncio.sleep(0.3)
    assert not binary.ws.closed and (await ann.request("OPTIONS", "sip:visited.example")).status == 200
    await asyncio.gather(ann.close(), binary.close())


run([messages_that_cannot_be_read, requests_that_may_not_be, bodies_that_are_no_offer, sockets_that_are_misused],
    kind=Party)

#!/usr/bin/python3
"""MSRP through the whole gateway: a page with a data channel and an endpoint of the core over TCP, both strict, with tshark as the
judge of the core side. Run: chat.py BUILD_DIR [case]"""
import asyncio
import hashlib
import os
import random

from lab import IS_SANITIZED, Core, main, sdp, section
from link import Link
from msrp import Endpoint, Refused, token
from page import Chat, Floor, Text

FILE_MB = int(os.environ.get("IMSGW_FILE_MB", "3"))


async def setup(lab):
    lab.capture()
    lab.core = await Core(lab.base + 4, lab.base + 2).start()
    lab.process = lab.gateway()
    party = await talk(lab)
    lab.pages.clear()
    lab.silence = asyncio.ensure_future(silence(*party))


async def silence(page, here, there, call):
    """A page whose message the core never answers; thirty seconds pass beside the other cases."""
    there.is_mute = True
    began = asyncio.get_running_loop().time()
    try:
        await here.send("anybody?")
        raise AssertionError("answered 200 by nobody")
    except Refused as e:
        assert e.status == 408, e
    clean(here, there)
    await page.hang_up()
    await page.close()
    return asyncio.get_running_loop().time() - began


async def what_nobody_answers_fails_after_thirty_seconds(lab):
    """MSRP-008."""
    assert 29 < await lab.silence < 35


def tshark_reads_every_frame(lab):
    """What passed on the core side is MSRP to an independent dissector, and nothing of it is malformed."""
    lab.judge()
    ports = [f"udp.port=={lab.base + 4},sip"]
    got = lab.frames("msrp", ["msrp.method", "msrp.status.code"], ports)
    methods = {m for row in got for m in row[0].split(",")}
    codes = {c for row in got for c in row[-1].split(",")}
    assert {"SEND", "REPORT", "NICKNAME"} <= methods, methods
    assert {"200", "403", "408", "413", "481", "501", "506"} <= codes, codes
    assert len(got) > 100, len(got)


def answer_with(peer, setup="passive", more=()):
    """The core's answer: an endpoint per m=message of the offer."""
    def answer(offer):
        m = section(offer, "m=message")
        peer.peer = m.split("a=path:")[1].split("\r\n")[0]
        peer.offer = m
        lines = []
        for part in offer.split("\r\nm=")[1:]:
            if part.startswith("message"):
                lines.append([f"m=message {peer.port} TCP/MSRP *", f"a=path:{peer.own}", "a=accept-types:*", f"a=setup:{setup}", *more])
            else:
                kind, _, proto, fmts = part.split("\r\n")[0].split(" ", 3)
                lines.append([f"m={kind} 0 {proto} {fmts}"])
        return sdp(*lines)
    return answer


async def talk(lab, setup="passive", media_port=None, **more):
    """A page and an endpoint in a call, connected."""
    peer = await Endpoint(None).listen("127.0.0.1", lab.port())
    lab.core.answer = answer_with(peer, setup, **more)
    page = await lab.page()
    page.media_port = media_port
    chat = Chat(0)
    answer = await page.call("sip:bob@ims.example", chat)
    assert answer.status == 200, answer.text
    assert chat.peer["setup"] == "passive" and "msrp-cema" in chat.peer and chat.peer["path"].startswith("msrps://"), chat.peer
    call = lab.core.last
    await asyncio.wait_for(chat.opened.wait(), 10)
    if setup == "active":
        host, port = peer.peer.split("//")[1].split("/")[0].split(":")
        await peer.connect(host, int(port))
    await asyncio.wait_for(chat.session.hello(), 10)
    await asyncio.wait_for(peer.up.wait(), 10)
    return page, chat.session, peer, call


def clean(*sessions):
    for s in sessions:
        assert not s.errors, s.errors


async def texts_pass_both_ways_and_each_is_answered(lab):
    page, here, there, call = await talk(lab)
    await here.send("hello")
    m = await there.receive()
    assert (m.text, m.type) == ("hello", "text/plain"), m.text
    await there.send("grüß dich")
    assert (await here.receive()).text == "grüß dich"
    clean(here, there)


async def what_is_not_understood_passes_as_it_is(lab):
    """MSRP-025: isComposing, CPIM, NICKNAME, headers nobody knows, an empty SEND that keeps the connection."""
    page, here, there, call = await talk(lab)
    composing = '<?xml version="1.0"?><isComposing xmlns="urn:ietf:params:xml:ns:im-iscomposing"><state>active</state></isComposing>'
    cpim = "From: <sip:a@b>\r\nTo: <sip:c@d>\r\n\r\nContent-Type: text/plain\r\n\r\nhi\r\n"
    for a, b in ((here, there), (there, here)):
        await a.send(composing, "application/im-iscomposing+xml")
        assert (await b.receive()).text == composing
        await a.send(cpim, "message/cpim", headers=[("X-Mood", "good; really"), ("Content-Disposition", 'render; handling="optional"')])
        m = await b.receive()
        assert m.text == cpim and ("X-Mood", "good; really") in m.headers, m.headers
        assert await asyncio.wait_for(a.request("NICKNAME", [("Use-Nickname", '"ann"')]), 5) == 200
        assert b.requests[-1]["Use-Nickname"] == '"ann"', b.requests[-1].headers
        assert await asyncio.wait_for(a.hello(), 5) == 200
    clean(here, there)


async def a_message_keeps_its_id_and_its_reports_come_back(lab):
    """MSRP-020: reports end to end, both ways; no answer to a REPORT; Failure-Report no and partial (MSRP-006)."""
    page, here, there, call = await talk(lab)
    for a, b in ((here, there), (there, here)):
        id = await a.send("x" * 5000, success="yes")
        assert (await b.receive()).id == id
        assert await a.report() == (id, 200, (1, 5000, 5000))
        b.reports_success = False
        id = await a.send("to be refused later")
        m = await b.receive()
        b.request("REPORT", [("Message-ID", m.id), ("Byte-Range", "1-19/19"), ("Status", "000 415 No")])
        assert await a.report() == (id, 415, (1, 19, 19))
        for failure in ("no", "partial"):
            before = b.answered
            await a.send("quiet", failure=failure)
            assert (await b.receive()).text == "quiet"
            assert b.answered == before
        assert not [r for r in a.responses if r["Message-ID"]]
    await asyncio.sleep(0.3)
    clean(here, there)


async def either_side_of_the_core_may_connect(lab):
    """MSRP-017: the core answers active; the gateway waits, and a connection that speaks no MSRP does no harm."""
    peer = await Endpoint(None).listen("127.0.0.1", lab.port())
    lab.core.answer = answer_with(peer, "active")
    page, chat = await lab.page(), Chat(0)
    assert (await page.call("sip:bob@ims.example", chat)).status == 200
    await asyncio.wait_for(chat.opened.wait(), 10)
    host, port = peer.peer.split("//")[1].split("/")[0].split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert await asyncio.wait_for(reader.read(), 5) == b"" # closed, and nothing said
    await peer.connect(host, int(port))
    assert await asyncio.wait_for(peer.hello(), 10) == 200
    await chat.session.send("at last")
    assert (await peer.receive()).text == "at last"
    second, writer2 = await asyncio.open_connection(host, int(port)) # MSRP-009: one session, one connection
    tid = token()
    writer2.write(f"MSRP {tid} SEND\r\nTo-Path: {peer.peer}\r\nFrom-Path: {peer.own}\r\nMessage-ID: zzzz\r\n-------{tid}$\r\n".encode())
    assert f"MSRP {tid} 506".encode() in await asyncio.wait_for(second.read(), 5)
    await peer.send("still here")
    assert (await chat.session.receive()).text == "still here"
    clean(chat.session, peer)


def resident(process):
    with open(f"/proc/{process.pid}/status") as f:
        return next(int(line.split()[1]) << 10 for line in f if line.startswith("VmRSS"))


async def most(process):
    """Octets of resident memory at most, until cancelled."""
    value = 0
    try:
        while True:
            value = max(value, resident(process))
            await asyncio.sleep(0.05)
    except asyncio.CancelledError:
        return value


async def files_arrive_whole_both_ways_at_once(lab):
    """MSRP-004, MSRP-005, MSRP-021 in small: each chunk fits one SCTP message; one chunk of the core becomes many."""
    size = FILE_MB << 20
    page, here, there, call = await talk(lab)
    up, down = os.urandom(size), os.urandom(size)
    chat = page.channels[0]
    before = resident(lab.process)
    watch = asyncio.ensure_future(most(lab.process))
    texts = asyncio.ensure_future(here.send("between", success="yes"))
    await asyncio.gather(here.send(up, "image/png", chunk=16000, success="yes", drain=chat.drain),
                         there.send(down, "application/zip", chunk=1 << 20, success="yes", drain=there.drain, window=2))
    await texts
    got = [await there.receive(600), await there.receive(600)]
    m = next(m for m in got if m.type == "image/png")
    assert hashlib.sha256(m.body).digest() == hashlib.sha256(up).digest()
    m = await here.receive(600)
    assert hashlib.sha256(m.body).digest() == hashlib.sha256(down).digest()
    assert m.chunks >= size // 16384, m.chunks
    watch.cancel()
    grown = await watch - before
    assert grown < 8 << 20 or IS_SANITIZED, f"{grown >> 10} KiB more than before"
    clean(here, there)


async def a_bad_link_under_sctp_loses_nothing(lab):
    """Five of a hundred packets are lost, some come twice or in another order; files both ways are the same."""
    dice = random.Random(9260)
    link = await Link(lab.port(), lab.port(), lab.base + 3, lambda direction, n: "" if n < 20 else dice.choices(
        ["lost", "twice", "late", ""], [5, 2, 3, 90])[0]).start()
    page, here, there, call = await talk(lab, media_port=link.ports[0])
    up, down = os.urandom(200000), os.urandom(600000)
    await asyncio.gather(here.send(up, "a/b", chunk=16000, drain=page.channels[0].drain),
                         there.send(down, "a/b", chunk=100000, drain=there.drain))
    assert (await there.receive(30)).body == up
    assert (await here.receive(30)).body == down
    assert min(link.lost.values()) > 5, link.lost
    clean(here, there)
    await page.hang_up()
    link.close()


async def a_receiver_that_stops_loses_nothing(lab):
    """SCTP-013: the core stops reading, then the page stops answering; each side waits and goes on."""
    seconds = float(os.environ.get("IMSGW_STALL_S", "2"))
    page, here, there, call = await talk(lab)
    chat, data = page.channels[0], os.urandom(2 << 20)
    there.unpaused.clear()
    sending = asyncio.ensure_future(here.send(data, "a/b", chunk=16000, window=1000, drain=chat.drain))
    await asyncio.sleep(seconds)
    assert not sending.done()
    there.unpaused.set()
    await asyncio.wait_for(sending, 40)
    assert (await there.receive()).body == data
    clean(here, there)


async def each_error_of_the_core_reaches_the_page_and_the_reverse(lab):
    """RFC 4975 s. 10: 400, 403, 408, 413, 415, 481, 501, 506 as they were answered, and the session goes on."""
    page, here, there, call = await talk(lab)
    for a, b in ((here, there), (there, here)):
        for status in (400, 403, 408, 413, 415, 423, 481, 501, 506):
            b.status = status
            try:
                await a.send(f"please {status}", failure="yes")
                raise AssertionError(f"{status} became 200")
            except Refused as e:
                assert e.status == status, e
        b.status = None
        await a.send("and again")
        while (await b.receive()).text != "and again":
            pass
    clean(here, there)


async def what_the_gateway_refuses_itself(lab):
    """481 for another session, from either side; 501 for an unknown method; what has no From-Path harms nobody."""
    page, here, there, call = await talk(lab)
    chat = page.channels[0]
    tid = token()
    future = here.sent[tid] = asyncio.get_running_loop().create_future()
    chat.send(f"MSRP {tid} SEND\r\nTo-Path: {here.peer}\r\nMessage-ID: abcd\r\n-------{tid}$\r\n".encode()) # no From-Path
    tid = token()
    f = here.sent[tid] = asyncio.get_running_loop().create_future()
    chat.send(f"MSRP {tid} SEND\r\nTo-Path: {here.peer.replace(';dc', 'x;dc')}\r\nFrom-Path: {here.own}\r\n"
              f"Message-ID: abcd\r\n-------{tid}$\r\n".encode())
    assert await asyncio.wait_for(f, 5) == 481
    await here.send("fine")
    assert (await there.receive()).text == "fine"
    # the same from the core
    tid = token()
    f = there.sent[tid] = asyncio.get_running_loop().create_future()
    there.write(f"MSRP {tid} SEND\r\nTo-Path: {there.peer.replace(';tcp', 'x;tcp')}\r\nFrom-Path: {there.own}\r\n"
                f"Message-ID: abcd\r\n-------{tid}$\r\n".encode())
    assert await asyncio.wait_for(f, 5) == 481
    assert await asyncio.wait_for(there.request("DANCE", [("Message-ID", token())]), 5) == 501
    assert await asyncio.wait_for(here.request("DANCE", [("Message-ID", token())]), 5) == 501
    await there.send("fine too")
    assert (await here.receive()).text == "fine too"


async def a_stop_ends_the_message_and_not_the_session(lab):
    """MSRP-010: 413 in the middle of a long message; the receiver sees its end by '#' or hears nothing more of it."""
    page, here, there, call = await talk(lab)
    count = 0

    def after_three(c):
        nonlocal count
        count += 1
        return 413 if count > 3 else 200
    here.status = after_three
    try:
        await there.send(os.urandom(1 << 20), "a/b", chunk=1 << 20, drain=there.drain)
        raise AssertionError("not refused")
    except Refused as e:
        assert e.status == 413
    here.status = None
    await there.send("next")
    assert (await here.receive()).text == "next"
    pieces = [r for r in here.requests if r["Message-ID"] in here.refused]
    assert len(pieces) < 70 and pieces[-1].flag == "#", (len(pieces), pieces[-1].flag)
    clean(here, there)


async def the_core_may_refuse_two_of_three_channels(lab):
    """DC-004 from the core's side: what was answered with port 0 has no dcmap, the rest of the call goes on."""
    peer = await Endpoint(None).listen("127.0.0.1", lab.port())
    lab.core.answer = answer_with(peer)
    page, chat, text, floor = await lab.page(), Chat(2), Text(0), Floor(4)
    answer = await page.call("sip:bob@ims.example", text, chat, floor)
    assert answer.status == 200 and list(page.channels) == [2], answer.text
    assert [line.split()[0] for line in lab.core.last.invite.body.split("\r\n") if line.startswith("m=")] == \
        ["m=text", "m=message", "m=application"], lab.core.last.invite.body
    await asyncio.wait_for(chat.opened.wait(), 10)
    await chat.session.send("one of three")
    assert (await peer.receive()).text == "one of three"
    await peer.send("enough")
    assert (await chat.session.receive()).text == "enough"
    clean(chat.session, peer)


async def a_reset_in_the_middle_of_a_chunk_is_told(lab):
    """MSRP-028, RFC 4975 s. 5.4: the connection is lost while the core sends: the piece at hand ends with '#'; while the page sends:
    what was not answered fails."""
    page, here, there, call = await talk(lab)
    head = f"MSRP {token()} SEND\r\nTo-Path: {there.peer}\r\nFrom-Path: {there.own}\r\nMessage-ID: halfhalf\r\n" \
           "Byte-Range: 1-*/100000\r\nContent-Type: a/b\r\n\r\n"
    there.is_mute = True
    there.write(head.encode() + b"x" * 40000)
    pending = asyncio.ensure_future(here.send("who answers this?"))
    for _ in range(100):
        if "halfhalf" in here.partial and any(r.method == "SEND" and r.body for r in there.requests):
            break
        await asyncio.sleep(0.02)
    assert "halfhalf" in here.partial
    there.reset()
    try:
        await asyncio.wait_for(pending, 10)
        raise AssertionError("nobody answered, and it went well")
    except Refused as e:
        assert e.status in (408, 481), e
    for _ in range(100):
        if here.aborted:
            break
        await asyncio.sleep(0.02)
    assert [m.id for m in here.aborted] == ["halfhalf"], here.partial
    clean(here)


CASES = [texts_pass_both_ways_and_each_is_answered, what_is_not_understood_passes_as_it_is,
         a_message_keeps_its_id_and_its_reports_come_back, either_side_of_the_core_may_connect,
         files_arrive_whole_both_ways_at_once, a_bad_link_under_sctp_loses_nothing,
         a_receiver_that_stops_loses_nothing,
         each_error_of_the_core_reaches_the_page_and_the_reverse, what_the_gateway_refuses_itself,
         a_stop_ends_the_message_and_not_the_session, the_core_may_refuse_two_of_three_channels,
         a_reset_in_the_middle_of_a_chunk_is_told, what_nobody_answers_fails_after_thirty_seconds]

if __name__ == "__main__":
    main(CASES, setup, tshark_reads_every_frame, timeout=60 + 5 * FILE_MB)

#!/usr/bin/python3
"""Who offers what, with a core that is a script: channels that a page opens in band, pages that know no dcmap, CEMA,
TLS, BFCP over UDP, connections made anew. Run: offers.py BUILD_DIR [case]"""
import asyncio
import hashlib
import re
import socket
import ssl
import subprocess

from lab import Core, main, sdp, section
from msrp import Endpoint, Refused, token
from page import Channel, Chat, Floor, Text


async def setup(lab):
    lab.capture()
    lab.core = await Core(lab.base + 4, lab.base + 2).start()
    lab.gateway()


BOB = "sip:bob@ims.example"
AUDIO = "m=audio 9000 RTP/AVP 8\na=rtpmap:8 PCMA/8000"


def in_band(channel):
    """To be opened by DCEP, and in no SDP (RFC 8864 s. 6.1)."""
    channel.is_in_band = True
    return channel


class Secure(Endpoint):
    """The endpoint over TLS, with a certificate of its own."""

    async def listen(self, lab, port):
        key, cert = f"{lab.dir}/{port}.key", f"{lab.dir}/{port}.crt"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                        "-nodes", "-keyout", key, "-out", cert, "-subj", "/CN=core", "-days", "2"], check=True,
                       capture_output=True)
        await super().listen("127.0.0.1", port)
        self.server.close()
        self.own = self.own.replace("msrp:", "msrps:")
        self.der = ssl.PEM_cert_to_DER_cert(open(cert).read())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        self.client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.client.check_hostname, self.client.verify_mode = False, ssl.CERT_NONE
        self.client.load_cert_chain(cert, key)
        self.server = await asyncio.start_server(self._connected, "127.0.0.1", port, ssl=context)
        return self

    async def connect(self, host, port):
        reader, writer = await asyncio.open_connection(host, port, ssl=self.client)
        self.certificate = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        asyncio.ensure_future(self._connected(reader, writer, False))
        await asyncio.sleep(0)


def fingerprint(der):
    return ":".join(f"{b:02X}" for b in hashlib.sha256(der).digest())


def chat_lines(peer, setup="passive", *more, proto="TCP/MSRP"):
    port = 9 if setup == "active" else peer.port
    return [f"m=message {port} {proto} *", f"a=path:{peer.own}", "a=accept-types:*", f"a=setup:{setup}", *more]


def answering(peer, setup="passive"):
    """The core's answer: voice as it is, chat at `peer`, the rest refused. Its `offers` are those that came."""
    def answer(offer):
        lines = []
        answer.offers.put_nowait(offer)
        for part in offer.split("\r\nm=")[1:]:
            kind, port, proto, fmts = part.split("\r\n")[0].split(" ", 3)
            if kind == "audio":
                lines.append(AUDIO)
            elif kind == "message" and port != "0" and peer:
                peer.peer, peer.offer = re.search(r"a=path:(\S+)", part)[1], part
                lines.append(chat_lines(peer, setup, proto=proto))
            else:
                lines.append(f"m={kind} 0 {proto} {fmts}")
        return sdp(*lines)
    answer.offers = asyncio.Queue()
    return answer


async def next_offer(lab):
    return await asyncio.wait_for(lab.core.answer.offers.get(), 10)


async def over(page, call):
    assert (await call.bye()).status == 200
    await asyncio.wait_for(page.ended.wait(), 5)


async def chats(here, there, text):
    await here.send(text)
    assert (await there.receive()).text == text
    await there.send(text[::-1])
    assert (await here.receive()).text == text[::-1]
    assert not here.errors and not there.errors, (here.errors, there.errors)


async def a_chat_opened_in_band_gets_a_line_of_the_core(lab):
    """DC-009, DC-007: DCEP alone; the core is offered chat, text is refused and reset, what nobody knows is reset."""
    peer = await Endpoint(None).listen("127.0.0.1", lab.port())
    lab.core.answer = answering(peer)
    page = await lab.page()
    chat, text, other = in_band(Chat(0)), in_band(Text(2)), in_band(Channel(4, "clue"))
    chat.session.peer = f"msrps://{token()}.invalid:9/{token()};dc" # nobody told the page one
    answer = await page.call(BOB, chat, text, other, audio=True)
    assert answer.status == 200 and "dcmap" not in answer.body, answer.text
    await asyncio.wait_for(chat.opened.wait(), 10)
    await next_offer(lab)
    offer = await next_offer(lab)
    assert section(offer, "m=message") and section(offer, "m=audio"), offer
    await asyncio.wait_for(chat.session.hello(), 10)
    await chats(chat.session, peer, "in band")
    await asyncio.wait_for(asyncio.gather(text.closed.wait(), other.closed.wait()), 10)
    chat.channel.close() # without a word of SDP: the core hears of it
    while not section(offer, "m=message 0 "):
        offer = await next_offer(lab)


async def a_core_that_takes_no_channel_in_band_refuses_it_and_the_call_goes_on(lab):
    lab.core.answer = answering(None)
    page = await lab.page()
    chat = in_band(Chat(0))
    assert (await page.call(BOB, chat, audio=True)).status == 200
    call = lab.core.last
    await asyncio.wait_for(chat.closed.wait(), 10)
    assert not call.ended.is_set() and page.dialog


async def a_page_that_knows_no_dcmap_has_its_voice(lab):
    """DC-004: the core offers chat and voice; the answer names no channel."""
    peer = await Endpoint(None).listen("127.0.0.1", lab.port())
    page = await lab.page()
    made = asyncio.ensure_future(lab.core.call(page.user, sdp(AUDIO, chat_lines(peer, "actpass"))))
    await page.answer(lambda id, protocol: None)
    call, answer = await made
    assert call and section(answer.body, "m=message 0 ") and not section(answer.body, "m=audio 0 "), answer.text
    await over(page, call)


async def under_cema_paths_pass_untouched(lab):
    """MSRP-014: the core's path is of an address that nobody connects to."""
    peer = await Endpoint(None).listen("127.0.0.1", lab.port())
    peer.own = f"msrp://192.0.2.77:7777/{token()};tcp"
    page = await lab.page()
    made = asyncio.ensure_future(lab.core.call(page.user, sdp(chat_lines(peer, "actpass", "a=msrp-cema"))))
    offer = await page.answer(lambda id, protocol: Chat(id))
    call, answer = await made
    chat = next(iter(page.channels.values()))
    assert f"path:{peer.own}" in offer.body and chat.session.peer == peer.own, offer.body
    assert f"a=path:{chat.session.own}" in answer.body and "a=msrp-cema" in answer.body, answer.body
    peer.peer = chat.session.own
    await asyncio.wait_for(chat.opened.wait(), 10)
    await asyncio.wait_for(chat.session.hello(), 10)
    await chats(chat.session, peer, "seen by both as they are")
    await over(page, call)


async def msrp_over_tls_both_roles(lab):
    """MSRP-019: the active side is the TLS client; certificates are those of the SDP."""
    for setup in ("passive", "active"):
        peer = await Secure(None).listen(lab, lab.port())
        page = await lab.page()
        lines = chat_lines(peer, setup, f"a=fingerprint:sha-256 {fingerprint(peer.der)}", proto="TCP/TLS/MSRP")
        made = asyncio.ensure_future(lab.core.call(page.user, sdp(lines)))
        await page.answer(lambda id, protocol: Chat(id))
        call, answer = await made
        m = section(answer.body, "m=message")
        assert "TCP/TLS/MSRP" in m and "a=path:msrps://" in m, answer.text
        peer.peer = re.search(r"a=path:(\S+)", m)[1]
        chat = next(iter(page.channels.values()))
        await asyncio.wait_for(chat.opened.wait(), 10)
        if setup == "active":
            host, port = peer.peer.split("//")[1].split("/")[0].split(":")
            await peer.connect(host, int(port))
            assert fingerprint(peer.certificate) in m, m
        await asyncio.wait_for(chat.session.hello(), 10)
        await chats(chat.session, peer, f"secret, {setup}")
        await over(page, call)


async def tls_with_another_certificate_is_refused(lab):
    peer = await Secure(None).listen(lab, lab.port())
    page = await lab.page()
    lines = chat_lines(peer, "passive", f"a=fingerprint:sha-256 {fingerprint(b'somebody else')}", proto="TCP/TLS/MSRP")
    made = asyncio.ensure_future(lab.core.call(page.user, sdp(lines)))
    await page.answer(lambda id, protocol: Chat(id))
    call, _ = await made
    chat = next(iter(page.channels.values()))
    await asyncio.wait_for(chat.opened.wait(), 10)
    try:
        await asyncio.wait_for(chat.session.hello(), 3)
        raise AssertionError("answered by somebody else")
    except Exception as e:
        assert not isinstance(e, AssertionError), e
    await over(page, call)


async def a_lost_connection_is_made_anew(lab):
    """MSRP-028: the core hears a re-INVITE, and the chat goes on."""
    peer = await Endpoint(None).listen("127.0.0.1", lab.port())
    lab.core.answer = answering(peer)
    page = await lab.page()
    chat = Chat(0)
    assert (await page.call(BOB, chat, audio=True)).status == 200
    await asyncio.wait_for(chat.opened.wait(), 10)
    await asyncio.wait_for(chat.session.hello(), 10)
    await chats(chat.session, peer, "before")
    peer.reset()
    await next_offer(lab)
    offer = await next_offer(lab)
    assert section(offer, "m=message"), offer
    await asyncio.wait_for(peer.up.wait(), 10)
    await asyncio.sleep(0.2)
    await chats(chat.session, peer, "after")


async def the_core_moves_a_chat_to_somebody_else_and_holds_it(lab):
    """RFC 4975 s. 8.5: another path in a re-INVITE of the core is another session, over a connection of its own."""
    first, second = [await Endpoint(None).listen("127.0.0.1", lab.port()) for _ in range(2)]
    page = await lab.page()
    made = asyncio.ensure_future(lab.core.call(page.user, sdp(chat_lines(first, "passive"))))
    await page.answer(lambda id, protocol: Chat(id))
    call, answer = await made
    chat = next(iter(page.channels.values()))
    first.peer = second.peer = re.search(r"a=path:(\S+)", answer.body)[1]
    await asyncio.wait_for(chat.opened.wait(), 10)
    await asyncio.wait_for(chat.session.hello(), 10)
    await chats(chat.session, first, "with the first")
    for version, lines in ((2, chat_lines(second, "passive")), (3, chat_lines(second, "passive", "a=sendonly"))):
        changed = asyncio.ensure_future(call.offer(sdp(lines, version=version)))
        offer = await page.answer(lambda id, protocol: None)
        assert (await changed).status == 200 and len(page.channels) == 1
        if version == 2:
            await asyncio.wait_for(second.up.wait(), 10)
            await chats(chat.session, second, "with the second")
    assert "dcsa:1 sendonly" in offer.body, offer.body # the core is on hold
    try:
        await chat.session.send("heard by nobody")
        raise AssertionError("answered on hold")
    except Refused as e:
        assert e.status == 403, e
    await second.send("announcement")
    assert (await chat.session.receive()).text == "announcement"
    await over(page, call)


async def a_page_that_begins_anew_keeps_its_call(lab):
    """RFC 8842 s. 5.3: another fingerprint in a re-INVITE, so another association; the core sees the same channels."""
    peer = await Endpoint(None).listen("127.0.0.1", lab.port())
    lab.core.answer = answering(peer)
    page = await lab.page()
    chat = Chat(0)
    assert (await page.call(BOB, chat)).status == 200
    await asyncio.wait_for(chat.opened.wait(), 10)
    await asyncio.wait_for(chat.session.hello(), 10)
    await chats(chat.session, peer, "before")
    before, again = page.pc, Chat(0)
    page._new_pc()
    page.channels = {}
    await page.change(add=[again])
    await asyncio.wait_for(again.opened.wait(), 10)
    await chats(again.session, peer, "after")
    assert peer.accepted == 1, peer.accepted # the connection of the core never noticed
    await before.close()


def tshark_reads_every_frame(lab):
    assert lab.judge("msrp")["msrp"] > 10
    with open(f"{lab.dir}/imsgw.records") as f:
        text = f.read()
    secured = r'"channels":\[\{"channel":9,"protocol":"msrp","security":"DTLS","core_security":"TLS TLS_'
    assert re.search(secured, text), text[-2000:]


class FloorServer(asyncio.DatagramProtocol):
    """Grants every floor, over UDP (RFC 8855 s. 6.2: version 2, responses with R)."""

    def __init__(self):
        self.seen, self.bad = [], []

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, m, addr):
        if len(m) < 12 or m[0] >> 5 != 2 or m[0] & 0x08 or len(m) != 12 + 4 * int.from_bytes(m[2:4], "big"):
            self.bad.append(m)
            return
        self.seen.append(m[1])
        if m[1] == 1: # FloorRequest: status Granted
            info = bytes([5 << 1 | 1, 4, 3, 0])
            overall = bytes([18 << 1 | 1, 8]) + (7).to_bytes(2, "big") + info
            body = bytes([15 << 1 | 1, 4 + len(overall)]) + (7).to_bytes(2, "big") + overall
            self.transport.sendto(bytes([0x50, 4]) + (len(body) // 4).to_bytes(2, "big") + m[4:12] + body, addr)
        elif m[1] == 11: # Hello: HelloAck with what is supported
            body = bytes([11 << 1 | 1, 4, 1, 4, 10 << 1 | 1, 4, 2 << 1, 18 << 1])
            self.transport.sendto(bytes([0x50, 12]) + (len(body) // 4).to_bytes(2, "big") + m[4:12] + body, addr)


async def bfcp_over_udp_at_the_core(lab):
    """BFCP-004, BFCP-008: version 2 and its responses there, version 1 in the channel."""
    port = lab.port()
    _, server = await asyncio.get_running_loop().create_datagram_endpoint(FloorServer, local_addr=("127.0.0.1", port))
    page = await lab.page()
    lines = [f"m=application {port} UDP/BFCP *", "a=floorctrl:s-only", "a=confid:1", "a=userid:2", "a=floorid:3",
             "a=bfcpver:2"]
    made = asyncio.ensure_future(lab.core.call(page.user, sdp(lines)))
    await page.answer(lambda id, protocol: Floor(id))
    call, answer = await made
    assert all(x in answer.body for x in ("UDP/BFCP", "a=bfcpver:2", "a=floorctrl:c-only")), answer.text
    floor = next(iter(page.channels.values()))
    assert floor.peer["userid"] == "2" and "bfcpver" not in floor.peer, floor.peer
    await asyncio.wait_for(floor.opened.wait(), 10)
    floor.send(bytes([0x20, 1, 0, 1, 0, 0, 0, 1, 0, 5, 0, 2, 2 << 1 | 1, 4, 0, 3]))
    m = await floor.next()
    assert m[0] >> 5 == 1 and not m[0] & 0x18 and m[1] == 4 and m[22] == 3, m
    assert 1 in server.seen and not server.bad, (server.seen, server.bad)
    await over(page, call)


async def tls_of_bfcp_has_the_answerer_as_its_server(lab):
    """BFCP-009: the core listens, so the gateway connects; the gateway answers, so it is the TLS server."""
    peer = await Secure(None).listen(lab, lab.port()) # for its certificate
    port, page, loop = lab.port(), await lab.page(), asyncio.get_running_loop()
    listener = socket.create_server(("127.0.0.1", port))
    listener.settimeout(10)

    def grant():
        """One FloorRequest is granted (in a thread: asyncio cannot accept a connection as TLS client)."""
        with listener.accept()[0] as plain, peer.client.wrap_socket(plain) as s:
            s.settimeout(10)
            m = s.recv(1000)
            body = bytes([31, 16, 0, 7, 37, 12, 0, 7, 11, 4, 3, 0, 35, 4, 0, 3])
            s.sendall(bytes([0x20, 4, 0, len(body) // 4]) + m[4:12] + body)
            return m, s.getpeercert(binary_form=True)
    granted = loop.run_in_executor(None, grant)
    lines = [f"m=application {port} TCP/TLS/BFCP *", "a=setup:passive", "a=connection:new", "a=floorctrl:s-only",
             "a=confid:1", "a=userid:2", "a=floorid:3", f"a=fingerprint:sha-256 {fingerprint(peer.der)}"]
    made = asyncio.ensure_future(lab.core.call(page.user, sdp(lines)))
    await page.answer(lambda id, protocol: Floor(id))
    call, answer = await made
    m = section(answer.body, "m=application")
    assert "TCP/TLS/BFCP" in m and "a=setup:active" in m and "a=connection:new" in m, answer.text
    floor = next(iter(page.channels.values()))
    await asyncio.wait_for(floor.opened.wait(), 10)
    request = bytes([0x20, 1, 0, 1, 0, 0, 0, 1, 0, 5, 0, 2, 2 << 1 | 1, 4, 0, 3])
    floor.send(request)
    status = await floor.next()
    assert status[1] == 4 and status[22] == 3, status
    seen, certificate = await asyncio.wait_for(granted, 10)
    assert seen == request and fingerprint(certificate) in m, (seen, m)
    listener.close()
    await over(page, call)


CASES = [a_chat_opened_in_band_gets_a_line_of_the_core,
         a_core_that_takes_no_channel_in_band_refuses_it_and_the_call_goes_on, bfcp_over_udp_at_the_core,
         tls_of_bfcp_has_the_answerer_as_its_server,
         a_page_that_knows_no_dcmap_has_its_voice, under_cema_paths_pass_untouched, msrp_over_tls_both_roles,
         tls_with_another_certificate_is_refused, a_lost_connection_is_made_anew,
         the_core_moves_a_chat_to_somebody_else_and_holds_it, a_page_that_begins_anew_keeps_its_call]

if __name__ == "__main__":
    main(CASES, setup, tshark_reads_every_frame)

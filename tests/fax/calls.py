#!/usr/bin/python3
"""Whole pages through the whole gateway: a browser (aiortc) with a channel of T.38, or a phone over UDP, towards
UDPTL of the core or a line behind rtpengine; calls by voice that become a fax; machines of spandsp at both ends.
Run: calls.py BUILD_DIR [case]"""
import asyncio
import json
import os
import re
import secrets
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../datachannel"))
from lab import Core, main, sdp, section  # noqa: E402
from page import Channel  # noqa: E402
from sip import Client, Message  # noqa: E402

PAGES = 1
T38 = ["a=T38FaxVersion:0", "a=T38MaxBitRate:14400", "a=T38FaxRateManagement:transferredTCF", "a=T38FaxMaxDatagram:400"]


class Machine:
    """fax_peer: where it is, where it sends, how it ended."""

    def __init__(self, lab, way, role, file, *more):
        self.lab, self.role, self.file = lab, role, file
        self.args = [f"{lab.build}/tests/fax/fax_peer", way, role, file, *map(str, more)]

    async def start(self):
        pipe = asyncio.subprocess.PIPE
        self.process = await asyncio.create_subprocess_exec(*self.args, stdin=pipe, stdout=pipe)
        words = (await asyncio.wait_for(self.process.stdout.readline(), 10)).decode().split()
        self.port, self.fingerprint = int(words[1]), words[2] if len(words) > 2 else None
        return self

    def send_to(self, port, *more):
        self.process.stdin.write((" ".join(["127.0.0.1", str(port), *more]) + "\n").encode())

    async def over(self):
        line = (await asyncio.wait_for(self.process.stdout.readline(), 70)).decode()
        await self.process.wait()
        assert line == f"over 0 {PAGES}\n", f"{self.role}: {line}"


class Phone(Client):
    """An IMS phone on UDP that calls, and takes what the core offers in the call as `answer` says."""

    async def call(self, uri, body):
        self.given = {"From": f"<{self.aor}>;tag={secrets.token_hex(4)}", "To": f"<{uri}>",
                      "Call_ID": secrets.token_hex(8)}
        r = await self.offer(uri, body)
        self.given["To"] = r["To"]
        return r

    async def offer(self, uri, body):
        headers = [f"Contact: {self.contact}", "Content-Type: application/sdp"]
        r = await self.ask(self.text("INVITE", uri, headers, body, **self.given), timeout=20)
        self.target = r.uri_of("Contact") if r["Contact"] else uri
        given = {**self.given, "To": r["To"], "CSeq": f"{r['CSeq'].split()[0]} ACK"}
        self.send(self.text("ACK", self.target, [], "", **given))
        return r

    def _take(self, text):
        m = Message(text) if text.strip() else None
        if not m or m.method != "INVITE" or m.status:
            return super()._take(text)
        body = self.answer(m.body)
        to = m["To"] if ";tag=" in m["To"] else f"{m['To']};tag=phone"
        lines = ["SIP/2.0 200 OK", *(f"Via: {v}" for v in m.all("Via")), f"From: {m['From']}", f"To: {to}",
                 f"Call-ID: {m['Call-ID']}", f"CSeq: {m['CSeq']}", f"Contact: {self.contact}",
                 "Content-Type: application/sdp", f"Content-Length: {len(body)}", "", ""]
        self.send("\r\n".join(lines) + body)
        return None

    async def hang_up(self):
        await self.ask(self.text("BYE", self.target, [], "", **self.given))
        self.udp.close()


async def phone(lab, user, headers=()):
    p = await Phone(user, "ims.example").open_udp(lab.port(), ("127.0.0.1", lab.base + 5))
    r = await p.register(headers=headers)
    assert r.status == 200 and ("udptl-dtls;mediasec" in r.all("Security-Server")) == bool(headers), r.text
    return p


MEDIASEC = ["Security-Client: udptl-dtls;mediasec", "Require: mediasec", "Proxy-Require: mediasec"] # TS 33.328 s. L.3
FAILURES = 'imsgw_call_media_failures_total{why="security"}'
ICE = ["a=ice-ufrag:faxfax", "a=ice-pwd:faxfaxfaxfaxfaxfaxfaxfax"] # fax_peer's


class Fax(Channel, asyncio.DatagramProtocol):
    """A data channel of T.38, one IFP a message, in front of a machine."""

    def __init__(self, id, attributes=("T38FaxVersion:0", "T38FaxRateManagement:transferredTCF")):
        super().__init__(id, "t38", attributes)
        self.count = 0

    async def join(self, machine):
        loop = asyncio.get_running_loop()
        self.transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        self.take = lambda m: self.transport.sendto(m, ("127.0.0.1", machine.port))
        await asyncio.wait_for(self.opened.wait(), 10)
        machine.send_to(self.transport.get_extra_info("sockname")[1])

    def datagram_received(self, data, addr):
        self.count += 1
        if self.channel.readyState == "open":
            self.channel.send(data)


async def machines(lab, browser_sends, ec="redundancy", loss=0, near="ifp", far="udptl", pace=None, wrong=False):
    """The one of the access side and the one of the core."""
    lab.n += 1
    files = {"send": f"{lab.dir}/page.tif", "receive": f"{lab.dir}/received-{lab.n}.tif"}
    roles = ("send", "receive") if browser_sends else ("receive", "send")
    more = ("redundancy", 0, pace) if pace else ()
    if near == "udptl":
        more = ("redundancy", loss, *((3000, "wrong") if wrong else ()))
    return (await Machine(lab, near, roles[0], files[roles[0]], *more).start(),
            await Machine(lab, far, roles[1], files[roles[1]], *(() if far == "line" else (ec, loss))).start())


async def tool(lab, *words):
    p = await asyncio.create_subprocess_exec(f"{lab.build}/tests/fax/fax_peer", *words, stdout=asyncio.subprocess.PIPE)
    return (await p.communicate())[0]


async def judge(lab, *both):
    await asyncio.gather(*(m.over() for m in both))
    received = next(m.file for m in both if m.role == "receive")
    out = await tool(lab, "compare", received, str(PAGES))
    assert out == b"0 rows differ\n", out


def image(machine, ec="t38UDPRedundancy", setup=None):
    dtls = [f"a=fingerprint:sha-256 {machine.fingerprint}", f"a=setup:{setup}"] if setup else []
    return [f"m=image {machine.port} {'UDP/TLS/UDPTL' if setup else 'udptl'} t38", *dtls, *T38, f"a=T38FaxUdpEC:{ec}"]


def voice_of(page):
    return section(page.pc.remoteDescription.sdp, "m=audio")


def fingerprint_of(text):
    return re.search(r"a=fingerprint:sha-256 (\S+)", text)[1]


def port_of(text, media="image"):
    return int(re.search(rf"(?m)^m={media} (\d+) ", text)[1])


async def record_of(lab, call_is):
    """The newest record that fits."""
    for _ in range(50):
        lines = [json.loads(line) for line in open(f"{lab.dir}/imsgw.records")]
        found = [r for r in lines if call_is(r)]
        if found:
            return found[-1]
        await asyncio.sleep(0.1)
    raise AssertionError("no record")


class Engine(asyncio.DatagramProtocol):
    """rtpengine as the T.38 gateway of the core: image towards the gateway, audio towards a line."""

    async def start(self, lab):
        self.port = lab.base + 6
        lab.start("rtpengine", ["rtpengine", "--config-file=none", "--table=-1", "--interface=127.0.0.1",
                                f"--listen-ng=127.0.0.1:{self.port}", "--num-threads=1", f"--port-min={lab.base + 80}",
                                f"--port-max={lab.base + 97}", "--foreground", "--log-stderr", "--log-level=6",
                                "--delete-delay=0"], "ing")
        self.answers = asyncio.Queue()
        loop = asyncio.get_running_loop()
        self.transport, _ = await loop.create_datagram_endpoint(lambda: self, remote_addr=("127.0.0.1", self.port))
        return self

    def datagram_received(self, data, addr):
        self.answers.put_nowait(data.decode())

    def error_received(self, e):
        pass # it is still starting

    async def ask(self, head, sdp):
        """`head`: the beginning of the dictionary. The SDP of its answer."""
        cookie = secrets.token_hex(6)
        for _ in range(50):
            self.transport.sendto(f"{cookie} d{head}7:call-id3:fax3:sdp{len(sdp)}:{sdp}e".encode())
            try:
                answer = await asyncio.wait_for(self.answers.get(), 0.3)
            except asyncio.TimeoutError:
                continue
            if answer.startswith(cookie):
                return re.search(r"3:sdp\d+:(.*?\r\n)(?=\d+:|e)", answer, re.S)[1]
        raise AssertionError("rtpengine is silent")


async def setup(lab):
    lab.core = await Core(lab.base + 4, lab.base + 2).start()
    lab.gateway(access_udp=f"127.0.0.1:{lab.base + 5}")
    lab.capture()
    await tool(lab, "draw", f"{lab.dir}/page.tif", str(PAGES))


async def a_browser_begins_a_fax_to_a_line_behind_rtpengine(lab):
    """T38-012, at the pace of a telephone: it goes on beside the others."""
    near, far = await machines(lab, True, near="ifp", far="line", pace=20000)
    engine = await Engine().start(lab)

    async def answer(offer):
        audio = await engine.ask("7:command5:offer8:from-tag1:a3:ICE6:remove4:T.38l6:decodee", offer)
        far.send_to(port_of(audio, "audio"))
        line = sdp([f"m=audio {far.port} RTP/AVP 8", "a=rtpmap:8 PCMA/8000", "a=sendrecv"])
        return await engine.ask("7:command6:answer8:from-tag1:a6:to-tag1:b3:ICE6:remove", line)
    lab.core.answer = answer
    page, fax = await lab.page(), Fax(0)
    lab.pages.remove(page) # it stays
    r = await page.call("sip:line@ims.example", fax)
    assert r.status == 200, r.text
    await fax.join(near)
    lab.line = page, near, far


async def the_fax_to_the_line_arrives(lab):
    page, near, far = lab.line
    await judge(lab, near, far)
    await page.hang_up()


async def a_browser_sends_a_fax_to_the_core(lab):
    """T38-004, T38-011: what the core does not offer is not answered; a tenth of its packets is lost."""
    near, far = await machines(lab, True, "redundancy", 10)
    lab.core.answer = lambda offer: sdp(image(far))
    page = await lab.page()
    fax = Fax(0, ["T38FaxVersion:0", "T38FaxTranscodingMMR", "T38FaxRateManagement:transferredTCF"])
    answer = await page.call("sip:fax@ims.example", fax)
    assert answer.status == 200 and "T38FaxTranscodingMMR" not in answer.body, answer.text
    offer = lab.core.last.invite.body
    assert "a=T38FaxTranscodingMMR" in offer and "a=T38FaxUdpEC:t38UDPRedundancy" in offer, offer
    far.send_to(port_of(offer))
    await fax.join(near)
    await judge(lab, near, far)
    await page.hang_up()
    record = await record_of(lab, lambda r: r["channels"])
    n = record["channels"][0]
    assert n["protocol"] == "t38" and n["to_core"]["ifps"] == fax.count and n["to_access"]["recovered"] > 0, n
    assert 0 < n["to_core"]["duration_s"] < 60, n


async def a_browser_receives_a_fax_with_fec(lab):
    near, far = await machines(lab, False, "fec")
    page = await lab.page()
    calling = asyncio.ensure_future(lab.core.call(page.user, sdp(image(far, "t38UDPFEC"))))
    await page.answer(lambda id, protocol: Fax(id) if protocol == "t38" else None)
    dialog, answer = await calling
    assert answer.status == 200 and "a=T38FaxUdpEC:t38UDPFEC" in answer.body, answer.text
    far.send_to(port_of(answer.body))
    await page.channels[1].join(near)
    await judge(lab, near, far)
    await dialog.bye()
    await page.ended.wait()


async def a_call_by_voice_becomes_a_fax_and_voice_again(lab):
    """T38-010: the core offers image in place of audio; refused first, then taken; then voice again."""
    near, far = await machines(lab, False)
    page = await lab.page()
    voice = ["m=audio 39000 RTP/AVP 8", "a=rtpmap:8 PCMA/8000"]
    lab.core.answer = lambda offer: sdp(voice)
    answer = await page.call("sip:fax@ims.example", audio=True)
    assert answer.status == 200, answer.text
    dialog = lab.core.last
    await asyncio.sleep(0.3) # the ACK is there first (RFC 3261 s. 14.2)

    switching = asyncio.ensure_future(dialog.request("INVITE", sdp(image(far), version=2)))
    await page.answer(lambda id, protocol: None) # no dcmap in its answer
    r = await switching
    assert r.status == 488, r.text
    await page.answer(lambda id, protocol: None) # voice again, as it was
    assert "a=sendrecv" in voice_of(page), page.pc.remoteDescription.sdp
    await asyncio.sleep(0.3)

    switching = asyncio.ensure_future(dialog.offer(sdp(image(far), version=3)))
    await page.answer(lambda id, protocol: Fax(id))
    r = await switching
    assert r.status == 200 and "m=audio" not in r.body, r.text
    assert "a=inactive" in voice_of(page), page.pc.remoteDescription.sdp
    far.send_to(port_of(r.body))
    await next(iter(page.channels.values())).join(near)
    await judge(lab, near, far)

    switching = asyncio.ensure_future(dialog.offer(sdp(voice, version=4)))
    await page.answer(lambda id, protocol: None)
    r = await switching
    assert r.status == 200 and "m=image" not in r.body and port_of(r.body, "audio") > 0, r.text
    await dialog.bye()
    await page.ended.wait()


async def a_phone_sends_a_fax_with_losses_on_both_legs(lab):
    near, far = await machines(lab, True, "fec", 10, near="udptl")
    p = await phone(lab, "phone1")
    lab.core.answer = lambda offer: sdp(image(far, "t38UDPFEC"))
    r = await p.call("sip:fax@ims.example", sdp(image(near)))
    assert r.status == 200 and "a=T38FaxUdpEC:t38UDPRedundancy" in r.body, r.text
    near.send_to(port_of(r.body))
    far.send_to(port_of(lab.core.last.invite.body))
    await judge(lab, near, far)
    await p.hang_up()
    record = await record_of(lab, lambda r: r["streams"] and r["streams"][0]["media"] == "fax")
    assert record["streams"][0]["to_core"]["recovered"] > 0, record


async def the_core_switches_a_phone_to_fax_and_back(lab):
    """T38-010: the m-line changes its type in place."""
    near, far = await machines(lab, False, near="udptl")
    voice = ["m=audio 39000 RTP/AVP 8"]
    p = await phone(lab, "phone2")
    lab.core.answer = lambda offer: sdp(voice)
    r = await p.call("sip:fax@ims.example", sdp(voice))
    assert r.status == 200, r.text
    dialog = lab.core.last
    await asyncio.sleep(0.3)
    offers = []

    def take(offer):
        offers.append(offer)
        return sdp(image(near) if "m=image" in offer else voice, version=len(offers) + 1)
    p.answer = take
    r = await dialog.offer(sdp(image(far), version=2))
    assert r.status == 200 and "m=audio" not in r.body + offers[0], r.text
    near.send_to(port_of(offers[0]))
    far.send_to(port_of(r.body))
    await judge(lab, near, far)
    r = await dialog.offer(sdp(voice, version=3))
    assert r.status == 200 and "m=image" not in r.body + offers[1] and port_of(r.body, "audio"), r.text
    await p.hang_up()


async def a_phone_switches_its_call_to_fax_and_back(lab):
    """T38-010: the core refuses first, and the voice goes on."""
    near, far = await machines(lab, True, near="udptl")
    voice, offers = ["m=audio 39000 RTP/AVP 8"], []
    answers = [sdp(voice), 488, sdp(image(far), version=2), sdp(voice, version=3)]

    def take(offer):
        offers.append(offer)
        return answers[len(offers) - 1]
    p = await phone(lab, "phone8")
    lab.core.answer = take
    r = await p.call("sip:fax@ims.example", sdp(voice))
    assert r.status == 200, r.text
    r = await p.offer(p.target, sdp(image(near), version=2))
    assert r.status == 488, r.text
    assert lab.ctl("calls"), "the call goes on"
    r = await p.offer(p.target, sdp(image(near), version=3))
    assert r.status == 200 and "m=audio" not in r.body + offers[2], r.text
    near.send_to(port_of(r.body))
    far.send_to(port_of(offers[2]))
    await judge(lab, near, far)
    r = await p.offer(p.target, sdp(voice, version=4))
    assert r.status == 200 and "m=image" not in r.body + offers[3] and port_of(r.body, "audio"), r.text
    await p.hang_up()


async def a_browser_switches_its_call_to_fax_and_back(lab):
    """T38-010: its voice rests."""
    near, far = await machines(lab, True)
    voice, offers = ["m=audio 39000 RTP/AVP 8", "a=rtpmap:8 PCMA/8000"], []

    def take(offer):
        offers.append(offer)
        return sdp(image(far) if "m=image" in offer else voice, version=len(offers))
    page, fax = await lab.page(), Fax(0)
    lab.core.answer = take
    r = await page.call("sip:fax@ims.example", audio=True)
    assert r.status == 200, r.text
    line = page.pc.getTransceivers()[0]
    line.direction = "inactive"
    await page.change(add=[fax])
    assert "m=image" in offers[1] and "m=audio" not in offers[1] and "a=inactive" in voice_of(page), offers
    far.send_to(port_of(offers[1]))
    await fax.join(near)
    await judge(lab, near, far)
    line.direction = "sendrecv"
    await page.change(remove=[fax])
    assert "m=audio" in offers[2] and "m=image" not in offers[2] and "a=sendrecv" in voice_of(page), offers
    await page.hang_up()


async def wrong_packets_are_refused_and_the_fax_goes_on(lab):
    """T38-001, T38-005: cut, fragmented, too long, no IFP; counted, and the page is whole."""
    near, far = await machines(lab, True, near="udptl", wrong=True)
    lab.wrong_from = near.port
    p = await phone(lab, "phone9")
    lab.core.answer = lambda offer: sdp(image(far))
    before = lab.metrics()["imsgw_fax_refused_total"]
    r = await p.call("sip:fax@ims.example", sdp(image(near)))
    far.send_to(port_of(lab.core.last.invite.body))
    near.send_to(port_of(r.body))
    await judge(lab, near, far)
    await p.hang_up()
    record = await record_of(lab, lambda r: "phone9@" in r["caller"])
    assert record["streams"][0]["to_core"]["dropped"] >= 4 and record["cause"] in (0, 16, 200), record
    assert lab.metrics()["imsgw_fax_refused_total"] - before >= 4, lab.metrics()


async def requests_dtls(lab, user, way, *lines):
    near, far = await machines(lab, True, near=way)
    p = await phone(lab, user, MEDIASEC)
    lab.core.answer = lambda offer: sdp(image(far))
    r = await p.call("sip:fax@ims.example", sdp([*image(near, setup="active"), "a=3ge2ae:requested", *lines]))
    assert r.status == 200 and " UDP/TLS/UDPTL " in r.body and "a=setup:passive" in r.body, r.text
    offer = lab.core.last.invite.body
    assert " udptl " in offer and "fingerprint" not in offer and "3ge2ae" not in offer, offer
    ice = [re.search(rf"a=ice-{name}:(\S+)", r.body)[1] for name in ("ufrag", "pwd")] if lines else []
    near.send_to(port_of(r.body), fingerprint_of(r.body), *ice)
    far.send_to(port_of(offer))
    await judge(lab, near, far)
    await p.hang_up()


async def a_phone_requests_dtls_and_the_core_has_it_plain(lab):
    """TS 33.328 s. L.3 (T38-012); with ICE (RFC 7345 s. 4)."""
    await requests_dtls(lab, "phone4", "dtls")
    await requests_dtls(lab, "phone5", "ice", *ICE)


async def a_registered_phone_is_offered_dtls(lab):
    near, far = await machines(lab, False, near="dtls-server")
    p, offers = await phone(lab, "phone6", MEDIASEC), []

    def take(offer):
        offers.append(offer)
        return sdp(image(near, setup="passive"))
    p.answer = take
    dialog, r = await lab.core.call("phone6", sdp(image(far)))
    assert r.status == 200 and " udptl " in r.body, r.text
    assert " UDP/TLS/UDPTL " in offers[0] and "a=3ge2ae:applied" in offers[0] and "a=setup:actpass" in offers[0], offers
    near.send_to(port_of(offers[0]), fingerprint_of(offers[0]))
    far.send_to(port_of(r.body))
    await judge(lab, near, far)
    await dialog.bye()
    p.udp.close()


async def ends_by_its_security(lab, user, change, setup):
    near, far = await machines(lab, True, near="dtls")
    p = await phone(lab, user, MEDIASEC)
    lab.core.answer = lambda offer: sdp(image(far))
    before = lab.metrics().get(FAILURES, 0)
    r = await p.call("sip:fax@ims.example", change(sdp([*image(near, setup=setup), "a=3ge2ae:requested"]), near))
    near.send_to(port_of(r.body), fingerprint_of(r.body))
    bye = await p.next("BYE")
    assert "cause=488" in bye["Reason"] and "media security" in bye["Reason"], bye.text
    await asyncio.wait_for(lab.core.last.ended.wait(), 5)
    near.process.kill()
    far.process.kill()
    record = await record_of(lab, lambda r: f"{user}@" in r["caller"])
    assert record["cause"] == 488 and record["why"] == "media security", record
    assert lab.metrics()[FAILURES] == before + 1
    p.udp.close()


async def a_wrong_fingerprint_ends_the_call(lab):
    """T38-009."""
    await ends_by_its_security(lab, "phone7", lambda text, m: text.replace(m.fingerprint, ":".join(["AB"] * 32)), "active")


async def a_wrong_role_ends_the_call(lab):
    """T38-008, T38-009: it says that it waits, and begins."""
    await ends_by_its_security(lab, "phone10", lambda text, m: text, "passive")


async def a_phone_and_the_core_have_dtls_of_their_own(lab):
    """TS 33.328 s. 7.2.2: without a request nothing of it is ours."""
    near, far = await machines(lab, True, near="dtls", far="dtls-server")
    p = await phone(lab, "phone3")
    lab.core.answer = lambda offer: sdp(image(far, setup="passive"))
    r = await p.call("sip:fax@ims.example", sdp(image(near, setup="active")))
    assert r.status == 200 and fingerprint_of(r.body) == far.fingerprint, r.text
    offer = lab.core.last.invite.body
    assert fingerprint_of(offer) == near.fingerprint and "3ge2ae" not in offer, offer
    near.send_to(port_of(r.body), fingerprint_of(r.body))
    far.send_to(port_of(offer), fingerprint_of(offer))
    await judge(lab, near, far)
    await p.hang_up()


async def nothing_of_it_is_malformed(lab):
    """T38-001: tshark reads every UDPTL packet that followed the SDP."""
    lab.stop_capture()
    decode = [f"udp.port=={lab.base + 4},sip"]
    # not what it says of T.30 frames with a hole, which stay holes: it counts fragments across packets
    # and it takes what DTLS protects for UDPTL, as the SDP of L.3 says so
    wrong = lab.frames("_ws.malformed.expert && !(udp.payload[1:2] == fe:fd) && !(udp.payload[1:2] == fe:ff)"
                       f" && udp.srcport != {lab.wrong_from}",
                       ["frame.number", "_ws.col.Protocol", "_ws.col.Info"], decode)
    assert not wrong, wrong[:5]
    assert len(lab.frames("t38", ["frame.number"], decode)) > 200


if __name__ == "__main__":
    main([a_browser_begins_a_fax_to_a_line_behind_rtpengine,
          a_browser_sends_a_fax_to_the_core,
          a_browser_receives_a_fax_with_fec,
          a_call_by_voice_becomes_a_fax_and_voice_again,
          a_phone_sends_a_fax_with_losses_on_both_legs,
          the_core_switches_a_phone_to_fax_and_back,
          a_phone_switches_its_call_to_fax_and_back,
          a_browser_switches_its_call_to_fax_and_back,
          wrong_packets_are_refused_and_the_fax_goes_on,
          a_phone_and_the_core_have_dtls_of_their_own,
          a_phone_requests_dtls_and_the_core_has_it_plain,
          a_registered_phone_is_offered_dtls,
          a_wrong_fingerprint_ends_the_call,
          a_wrong_role_ends_the_call,
          the_fax_to_the_line_arrives], setup, nothing_of_it_is_malformed, timeout=90)

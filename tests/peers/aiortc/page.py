"""What a page with data channels does, without a browser: aiortc for ICE, DTLS and SCTP, a scripted SIP client for the rest. Channels
are negotiated by dcmap (RFC 8864) as a page does it: added to the copy of the SDP that is signalled, read from the answer."""
import asyncio
import os
import re
import secrets
import sys

from aiortc import RTCCertificate, RTCConfiguration, RTCPeerConnection, RTCSessionDescription

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../registration"))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../msrp"))
from msrp import Session, token  # noqa: E402
from sip import Client, Message  # noqa: E402


def log_keys(path):
    """From now on the secrets of each DTLS connection go to a file, so that tshark can read what is inside."""
    make = RTCCertificate._create_ssl_context

    def with_log(self):
        context = make(self)
        context.set_keylog_callback(lambda connection, line: keys.write(line.decode() + "\n"))
        return context
    keys = open(path, "w", buffering=1)
    RTCCertificate._create_ssl_context = with_log


class Channel:
    """One data channel and the lines that declare it."""

    def __init__(self, id, protocol, attributes=()):
        self.id, self.protocol, self.attributes = id, protocol, list(attributes)
        self.got, self.opened, self.closed = asyncio.Queue(), asyncio.Event(), asyncio.Event()
        self.peer = {}          # dcsa of the other side
        self.channel, self.is_in_band = None, False
        self.take = self.got.put_nowait

    @property
    def lines(self):
        return [f'dcmap:{self.id} subprotocol="{self.protocol}";label="{self.protocol}"',
                *(f"dcsa:{self.id} {a}" for a in self.attributes)]

    def open(self, pc):
        # without dcmap the id is given all the same: aiortc 1.4 takes the parity from ICE instead of DTLS (RFC 8832 s.
        # 6)
        self.attach(pc.createDataChannel(self.protocol, protocol=self.protocol, negotiated=not self.is_in_band, id=self.id))

    def attach(self, channel):
        self.channel = channel
        channel.on("message", lambda m: self.take(m))
        channel.on("open", self.opened.set)
        channel.on("close", self.closed.set)
        if channel.readyState == "open":
            self.opened.set()

    def send(self, data):
        self.channel.send(data)

    async def drain(self, low=1 << 18):
        while self.channel.bufferedAmount > low:
            await asyncio.sleep(0.005)

    async def next(self, timeout=10):
        return await asyncio.wait_for(self.got.get(), timeout)


class Chat(Channel):
    """MSRP on a channel: `session` is the endpoint."""

    def __init__(self, id=0, setup="active", attributes=("accept-types:*",)):
        self.session = Session(f"msrps://{token()}.invalid:2855/{token()};dc", is_channel=True)
        super().__init__(id, "msrp", [f"path:{self.session.own}", "msrp-cema", f"setup:{setup}", *attributes])
        self.session.write = lambda octets: self.channel.send(bytes(octets))
        self.take = self.session.take_message


class Text(Channel):
    """T.140: what came, as one string."""

    def __init__(self, id=2, attributes=("fmtp:t140 cps=30",)):
        super().__init__(id, "t140", attributes)
        self.text = ""
        self.take = self._take

    def _take(self, m):
        self.text += m if isinstance(m, str) else m.decode()

    async def until(self, text, timeout=10):
        end = asyncio.get_running_loop().time() + timeout
        while text not in self.text:
            assert asyncio.get_running_loop().time() < end, f"{text!r} is not in {self.text!r}"
            await asyncio.sleep(0.02)


class Floor(Channel):
    def __init__(self, id=4, attributes=("floorctrl:c-only",)):
        super().__init__(id, "bfcp", attributes)


class Page(Client):
    """A user agent with at most one call."""

    def __init__(self, user, domain, password="demo"):
        super().__init__(user, domain, password)
        self.pc, self.channels, self.dialog = None, {}, None
        self.invites = asyncio.Queue()
        self.ended = asyncio.Event()
        self.in_band = asyncio.Queue()
        self.is_legacy = False
        self.media_port = None # instead of the one that the other side names: of a link between

    # ---- SDP ----

    def _new_pc(self):
        self.pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.pc._sctpLegacySdp = self.is_legacy # DTLS/SCTP with sctpmap, of the drafts before RFC 8841: its default
        self.pc.on("datachannel", self.in_band.put_nowait)
        self.ended.clear()

    def signalled(self, sdp):
        """The copy for the other side: dcmap and dcsa in the m-line of the data channels."""
        lines = [f"a={line}" for c in self.channels.values() if not c.is_in_band for line in c.lines]
        head, mark, tail = sdp.partition("m=application")
        section, more, rest = tail.partition("\r\nm=")
        return head + mark + section.rstrip("\r\n") + "\r\n" + "".join(f"{line}\r\n" for line in lines) + (f"m={rest}" if more else "")

    def learn(self, sdp):
        """The dcmap of the other side: what it has accepted, or offers."""
        maps = dict(re.findall(r"^a=dcmap:(\d+) (.*?)\r?$", sdp, re.M))
        for id in maps:
            c = self.channels.get(int(id))
            if c:
                c.peer = {}
                for name, value in re.findall(rf"^a=dcsa:{id} ([a-z0-9-]+):?(.*?)\r?$", sdp, re.M):
                    c.peer[name] = value
                if isinstance(c, Chat) and "path" in c.peer:
                    c.session.peer = c.peer["path"]
        return {int(id): re.search(r'subprotocol="([^"]*)"', m)[1] for id, m in maps.items()}

    # ---- calls ----

    async def _send_invite(self, uri, sdp, dialog=None):
        headers = [f"Contact: {self.contact}", "Content-Type: application/sdp", "Allow: INVITE,ACK,BYE,CANCEL,MESSAGE,OPTIONS"]
        given = dialog or dict(From=f"<{self.aor}>;tag={secrets.token_hex(4)}", To=f"<{uri}>", Call_ID=secrets.token_hex(8))
        answer = await self.ask(self.text("INVITE", uri, headers, sdp, **given), timeout=20)
        given["To"] = answer["To"]
        target = answer.uri_of("Contact") if answer["Contact"] else uri
        self.send(self.text("ACK", target, [], "", **{**given, "CSeq": f"{answer['CSeq'].split()[0]} ACK"}))
        return answer, given, target

    async def call(self, uri, *channels, audio=False):
        """Calls with these channels; returns the answer. Channels that were not accepted are closed."""
        self._new_pc()
        self.channels = {c.id: c for c in channels}
        for c in channels:
            c.open(self.pc)
        if audio:
            self.pc.addTransceiver("audio", direction="sendrecv")
        await self.pc.setLocalDescription(await self.pc.createOffer())
        answer, given, target = await self._send_invite(uri, self.signalled(self.pc.localDescription.sdp))
        if answer.status != 200:
            await self.pc.close()
            self.pc = None
            return answer
        self.dialog, self.target = given, target
        await self._apply(answer)
        return answer

    async def _apply(self, answer):
        accepted = self.learn(answer.body)
        for id, c in list(self.channels.items()):
            if id not in accepted and not c.is_in_band:
                c.channel.close()
                del self.channels[id]
        sdp = answer.body
        if self.media_port:
            sdp = re.sub(r"(?m)^(a=candidate:\S+ 1 udp \d+ \S+) \d+ ", rf"\1 {self.media_port} ", sdp)
        await self.pc.setRemoteDescription(RTCSessionDescription(sdp, "answer"))

    async def change(self, add=(), remove=()):
        """A re-INVITE with more or fewer channels."""
        for c in remove:
            c.channel.close()
            del self.channels[c.id]
        for c in add:
            self.channels[c.id] = c
            c.open(self.pc)
        await self.pc.setLocalDescription(await self.pc.createOffer())
        answer, _, _ = await self._send_invite(self.target, self.signalled(self.pc.localDescription.sdp), self.dialog)
        assert answer.status == 200, answer.text
        await self._apply(answer)
        return answer

    async def hang_up(self):
        await self.ask(self.text("BYE", self.target, [], "", **self.dialog))
        await self.over()

    async def over(self):
        self.dialog = None
        self.ended.set()
        if self.pc:
            pc, self.pc = self.pc, None
            await pc.close()

    async def message(self, uri, text):
        return await self.request("MESSAGE", uri, ["Content-Type: text/plain"], text)

    # ---- being called ----

    def _take(self, text):
        m = Message(text) if text.strip() else None
        if not m or m.status:
            return super()._take(text)
        if m.method == "INVITE":
            self.invites.put_nowait(m)
        elif m.method == "BYE":
            self.respond(m, 200, "OK")
            asyncio.ensure_future(self.over())
        elif m.method != "ACK":
            super()._take(text)
        return None

    async def answer(self, make, timeout=10, audio=False):
        """Takes the next INVITE, also one within the call. `make(id, protocol)` gives the channel for an offered one, None refuses it."""
        m = await asyncio.wait_for(self.invites.get(), timeout)
        if self.dialog is None:
            self._new_pc()
            self.channels = {}
        offered = self.learn(m.body)
        await self.pc.setRemoteDescription(RTCSessionDescription(m.body, "offer"))
        for id in [i for i in self.channels if i not in offered]:
            self.channels.pop(id).channel.close()
        for id, protocol in offered.items():
            if id not in self.channels and (c := make(id, protocol)):
                self.channels[id] = c
                c.open(self.pc)
        self.learn(m.body)
        await self.pc.setLocalDescription(await self.pc.createAnswer())
        body = self.signalled(self.pc.localDescription.sdp)
        to = m["To"] if ";tag=" in m["To"] else f"{m['To']};tag={secrets.token_hex(4)}"
        if self.dialog is None:
            self.dialog = dict(From=to, To=m["From"], Call_ID=m["Call-ID"])
            self.target = m.uri_of("Contact")
        lines = ["SIP/2.0 200 OK", *(f"Via: {v}" for v in m.all("Via")), *(f"Record-Route: {r}" for r in m.all("Record-Route")),
                 f"From: {m['From']}", f"To: {to}", f"Call-ID: {m['Call-ID']}", f"CSeq: {m['CSeq']}", f"Contact: {self.contact}",
                 "Content-Type: application/sdp", f"Content-Length: {len(body.encode())}", "", ""]
        self.send("\r\n".join(lines) + body)
        return m

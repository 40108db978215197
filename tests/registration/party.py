"""Parties that hold calls, browser or phone by their transport. No media flows."""
import asyncio
import re
import secrets
import urllib.parse

from sip import Client, Message, digest

WEBRTC = """v=0\r
o=- 4611 1 IN IP4 127.0.0.1\r
s=-\r
t=0 0\r
a=group:BUNDLE 0\r
m=audio 9 UDP/TLS/RTP/SAVPF 8 101\r
c=IN IP4 0.0.0.0\r
a=ice-ufrag:Xy1z\r
a=ice-pwd:0123456789abcdefghijklmn\r
a=fingerprint:sha-256 """ + ":".join(["AB"] * 32) + """\r
a=setup:{setup}\r
a=mid:0\r
a=rtcp-mux\r
a=rtpmap:8 PCMA/8000\r
a=rtpmap:101 telephone-event/8000\r
"""
PLAIN = """v=0\r
o=- 7 1 IN IP4 127.0.0.1\r
s=-\r
c=IN IP4 127.0.0.1\r
t=0 0\r
m=audio 26990 RTP/AVP 8 101\r
a=rtpmap:8 PCMA/8000\r
a=rtpmap:101 telephone-event/8000\r
"""


def tag(value):
    return re.search(r";tag=([^;>\s]+)", value)[1]


class Dialog:
    def __init__(self, party, call_id, local, remote, target, routes):
        self.party, self.call_id, self.local, self.remote, self.target = party, call_id, local, remote, target
        self.routes = [f"Route: {r}" for r in routes]

    def text(self, method, headers=(), body="", cseq=None):
        given = {"CSeq": f"{cseq} {method}"} if cseq else {}
        return self.party.text(method, self.target, [f"Contact: {self.party.contact}", *self.routes, *headers], body,
                               From=self.local, To=self.remote, Call_ID=self.call_id, **given)

    async def request(self, method, headers=()):
        return await self.party.ask(self.text(method, headers))

    def replaces(self):
        """What the party writes so that the peer of this dialog replaces it (RFC 3891 s. 3): the peer's tag first."""
        return f"{self.call_id};to-tag={tag(self.remote)};from-tag={tag(self.local)}"

    def is_named_by(self, replaces):
        """A Replaces as this party must receive it."""
        call_id, *params = replaces.split(";")
        p = dict(x.split("=", 1) for x in params if "=" in x)
        return (call_id, p["to-tag"], p["from-tag"]) == (self.call_id, tag(self.local), tag(self.remote))


class Party(Client):
    """A client with calls. Requests wait in `got`; the test answers INVITE."""

    def __init__(self, *args, **more):
        super().__init__(*args, **more)
        self.branches = set()
        self.answers["REFER"] = (202, "Accepted", [])

    @property
    def offer(self):
        return PLAIN if self.transport == "UDP" else WEBRTC.format(setup="actpass")

    def _take(self, text):
        if not text.strip():
            return
        m = Message(text)
        if m.status:
            return super()._take(text)
        if (m["Via"], m.method) in self.branches or m.method == "ACK":
            return
        self.branches.add((m["Via"], m.method))
        if m.method == "INVITE":
            self.got.put_nowait(m)
        else:
            super()._take(text)

    async def call(self, uri, headers=()):
        headers = [f"Contact: {self.contact}", "Content-Type: application/sdp", *headers]
        given = dict(From=f"<{self.aor}>;tag={secrets.token_hex(4)}", Call_ID=secrets.token_hex(8))
        ok = await self.ask(self.text("INVITE", uri, headers, self.offer, **given))
        if ok.status == 407:
            credentials = digest(ok["Proxy-Authenticate"], "INVITE", uri, self.user, self.password)
            headers = [*headers, f"Proxy-Authorization: {credentials}"]
            ok = await self.ask(self.text("INVITE", uri, headers, self.offer, **given))
        assert ok.status == 200, ok.text
        d = Dialog(self, ok["Call-ID"], ok["From"], ok["To"], ok.uri_of("Contact"), reversed(ok.all("Record-Route")))
        self.send(d.text("ACK", cseq=ok["CSeq"].split()[0]))
        return d

    async def answer(self, invite=None):
        invite = invite or await self.next("INVITE")
        body = PLAIN if self.transport == "UDP" else WEBRTC.format(setup="active")
        local = f"{invite['To']};tag={secrets.token_hex(4)}"
        lines = ["SIP/2.0 200 OK", *(f"Via: {v}" for v in invite.all("Via")),
                 *(f"Record-Route: {r}" for r in invite.all("Record-Route")),
                 f"From: {invite['From']}", f"To: {local}", f"Call-ID: {invite['Call-ID']}", f"CSeq: {invite['CSeq']}",
                 f"Contact: {self.contact}", "Content-Type: application/sdp", f"Content-Length: {len(body)}", "", ""]
        self.send("\r\n".join(lines) + body)
        return Dialog(self, invite["Call-ID"], local, invite["From"], invite.uri_of("Contact"),
                      invite.all("Record-Route"))

    async def connect(self, other):
        """A call to the other; both dialogs."""
        calling = asyncio.ensure_future(self.call(other.aor))
        theirs = await other.answer()
        return await calling, theirs

    async def refer(self, dialog, target_dialog):
        refer_to = f"<{target_dialog.target}?Replaces={urllib.parse.quote(target_dialog.replaces(), safe='')}>"
        answer = await dialog.request("REFER", [f"Refer-To: {refer_to}", f"Referred-By: <{self.aor}>"])
        assert answer.status in (200, 202), answer.text

    async def referred(self):
        """The REFER that came: target URI and Replaces."""
        refer = await self.next("REFER")
        uri, _, headers = refer.uri_of("Refer-To").partition("?")
        return uri, urllib.parse.unquote(re.search(r"(?i)replaces=([^&]*)", headers)[1])

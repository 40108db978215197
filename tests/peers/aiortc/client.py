#!/usr/bin/python3
"""A WebRTC client that is no browser: aiortc for media, a small SIP over WebSocket for the rest. Steered by JSON lines on its
standard input ({"id", "name", "args"}), answering on its standard output ({"id", "result" or "error"}); the names are those of
window.test in tests/browser/page/client.js."""
import asyncio
import json
import sys
import traceback

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from media import Picture, Receiver, Tone
from sip import Message, Transport, digest, token, uri_of

SDP = ("Content-Type", "application/sdp")
ALLOW = ("Allow", "INVITE, ACK, CANCEL, BYE, INFO, OPTIONS")


def log(text):
    print(text.replace("\r", ""), file=sys.stderr, flush=True)


class Dialog:
    def __init__(self, call_id, local, remote, target, routes, cseq):
        self.call_id, self.local, self.remote, self.target, self.routes, self.cseq = call_id, local, remote, target, routes, cseq

    def request(self, method, headers=(), body="", cseq=None):
        if cseq is None:
            self.cseq += 1
            cseq = self.cseq
        return Message(f"{method} {self.target} SIP/2.0", [
            ("Max-Forwards", "70"), *(("Route", r) for r in self.routes), ("From", self.local), ("To", self.remote),
            ("Call-ID", self.call_id), ("CSeq", f"{cseq} {method}"), *headers], body)


class Client:
    def __init__(self):
        self.status = {"registered": False, "call": "none", "cause": None, "held": False, "heldByPeer": False, "log": []}
        self.transport = Transport(self.on_request, log)
        self.receiver = Receiver()
        self.pc = self.dialog = self.invitation = self.tone = None

    def note(self, what, **more):
        self.status.update(more)
        self.status["log"].append(what)
        log(f"-- {what} {more}")

    # ---- registration ----

    async def start(self, options):
        self.user, self.password, self.domain = options["user"], options["password"], options["domain"]
        self.hz, self.rgb = options["hz"], options["rgb"]
        self.aor = f"sip:{self.user}@{self.domain}"
        await self.transport.connect(options["url"])
        self.contact = ("Contact", f"<sip:{token()}@{self.transport.host};transport=ws>")
        self.register_id, self.register_cseq = token(), 0
        response = await self.register()
        if response.status == 401:
            response = await self.register(digest(response.get("WWW-Authenticate"), self.user, self.password, "REGISTER",
                                                  f"sip:{self.domain}"))
        if response.status == 200:
            self.note("registered", registered=True)
        else:
            self.note("registration failed", cause=str(response.status))

    def register(self, authorization=None):
        self.register_cseq += 1
        headers = [("Max-Forwards", "70"), ("From", f"<{self.aor}>;tag={token()}"), ("To", f"<{self.aor}>"),
                   ("Call-ID", self.register_id), ("CSeq", f"{self.register_cseq} REGISTER"), self.contact, ("Expires", "600"),
                   ("Supported", "path")]
        if authorization:
            headers.append(("Authorization", authorization))
        return self.transport.request(Message(f"REGISTER sip:{self.domain} SIP/2.0", headers))

    # ---- media ----

    def open(self, video):
        self.pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.pc.on("track", self.receiver.take)
        self.pc.on("connectionstatechange", lambda: self.note(f"connection {self.pc.connectionState}"))
        self.tone = Tone(self.hz)
        self.pc.addTrack(self.tone)
        if video:
            self.pc.addTrack(Picture(self.rgb))

    async def local(self, description):
        await self.pc.setLocalDescription(description)
        return self.pc.localDescription.sdp

    def remote(self, kind, sdp):
        return self.pc.setRemoteDescription(RTCSessionDescription(sdp, kind))

    # ---- calling ----

    async def call(self, target, options):
        self.note("calling", call="calling", cause=None)
        asyncio.ensure_future(self.invite(target, options.get("video", False)))

    async def invite(self, target, video):
        self.open(video)
        offer = await self.local(await self.pc.createOffer())
        local = f"<{self.aor}>;tag={token()}"
        self.dialog = Dialog(token(), local, f"<{target}>", target, [], 0)
        response = await self.transport.request(self.dialog.request("INVITE", [self.contact, SDP, ALLOW], offer),
                                                lambda r: self.note(f"progress {r.status}"))
        self.dialog.remote = response.get("To")
        if response.status >= 300:
            await self.ack(response)
            await self.over(f"{response.status}")
            return
        self.dialog.target = uri_of(response.get("Contact"))
        self.dialog.routes = list(reversed(response.all("Record-Route")))
        await self.ack(response)
        await self.remote("answer", response.body)
        self.note("established", call="established")

    async def ack(self, response):
        ack = self.dialog.request("ACK", cseq=int(response.get("CSeq").split()[0]))
        ack.headers.insert(0, ("Via", self.transport.via()))
        await self.transport.send(ack)

    async def answer(self, options):
        request = self.invitation
        self.open(options.get("video", False))
        await self.remote("offer", request.body)
        sdp = await self.local(await self.pc.createAnswer())
        self.dialog = Dialog(request.get("Call-ID"), request.get("To") + f";tag={self.tag}", request.get("From"),
                             uri_of(request.get("Contact")), request.all("Record-Route"), 0)
        await self.transport.respond(request, 200, "OK", [self.contact, SDP, ALLOW], sdp, self.tag)

    async def hangup(self):
        dialog = self.dialog
        await self.over("local")
        await self.transport.request(dialog.request("BYE"))

    async def over(self, cause):
        self.dialog = None
        if self.pc:
            await self.pc.close()
            self.pc = None
        self.receiver = Receiver()
        self.note("ended", call="ended", cause=cause)

    async def hold(self, on):
        for transceiver in self.pc.getTransceivers():
            transceiver.direction = "sendonly" if on else "sendrecv"
        self.tone.muted = on
        offer = await self.local(await self.pc.createOffer())
        response = await self.transport.request(self.dialog.request("INVITE", [self.contact, SDP, ALLOW], offer))
        await self.ack(response)
        if response.status != 200:
            raise RuntimeError(f"hold: {response.status}")
        await self.remote("answer", response.body)
        self.note("hold" if on else "unhold", held=on)

    async def dtmf(self, digits, how):
        for digit in digits:  # aiortc has no telephone-event
            body = f"Signal={digit}\r\nDuration=160\r\n"
            response = await self.transport.request(self.dialog.request("INFO", [("Content-Type", "application/dtmf-relay")], body))
            if response.status != 200:
                raise RuntimeError(f"INFO: {response.status}")
            await asyncio.sleep(0.2)

    # ---- being asked ----

    async def on_request(self, request):
        name = request.start.split()[0]
        if name == "INVITE" and ";tag=" in request.get("To"):
            await self.remote("offer", request.body)
            sdp = await self.local(await self.pc.createAnswer())
            held = "a=sendonly" in request.body or "a=inactive" in request.body
            await self.transport.respond(request, 200, "OK", [self.contact, SDP, ALLOW], sdp)
            self.note("re-INVITE", heldByPeer=held)
        elif name == "INVITE":
            self.invitation, self.tag = request, token()
            await self.transport.respond(request, 180, "Ringing", [self.contact], tag=self.tag)
            self.note("incoming", call="incoming", cause=None)
        elif name == "ACK":
            if self.status["call"] == "incoming":
                self.note("established", call="established")
        elif name == "BYE":
            await self.transport.respond(request, 200, "OK")
            await self.over("bye")
        elif name == "CANCEL":
            await self.transport.respond(request, 200, "OK")
            await self.transport.respond(self.invitation, 487, "Request Terminated", tag=self.tag)
            self.note("cancelled", call="ended", cause="cancelled")
        else:
            await self.transport.respond(request, 200, "OK", [ALLOW])

    # ---- looking ----

    async def state(self):
        return self.status

    async def hear(self):
        return self.receiver.hear()

    async def see(self):
        return self.receiver.see()

    async def sdp(self):
        return {k: getattr(self.pc, f"{k}Description").sdp for k in ("local", "remote")} if self.pc else None


async def main():
    client = Client()
    reader = asyncio.StreamReader()
    await asyncio.get_event_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)

    async def serve(line):
        command = json.loads(line)
        try:
            answer = {"result": await getattr(client, command["name"])(*command["args"])}
        except Exception as e:
            traceback.print_exc()
            answer = {"error": f"{type(e).__name__}: {e}"}
        print(json.dumps({"id": command["id"], **answer}), flush=True)

    while line := await reader.readline():
        asyncio.ensure_future(serve(line))


if __name__ == "__main__":
    asyncio.run(main())

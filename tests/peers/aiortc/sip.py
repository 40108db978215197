"""SIP over WebSocket (RFC 7118) as far as one caller needs it: messages, digest, and requests that wait for their answer."""
import asyncio
import hashlib
import re
import secrets
import ssl

import websockets


class Message:
    def __init__(self, start, headers=(), body=""):
        self.start, self.headers, self.body = start, list(headers), body

    @classmethod
    def parse(cls, text):
        head, _, body = text.partition("\r\n\r\n")
        start, *lines = head.split("\r\n")
        return cls(start, [tuple(part.strip() for part in line.split(":", 1)) for line in lines], body)

    def __str__(self):
        lines = [self.start, *(f"{n}: {v}" for n, v in self.headers), f"Content-Length: {len(self.body.encode())}"]
        return "\r\n".join(lines) + "\r\n\r\n" + self.body

    def all(self, name):
        return [v for n, v in self.headers if n.lower() == name.lower()]

    def get(self, name):
        return next(iter(self.all(name)), None)

    @property
    def status(self):
        return int(self.start.split()[1]) if self.start.startswith("SIP/2.0 ") else 0

    @property
    def method(self):
        return self.get("CSeq").split()[1]


def token():
    return secrets.token_hex(6)


def uri_of(value):
    found = re.search(r"<([^>]*)>", value)
    return found.group(1) if found else value.split(";")[0].strip()


def digest(challenge, user, password, method, uri):
    """Authorization for a challenge of RFC 7616 with MD5 and qop=auth."""
    field = {k.lower(): q or v for k, q, v in re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,]+))', challenge)}
    md5 = lambda *parts: hashlib.md5(":".join(parts).encode()).hexdigest()
    cnonce = token()
    response = md5(md5(user, field["realm"], password), field["nonce"], "00000001", cnonce, "auth", md5(method, uri))
    return (f'Digest username="{user}", realm="{field["realm"]}", nonce="{field["nonce"]}", uri="{uri}", '
            f'response="{response}", algorithm=MD5, qop=auth, nc=00000001, cnonce="{cnonce}"')


class Transport:
    """One connection. `on_request` gets what the gateway asks; request() returns a final response."""

    def __init__(self, on_request, log):
        self.on_request, self.log = on_request, log
        self.host = f"{token()}.invalid"
        self.waiting = {}

    async def connect(self, url):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.socket = await websockets.connect(url, subprotocols=["sip"], ssl=context)
        asyncio.ensure_future(self.read())

    async def read(self):
        async for text in self.socket:
            self.log(f"< {text}")
            if not text.strip():
                continue
            message = Message.parse(text)
            if message.status:
                branch = re.search(r"branch=([^;,\s]+)", message.get("Via")).group(1)
                queue = self.waiting.get((branch, message.method))
                if queue:
                    queue.put_nowait(message)
            else:
                asyncio.ensure_future(self.on_request(message))

    async def send(self, message):
        self.log(f"> {message}")
        await self.socket.send(str(message))

    def via(self):
        return f"SIP/2.0/WSS {self.host};branch=z9hG4bK{token()}"

    async def request(self, message, on_provisional=None):
        via = self.via()
        message.headers.insert(0, ("Via", via))
        key = (via.split("branch=")[1], message.method)
        queue = self.waiting[key] = asyncio.Queue()
        await self.send(message)
        try:
            while True:
                response = await asyncio.wait_for(queue.get(), 60)
                if response.status >= 200:
                    return response
                if on_provisional:
                    on_provisional(response)
        finally:
            del self.waiting[key]

    async def respond(self, request, status, phrase, headers=(), body="", tag=None):
        copied = [("Via", v) for v in request.all("Via")] + [("Record-Route", v) for v in request.all("Record-Route")]
        to = request.get("To")
        if tag and ";tag=" not in to:
            to += f";tag={tag}"
        copied += [("From", request.get("From")), ("To", to), ("Call-ID", request.get("Call-ID")), ("CSeq", request.get("CSeq"))]
        await self.send(Message(f"SIP/2.0 {status} {phrase}", copied + list(headers), body))

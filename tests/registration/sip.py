"""A SIP client that says what a test wants, over WebSocket (RFC 7118) or UDP. Not a phone: no timers, no media."""
import asyncio
import hashlib
import re
import secrets
import ssl

import websockets


class Message:
    def __init__(self, text):
        head, _, self.body = text.partition("\r\n\r\n")
        lines = re.sub(r"\r\n[ \t]+", " ", head).split("\r\n")
        self.text, self.first = text, lines[0]
        self.headers = [tuple(part.strip() for part in line.split(":", 1)) for line in lines[1:]]
        parts = self.first.split(" ", 2)
        self.status = int(parts[1]) if parts[0] == "SIP/2.0" else 0
        self.method = self["CSeq"].split()[1] if self.status else parts[0]
        self.uri = None if self.status else parts[1]

    def all(self, name):
        return [v for n, v in self.headers if n.lower() == name.lower()]

    def __getitem__(self, name):
        values = self.all(name)
        return values[0] if values else None

    def uri_of(self, name):
        return re.search(r"<([^>]*)>|([^;\s]+)", self[name]).group(0).strip("<>")


def md5(text):
    return hashlib.md5(text.encode()).hexdigest()


def digest(challenge, method, uri, user, password):
    p = dict(re.findall(r'(\w+)="?([^",]*)"?', challenge))
    cnonce = secrets.token_hex(4)
    ha1, ha2 = md5(f"{user}:{p['realm']}:{password}"), md5(f"{method}:{uri}")
    text = f'Digest username="{user}", realm="{p["realm"]}", nonce="{p["nonce"]}", uri="{uri}", algorithm=MD5'
    if "qop" in p:
        response = md5(f"{ha1}:{p['nonce']}:00000001:{cnonce}:auth:{ha2}")
        return f'{text}, qop=auth, nc=00000001, cnonce="{cnonce}", response="{response}"'
    response = md5(f"{ha1}:{p['nonce']}:{ha2}")
    return f'{text}, response="{response}"'


class Client:
    """One user over one connection. Requests that come in are answered 200, or by `answers[METHOD]`, and kept in `got`."""

    def __init__(self, user, domain, password="secret", instance=None):
        self.user, self.domain, self.password = user, domain, password
        self.instance = instance or f"urn:uuid:{secrets.token_hex(16)}"
        self.got, self.waiting, self.answers, self.cseq = asyncio.Queue(), {}, {}, 0
        self.aor = f"sip:{user}@{domain}"

    # ---- transports ----
    async def open_ws(self, port, tls=True, host="127.0.0.1", query=""):
        context = None
        if tls:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.ws = await websockets.connect(f"{'wss' if tls else 'ws'}://{host}:{port}/sip{query}", subprotocols=["sip"],
                                           ssl=context, ping_interval=None, compression=None)
        assert self.ws.subprotocol == "sip"
        self.host, self.transport = f"{secrets.token_hex(6)}.invalid", "WSS" if tls else "WS"
        self.contact = f"<sip:{secrets.token_hex(4)}@{self.host};transport=ws>"
        self.reader = asyncio.ensure_future(self._read())
        return self

    async def open_udp(self, port, peer, address="127.0.0.1"):
        loop, outer = asyncio.get_running_loop(), self

        class Protocol(asyncio.DatagramProtocol):
            def datagram_received(self, data, addr):
                outer._take(data.decode())

        self.ws, self.peer = None, peer
        self.udp, _ = await loop.create_datagram_endpoint(Protocol, local_addr=(address.strip("[]"), port))
        self.host, self.transport = f"{address}:{port}", "UDP"
        self.contact = f"<sip:{self.user}@{self.host}>"
        return self

    async def _read(self):
        try:
            async for frame in self.ws:
                self._take(frame if isinstance(frame, str) else frame.decode())
        except websockets.ConnectionClosed:
            pass

    async def close(self):
        if self.ws:
            await self.ws.close()
            await self.reader
        else:
            self.udp.close()

    def send(self, text, to=None):
        if self.ws:
            sending = asyncio.ensure_future(self.ws.send(text))
            sending.add_done_callback(lambda f: f.cancelled() or f.exception()) # noticed by who waits
        else:
            self.udp.sendto(text.encode(), to or self.peer)

    # ---- messages ----
    def _take(self, text):
        if not text.strip():
            return
        m = Message(text)
        if m.status:
            future = self.waiting.get((m["Call-ID"], m["CSeq"]))
            if future and not future.done() and m.status >= 200:
                future.set_result(m)
            return
        self.got.put_nowait(m)
        if m.method != "ACK":
            self.respond(m, *self.answers.get(m.method, (200, "OK", [])))

    def respond(self, req, status, phrase, headers=()):
        lines = [f"SIP/2.0 {status} {phrase}"] + [f"Via: {v}" for v in req.all("Via")]
        lines += [f"Record-Route: {v}" for v in req.all("Record-Route")]
        to = req["To"] if ";tag=" in req["To"] else f"{req['To']};tag={self.user}-tag"
        lines += [f"From: {req['From']}", f"To: {to}", f"Call-ID: {req['Call-ID']}", f"CSeq: {req['CSeq']}", *headers,
                  "Content-Length: 0"]
        via = re.match(r"SIP/2.0/UDP\s+(\[[^]]+\]|[^:;\s]+):?(\d*)", req["Via"])
        to = (via[1].strip("[]"), int(via[2] or 5060)) if via and not self.ws else None
        self.send("\r\n".join(lines) + "\r\n\r\n", to)

    def text(self, method, uri, headers=(), body="", **given):
        self.cseq += 1
        h = {"From": f"<{self.aor}>;tag={secrets.token_hex(4)}", "To": f"<{uri}>", "Call-ID": secrets.token_hex(8),
             "CSeq": f"{self.cseq} {method}", "Max-Forwards": "69"}
        h.update({k.replace("_", "-"): v for k, v in given.items()})
        via = f"SIP/2.0/{self.transport} {self.host};branch=z9hG4bK{secrets.token_hex(8)}"
        lines = [f"{method} {uri} SIP/2.0", f"Via: {via}", *(f"{k}: {v}" for k, v in h.items() if v is not None),
                 *headers, f"Content-Length: {len(body.encode())}"]
        return "\r\n".join(lines) + "\r\n\r\n" + body

    async def ask(self, text, to=None, timeout=10):
        m = Message(text)
        future = self.waiting[(m["Call-ID"], m["CSeq"])] = asyncio.get_running_loop().create_future()
        self.send(text, to)
        answer = await asyncio.wait_for(future, timeout)
        assert len(answer.all("Via")) == 1 and answer["Via"].split(";")[0] == m["Via"].split(";")[0], answer.text
        return answer

    async def request(self, method, uri, headers=(), body="", timeout=10, **given):
        """With the answer to a challenge, as a browser would."""
        for name, field in ((None, None), ("WWW-Authenticate", "Authorization"),
                            ("Proxy-Authenticate", "Proxy-Authorization")):
            if name is None:
                answer = await self.ask(self.text(method, uri, headers, body, **given), timeout=timeout)
                continue
            digests = [v for v in answer.all(name) if v.startswith("Digest")]  # beside one for web tokens
            if answer.status in (401, 407) and digests:
                credentials = digest(digests[0], method, uri, self.user, self.password)
                answer = await self.ask(self.text(method, uri, [*headers, f"{field}: {credentials}"], body, **given),
                                        timeout=timeout)
        return answer

    async def register(self, expires=600, reg_id=1, contact=None, headers=()):
        contact = contact or f'{self.contact};reg-id={reg_id};+sip.instance="<{self.instance}>";expires={expires}'
        return await self.request("REGISTER", f"sip:{self.domain}", [f"Contact: {contact}", f"Expires: {expires}",
                                  "Supported: path, gruu, outbound", *headers], To=f"<{self.aor}>")

    async def next(self, method, timeout=10):
        m = await asyncio.wait_for(self.got.get(), timeout)
        assert m.method == method, m.text
        return m

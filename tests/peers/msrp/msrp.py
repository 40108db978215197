"""An MSRP endpoint written from RFC 4975, for either carrier: a stream (TCP) or messages (a data channel, RFC 8873). It is strict:
whatever the grammar or the rules of s. 7 do not allow is an error of the peer and fails the test that looks at `errors`."""
import asyncio
import hashlib
import re
import secrets
import time

TID = r"[A-Za-z0-9][A-Za-z0-9.\-+%=]{3,31}"
URI = r"msrps?://[^\s/;]+(?:/[^\s;]+)?;[a-z]+(?:;[^\s;]+)*"
START = re.compile(rb"MSRP (" + TID.encode() + rb") (?:([A-Z]+)|(\d{3})(?: ([^\r\n]*))?)\r\n")
RANGE = re.compile(r"([1-9]\d*)-(\d+|\*)/(\d+|\*)")


class Refused(Exception):
    """The answer to a SEND that is not 200."""

    def __init__(self, status):
        super().__init__(f"answered {status}")
        self.status = status


def token():
    return secrets.token_hex(8)


class Chunk:
    """One request or response, whole."""

    def __init__(self, head, body, flag):
        lines = head.decode().split("\r\n")
        _, self.tid, what = lines[0].split(" ", 2)
        self.status = int(what[:3]) if what[:3].isdigit() else 0
        self.method = None if self.status else what
        self.headers = []
        for line in lines[1:]:
            m = re.fullmatch(r"([A-Za-z][A-Za-z0-9-]*): (.*)", line)
            if not m:
                raise ValueError(f"header line {line!r}")
            self.headers.append((m[1], m[2]))
        names = [n for n, _ in self.headers]
        if names[:2] != ["To-Path", "From-Path"]:
            raise ValueError(f"first headers are {names[:2]}")
        if "Content-Type" in names and (names[-1] != "Content-Type" or body is None):
            raise ValueError("Content-Type is not the last header, or has no body")
        if body is not None and "Content-Type" not in names:
            raise ValueError("a body without Content-Type")
        if len(set(names)) != len(names):
            raise ValueError(f"a header twice: {names}")
        self.body, self.flag = body, flag
        self.to, self.origin = self["To-Path"].split(" "), self["From-Path"].split(" ")
        for uri in self.to + self.origin:
            if not re.fullmatch(URI, uri):
                raise ValueError(f"no MSRP URI: {uri!r}")
        self.range = None
        if self["Byte-Range"] is not None:
            m = RANGE.fullmatch(self["Byte-Range"])
            if not m:
                raise ValueError(f"Byte-Range {self['Byte-Range']!r}")
            self.range = tuple(None if v == "*" else int(v) for v in m.groups())

    def __getitem__(self, name):
        return next((v for n, v in self.headers if n == name), None)

    def check(self):
        """What a request must have (RFC 4975 s. 7.1, 7.1.2)."""
        if self.status:
            if self.body is not None or self.flag != "$":
                raise ValueError("a response with a body or another flag than $")
            return
        if self.method in ("SEND", "REPORT") and not re.fullmatch(TID, self["Message-ID"] or ""):
            raise ValueError(f"{self.method} without Message-ID")
        if self.method == "REPORT":
            if self["Success-Report"] or self["Failure-Report"]:
                raise ValueError("report headers in a REPORT")
            if not re.fullmatch(r"000 \d{3}( .*)?", self["Status"] or "") or not self.range:
                raise ValueError(f"Status {self['Status']!r} or Byte-Range of a REPORT")
        if self.method == "SEND" and self.body is not None and self.range:
            start, end, total = self.range
            if end is not None and len(self.body) > end - start + 1:
                raise ValueError(f"{len(self.body)} octets in {self['Byte-Range']}")
            if len(self.body) > 2048 and end is not None:
                raise ValueError("a chunk over 2048 octets that cannot be interrupted") # s. 7.1.1
        if self.body is not None and b"-------" + self.tid.encode() in self.body:
            raise ValueError("the end-line inside the body")


class Message:
    def __init__(self, chunk):
        self.id, self.type, self.headers = chunk["Message-ID"], chunk["Content-Type"], chunk.headers
        self.chunks, self.octets, self.holes, self.total = 0, bytearray(), [], None

    def add(self, chunk):
        start = chunk.range[0] - 1 if chunk.range else 0
        if start > len(self.octets):
            raise ValueError(f"octets {len(self.octets)} to {start} of {self.id} are missing")
        self.octets[start:start + len(chunk.body)] = chunk.body
        self.chunks += 1

    @property
    def body(self):
        return bytes(self.octets)

    @property
    def text(self):
        return self.octets.decode()


class Session:
    """One session. `write(octets)` sends; a carrier feeds `take_stream` or `take_message`."""

    def __init__(self, own, peer=None, write=None, is_channel=False):
        self.own, self.peer, self.write, self.is_channel = own, peer, write, is_channel
        self.buffer, self.sent, self.partial = bytearray(), {}, {}
        self.messages, self.reports, self.requests, self.errors = asyncio.Queue(), asyncio.Queue(), [], []
        self.aborted, self.responses, self.refused = [], [], {}
        self.seen, self.answered, self.searched = {}, 0, 0
        self.status = None      # instead of 200 for every SEND with content: a number, or a function of the chunk
        self.is_mute = False    # answers nothing
        self.reports_success = True
        self.is_paused = False  # the stream is not read

    # ---- what comes ----

    def fail(self, why):
        self.errors.append(why)

    def take_message(self, octets):
        if isinstance(octets, str):
            octets = octets.encode()
        before = len(self.errors)
        self.buffer[:] = octets
        self.take_stream(b"")
        if self.buffer and len(self.errors) == before:
            self.fail(f"not one whole chunk: {bytes(self.buffer[:200])!r}") # RFC 8873 s. 5.4
        self.buffer.clear()

    def take_stream(self, octets):
        self.buffer += octets
        while self.buffer:
            try:
                n = self._one()
            except ValueError as e:
                self.fail(f"{e}: {bytes(self.buffer[:300])!r}")
                self.buffer.clear()
                return
            if not n:
                return
            del self.buffer[:n]

    def _one(self):
        """Octets of the first chunk in the buffer, 0: not whole yet."""
        m = START.match(self.buffer)
        if not m:
            if not b"MSRP ".startswith(bytes(self.buffer[:5])) or b"\r\n" in self.buffer[:200]:
                raise ValueError("no start line")
            return 0
        line = b"-------" + m[1]
        at = self.buffer.find(b"\r\n" + line, max(m.end() - 2, self.searched))
        if at < 0 or len(self.buffer) < at + 2 + len(line) + 3:
            self.searched = max(0, len(self.buffer) - len(line) - 8)
            return 0
        self.searched = 0
        end = at + 2 + len(line)
        flag = chr(self.buffer[end])
        if flag not in "$+#" or self.buffer[end + 1:end + 3] != b"\r\n":
            raise ValueError("end-line")
        blank = self.buffer.find(b"\r\n\r\n", 0, at)
        if blank >= 0:
            head, body = bytes(self.buffer[:blank]), bytes(self.buffer[blank + 4:at])
        elif self.buffer[at - 2:at] == b"\r\n": # an empty body: blank line, CRLF of the end-line
            head, body = bytes(self.buffer[:at - 2]), b""
        else:
            head, body = bytes(self.buffer[:at]), None
        chunk = Chunk(head, body, flag)
        chunk.check()
        self._chunk(chunk)
        return end + 3

    def _chunk(self, c):
        if c.status:
            future = self.sent.pop(c.tid, None)
            self.responses.append(c)
            if not future:
                return self.fail(f"a response that nobody waits for: {c.tid} {c.status}")
            if not future.done():
                future.set_result(c.status)
            return
        self.requests.append(c)
        if c.to[-1:] != [self.own.split(" ")[-1]] or len(c.to) != 1:
            self.fail(f"To-Path {c.to}, and this is {self.own}")
        if self.peer and c.origin != self.peer.split(" "):
            self.fail(f"From-Path {c.origin}, and the peer is {self.peer}")
        if c.tid in self.seen and time.monotonic() - self.seen[c.tid] < 5:
            self.fail(f"the transaction id {c.tid} twice")
        self.seen[c.tid] = time.monotonic()
        if c.method == "REPORT":
            self.reports.put_nowait((c["Message-ID"], int(c["Status"].split()[1]), c.range))
            return
        status = 200
        if c.body is not None or c.method != "SEND":
            status = self.refused.get(c["Message-ID"]) or (self.status(c) if callable(self.status) else self.status or 200)
        if not self.is_mute:
            self.answer(c, status)
        if c.method != "SEND" or c.body is None:
            return
        if status != 200:
            self.refused[c["Message-ID"]] = status # and whatever else comes of it, which may be on its way
            self.partial.pop(c["Message-ID"], None)
            return
        message = self.partial.get(c["Message-ID"]) or Message(c)
        self.partial[message.id] = message
        message.add(c)
        if c.flag == "+":
            return
        del self.partial[message.id]
        if c.flag == "#":
            self.aborted.append(message)
            return
        if c["Success-Report"] == "yes" and self.reports_success:
            n = len(message.octets)
            self.request("REPORT", [("Message-ID", message.id), ("Byte-Range", f"1-{n}/{n}"), ("Status", "000 200 OK")], peer=c.origin)
        self.messages.put_nowait(message)

    def answer(self, c, status):
        failure = c["Failure-Report"] or "yes"
        if c.method == "SEND" and (failure == "no" or (failure == "partial" and status == 200)):
            return
        self.answered += 1
        to = c.origin[:1] if c.method == "SEND" else c.origin # s. 7.2
        self.write(f"MSRP {c.tid} {status}{' OK' if status == 200 else ''}\r\nTo-Path: {' '.join(to)}\r\nFrom-Path: {self.own.split(' ')[-1]}\r\n"
                   f"-------{c.tid}$\r\n".encode())

    # ---- what goes ----

    def request(self, method, headers, body=None, flag="$", peer=None, tid=None):
        """Writes a request; the future of its answer."""
        tid = tid or token()
        to = " ".join(peer) if peer else self.peer
        lines = [f"MSRP {tid} {method}", f"To-Path: {to}", f"From-Path: {self.own}", *(f"{n}: {v}" for n, v in headers)]
        text = ("\r\n".join(lines) + "\r\n").encode()
        if body is not None:
            text += b"\r\n" + body + b"\r\n"
        future = asyncio.get_running_loop().create_future()
        if method != "REPORT":
            self.sent[tid] = future
        self.write(text + f"-------{tid}{flag}\r\n".encode())
        return future

    def hello(self):
        """The first SEND of the side that connects (s. 5.4): no content."""
        return self.request("SEND", [("Message-ID", token()), ("Byte-Range", "1-0/0")])

    async def send(self, body, type="text/plain", chunk=None, success=None, failure=None, headers=(), id=None, window=8, drain=None):
        """A message in chunks of `chunk` octets; returns its id once every chunk was answered 200, else raises Refused."""
        if isinstance(body, str):
            body = body.encode()
        id, chunk = id or token(), chunk or max(1, len(body))
        waiting = []
        for at in range(0, max(1, len(body)), chunk):
            part = body[at:at + chunk]
            end = at + len(part) if len(part) <= 2048 else "*"
            h = [("Message-ID", id), ("Byte-Range", f"{at + 1}-{end}/{len(body)}")]
            h += [("Success-Report", success)] if success else []
            h += [("Failure-Report", failure)] if failure else []
            future = self.request("SEND", [*h, *headers, ("Content-Type", type)], part, "$" if at + chunk >= len(body) else "+")
            if failure in ("no", "partial"):
                continue
            waiting.append(future)
            if drain:
                await drain()
            while len(waiting) >= window:
                self.settle(await asyncio.wait_for(waiting.pop(0), 40))
        for future in waiting:
            self.settle(await asyncio.wait_for(future, 40))
        return id

    def settle(self, status):
        if status != 200:
            raise Refused(status)

    async def receive(self, timeout=10):
        return await asyncio.wait_for(self.messages.get(), timeout)

    async def report(self, timeout=10):
        return await asyncio.wait_for(self.reports.get(), timeout)


class Endpoint(Session):
    """A session over TCP: it listens, and connects when it is told to."""

    async def listen(self, host, port, session=None):
        self.host, self.port = host, port
        self.own = f"msrp://{host}:{port}/{session or token()};tcp"
        self.connections, self.accepted, self.writer = [], 0, None
        self.up, self.lost = asyncio.Event(), asyncio.Event()
        self.unpaused = asyncio.Event()
        self.unpaused.set()
        self.server = await asyncio.start_server(self._connected, host, port, limit=1 << 16)
        return self

    async def connect(self, host, port):
        reader, writer = await asyncio.open_connection(host, port)
        asyncio.ensure_future(self._connected(reader, writer, False))
        await asyncio.sleep(0)

    async def _connected(self, reader, writer, was_accepted=True):
        self.accepted += was_accepted
        self.connections.append(writer)
        self.writer, self.write = writer, lambda octets: writer.write(octets)
        self.buffer.clear()
        self.lost.clear()
        self.up.set()
        try:
            while True:
                await self.unpaused.wait()
                octets = await reader.read(65536)
                if not octets:
                    break
                self.take_stream(octets)
        except (ConnectionError, OSError):
            pass
        writer.close()
        if self.writer is writer:
            self.up.clear()
            self.lost.set()

    async def enter(self, relay, user, password):
        """AUTH (RFC 4976 s. 5.1): the path to put before the own URI."""
        authorization = []
        for _ in range(2):
            future = self.request("AUTH", authorization, peer=[relay])
            status = await asyncio.wait_for(future, 5)
            response = self.responses[-1]
            if status != 401:
                break
            p = dict(re.findall(r'(\w+)="?([^",]*)"?', response["WWW-Authenticate"]))
            md5 = lambda *parts: hashlib.md5(":".join(parts).encode()).hexdigest()
            proof = md5(md5(user, p["realm"], password), p["nonce"], "00000001", "c0ffee", "auth", md5("AUTH", relay))
            authorization = [("Authorization", f'Digest username="{user}", realm="{p["realm"]}", nonce="{p["nonce"]}", uri="{relay}", '
                              f'qop=auth, nc=00000001, cnonce="c0ffee", response="{proof}"')]
        if status != 200:
            raise Refused(status)
        return response["Use-Path"]

    async def drain(self):
        await self.writer.drain()

    def reset(self):
        """An RST instead of a FIN."""
        import socket
        import struct
        s = self.writer.get_extra_info("socket")
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    def close(self):
        self.server.close()
        for w in self.connections:
            w.close()

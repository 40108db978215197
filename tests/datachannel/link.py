"""A bad UDP link between the gateway and a peer of the core: each side sees one port."""
import asyncio


class Side(asyncio.DatagramProtocol):
    def __init__(self, link, is_peer):
        self.link, self.is_peer, self.to = link, is_peer, None

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        if not self.is_peer:
            self.to = addr # the gateway, wherever it sends from
        self.link.pass_on(self, data)


class Link:
    """The core's SDP names `port`; what comes there leaves for `peer` from `back`. `drops(direction, n)` says which datagram of a
    direction ("peer" or "gateway", n from 0) is lost."""

    def __init__(self, port, back, peer, drops):
        self.ports, self.peer, self.drops = (port, back), peer, drops
        self.seen, self.lost = {"peer": 0, "gateway": 0}, {"peer": 0, "gateway": 0}

    async def start(self):
        loop = asyncio.get_running_loop()
        self.near, self.far = Side(self, False), Side(self, True)
        self.far.to = ("127.0.0.1", self.peer)
        for side, port in zip((self.near, self.far), self.ports):
            await loop.create_datagram_endpoint(lambda s=side: s, local_addr=("127.0.0.1", port))
        return self

    def pass_on(self, side, data):
        direction, out = ("peer", self.far) if side is self.near else ("gateway", self.near)
        n = self.seen[direction]
        self.seen[direction] += 1
        if self.drops(direction, n):
            self.lost[direction] += 1
        elif out.to:
            out.transport.sendto(data, out.to)

    def close(self):
        self.near.transport.close()
        self.far.transport.close()

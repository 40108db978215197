"""A bad UDP link between the gateway and a peer, on either side of it: each end sees one port."""
import asyncio


class Side(asyncio.DatagramProtocol):
    def __init__(self, link, is_peer):
        self.link, self.is_peer, self.to = link, is_peer, None

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        if not self.is_peer:
            self.to = addr # whoever sends to the near port
        self.link.pass_on(self, data)


class Link:
    """What comes to `ports[0]` leaves for `peer` from `ports[1]`, and back. `fate(direction, n)` says what becomes of a datagram
    ("peer" or "near" is where it goes, n counts from 0): "lost", "twice", "late" (behind the next one), or nothing of that."""

    def __init__(self, port, back, peer, fate):
        self.ports, self.peer, self.fate = (port, back), peer, fate
        self.seen, self.lost, self.held = {"peer": 0, "near": 0}, {"peer": 0, "near": 0}, {}

    async def start(self):
        loop = asyncio.get_running_loop()
        self.near, self.far = Side(self, False), Side(self, True)
        self.far.to = ("127.0.0.1", self.peer)
        for side, port in zip((self.near, self.far), self.ports):
            await loop.create_datagram_endpoint(lambda s=side: s, local_addr=("127.0.0.1", port))
        return self

    def pass_on(self, side, data):
        direction, out = ("peer", self.far) if side is self.near else ("near", self.near)
        fate = self.fate(direction, self.seen[direction])
        self.seen[direction] += 1
        if fate == "lost":
            self.lost[direction] += 1
            return
        if fate == "late" and direction not in self.held:
            self.held[direction] = data
            return
        late = [self.held.pop(direction)] if direction in self.held else []
        for one in [data] * (2 if fate == "twice" else 1) + late:
            if out.to:
                out.transport.sendto(one, out.to)

    def close(self):
        self.near.transport.close()
        self.far.transport.close()

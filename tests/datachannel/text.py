#!/usr/bin/python3
"""Real-time text between a page and linphone's text stream, also over a link that loses packets. Run: text.py BUILD_DIR [case]"""
import asyncio
import random

from lab import Core, main, sdp, section
from link import Link
from page import Text

LOST = "\ufffd"
SALT = 3 # a third of the first thirty packets of each direction, three of them in a row once: more than the generations mend


class Linphone:
    """ms_rtt: `text` is what it received."""

    def __init__(self, lab, port, peer, t140, red):
        self.args = [f"{lab.build}/tests/peers/rtt/ms_rtt", *map(str, (port, peer, t140, red))]
        self.text = ""

    async def start(self):
        pipe = asyncio.subprocess.PIPE
        self.process = await asyncio.create_subprocess_exec(*self.args, stdin=pipe, stdout=pipe, stderr=pipe)
        self.reader = asyncio.ensure_future(self._read())
        while b"ready" not in await asyncio.wait_for(self.process.stderr.readline(), 10):
            pass
        self.quiet = asyncio.ensure_future(self.process.stderr.read())
        return self

    async def _read(self):
        octets = b""
        while more := await self.process.stdout.read(100):
            octets += more
            try:
                self.text, octets = self.text + octets.decode(), b""
            except UnicodeDecodeError:
                pass # a character in two pieces

    def type(self, text):
        self.process.stdin.write(text.encode())

    async def until(self, text, timeout=10):
        end = asyncio.get_running_loop().time() + timeout
        while text not in self.text:
            assert asyncio.get_running_loop().time() < end, f"{text!r} is not in {self.text!r}"
            await asyncio.sleep(0.02)

    async def end(self):
        self.process.stdin.close()
        await asyncio.wait_for(self.process.wait(), 5)
        await asyncio.gather(self.reader, self.quiet)


async def setup(lab):
    lab.capture()
    lab.core = await Core(lab.base + 4, lab.base + 2).start()
    lab.gateway()


def pair(lab):
    """A port for RTP, with the next for RTCP."""
    while (port := lab.port()) % 2:
        pass
    return port


def text_line(port, red=True):
    if not red:
        return [f"m=text {port} RTP/AVP 98", "a=rtpmap:98 t140/1000"]
    return [f"m=text {port} RTP/AVP 99 98", "a=rtpmap:99 red/1000", "a=rtpmap:98 t140/1000", "a=fmtp:99 98/98/98"]


async def called(lab, red=True, link=None):
    """A page that called linphone, perhaps over a bad link."""
    port = pair(lab)
    lab.core.answer = lambda offer: sdp(text_line(link.ports[0] if link else port, red))
    page, text = await lab.page(), Text(0)
    assert (await page.call("sip:bob@ims.example", text)).status == 200
    m = section(lab.core.last.invite.body, "m=text")
    assert "t140/1000" in m and "red/1000" in m and "98/98/98" in m, m
    peer = link.ports[1] if link else int(m.split()[1])
    if link:
        link.peer = port
        await link.start()
    linphone = await Linphone(lab, port, peer, 98, 99 if red else 0).start()
    await asyncio.wait_for(text.opened.wait(), 10)
    return page, text, linphone


async def text_passes_both_ways(lab):
    """T140-006, T140-012, T140-013: with redundancy; no byte order mark is shown."""
    page, text, linphone = await called(lab)
    text.send("Grüße ☺ 👍")
    await linphone.until("Grüße ☺ 👍")
    linphone.type("Wie geht's? ☺ 👍")
    await text.until("Wie geht's? ☺ 👍")
    text.send("x\b!\u2028")
    await linphone.until("x\b!\u2028")
    await asyncio.sleep(1) # what is repeated is not shown again
    assert text.text == "Wie geht's? ☺ 👍", repr(text.text)
    assert linphone.text.lstrip("\ufeff") == "Grüße ☺ 👍x\b!\u2028", repr(linphone.text)
    await linphone.end()


async def without_redundancy_too(lab):
    page, text, linphone = await called(lab, red=False)
    for _ in range(20): # without redundancy nothing brings back what linphone drops at its beginning
        text.send(".")
        await asyncio.sleep(0.5)
        if "." in linphone.text:
            break
    text.send("plain ")
    linphone.type("plain too ")
    await linphone.until("plain ")
    await text.until("plain too ")
    await linphone.end()


async def linphone_may_call(lab):
    port, page = pair(lab), await lab.page()
    calling = asyncio.ensure_future(lab.core.call(page.user, sdp(text_line(port))))
    await page.answer(lambda id, protocol: Text(id))
    call, answer = await calling
    assert answer.status == 200, answer.text
    linphone = await Linphone(lab, port, int(section(answer.body, "m=text").split()[1]), 98, 99).start()
    text = next(iter(page.channels.values()))
    await asyncio.wait_for(text.opened.wait(), 10)
    text.send("called ")
    linphone.type("calling ")
    await linphone.until("called ")
    await text.until("calling ")
    await linphone.end()


def signs(n):
    return [chr(0x4e00 + i) for i in range(n)] # each of them once


def lose(direction, i):
    return "lost" if random.Random(f"{SALT}{direction}{i}").random() < 0.3 else ""


async def nothing_shows_twice_and_what_is_lost_is_marked(lab):
    """T140-008, T140-009: three packets of ten are lost, in both directions."""
    n = 60
    link = Link(pair(lab), lab.port(), None, lose)
    page, text, linphone = await called(lab, link=link)
    for sign in signs(n):
        text.send(sign)
        linphone.type(sign)
        await asyncio.sleep(0.11)
    await asyncio.sleep(2.5) # the last of redundancy, and one second that a hole is waited for
    assert min(link.lost.values()) >= 5, link.lost
    for name, got in (("page", text.text), ("linphone", linphone.text.lstrip("\ufeff"))):
        seen = [c for c in got if c != LOST]
        missing = [i for i, sign in enumerate(signs(n)) if sign not in seen]
        print(f"    {name}: without {missing}, {got.count(LOST)} marks")
        assert seen == sorted(set(seen)), f"{name}: twice or out of order: {got}"
        assert set(seen) <= set(signs(n)), f"{name}: {got}"
        assert len(seen) > n * 0.8, f"{name}: {got}"
    last, marked = 0x4e00 - 1, False
    for c in text.text:
        if c == LOST:
            marked = True
            continue
        assert ord(c) == last + 1 or marked, f"{chr(last + 1)} is missing without a mark: {text.text}"
        last, marked = ord(c), False
    assert last == 0x4e00 + n - 1 or marked, f"the end is missing: {text.text}"
    link.close()
    await linphone.end()


def tshark_reads_every_frame(lab):
    seen = lab.judge("rtp.p_type == 99", "rtp.p_type == 98")
    assert all(n > 20 for n in seen.values()), seen


CASES = [text_passes_both_ways, without_redundancy_too, linphone_may_call, nothing_shows_twice_and_what_is_lost_is_marked]

if __name__ == "__main__":
    main(CASES, setup, tshark_reads_every_frame)

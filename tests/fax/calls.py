#!/usr/bin/python3
"""Whole pages through the whole gateway: a browser (aiortc) with a channel of T.38, or a call by voice that becomes a fax, towards
UDPTL of the core; fax machines of spandsp at both ends. Run: calls.py BUILD_DIR [case]"""
import asyncio
import json
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../datachannel"))
from lab import Core, main, sdp, section  # noqa: E402
from page import Channel  # noqa: E402

PAGES = 2
T38 = ["a=T38FaxVersion:0", "a=T38MaxBitRate:14400", "a=T38FaxRateManagement:transferredTCF", "a=T38FaxMaxDatagram:400"]


class Machine:
    """fax_peer: where it is, where it sends, how it ended."""

    def __init__(self, lab, way, role, file, *more):
        self.lab, self.role, self.file = lab, role, file
        self.args = [f"{lab.build}/tests/fax/fax_peer", way, role, file, *map(str, more)]

    async def start(self):
        self.process = await asyncio.create_subprocess_exec(*self.args, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
        words = (await asyncio.wait_for(self.process.stdout.readline(), 10)).decode().split()
        self.port, self.fingerprint = int(words[1]), words[2] if len(words) > 2 else None
        return self

    def send_to(self, port, *more):
        self.process.stdin.write((" ".join(["127.0.0.1", str(port), *more]) + "\n").encode())

    async def over(self):
        line = (await asyncio.wait_for(self.process.stdout.readline(), 70)).decode()
        await self.process.wait()
        assert line == f"over 0 {PAGES}\n", f"{self.role}: {line}"


class Fax(Channel, asyncio.DatagramProtocol):
    """A data channel of T.38, one IFP a message, in front of a machine."""

    def __init__(self, id, attributes=("T38FaxVersion:0", "T38FaxRateManagement:transferredTCF")):
        super().__init__(id, "t38", attributes)
        self.count = 0

    async def join(self, machine):
        self.transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        self.take = lambda m: self.transport.sendto(m, ("127.0.0.1", machine.port))
        await asyncio.wait_for(self.opened.wait(), 10)
        machine.send_to(self.transport.get_extra_info("sockname")[1])

    def datagram_received(self, data, addr):
        self.count += 1
        if self.channel.readyState == "open":
            self.channel.send(data)


async def machines(lab, browser_sends, ec="redundancy", loss=0):
    """The one of the browser and the one of the core."""
    lab.n += 1
    lab.received = f"{lab.dir}/received-{lab.n}.tif"
    files = {"send": f"{lab.dir}/page.tif", "receive": lab.received}
    roles = ("send", "receive") if browser_sends else ("receive", "send")
    return (await Machine(lab, "ifp", roles[0], files[roles[0]]).start(),
            await Machine(lab, "udptl", roles[1], files[roles[1]], ec, loss).start())


async def judge(lab, *both):
    await asyncio.gather(*(m.over() for m in both))
    out = await (await asyncio.create_subprocess_exec(f"{lab.build}/tests/fax/fax_peer", "compare", lab.received, str(PAGES),
                                                      stdout=asyncio.subprocess.PIPE)).communicate()
    assert out[0] == b"0 rows differ\n", out[0]


def image(machine, ec="t38UDPRedundancy"):
    return [f"m=image {machine.port} udptl t38", *T38, f"a=T38FaxUdpEC:{ec}"]


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


async def setup(lab):
    lab.core = await Core(lab.base + 4, lab.base + 2).start()
    lab.gateway()
    lab.capture()
    await (await asyncio.create_subprocess_exec(f"{lab.build}/tests/fax/fax_peer", "draw", f"{lab.dir}/page.tif", str(PAGES))).wait()


async def a_browser_sends_a_fax_to_the_core(lab):
    """T38-004, T38-011: what the core does not offer is not answered; a tenth of the packets is lost in the core."""
    near, far = await machines(lab, True, "redundancy", 10)
    lab.core.answer = lambda offer: sdp(image(far))
    page, fax = await lab.page(), Fax(0, ["T38FaxVersion:0", "T38FaxTranscodingMMR", "T38FaxRateManagement:transferredTCF"])
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
    assert 0 < n["to_core"]["duration_s"] < 60 and n["to_access"]["lost"] == 0, n


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


async def a_call_by_voice_becomes_a_fax_and_voice_again(lab):
    """T38-010: the core offers image in place of audio; refused first, then taken; back to voice; all by a real browser's stack."""
    near, far = await machines(lab, False)
    page = await lab.page()
    voice = ["m=audio 39000 RTP/AVP 8", "a=rtpmap:8 PCMA/8000"]
    lab.core.answer = lambda offer: sdp(voice)
    answer = await page.call("sip:fax@ims.example", audio=True)
    assert answer.status == 200, answer.text
    dialog = lab.core.last

    switching = asyncio.ensure_future(dialog.request("INVITE", sdp(image(far), version=2)))
    await page.answer(lambda id, protocol: None) # no dcmap in its answer
    r = await switching
    assert r.status == 488, r.text
    await page.answer(lambda id, protocol: None) # voice again, as it was
    assert re.search(r"(?m)^a=sendrecv", section(page.pc.remoteDescription.sdp, "m=audio")), page.pc.remoteDescription.sdp
    await asyncio.sleep(0.3)

    switching = asyncio.ensure_future(dialog.offer(sdp(image(far), version=3)))
    await page.answer(lambda id, protocol: Fax(id))
    r = await switching
    assert r.status == 200 and "m=audio" not in r.body, r.text
    assert re.search(r"(?m)^a=inactive", section(page.pc.remoteDescription.sdp, "m=audio")), page.pc.remoteDescription.sdp
    far.send_to(port_of(r.body))
    await next(iter(page.channels.values())).join(near)
    await judge(lab, near, far)

    switching = asyncio.ensure_future(dialog.offer(sdp(voice, version=4)))
    await page.answer(lambda id, protocol: None)
    r = await switching
    assert r.status == 200 and "m=image" not in r.body and port_of(r.body, "audio") > 0, r.text
    await dialog.bye()


async def nothing_of_it_is_malformed(lab):
    """T38-001: tshark reads every UDPTL packet that followed the SDP."""
    lab.stop_capture()
    decode = [f"udp.port=={lab.base + 4},sip"]
    # not what it says of T.30 frames with a hole, which stay holes: it counts fragments across packets
    wrong = lab.frames("_ws.malformed.expert", ["frame.number", "_ws.col.Protocol", "_ws.col.Info"], decode)
    assert not wrong, wrong[:5]
    assert len(lab.frames("t38", ["frame.number"], decode)) > 200


if __name__ == "__main__":
    main([a_browser_sends_a_fax_to_the_core, a_browser_receives_a_fax_with_fec, a_call_by_voice_becomes_a_fax_and_voice_again], setup,
         nothing_of_it_is_malformed, timeout=80)

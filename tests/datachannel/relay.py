#!/usr/bin/python3
"""MSRP through Kamailio's relay: the endpoint of the core is reached by a path of two URIs. Run: relay.py BUILD_DIR [case]"""
import asyncio
import os

from lab import HERE, Core, main, sdp, section
from msrp import Endpoint, token
from page import Chat


async def setup(lab):
    lab.capture()
    lab.core = await Core(lab.base + 4, lab.base + 2).start()
    lab.relay = lab.port()
    with open(f"{HERE}/../peers/kamailio/msrp.cfg") as f:
        text = f.read().replace("LISTEN", f"127.0.0.1:{lab.relay}")
    with open(f"{lab.dir}/msrp.cfg", "w") as f:
        f.write(text)
    lab.start("kamailio", ["kamailio", "-f", f"{lab.dir}/msrp.cfg", "-DD", "-E", "-m", "32", "-M", "4", "-Y", lab.dir, "-w", lab.dir,
                           "-P", f"{lab.dir}/kamailio.pid"], "Aliases")
    lab.gateway()


async def talk(lab):
    """A page, and an endpoint behind the relay."""
    peer = await Endpoint(None).listen("127.0.0.1", lab.port())
    await peer.connect("127.0.0.1", lab.relay)
    await asyncio.wait_for(peer.up.wait(), 5)
    path = await peer.enter(f"msrp://127.0.0.1:{lab.relay};tcp", "bob", "secret")

    def answer(offer):
        theirs = section(offer, "m=message").split("a=path:")[1].split("\r\n")[0]
        peer.peer = f"{path} {theirs}"
        return sdp([f"m=message {lab.relay} TCP/MSRP *", f"a=path:{path} {peer.own}", "a=accept-types:*", "a=setup:passive"])
    lab.core.answer = answer
    page, chat = await lab.page(), Chat(0)
    assert (await page.call("sip:bob@ims.example", chat)).status == 200
    await asyncio.wait_for(chat.opened.wait(), 10)
    await asyncio.wait_for(chat.session.hello(), 10)
    return page, chat, peer


async def texts_and_reports_pass_the_relay(lab):
    """MSRP-023: To-Path holds both hops, the connection goes to the leftmost."""
    page, chat, peer = await talk(lab)
    here = chat.session
    id = await here.send("hello behind there", success="yes")
    m = await peer.receive()
    assert m.text == "hello behind there"
    assert await here.report() == (id, 200, (1, 18, 18))
    id = await peer.send("hello in front", success="yes")
    assert (await here.receive()).text == "hello in front"
    assert await peer.report() == (id, 200, (1, 14, 14))
    assert not here.errors and not peer.errors, (here.errors, peer.errors)


async def a_file_passes_the_relay_both_ways(lab):
    page, chat, peer = await talk(lab)
    up, down = os.urandom(300000), os.urandom(300000)
    await asyncio.gather(chat.session.send(up, "a/b", chunk=8000, drain=chat.drain), peer.send(down, "a/b", chunk=8000, window=2)) # the relay misreads a frame of 30000
    assert (await peer.receive(20)).body == up
    assert (await chat.session.receive(20)).body == down
    assert not chat.session.errors and not peer.errors, (chat.session.errors, peer.errors)


def tshark_reads_every_frame(lab):
    seen = lab.judge("msrp", 'msrp.method == "AUTH"')
    assert seen["msrp"] > 40 and seen['msrp.method == "AUTH"'] >= 4, seen


CASES = [texts_and_reports_pass_the_relay, a_file_passes_the_relay_both_ways]

if __name__ == "__main__":
    main(CASES, setup, tshark_reads_every_frame)

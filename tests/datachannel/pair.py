#!/usr/bin/python3
"""Two pages chat, type and send files through two gateways and a core between them. Run: pair.py BUILD_DIR [case]"""
import asyncio
import hashlib
import os

from lab import main
from page import Chat, Text


def setup(lab):
    lab.capture()
    lab.demo_core()
    lab.gateway()
    lab.gateway("imsgw2", offset=10)


async def connected(lab, channels, accepted):
    ann, bob = await lab.page(), await lab.page(offset=10)
    calling = asyncio.ensure_future(ann.call(bob.aor, *channels))
    made = {}
    await bob.answer(lambda id, protocol: made.setdefault(protocol, accepted[protocol](id)))
    answer = await calling
    assert answer.status == 200, answer.text
    for c in (*channels, *made.values()):
        await asyncio.wait_for(c.opened.wait(), 10)
    return ann, bob, made


async def two_pages_chat_and_type(lab):
    here, text = Chat(0), Text(2)
    ann, bob, made = await connected(lab, [here, text], {"msrp": Chat, "t140": Text})
    await here.session.hello()
    await made["msrp"].session.send("hello", success="yes")
    assert (await here.session.receive()).text == "hello"
    assert (await made["msrp"].session.report())[1] == 200
    await here.session.send("to you too")
    assert (await made["msrp"].session.receive()).text == "to you too"
    text.send("Wie geht's? ")
    made["t140"].send("Gut 👍 ")
    await made["t140"].until("Wie geht's? ")
    await text.until("Gut 👍 ")
    assert not here.session.errors + made["msrp"].session.errors, (here.session.errors, made["msrp"].session.errors)
    await ann.hang_up()
    await asyncio.wait_for(bob.ended.wait(), 10)


async def a_file_goes_from_page_to_page_with_its_attributes(lab):
    """MSRP-024: what RFC 5547 says of a file is the same at the other end."""
    selector = 'file-selector:name:"a%20b.png" type:image/png size:1000000 hash:sha-1:72:24'
    here = Chat(0, attributes=("accept-types:*", selector, "file-transfer-id:Q6LMoGymJdh0IKIgD6wD0jkcfgva4xvE", "sendonly"))
    ann, bob, made = await connected(lab, [here], {"msrp": Chat})
    there = made["msrp"]
    assert there.peer["file-selector"] == selector.partition(":")[2], there.peer
    assert there.peer["file-transfer-id"] == "Q6LMoGymJdh0IKIgD6wD0jkcfgva4xvE" and "sendonly" in there.peer, there.peer
    data = os.urandom(1000000)
    await here.session.send(data, "image/png", chunk=15000, success="yes", drain=here.drain)
    m = await there.session.receive(30)
    assert hashlib.sha1(m.body).digest() == hashlib.sha1(data).digest()
    assert (await here.session.report(30))[1:] == (200, (1, 1000000, 1000000))
    assert not here.session.errors + there.session.errors, (here.session.errors, there.session.errors)


def tshark_reads_every_frame(lab):
    seen = lab.judge("msrp", "rtp.p_type == 99")
    assert seen["msrp"] > 50 and seen["rtp.p_type == 99"] > 3, seen


CASES = [two_pages_chat_and_type, a_file_goes_from_page_to_page_with_its_attributes]

if __name__ == "__main__":
    main(CASES, setup, tshark_reads_every_frame)

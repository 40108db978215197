#!/usr/bin/python3
"""Several channels in one call, against the demo core: chat, real-time text and a floor together, calls of the core, channels that
come and go, channels of DCEP. Run: channels.py BUILD_DIR [case]"""
import asyncio

from lab import main, section
from page import Channel, Chat, Floor, Text


def setup(lab):
    lab.capture()
    lab.demo_core()
    lab.gateway()


ECHO = "sip:echo@ims.example"
MAKE = {"msrp": lambda id: Chat(id), "t140": lambda id: Text(id), "bfcp": lambda id: Floor(id)}


def take(id, protocol):
    return MAKE[protocol](id)


def of(page, kind):
    return next(c for c in page.channels.values() if isinstance(c, kind))


async def chats(chat, text):
    await asyncio.wait_for(chat.opened.wait(), 10)
    await chat.session.send(text)
    assert (await chat.session.receive()).text == text
    assert not chat.session.errors, chat.session.errors


async def types(text, what):
    await asyncio.wait_for(text.opened.wait(), 10)
    text.send(what)
    await text.until(what)


def bfcp(primitive, user, transaction, *attributes):
    """A BFCP message of version 1 (RFC 8855 s. 5) with attributes of 16 bits."""
    body = b"".join(bytes([t << 1 | 1, 4]) + v.to_bytes(2, "big") for t, v in attributes)
    return bytes([0x20, primitive]) + (len(body) // 4).to_bytes(2, "big") + (1).to_bytes(4, "big") + \
        transaction.to_bytes(2, "big") + user.to_bytes(2, "big") + body


async def floor_status(floor, transaction=None):
    """The next FloorRequestStatus: id and status of the request."""
    while True:
        m = await floor.next()
        assert len(m) == 12 + 4 * int.from_bytes(m[2:4], "big") and m[0] >> 5 == 1, m
        if m[1] == 4 and transaction in (None, int.from_bytes(m[8:10], "big")):
            return int.from_bytes(m[14:16], "big"), m[22]


async def has_floor(floor, transaction=1):
    await asyncio.wait_for(floor.opened.wait(), 10)
    user = int(floor.peer["userid"])
    floor.send(bfcp(1, user, transaction, (2, int(floor.peer["floorid"].split()[0]))))
    return user, *await floor_status(floor, transaction)


async def three_channels_and_sound_in_one_call(lab):
    page = await lab.page()
    chat, text, floor = Chat(0), Text(2), Floor(4)
    answer = await page.call(ECHO, chat, text, floor, audio=True)
    assert answer.status == 200 and sorted(page.channels) == [0, 2, 4], answer.text
    assert section(answer.body, "m=audio") and not section(answer.body, "m=audio 0 ")
    assert floor.peer["floorctrl"] == "s-only" and floor.peer["confid"] == "1", floor.peer
    await asyncio.gather(chats(chat, "hello"), types(text, "grüße ☺ "))
    user, id, status = await has_floor(floor)
    assert status == 3, status
    floor.send(bfcp(2, user, 2, (3, id)))
    assert await floor_status(floor, 2) == (id, 6)


async def what_nobody_knows_is_left_out_and_the_rest_lives(lab):
    """DC-004."""
    page = await lab.page()
    chat, other = Chat(0), Channel(6, "clue")
    answer = await page.call(ECHO, chat, other)
    assert answer.status == 200 and "dcmap:6" not in answer.body, answer.body
    assert list(page.channels) == [0]
    await chats(chat, "alone")


async def channels_come_and_go_while_others_talk(lab):
    """DC-005, DCEP-007: by re-INVITE of the page; an id may be used again for something else."""
    page = await lab.page()
    chat, text = Chat(0), Text(2)
    assert (await page.call(ECHO, chat)).status == 200
    await chats(chat, "first")
    await page.change(add=[text])
    await asyncio.gather(types(text, "second "), chats(chat, "first again"))
    await page.change(remove=[text])
    await chats(chat, "third")
    again = Floor(4)
    await page.change(add=[again])
    assert (await has_floor(again))[2] == 3
    await chats(chat, "fourth")


async def the_core_calls_with_channels_and_changes_them(lab):
    page = await lab.page()
    assert (await page.message(ECHO, "call me chat text floor")).status == 200
    offer = await page.answer(take)
    assert 'subprotocol="msrp"' in offer.body and 'subprotocol="t140"' in offer.body and 'subprotocol="bfcp"' in offer.body
    chat, text, floor = of(page, Chat), of(page, Text), of(page, Floor)
    assert all(id % 2 for id in page.channels), page.channels # the page is the DTLS client: even ids are its own (RFC 8864 s. 6.1)
    await asyncio.wait_for(chat.opened.wait(), 10)
    await chat.session.hello()
    await asyncio.gather(chats(chat, "hello"), types(text, "typed "))
    assert (await has_floor(floor))[2] == 3
    assert (await page.message(ECHO, "drop text")).status == 200
    await page.answer(take)
    assert text.id not in page.channels
    await chats(chat, "still")
    assert (await page.message(ECHO, "add text")).status == 200
    await page.answer(take)
    await types(of(page, Text), "new ")
    await chats(chat, "all well")
    assert (await page.message(ECHO, "hang up")).status == 200
    await asyncio.wait_for(page.ended.wait(), 10)


async def a_channel_of_the_core_may_be_refused(lab):
    page = await lab.page()
    assert (await page.message(ECHO, "call me chat text floor")).status == 200
    await page.answer(lambda id, protocol: None if protocol == "t140" else take(id, protocol))
    chat = of(page, Chat)
    await asyncio.wait_for(chat.opened.wait(), 10)
    await chat.session.hello()
    await chats(chat, "two of three")
    assert (await has_floor(of(page, Floor)))[2] == 3


async def two_pages_wait_for_one_floor(lab):
    ann, bob = await lab.page(), await lab.page()
    floors = Floor(0), Floor(0)
    assert (await ann.call(ECHO, floors[0])).status == 200
    assert (await bob.call(ECHO, floors[1])).status == 200
    user, id, status = await has_floor(floors[0])
    assert status == 3
    _, other, status = await has_floor(floors[1])
    assert status == 2 and other != id # accepted: in the queue
    floors[0].send(bfcp(2, user, 2, (3, id)))
    assert await floor_status(floors[0], 2) == (id, 6)
    assert await floor_status(floors[1], 0) == (other, 3)


async def the_syntax_of_the_drafts_is_read(lab):
    """SCTP-005: DTLS/SCTP 5000 with sctpmap, answered alike."""
    page = await lab.page()
    page.is_legacy = True
    chat = Chat(0)
    answer = await page.call(ECHO, chat)
    assert answer.status == 200 and "DTLS/SCTP 5000" in answer.body, answer.text
    await chats(chat, "old")


async def a_plain_channel_is_joined_when_its_protocol_is_known(lab):
    """DC-009: RTCDataChannel with protocol "msrp" and no dcmap; one with an unknown protocol is closed."""
    page = await lab.page()
    first = Chat(0)
    assert (await page.call(ECHO, first)).status == 200
    await chats(first, "declared")
    unknown, plain = Channel(2, "clue"), Chat(4)
    for c in (unknown, plain):
        c.is_in_band = True
        c.open(page.pc)
    await asyncio.wait_for(unknown.closed.wait(), 10)
    await asyncio.wait_for(plain.opened.wait(), 10)
    plain.session.peer = f"msrps://gateway.invalid:9/{'x' * 8};dc"
    await chats(plain, "in band")
    await chats(first, "declared still")


def tshark_reads_every_frame(lab):
    """The core side, and SCTP inside DTLS: messages, a channel opened by DCEP and its answer, streams that are reset (SCTP-007)."""
    seen = lab.judge("msrp", "bfcp", "rtp.p_type == 99 || rtp.p_type == 100", "sctp.data_payload_proto_id == 53",
                     "sctp.data_payload_proto_id == 51", "rtcdc.message_type == 3", "rtcdc.message_type == 2", "sctp.chunk_type == 130")
    assert all(n > (0 if "rtcdc" in k else 5) for k, n in seen.items()), seen


CASES = [three_channels_and_sound_in_one_call, what_nobody_knows_is_left_out_and_the_rest_lives,
         channels_come_and_go_while_others_talk, the_core_calls_with_channels_and_changes_them,
         a_channel_of_the_core_may_be_refused, two_pages_wait_for_one_floor, the_syntax_of_the_drafts_is_read,
         a_plain_channel_is_joined_when_its_protocol_is_known]

if __name__ == "__main__":
    main(CASES, setup, tshark_reads_every_frame)

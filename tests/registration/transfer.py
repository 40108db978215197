#!/usr/bin/python3
"""Attended transfers in which parties know each other only as one leg of the gateway shows them (RFC 5589, CAL-010):
Refer-To and Replaces must mean the right dialog wherever they arrive. Browsers and phones are scripts, the core is
Kamailio.
Run: transfer.py BUILD_DIR [ADDRESS [case]]"""
import asyncio

from lab import run
from party import Party


async def replaced(target, old, transferee, uri, replaces):
    """The transferee calls as it was told; the target must recognise its own dialog and ends it."""
    calling = asyncio.ensure_future(transferee.call(uri, [f"Replaces: {replaces}", "Require: replaces"]))
    invite = await target.next("INVITE")
    assert old.is_named_by(invite["Replaces"]), f"{invite.text}\nbut it has {old.call_id} {old.local} {old.remote}"
    new = await target.answer(invite)
    theirs = await calling
    assert (await old.request("BYE")).status == 200
    return theirs, new


async def a_phone_joins_two_browsers(lab):
    """The phone knows both browsers by the gateway's Contacts and its own core-side dialogs."""
    ann, bob, phone = await lab.client("ann"), await lab.client("bob", "geheim"), await lab.phone()
    (with_ann, _), (with_bob, bobs) = await phone.connect(ann), await phone.connect(bob)
    await phone.refer(with_ann, with_bob)
    uri, replaces = await ann.referred()
    theirs, new = await replaced(bob, bobs, ann, uri, replaces)
    await phone.next("BYE")
    assert (await with_ann.request("BYE")).status == 200
    assert (await theirs.request("BYE")).status == 200
    await bob.next("BYE")
    await asyncio.gather(ann.close(), bob.close(), phone.close())


async def a_browser_joins_two_phones(lab):
    """The browser knows both phones by the gateway's Contacts; afterwards the gateway is out of it."""
    ann, phone, other = await lab.client("ann"), await lab.phone(), await lab.phone("eve", 1)
    (with_phone, _), (with_other, others) = await ann.connect(phone), await ann.connect(other)
    await ann.refer(with_phone, with_other)
    uri, replaces = await phone.referred()
    assert f":{lab.phones[1]}" in uri, f"{uri} is not the other phone"
    theirs, new = await replaced(other, others, phone, uri, replaces)
    await ann.next("BYE")
    assert (await with_phone.request("BYE")).status == 200
    await phone.next("BYE")
    assert (await theirs.request("BYE")).status == 200
    await asyncio.gather(ann.close(), phone.close(), other.close())


async def a_phone_refers_a_phone_to_a_browser(lab):
    """The REFER never comes by: the INVITE for the gateway's Contact in a call has to find the browser of that call."""
    ann, phone, other = await lab.client("ann"), await lab.phone(), await lab.phone("eve", 1)
    (with_ann, anns), (with_other, _) = await phone.connect(ann), await phone.connect(other)
    await phone.refer(with_other, with_ann)
    uri, replaces = await other.referred()
    theirs, new = await replaced(ann, anns, other, uri, replaces)
    await phone.next("BYE")
    assert (await theirs.request("BYE")).status == 200
    await ann.next("BYE")
    assert (await with_other.request("BYE")).status == 200
    await asyncio.gather(ann.close(), phone.close(), other.close())


run([a_phone_joins_two_browsers, a_browser_joins_two_phones, a_phone_refers_a_phone_to_a_browser], kind=Party)

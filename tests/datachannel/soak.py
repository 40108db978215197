#!/usr/bin/python3
"""Calls with a data channel each, made and ended over and over: what the gateway holds afterwards is what it held before.
Run: soak.py BUILD_DIR. IMSGW_SOAK_CALLS (150) and IMSGW_SOAK_AT_ONCE (8) make it longer and wider."""
import asyncio
import os

from lab import IS_SANITIZED, main
from page import Chat

CALLS = int(os.environ.get("IMSGW_SOAK_CALLS", "150"))
AT_ONCE = int(os.environ.get("IMSGW_SOAK_AT_ONCE", "8"))


def setup(lab):
    wide = AT_ONCE > 8 # more than the ports of one run
    more = dict(core_port_min=14000, core_port_max=15999) if wide else dict(core_port_max=lab.base + 59)
    lab.watched = {"demo-core": lab.demo_core((12000, 13999) if wide else None),
                   "imsgw": lab.gateway(trace_calls=50, **more)} # the history is full before it is measured


def held(process):
    """Descriptors, threads and octets of resident memory."""
    with open(f"/proc/{process.pid}/status") as f:
        status = dict(line.split(":", 1) for line in f)
    return len(os.listdir(f"/proc/{process.pid}/fd")), int(status["Threads"]), int(status["VmRSS"].split()[0]) << 10


async def one_call(page, n):
    chat = Chat(0)
    answer = await page.call("sip:echo@ims.example", chat)
    assert answer.status == 200, answer.text
    await asyncio.wait_for(chat.opened.wait(), 20)
    await chat.session.send(f"call {n}")
    assert (await chat.session.receive()).text == f"call {n}"
    assert not chat.session.errors, chat.session.errors
    await page.hang_up()


async def calls(pages, total):
    left = iter(range(total))

    async def caller(page):
        for n in left:
            await one_call(page, n)
    await asyncio.gather(*(caller(p) for p in pages))


async def over(lab):
    """No call is left, and what the programs hold now."""
    for _ in range(100):
        if lab.ctl("calls") in ([], None):
            break
        await asyncio.sleep(0.1)
    assert lab.ctl("calls") in ([], None), lab.ctl("calls")
    metrics = lab.metrics()
    assert metrics["imsgw_contexts"] == 0 and metrics["imsgw_calls"] == 0, metrics
    seen = []
    for _ in range(10): # connections of those who asked just now are still closing
        await asyncio.sleep(0.2)
        seen.append({name: held(p) for name, p in lab.watched.items()})
    return {name: min(s[name] for s in seen) for name in lab.watched}


async def what_is_held_returns_to_the_start(lab):
    """SCTP-015. Transactions of SIP live on for 32 s, so that the first round shows how much memory a round needs at most; when it is
    over and all of it is free, a second round must find room in it."""
    pages = [await lab.page() for _ in range(AT_ONCE)]
    await calls(pages, CALLS)
    first = await over(lab)
    for _ in range(80):
        if sum(v for k, v in lab.metrics().items() if k.startswith("imsgw_sip_transactions")) == 0:
            break
        await asyncio.sleep(0.5)
    else:
        raise AssertionError("transactions are left")
    await calls(pages, CALLS)
    second = await over(lab)
    for name in first:
        print(f"    {name}: {first[name]} after {CALLS} calls, {second[name]} after twice as many (descriptors, threads, octets)")
        assert second[name][:2] == first[name][:2], (name, first[name], second[name])
        assert second[name][2] < first[name][2] + (2 << 20) or IS_SANITIZED, (name, first[name], second[name])


if __name__ == "__main__":
    main([what_is_held_returns_to_the_start], setup, timeout=3600)

#!/usr/bin/python3
"""One real call, judged by ear: registers over WebSocket, calls somebody who sends back what he hears or plays a tone, hears
it, hangs up. Run: echo_call.py WSS_URL USER DOMAIN PASSWORD TARGET [HZ [TIMEOUT_S]]; the status is 0 if the tone came."""
import asyncio
import sys
import time

from client import Client

TIMEOUT_S = 20


async def until(what, client, fact, timeout_s):
    end = time.monotonic() + timeout_s
    while not fact():
        if time.monotonic() > end or client.status["cause"]:
            raise SystemExit(f"never {what}: {client.status}")
        await asyncio.sleep(0.1)


async def echo_call(url, user, domain, password, target, hz=600, timeout_s=TIMEOUT_S):
    client = Client()
    await client.start({"url": url, "user": user, "password": password, "domain": domain, "hz": hz, "rgb": [0, 128, 0]})
    await until("registered", client, lambda: client.status["registered"], timeout_s)
    await client.call(target, {})
    await until("answered", client, lambda: client.status["call"] == "established", timeout_s)

    def hears():
        heard = client.receiver.hear()
        return heard["share"] > 0.3 and abs(heard["hz"] - hz) < 30

    await until(f"heard {hz} Hz", client, hears, timeout_s)
    await client.hangup()
    await client.transport.socket.close()
    print(f"called {target} and heard {hz} Hz")


if __name__ == "__main__":
    url, user, domain, password, target, *more = sys.argv[1:]
    asyncio.run(echo_call(url, user, domain, password, target, *map(int, more)))

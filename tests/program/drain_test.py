#!/usr/bin/python3
"""The end of the program while a call lives: SIGTERM lets it go on and takes no new one, a second SIGTERM and SIGINT release
it on both sides. The browser is a script, the phone is sipp.
Run: drain_test.py BUILD_DIR [case]"""
import asyncio
import os
import shutil
import signal
import ssl
import sys
import time
import traceback
import urllib.error
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, f"{HERE}/../scenarios")
from call_flows import Lab, sdp  # noqa: E402


def health(lab):
    context = ssl._create_unverified_context()
    try:
        return urllib.request.urlopen(f"https://127.0.0.1:{lab.wss}/healthz", context=context, timeout=5).status
    except urllib.error.HTTPError as e:
        return e.code


async def says(lab, what, seconds=10):
    end = time.time() + seconds
    while what not in open(lab.log.name).read():
        assert time.time() < end, f"the log does not say {what}"
        await asyncio.sleep(0.02)


async def ended(lab, seconds):
    status = await asyncio.wait_for(asyncio.to_thread(lab.gateway.wait), seconds)
    assert status == 0, f"ended with {status}"
    await says(lab, "boot: ended", 1)
    assert not os.path.exists(f"{lab.dir}/admin")
    assert len(lab.records()) == 1, lab.records()


async def live_call(lab, browser):
    phone = await asyncio.create_subprocess_exec(
        "sipp", "-sf", f"{HERE}/answer.xml", "-i", "127.0.0.1", "-p", str(lab.phone), "-m", "1", "-nostdin", "-timeout", "20",
        "-timeout_error", "-trace_err", "-error_file", f"{lab.dir}/answer.err",
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE, cwd=lab.dir)
    await asyncio.sleep(0.4)
    browser.invite("sip:bob@ims.example", sdp())
    ok = await browser.expect(200)
    browser.ack(ok)
    return phone


async def sigterm_waits_for_the_last_call(lab, browser):
    phone = await live_call(lab, browser)
    call, target = browser.call, browser.remote_target
    assert health(lab) == 200
    lab.gateway.send_signal(signal.SIGTERM)
    await says(lab, "draining, 1 calls left")
    assert health(lab) == 503
    browser.invite("sip:carol@ims.example", sdp())
    refused = await browser.expect(503)
    assert refused["Retry-After"], refused.text
    assert lab.gateway.poll() is None
    browser.call, browser.remote_target = call, target
    await browser.hang_up()
    await lab.finished(phone)
    await ended(lab, 5)
    assert lab.records()[0]["ended_by"] == "access", lab.records()


async def sigterm_twice_releases_the_call(lab, browser):
    phone = await live_call(lab, browser)
    lab.gateway.send_signal(signal.SIGTERM)
    await says(lab, "draining, 1 calls left")
    lab.gateway.send_signal(signal.SIGTERM)
    browser.reply(await browser.expect("BYE"), 200, "OK")
    await lab.finished(phone)
    await ended(lab, 5)


async def sigint_releases_the_call_though_the_browser_is_silent(lab, browser):
    phone = await live_call(lab, browser)
    lab.gateway.send_signal(signal.SIGINT)
    await browser.expect("BYE")  # and no answer to it
    await lab.finished(phone)
    await ended(lab, 10)


CASES = [sigterm_waits_for_the_last_call, sigterm_twice_releases_the_call,
         sigint_releases_the_call_though_the_browser_is_silent]


async def run(case):
    lab = Lab()
    try:
        await lab.up()
        browser = await lab.browser()
        await case(lab, browser)
        shutil.rmtree(lab.dir)
        return True
    except Exception:
        traceback.print_exc()
        print(open(f"{lab.dir}/imsgw.log").read()[-3000:], f"files: {lab.dir}", sep="\n")
        if lab.gateway.poll() is None:
            lab.gateway.kill()
        return False


if __name__ == "__main__":
    chosen = [c for c in CASES if len(sys.argv) < 3 or c.__name__ == sys.argv[2]]
    bad = 0
    for c in chosen:
        fine = asyncio.run(run(c))
        print(f"{'ok  ' if fine else 'FAIL'} {c.__name__}", flush=True)
        bad += not fine
    sys.exit(bad > 0 or not chosen)

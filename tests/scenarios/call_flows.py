#!/usr/bin/python3
"""Call flows of issue 2 against sipp as the core: forks, reliable provisionals, late offers, redirection, races, glare,
session timers, transfer. The browser is a script over WebSocket that checks what a browser would see; no media flows.
Run: call_flows.py BUILD_DIR [case]"""
import asyncio
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from urllib.parse import unquote

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, f"{HERE}/../registration")
from sip import Client, Message  # noqa: E402

BUILD = os.path.abspath(sys.argv[1])
DOMAIN = "ims.example"

SDP = """v=0\r
o=- 4611 {version} IN IP4 127.0.0.1\r
s=-\r
t=0 0\r
a=group:BUNDLE 0\r
a=extmap-allow-mixed\r
a=msid-semantic: WMS s1\r
m=audio 9 UDP/TLS/RTP/SAVPF {pts} 101\r
c=IN IP4 0.0.0.0\r
a=rtcp:9 IN IP4 0.0.0.0\r
a=ice-ufrag:Xy1z\r
a=ice-pwd:0123456789abcdefghijklmn\r
a=fingerprint:sha-256 {fingerprint}\r
a=setup:{setup}\r
a=mid:0\r
a={direction}\r
a=msid:s1 t1\r
a=rtcp-mux\r
a=rtpmap:8 PCMA/8000\r
a=rtpmap:0 PCMU/8000\r
a=rtpmap:101 telephone-event/8000\r
"""
FINGERPRINT = ":".join(["AB"] * 32)


def sdp(version=1, setup="actpass", direction="sendrecv", pts="8 0"):
    return SDP.format(version=version, setup=setup, direction=direction, fingerprint=FINGERPRINT, pts=pts)


def free_ports(n):
    found, port = [], 27000 + os.getpid() % 170 * 5
    while len(found) < n:
        port += 1
        try:
            for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                with socket.socket(socket.AF_INET, kind) as s:
                    s.bind(("127.0.0.1", port))
            found.append(port)
        except OSError:
            pass
    return found


class Registrar(asyncio.DatagramProtocol):
    """Says 200 to every REGISTER and remembers its Path; calls go to the Service-Route, which is sipp."""

    def __init__(self, service_route):
        self.service_route, self.path = service_route, None

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        m = Message(data.decode())
        if m.method != "REGISTER":
            return
        self.path = m["Path"]
        lines = ["SIP/2.0 200 OK", *(f"Via: {v}" for v in m.all("Via")), f"From: {m['From']}", f"To: {m['To']};tag=r",
                 f"Call-ID: {m['Call-ID']}", f"CSeq: {m['CSeq']}", f"Contact: {m['Contact']}", f"Path: {m['Path']}",
                 f"Service-Route: <{self.service_route}>", f"P-Associated-URI: {m['To']}", "Content-Length: 0", "", ""]
        self.transport.sendto("\r\n".join(lines).encode(), addr)


class Browser(Client):
    """A client that calls and is called. Every message is kept in order; the test answers requests itself."""

    def __init__(self, *args):
        super().__init__(*args)
        self.inbox = asyncio.Queue()

    def _take(self, text):
        m = Message(text)
        if m.status:
            assert len(m.all("Via")) == 1 and m["Via"].startswith(f"SIP/2.0/{self.transport} {self.host};"), text  # trap 1
            future = self.waiting.get((m["Call-ID"], m["CSeq"]))
            if future and not future.done() and m.status >= 200:
                future.set_result(m)
        else:
            assert re.search(r"<sip:", m["To"]), text  # trap 2
        for name in ("P-Charging-Vector", "Path", "RSeq"):
            assert m[name] is None, text
        assert "100rel" not in (m["Require"] or ""), text
        self.inbox.put_nowait(m)

    async def expect(self, what, timeout=8):
        """The next message is this request or this response."""
        m = await asyncio.wait_for(self.inbox.get(), timeout)
        got = m.status or m.method
        assert got == what, f"expected {what}, got:\n{m.text}"
        return m

    def invite(self, to, body, headers=()):
        self.call = {"From": f"<{self.aor}>;tag={secrets.token_hex(4)}", "To": f"<{to}>", "Call-ID": secrets.token_hex(8)}
        self.remote_target = to
        return self.in_call("INVITE", body, headers)

    def in_call(self, method, body="", headers=(), cseq=None, content_type="application/sdp"):
        headers = [f"Contact: {self.contact}", "Supported: outbound", "Allow: ACK,BYE,CANCEL,INFO,INVITE,MESSAGE,NOTIFY,OPTIONS,"
                   "PRACK,REFER,REGISTER,SUBSCRIBE", *headers] + ([f"Content-Type: {content_type}"] if body else [])
        given = dict(self.call)
        if cseq:
            given["CSeq"] = f"{cseq} {method}"
        text = self.text(method, self.remote_target, headers, body, **{k.replace("-", "_"): v for k, v in given.items()})
        self.send(text)
        return Message(text)

    def learn(self, resp):
        """The dialog that a response makes."""
        self.call["To"] = resp["To"]
        self.remote_target = resp.uri_of("Contact")

    def ack(self, resp, body=""):
        self.learn(resp)
        self.in_call("ACK", body, cseq=int(resp["CSeq"].split()[0]))

    def cancel(self, invite):
        lines = [f"CANCEL {invite.uri} SIP/2.0", f"Via: {invite['Via']}", f"From: {invite['From']}", f"To: {invite['To']}",
                 f"Call-ID: {invite['Call-ID']}", f"CSeq: {invite['CSeq'].split()[0]} CANCEL", "Max-Forwards: 70",
                 "Content-Length: 0", "", ""]
        self.send("\r\n".join(lines))

    def reply(self, req, status, phrase, body="", headers=()):
        """As respond, with a body and a tag; the dialog of a call that came in is kept."""
        to = req["To"] if ";tag=" in req["To"] else f"{req['To']};tag=browser"
        if req.method == "INVITE":
            self.call = {"From": to, "To": req["From"], "Call-ID": req["Call-ID"]}
            self.remote_target = req.uri_of("Contact")
        lines = [f"SIP/2.0 {status} {phrase}", *(f"Via: {v}" for v in req.all("Via")), f"From: {req['From']}", f"To: {to}",
                 f"Call-ID: {req['Call-ID']}", f"CSeq: {req['CSeq']}", f"Contact: {self.contact}", *headers]
        lines += ["Content-Type: application/sdp"] if body else []
        self.send("\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]) + body)

    async def hang_up(self):
        self.in_call("BYE")
        await self.expect(200)


class Lab:
    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="call-flows-")
        self.sip, self.core, self.wss, self.phone, self.media = free_ports(5)
        self.processes = []

    async def up(self):
        loop = asyncio.get_running_loop()
        _, self.registrar = await loop.create_datagram_endpoint(lambda: Registrar(f"sip:127.0.0.1:{self.phone};lr"),
                                                                local_addr=("127.0.0.1", self.core))
        with open(f"{self.dir}/imsgw.conf", "w") as f:
            f.write(f"domain = visited.example\nsip_listen = 127.0.0.1:{self.sip}\nwss_listen = 127.0.0.1:{self.wss}\n"
                    f"core_route = sip:127.0.0.1:{self.core};lr\nadmin_socket = {self.dir}/admin\nlog_level = debug\n"
                    f"access_port = {self.media}\ncore_port_min = 27900\ncore_port_max = 27999\nflow_grace_s = 2\ncall_record_file = {self.dir}/records\n")
        self.log = open(f"{self.dir}/imsgw.log", "w+")
        self.gateway = subprocess.Popen([f"{BUILD}/imsgw", "-c", f"{self.dir}/imsgw.conf"], stdout=self.log, stderr=self.log)
        end = time.time() + 15
        while "ready" not in open(self.log.name).read():
            assert time.time() < end and self.gateway.poll() is None, open(self.log.name).read()
            await asyncio.sleep(0.05)

    async def down(self):
        """Nothing may be left of any call, and the program ends by itself."""
        end = time.time() + 5
        while True:
            text = subprocess.run([f"{BUILD}/imsgwctl", "--json", "-s", f"{self.dir}/admin", "calls"], capture_output=True, text=True).stdout
            if json.loads(text or "null") in ([], None) or time.time() > end:
                break
            await asyncio.sleep(0.1)
        self.gateway.terminate()
        try:
            self.gateway.wait(10)
        except subprocess.TimeoutExpired:
            self.gateway.kill()
            raise AssertionError("the gateway did not end")
        assert self.gateway.returncode == 0, f"ended with {self.gateway.returncode}"
        assert json.loads(text or "null") in ([], None), f"calls left: {text}"

    def records(self):
        path = f"{self.dir}/records"
        return [json.loads(line) for line in open(path)] if os.path.exists(path) else []

    async def browser(self):
        b = await Browser("ann", DOMAIN).open_ws(self.wss)
        answer = await b.register()
        assert answer.status == 200, answer.text
        await b.expect(200)
        return b

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.gateway.pid}/fd"))

    async def sipp(self, scenario, calls_browser=None, calls=1, rate=10):
        """Starts calls of a scenario; as caller when calls_browser is the browser."""
        args = ["sipp", "-sf", f"{HERE}/sipp/{scenario}.xml", "-i", "127.0.0.1", "-p", str(self.phone), "-m", str(calls),
                "-r", str(rate), "-nostdin",
                "-timeout", "20", "-timeout_error", "-trace_err", "-error_file", f"{self.dir}/{scenario}.err", "-trace_msg",
                "-message_file", f"{self.dir}/{scenario}.msg"]
        if calls_browser:
            args += ["-key", "path", self.registrar.path, "-key", "contact", calls_browser.contact.strip("<>"),
                     f"127.0.0.1:{self.sip}"]
        p = await asyncio.create_subprocess_exec(*args, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=self.dir)
        if not calls_browser:
            await asyncio.sleep(0.4)
        return p

    async def finished(self, p):
        _, err = await asyncio.wait_for(p.communicate(), 25)
        assert p.returncode == 0, f"sipp says {p.returncode}: {err.decode()[-1500:]}"


# ---- the browser calls ----

async def fork(lab, browser):
    """CAL-003, CAL-004, CAL-005: two early dialogs and two 200; one To tag and one answer for the browser."""
    phone = await lab.sipp("fork")
    browser.invite("sip:bob@ims.example", sdp())
    first = await browser.expect(183)
    assert "UDP/TLS/RTP/SAVPF" in first.body and "a=fingerprint:sha-256" in first.body, first.text
    second, ringing = await browser.expect(183), await browser.expect(180)
    ok = await browser.expect(200)
    assert second.body == "" and ringing.body == "", second.text
    assert first["To"] == second["To"] == ringing["To"] == ok["To"], ok.text
    assert ok.body == first.body, ok.text
    browser.ack(ok)
    await asyncio.sleep(0.5)
    await browser.hang_up()
    await lab.finished(phone)


async def fork_codecs(lab, browser):
    """The answer that the browser has is not what the winner speaks: a re-INVITE after the ACK puts it right."""
    phone = await lab.sipp("fork_codecs")
    browser.invite("sip:bob@ims.example", sdp())
    early = await browser.expect(183)
    assert "SAVPF 8\r" in early.body, early.text
    ok = await browser.expect(200)
    assert ok.body == early.body, ok.text
    browser.ack(ok)
    again = await browser.expect("INVITE")
    assert "SAVPF 0\r" in again.body and "a=setup:actpass" in again.body, again.text
    browser.reply(again, 200, "OK", sdp(2, "passive", pts="0"))
    await browser.expect("ACK")
    browser.call = {"From": again["To"], "To": again["From"], "Call-ID": again["Call-ID"]}
    await browser.hang_up()
    await lab.finished(phone)


async def reliable_callee(lab, browser):
    """CAL-002: PRACK by the gateway; a 200 without SDP still brings the browser its answer (trap 4)."""
    phone = await lab.sipp("reliable_callee")
    browser.invite("sip:bob@ims.example", sdp())
    early = await browser.expect(183)
    await browser.expect(180)
    ok = await browser.expect(200)
    assert ok.body == early.body != "", ok.text
    browser.ack(ok)
    await browser.hang_up()
    await lab.finished(phone)


async def early_update(lab, browser):
    """An UPDATE with an offer before the 200: the gateway answers it; the browser is offered once the call is up."""
    phone = await lab.sipp("early_update")
    browser.invite("sip:bob@ims.example", sdp())
    early = await browser.expect(183)
    ok = await browser.expect(200)
    assert ok.body == early.body != "", ok.text
    browser.ack(ok)
    again = await browser.expect("INVITE")
    assert "a=sendonly" in again.body and "a=setup:actpass" in again.body, again.text
    browser.reply(again, 200, "OK", sdp(2, setup="active", direction="recvonly"))
    await browser.expect("ACK")
    await browser.hang_up()
    await lab.finished(phone)


async def redirect(lab, browser):
    phone = await lab.sipp("redirect")
    browser.invite("sip:bob@ims.example", sdp())
    moved = await browser.expect(302)
    assert moved.uri_of("Contact") == "sip:other@ims.example", moved.text
    await lab.finished(phone)


async def cancel_race(lab, browser):
    """CAL-006"""
    phone = await lab.sipp("cancel_race")
    invite = browser.invite("sip:bob@ims.example", sdp())
    await browser.expect(180)
    browser.cancel(invite)
    got = sorted([(await browser.inbox.get()).status for _ in range(2)])
    assert got == [200, 487], got
    await lab.finished(phone)


async def glare(lab, browser):
    """CAL-007"""
    phone = await lab.sipp("glare")
    browser.invite("sip:bob@ims.example", sdp())
    ok = await browser.expect(200)
    browser.ack(ok)
    browser.in_call("INVITE", sdp(2, direction="sendonly"))
    assert (await browser.expect(491)).method == "INVITE"
    browser.in_call("INVITE", sdp(2, direction="sendonly"))
    held = await browser.expect(200)
    assert "a=recvonly" in held.body and "a=setup:passive" in held.body, held.text
    browser.ack(held)
    await asyncio.sleep(0.2)
    await browser.hang_up()
    await lab.finished(phone)


async def timer_refused(lab, browser):
    """CAL-001: 422 of the core is the gateway's business; the browser's own timer is another."""
    phone = await lab.sipp("timer_refused")
    browser.invite("sip:bob@ims.example", sdp(), ["Supported: timer", "Session-Expires: 90"])
    ok = await browser.expect(200)
    assert ok["Session-Expires"] == "90;refresher=uac" and "timer" in ok["Require"], ok.text
    browser.ack(ok)
    browser.in_call("UPDATE", headers=["Supported: timer", "Session-Expires: 90;refresher=uac"])
    refreshed = await browser.expect(200)
    assert refreshed["Session-Expires"] == "90;refresher=uac", refreshed.text
    await browser.hang_up()
    await lab.finished(phone)


async def transfer(lab, browser):
    """REFER to the core, its NOTIFYs back, named by the CSeq that the browser used."""
    phone = await lab.sipp("transfer")
    browser.invite("sip:bob@ims.example", sdp())
    ok = await browser.expect(200)
    browser.ack(ok)
    refer = browser.in_call("REFER", headers=["Refer-To: <sip:carol@ims.example>"])
    await browser.expect(202)
    for says in ("100 Trying", "200 OK"):
        notify = await browser.expect("NOTIFY")
        assert says in notify.body and notify["Event"] == f"refer;id={refer['CSeq'].split()[0]}", notify.text
        browser.reply(notify, 200, "OK")
    await browser.hang_up()
    await lab.finished(phone)


async def attended(lab, browser):
    """CAL-010: the browser joins its two calls; the core reads its own dialog ids in Replaces."""
    phone = await lab.sipp("attended", calls=2)
    dialogs = []
    for _ in range(2):
        browser.invite("sip:bob@ims.example", sdp())
        ok = await browser.expect(200)
        browser.ack(ok)
        dialogs.append((dict(browser.call), browser.remote_target))
        await asyncio.sleep(0.2)
    second, target = dialogs[1]
    tag = {k: re.search(r";tag=([^;]+)", second[k])[1] for k in ("From", "To")}
    replaces = f"{second['Call-ID']}%3Bto-tag%3D{tag['To']}%3Bfrom-tag%3D{tag['From']}"
    browser.call, browser.remote_target = dialogs[0]
    browser.in_call("REFER", headers=[f"Refer-To: <{target}?Replaces={replaces}>"])
    await browser.expect(202)
    for call, uri in dialogs:
        browser.call, browser.remote_target = call, uri
        await browser.hang_up()
    await lab.finished(phone)
    log = open(f"{lab.dir}/attended.msg").read()
    invites = re.findall(r"\nINVITE .*?\nFrom: .*?;tag=(\S+)\s.*?\nCall-ID: (\S+)", log, re.S)
    refer = re.search(r"Refer-To: <(sip:bob@[^?]*)\?Replaces=([^>]*)>", log)
    assert refer and refer[1] == f"sip:bob@127.0.0.1:{lab.phone}", log[-3000:]
    assert unquote(refer[2]) == f"{invites[1][1]};to-tag=bob;from-tag={invites[1][0]}", (refer[0], invites)


# ---- the core calls ----

async def answer_call(browser, body):
    invite = await browser.expect("INVITE")
    browser.reply(invite, 180, "Ringing")
    await asyncio.sleep(0.2)
    browser.reply(invite, 200, "OK", body)
    return invite


async def call_browser(lab, browser):
    phone = await lab.sipp("call_browser", browser)
    invite = await answer_call(browser, sdp(setup="active"))
    assert "a=setup:actpass" in invite.body and "a=3ge2ae:applied" in invite.body, invite.text
    assert invite.uri_of("To").startswith("sip:+491234567@"), invite.text
    await browser.expect("ACK")
    bye = await browser.expect("BYE")
    browser.reply(bye, 200, "OK")
    await lab.finished(phone)


async def late_offer(lab, browser):
    """CAL-008: the browser offers in its 200 and gets the answer in the ACK."""
    phone = await lab.sipp("late_offer", browser)
    invite = await answer_call(browser, sdp())
    assert invite.body == "", invite.text
    ack = await browser.expect("ACK")
    assert "UDP/TLS/RTP/SAVPF" in ack.body and "a=setup:passive" in ack.body, ack.text
    bye = await browser.expect("BYE")
    browser.reply(bye, 200, "OK")
    await lab.finished(phone)


async def reliable_caller(lab, browser):
    """The gateway sends 18x reliably where the core insists."""
    phone = await lab.sipp("reliable_caller", browser)
    await answer_call(browser, sdp(setup="active"))
    await browser.expect("ACK")
    bye = await browser.expect("BYE")
    browser.reply(bye, 200, "OK")
    await lab.finished(phone)


async def early_prack(lab, browser):
    """Offers of the calling phone in PRACK and UPDATE before the 200."""
    phone = await lab.sipp("early_prack", browser)
    invite = await browser.expect("INVITE")
    browser.reply(invite, 183, "Session Progress", sdp(setup="active"))
    await asyncio.sleep(0.3)
    browser.reply(invite, 200, "OK", sdp(setup="active"))
    await browser.expect("ACK")
    bye = await browser.expect("BYE")
    browser.reply(bye, 200, "OK")
    await lab.finished(phone)


async def timer_too_short(lab, browser):
    await lab.finished(await lab.sipp("timer_too_short", browser))


async def core_cancels(lab, browser):
    phone = await lab.sipp("core_cancels", browser)
    invite = await browser.expect("INVITE")
    browser.reply(invite, 180, "Ringing")
    cancel = await browser.expect("CANCEL")
    browser.reply(cancel, 200, "OK")
    browser.reply(invite, 487, "Request Terminated")
    await browser.expect("ACK")
    await lab.finished(phone)


async def many_calls(lab, browser):
    """Two hundred calls one after the other, some dozens at a time: each has its record, and nothing is left of any."""
    total, done = 200, 0
    before = lab.descriptors()
    phone = await lab.sipp("call_browser", browser, calls=total, rate=25)
    while done < total:
        m = await asyncio.wait_for(browser.inbox.get(), 10)
        if m.method == "INVITE":
            browser.reply(m, 180, "Ringing")
            browser.reply(m, 200, "OK", sdp(setup="active"))
        elif m.method == "BYE":
            browser.reply(m, 200, "OK")
            done += 1
    await lab.finished(phone)
    await asyncio.sleep(0.5)
    assert lab.descriptors() == before, f"{before} descriptors before, {lab.descriptors()} after"
    records = lab.records()
    assert len(records) == total and {r["cause"] for r in records} == {200}, len(records)


# ---- connections ----

async def connection_moved(lab, browser):
    """RFC 5626: the same instance on a new connection goes on with the call."""
    phone = await lab.sipp("connection_moved")
    browser.invite("sip:bob@ims.example", sdp())
    ok = await browser.expect(200)
    browser.ack(ok)
    await asyncio.sleep(0.3)
    await browser.close()
    await asyncio.sleep(0.3)
    again = await Browser("ann", DOMAIN, "secret", browser.instance).open_ws(lab.wss)
    assert (await again.register()).status == 200
    await again.expect(200)
    info = await again.expect("INFO")
    assert info["Call-ID"] == browser.call["Call-ID"], info.text
    again.reply(info, 200, "OK")
    bye = await again.expect("BYE")
    again.reply(bye, 200, "OK")
    await lab.finished(phone)
    await again.close()


async def connection_lost(lab, browser):
    phone = await lab.sipp("connection_lost")
    browser.invite("sip:bob@ims.example", sdp())
    ok = await browser.expect(200)
    browser.ack(ok)
    await asyncio.sleep(0.3)
    await browser.close()
    await lab.finished(phone)


CASES = [fork, fork_codecs, reliable_callee, redirect, cancel_race, glare, timer_refused, transfer, attended, call_browser, late_offer,
         reliable_caller, early_update, early_prack, timer_too_short, core_cancels, many_calls, connection_moved, connection_lost]


async def run(case):
    lab = Lab()
    try:
        await lab.up()
        browser = await lab.browser()
        await case(lab, browser)
        await browser.close()
        await lab.down()
        for record in lab.records():
            assert record["icid"] and record["core"]["call_id"] != record["access"]["call_id"], record
        shutil.rmtree(lab.dir)
        return True
    except Exception:
        traceback.print_exc()
        print(open(f"{lab.dir}/imsgw.log").read()[-3000:], f"files: {lab.dir}", sep="\n")
        if lab.gateway.poll() is None:
            lab.gateway.kill()
        return False


def main():
    chosen = [c for c in CASES if len(sys.argv) < 3 or c.__name__ == sys.argv[2]]
    bad = 0
    for case in chosen:
        fine = asyncio.run(run(case))
        print(f"{'ok  ' if fine else 'FAIL'} {case.__name__}", flush=True)
        bad += not fine
    sys.exit(bad > 0 or not chosen)


if __name__ == "__main__":
    main()

#!/usr/bin/python3
"""Signalling and media on three machines that are network namespaces: one with the P-CSCF, the core and the browsers (aiortc), two
with an access gateway each. Real calls whose tones are heard; the link cut and restored; certificates that are not to be trusted;
processes killed on either side. One start serves all cases, which build on each other.

usage: roles_test.py BUILD_DIRECTORY   (as root; without the right to make namespaces it is skipped: status 77)"""
import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.abspath(sys.argv[1])
sys.path.insert(0, f"{HERE}/../peers/aiortc")
from client import Client  # noqa: E402

SKIPPED = 77
GRACE_S = 5
NAMES = {k: f"iq{os.getpid() if len(sys.argv) < 3 else sys.argv[2]}{k}" for k in "sab"}
SIGNALLING, ADDRESS = "10.99.7.1", {"a": "10.99.7.2", "b": "10.99.7.3"}
WSS, SIP, CORE, IQ = 36601, 36602, 36603, 36610


def run(*args, check=True):
    return subprocess.run(args, check=check, capture_output=True, text=True)


# ---- the machines ----

def make_machines():
    s = NAMES["s"]
    for n in NAMES.values():
        run("ip", "netns", "add", n)
        run("ip", "-n", n, "link", "set", "lo", "up")
    run("ip", "-n", s, "link", "add", "name", "bridge0", "type", "bridge")
    run("ip", "-n", s, "addr", "add", f"{SIGNALLING}/24", "dev", "bridge0")
    run("ip", "-n", s, "link", "set", "bridge0", "up")
    for k, address in ADDRESS.items():
        run("ip", "link", "add", f"v{k}", "netns", s, "type", "veth", "peer", "name", "eth", "netns", NAMES[k])
        run("ip", "-n", s, "link", "set", f"v{k}", "master", "bridge0", "up")
        run("ip", "-n", NAMES[k], "addr", "add", f"{address}/24", "dev", "eth")
        run("ip", "-n", NAMES[k], "link", "set", "eth", "up")


def drop_machines():
    for n in NAMES.values():
        for pid in run("ip", "netns", "pids", n, check=False).stdout.split():  # left by a run that failed badly
            os.kill(int(pid), signal.SIGKILL)
        run("ip", "netns", "del", n, check=False)


# ---- what runs on them ----

class World:
    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="iq-roles-")
        self.processes, self.clients = {}, []
        self.make_certificates()

    def make_certificates(self):
        def ca(name):
            run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                f"/CN={name}", "-keyout", f"{self.dir}/{name}.key", "-out", f"{self.dir}/{name}.pem")

        def cert(name, by):  # also a renewed one
            run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}", "-keyout",
                f"{self.dir}/{name}.key", "-out", f"{self.dir}/{name}.csr")
            with open(f"{self.dir}/{name}.ext", "w") as f:
                f.write(f"subjectAltName=DNS:{name}\n")
            run("openssl", "x509", "-req", "-in", f"{self.dir}/{name}.csr", "-CA", f"{self.dir}/{by}.pem", "-CAkey",
                f"{self.dir}/{by}.key", "-CAcreateserial", "-days", "2", "-extfile", f"{self.dir}/{name}.ext", "-out",
                f"{self.dir}/{name}.pem")
        self.cert = cert
        ca("ca")
        ca("foreign")
        for name in ("pcscf.test", "agw-a.test", "agw-b.test", "stranger.test"):
            cert(name, "ca")
        cert("forged.test", "foreign")

    def iq(self, name):
        return {"iq_cert": f"{self.dir}/{name}.pem", "iq_key": f"{self.dir}/{name}.key", "iq_ca": f"{self.dir}/ca.pem",
                "iq_grace": GRACE_S, "admin_socket": f"{self.dir}/{name}.sock"}

    def start(self, name, machine, *args, says="ready"):
        log = open(f"{self.dir}/{name}.log", "a+")
        at = log.tell()
        p = subprocess.Popen(["ip", "netns", "exec", NAMES[machine], *args], stdout=log, stderr=log)
        self.processes[name] = (p, log.name, at)
        self.says(name, says)

    def imsgw(self, name, machine, *args, **conf):
        with open(f"{self.dir}/{name}.conf", "w") as f:
            f.write("".join(f"{k} = {v}\n" for k, v in {**self.iq(name), **conf}.items()))
        self.start(name, machine, f"{BUILD}/imsgw", "-c", f"{self.dir}/{name}.conf", *args)

    def agw(self, k, certificate=None, port=IQ):
        self.imsgw(certificate or f"agw-{k}.test", k, role="agw", iq_listen=f"{ADDRESS[k]}:{port}", iq_peers="pcscf.test",
                   access_address=ADDRESS[k], core_address=ADDRESS[k], access_port=port + 20, core_port_min=port + 100,
                   core_port_max=port + 150, admin_listen=f"127.0.0.1:{port + 30}")

    def pcscf(self, **more):
        self.imsgw("pcscf.test", "s", "--role", "pcscf", iq_agws=f"{ADDRESS['a']}:{IQ} {ADDRESS['b']}:{IQ} {ADDRESS['a']}:{IQ + 1}",
                   iq_peers="agw-a.test agw-b.test", wss_listen=f"{SIGNALLING}:{WSS}", sip_listen=f"{SIGNALLING}:{SIP}",
                   core_route=f"sip:{SIGNALLING}:{CORE};lr", call_record_file=f"{self.dir}/records", domain="visited.example", **more)

    def log(self, name):
        _, path, at = self.processes[name]
        with open(path, errors="replace") as f:
            f.seek(at)
            return f.read()

    def says(self, name, what, seconds=15):
        end = time.monotonic() + seconds
        while what not in self.log(name):
            if time.monotonic() > end:
                raise AssertionError(f"{name} does not say {what!r}:\n{self.log(name)[-3000:]}")
            time.sleep(0.05)

    def kill(self, name):
        p = self.processes[name][0]
        p.kill()
        p.wait()

    def ctl(self, name, verb):
        return json.loads(run(f"{BUILD}/imsgwctl", "--json", "-s", f"{self.dir}/{name}.sock", verb, check=False).stdout or "null")

    def contexts(self, k):
        return (self.ctl(f"agw-{k}.test", "status") or {}).get("contexts")

    async def browser(self, user):
        client = Client()
        client.reason = client.refusal = None
        asked, request = client.on_request, client.transport.request

        async def on_request(m):
            client.reason = m.get("Reason") if m.start.startswith("BYE") else client.reason
            await asked(m)

        async def keep(m, *more):
            r = await request(m, *more)
            client.refusal = r if r.status >= 300 else client.refusal
            return r
        client.transport.on_request, client.transport.request = on_request, keep
        await client.start({"url": f"wss://{SIGNALLING}:{WSS}/sip", "user": user, "password": "demo", "domain": "ims.example",
                            "hz": 600, "rgb": [0, 128, 0]})
        assert client.status["registered"], client.status
        self.clients.append(client)
        return client

    async def call(self, user):
        client = await self.browser(user)
        await client.call("sip:echo@ims.example", {})
        await until(f"{user} was answered", lambda: client.status["call"] in ("established", "ended"))
        return client

    def down(self):
        bad = []
        for name, (p, _, _) in reversed(list(self.processes.items())):
            was_alive = p.poll() is None
            if was_alive:
                p.send_signal(signal.SIGINT if name.endswith(".test") else signal.SIGTERM)
            try:
                p.wait(10)
            except subprocess.TimeoutExpired:
                p.kill()
                bad.append(f"{name} did not end")
            if was_alive and name.endswith(".test") and p.returncode != 0:
                bad.append(f"{name} ended with {p.returncode}: {self.log(name)[-2000:]}")
        assert not bad, bad


async def until(what, fact, seconds=20):
    end = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < end, f"never: {what}"
        await asyncio.sleep(0.1)


async def hears(client):
    """The tone, in what came from now on."""
    client.receiver.samples[:] = 0

    def tone():
        heard = client.receiver.hear()
        return heard["share"] > 0.3 and abs(heard["hz"] - 600) < 30
    await until("the tone came back", tone)


# ---- the cases, in their order ----

async def two_calls_go_to_two_access_gateways_and_tones_pass(w):
    w.ann, w.bob = await w.call("ann"), await w.call("bob")
    await hears(w.ann)
    await hears(w.bob)
    assert (w.contexts("a"), w.contexts("b")) == (1, 1)
    rows = w.ctl("pcscf.test", "agws")
    assert [r["state"] for r in rows] == ["up", "up", "down"], rows
    assert [r["contexts"] for r in rows] == [1, 1, 0], rows
    assert w.ctl("agw-a.test", "agws")[0]["controller"].startswith("pcscf.test/"), w.ctl("agw-a.test", "agws")


async def an_access_gateway_tells_its_health_and_counters(w):
    def get(path):
        return run("ip", "netns", "exec", NAMES["a"], "curl", "-s", f"http://127.0.0.1:{IQ + 30}{path}").stdout
    assert get("/healthz") == "ok\n", get("/healthz")
    metrics = get("/metrics")
    assert "\nimsgw_contexts 1\n" in metrics and "\nimsgw_iq_contexts 1\n" in metrics, metrics
    assert "\nimsgw_iq_peers 1\n" in metrics, metrics


async def whose_certificate_is_not_to_be_trusted_is_refused_on_both_sides(w):
    """TS 33.328 s. 6.2.1.3"""
    w.agw("a", "stranger.test", IQ + 1)  # signed by the authority, but not on the list
    w.says("pcscf.test", f"no connection to access gateway {ADDRESS['a']}:{IQ + 1}: the peer's certificate is not one to be trusted")
    hello = b'\0\0\0\x40{"iq":1,"type":"hello","from":5,"hello":{"node":"x"}}            '
    for name in ("stranger.test", "forged.test", None):
        own = ["-cert", f"{w.dir}/{name}.pem", "-key", f"{w.dir}/{name}.key"] if name else []
        r = subprocess.run(["openssl", "s_client", "-connect", f"{ADDRESS['a']}:{IQ}", "-CAfile", f"{w.dir}/ca.pem", "-quiet", *own],
                           input=hello, capture_output=True, timeout=10)
        assert r.stdout == b"", (name, r.stdout)
    log = w.log("agw-a.test")
    assert log.count("a controller was refused: the peer's certificate is not one to be trusted") == 2, log
    assert log.count("a controller was refused") == 3, log
    w.kill("stranger.test")


async def a_renewed_certificate_is_read_without_a_restart(w):
    w.cert("agw-b.test", "ca")
    w.processes["agw-b.test"][0].send_signal(signal.SIGHUP)
    w.says("agw-b.test", "reloaded")
    seen = subprocess.run(["openssl", "s_client", "-connect", f"{ADDRESS['b']}:{IQ}", "-cert", f"{w.dir}/pcscf.test.pem", "-key",
                           f"{w.dir}/pcscf.test.key"], input="Q\n", capture_output=True, text=True, timeout=10).stdout
    assert open(f"{w.dir}/agw-b.test.pem").read().strip() in seen, seen
    assert w.ctl("pcscf.test", "agws")[1]["state"] == "up"


async def a_link_cut_and_restored_ends_no_call(w):
    run("ip", "link", "set", "va", "down")
    await until("the controller missed it", lambda: w.ctl("pcscf.test", "agws")[0]["state"] == "lost")
    run("ip", "link", "set", "va", "up")
    await until("it is back", lambda: w.ctl("pcscf.test", "agws")[0]["state"] == "up")
    await hears(w.ann)
    assert w.ann.status["call"] == w.bob.status["call"] == "established"
    assert (w.contexts("a"), w.contexts("b")) == (1, 1)


async def an_access_gateway_killed_ends_its_calls_and_new_ones_go_to_the_other(w):
    on_a = w.ann
    w.kill("agw-a.test")
    await until("the call ended", lambda: on_a.status["call"] == "ended", GRACE_S + 10)
    assert "media out of service" in (on_a.reason or ""), on_a.reason
    w.says("pcscf.test", f"access gateway {ADDRESS['a']}:{IQ} is gone, 1 calls released")
    await hears(w.bob)
    w.cid = await w.call("cid")
    await hears(w.cid)
    assert w.contexts("b") == 2


async def an_access_gateway_started_anew_takes_calls_again(w):
    w.agw("a")
    await until("it is back", lambda: w.ctl("pcscf.test", "agws")[0]["state"] == "up")
    w.dan = await w.call("dan")
    await hears(w.dan)
    assert (w.contexts("a"), w.contexts("b")) == (1, 2)


async def a_controller_started_anew_leaves_no_context(w):
    w.kill("pcscf.test")
    w.pcscf(media_inactivity=3)
    await until("all were released", lambda: (w.contexts("a"), w.contexts("b")) == (0, 0))
    eve = await w.call("eve")
    await hears(eve)
    await eve.hangup()
    await until("it was released", lambda: (w.contexts("a"), w.contexts("b")) == (0, 0))


async def media_that_stops_is_told_by_the_access_gateway_and_ends_the_call(w):
    """IQ-004: a notification that no request asked for, of what only the other machine can see."""
    ivy = await w.call("ivy")
    await hears(ivy)
    core = w.processes["core"][0]
    core.send_signal(signal.SIGSTOP)
    try:
        await until("the call ended", lambda: ivy.status["call"] == "ended")
    finally:
        core.send_signal(signal.SIGCONT)
    assert "media inactivity" in (ivy.reason or ""), ivy.reason
    assert any("no media for 3 s" in w.log(f"agw-{k}.test") for k in "ab")
    await until("it was released", lambda: (w.contexts("a"), w.contexts("b")) == (0, 0))


async def an_access_gateway_told_to_end_says_so_and_its_calls_end_at_once(w):
    """Loss of resources (TS 23.334 s. 8): without the wait for one that may come back."""
    jan = await w.call("jan")
    k = "a" if w.contexts("a") else "b"
    w.processes[f"agw-{k}.test"][0].send_signal(signal.SIGINT)
    began = time.monotonic()
    await until("the call ended", lambda: jan.status["call"] == "ended", GRACE_S)
    assert "media out of service" in (jan.reason or ""), jan.reason
    assert time.monotonic() - began < GRACE_S - 1, "it waited"
    await until("it ended", lambda: w.processes[f"agw-{k}.test"][0].poll() == 0)
    w.agw(k)
    await until("it is back", lambda: w.ctl("pcscf.test", "agws")["ab".index(k)]["state"] == "up")


async def an_access_gateway_that_drains_takes_no_new_calls_and_ends_with_its_last(w):
    w.flo = await w.call("flo")
    k = "a" if w.contexts("a") else "b"
    w.processes[f"agw-{k}.test"][0].terminate()
    await until("the controller knows", lambda: w.ctl("pcscf.test", "agws")["ab".index(k)]["state"] == "draining")
    gus = await w.call("gus")
    await hears(gus)
    assert w.contexts(k) == 1
    await w.flo.hangup()
    await until("it ended", lambda: w.processes[f"agw-{k}.test"][0].poll() == 0)
    await gus.hangup()


async def without_any_access_gateway_a_call_gets_503_with_retry_after(w):
    for k in "ab":
        if w.processes[f"agw-{k}.test"][0].poll() is None:
            w.kill(f"agw-{k}.test")
    await until("both are missed", lambda: not any(r["state"] == "up" for r in w.ctl("pcscf.test", "agws")))
    hal = await w.call("hal")
    assert hal.status["cause"] == "503", hal.status
    assert hal.refusal.get("Retry-After"), str(hal.refusal)


CASES = [two_calls_go_to_two_access_gateways_and_tones_pass,
         an_access_gateway_tells_its_health_and_counters,
         whose_certificate_is_not_to_be_trusted_is_refused_on_both_sides,
         a_renewed_certificate_is_read_without_a_restart, a_link_cut_and_restored_ends_no_call,
         an_access_gateway_killed_ends_its_calls_and_new_ones_go_to_the_other,
         an_access_gateway_started_anew_takes_calls_again, a_controller_started_anew_leaves_no_context,
         media_that_stops_is_told_by_the_access_gateway_and_ends_the_call,
         an_access_gateway_told_to_end_says_so_and_its_calls_end_at_once,
         an_access_gateway_that_drains_takes_no_new_calls_and_ends_with_its_last,
         without_any_access_gateway_a_call_gets_503_with_retry_after]


async def play(w):
    w.start("core", "s", f"{BUILD}/imsgw-demo-core", "--listen", f"{SIGNALLING}:{CORE}", "--media", SIGNALLING, "--ports",
            "36800-36850", says="listening")
    w.agw("a")
    w.agw("b")
    w.pcscf()
    await until("both are connected", lambda: [r["state"] for r in w.ctl("pcscf.test", "agws")][:2] == ["up", "up"])
    for case in CASES:
        began = time.time()
        await case(w)
        print(f"ok   {case.__name__} ({time.time() - began:.1f} s)", flush=True)
    await asyncio.to_thread(w.down)
    w.processes.clear()


def inside():
    """On the machine of the P-CSCF."""
    w, failed = World(), False
    sys.stderr = open(f"{w.dir}/clients.log", "w")  # they say every message
    try:
        asyncio.run(asyncio.wait_for(play(w), 150))
    except BaseException:
        failed = True
        traceback.print_exc(file=sys.stdout)
    try:
        w.down()
    except AssertionError as e:
        failed = True
        print(e)
    if failed:
        for name in w.processes:
            print(f"---- {name}", w.log(name)[-3000:], sep="\n")
        print(f"files: {w.dir}")
    else:
        shutil.rmtree(w.dir)
    sys.stdout.flush()
    os._exit(failed)  # without the threads of its codecs


def main():
    if len(sys.argv) > 2:
        try:
            inside()
        finally:
            os._exit(1)  # it did not get to its own
    if os.geteuid() != 0 or run("ip", "netns", "add", f"iq{os.getpid()}", check=False).returncode != 0:
        print("skipped: no right to make network namespaces")
        return SKIPPED
    run("ip", "netns", "del", f"iq{os.getpid()}")
    try:
        make_machines()
        return subprocess.run(["ip", "netns", "exec", NAMES["s"], "/usr/bin/python3", os.path.abspath(__file__), BUILD,
                               str(os.getpid())], timeout=200).returncode
    finally:
        drop_machines()


sys.exit(main())

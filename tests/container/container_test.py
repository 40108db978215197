#!/usr/bin/python3
"""Builds the images of docker/compose.yml, runs the stack and makes calls through it. Status 77 and a reason where no
container can run. The base image is debian:bookworm-slim: what is there, else what the registry gives, else one made by
mmdebstrap from the mirror of this machine; IMSGW_BASE_IMAGE names another. IMSGW_KEEP=1 leaves the stack running.
Run: container_test.py"""
import asyncio
import json
import os
import shutil
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

import yaml

from dashboard import check_dashboard
from stack import Stack, podman, read_env, run

HERE = os.path.dirname(os.path.abspath(__file__))
TREE = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, f"{TREE}/tests/peers/aiortc")
SERVICES = ("gateway", "kamailio", "phone", "machines", "coturn", "prometheus")
BASE = "docker.io/library/debian:bookworm-slim"
FIRST_PORT = 18600


def skip(why):
    print(f"skipped: {why}")
    sys.exit(77)


def say(what):
    print(f"{time.strftime('%H:%M:%S')} {what}", flush=True)


def until(what, fact, timeout_s=20):
    end = time.monotonic() + timeout_s
    while not (seen := fact()):
        if time.monotonic() > end:
            raise AssertionError(f"not in {timeout_s} s: {what}")
        time.sleep(0.2)
    return seen


# ---- where containers run ----

def base():
    given = os.environ.get("IMSGW_BASE_IMAGE")
    if given:
        podman("tag", given, BASE)
        return f"{given}, as told"
    if run("podman", "image", "exists", BASE, check=False).returncode == 0:
        return "the image that is here"
    if run("timeout", "60", "podman", "pull", "-q", BASE, check=False).returncode == 0:
        return "pulled"
    if not shutil.which("mmdebstrap"):
        skip(f"no {BASE}: it cannot be pulled, and there is no mmdebstrap to make one")
    made = subprocess.run(f"mmdebstrap --quiet --variant=minbase bookworm - | podman import -q - {BASE}", shell=True,
                          capture_output=True, text=True, timeout=300)
    if run("podman", "image", "exists", BASE, check=False).returncode != 0:
        skip(f"no {BASE}: neither a registry nor a mirror of Debian: {made.stderr[-300:]}")
    return "made by mmdebstrap"


def works(r):
    if r.returncode != 0:
        skip(f"no container engine that works here: {r.stderr.strip()[-300:]}")


def engine():
    """Whether containers run here at all: in a chroot or in another container they often do not."""
    if not shutil.which("podman"):
        skip("no container engine: podman is missing")
    probe = "imsgw-probe"  # an image with nothing in it: whether images can be unpacked, before one is made
    works(run("podman", "import", "-q", "-", probe, input="\0" * 10240, check=False, timeout=60))
    podman("rmi", probe)
    say(f"base image: {base()}")
    works(run("podman", "run", "--rm", *Stack.limits({}), BASE, "true", check=False, timeout=60))


def settings():
    own = run("hostname", "-I").stdout.split()[0]
    return dict(read_env(f"{TREE}/docker/.env.example"), ADDRESS=own, HTTPS_PORT=str(FIRST_PORT),
                MEDIA_PORT=str(FIRST_PORT + 1), MEDIA_PORTS=f"{FIRST_PORT + 1}-{FIRST_PORT + 2}",
                TURN_PORT=str(FIRST_PORT + 3), PROMETHEUS_PORT=str(FIRST_PORT + 4), GRAFANA_PORT=str(FIRST_PORT + 5),
                CONSOLE_PORT=str(FIRST_PORT + 6))


# ---- what is shown ----

def check_confined(stack):
    """No root, no capability, none to gain, nothing writable but memory."""
    for service in SERVICES:
        if service == "prometheus":
            continue  # its own look is below: no shell is needed to see that it works
        uid = stack.inside(service, "id", "-u")
        assert uid != "0", f"{service} runs as root"
        status = stack.inside(service, "cat", "/proc/1/status")
        facts = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        assert int(facts["CapEff"], 16) == int(facts["CapBnd"], 16) == 0, f"{service}: {facts['CapEff']}"
        assert facts["NoNewPrivs"].strip() == "1", f"{service} may gain privileges"
        r = run("podman", "exec", "--user", "0", stack.name(service), "touch", "/usr/bin/x", check=False)
        assert r.returncode != 0 and "Read-only file system" in r.stderr, f"{service}: its root is writable: {r.stderr}"
    say("no root, no capabilities, nothing to write on")


def check_image(stack):
    image = json.loads(podman("image", "inspect", f"imsgw{stack.tag}"))[0]
    config = image["Config"]
    assert config["User"] == "10001:10001", config["User"]
    ports = set(config["ExposedPorts"])
    assert {"8443/tcp", "40000/udp", "40001/udp"} <= ports, ports
    assert image["HealthCheck" if "HealthCheck" in image else "Healthcheck"]["Test"] == ["CMD", "imsgwctl", "status"]
    grown = image["Size"] - json.loads(podman("image", "inspect", BASE))[0]["Size"]
    assert grown < 160e6, f"{grown / 1e6:.0f} MB above the base"
    say(f"the gateway's image: {grown / 1e6:.0f} MB above the base")


def fetch(url, headers={}):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        request = urllib.request.Request(url, headers=headers)
        with urllib.request.urlopen(request, context=context if url.startswith("https") else None, timeout=10) as r:
            return r.status, r.read().decode()
    except urllib.error.HTTPError as e:
        return e.code, ""


def origin(env):
    return f"https://{env['ADDRESS']}:{env['HTTPS_PORT']}"


def check_console(env):
    console = f"http://127.0.0.1:{env['CONSOLE_PORT']}"
    assert fetch(f"{console}/api/status")[0] == 401, "the console asks for no token"
    status, text = fetch(f"{console}/api/status", {"Authorization": f"Bearer {env['CONSOLE_TOKEN']}"})
    assert status == 200 and '"running"' in text, text
    assert "<html" in fetch(f"{console}/", {"Authorization": f"Bearer {env['CONSOLE_TOKEN']}"})[1]


def prometheus(env, query):
    url = f"http://127.0.0.1:{env['PROMETHEUS_PORT']}/api/v1/query?query={urllib.parse.quote(query)}"
    return json.loads(fetch(url)[1])["data"]["result"]


def check_prometheus(env, ncalls):
    def value(query):
        result = prometheus(env, query)
        return float(result[0]["value"][1]) if result else 0
    until("Prometheus has the calls", lambda: value("sum(imsgw_calls_total)") >= ncalls)
    until("it asked twice", lambda: prometheus(env, "rate(imsgw_calls_total[1m])"))
    assert value('up{job="imsgw"}') == 1
    assert fetch(f"{origin(env)}/metrics")[0] == 403, "/metrics is for Prometheus alone"
    check_dashboard(lambda query: prometheus(env, query))
    say(f"Prometheus counts {ncalls} calls, and the dashboard's queries work")


# ---- calls ----

def call(env, target, hz=600):
    script, domain = f"{TREE}/tests/peers/aiortc/echo_call.py", env["DOMAIN"]
    r = run("/usr/bin/python3", script, f"wss{origin(env)[5:]}/sip", "alice", domain, env["SIP_PASSWORD"],
            f"sip:{target}@{domain}", str(hz), timeout=60)
    return r.stdout.strip().splitlines()[-1]


def relayed(env):
    return run("node", f"{HERE}/turn.mjs", origin(env), env["SIP_PASSWORD"], env["DOMAIN"], timeout=120).stdout.strip()


def pre_stop():
    """What Kubernetes is told to run in the container before it stops it."""
    for o in yaml.safe_load_all(open(f"{TREE}/docker/kubernetes.yaml")):
        if o["kind"] == "Deployment":
            return o["spec"]["template"]["spec"]["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]


async def drain(stack, env, *command):
    """`podman COMMAND` in the middle of a call: nobody new gets in, the call goes on, and its end is the command's."""
    from client import Client

    async def until_async(what, fact, timeout_s=20):
        end = time.monotonic() + timeout_s
        while not await asyncio.to_thread(fact):
            assert time.monotonic() < end, f"not in {timeout_s} s: {what}"
            await asyncio.sleep(0.2)

    def hears():
        heard = client.receiver.hear()
        return heard["share"] > 0.3 and abs(heard["hz"] - 600) < 30

    client = Client()
    await client.start({"url": f"wss{origin(env)[5:]}/sip", "user": "carol", "password": env["SIP_PASSWORD"],
                        "domain": env["DOMAIN"], "hz": 600, "rgb": [0, 128, 0]})
    await client.call(f"sip:echo@{env['DOMAIN']}", {})
    await until_async("a call", hears)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    drains = await asyncio.create_subprocess_exec("podman", *command, **quiet)
    try:
        await until_async("the gateway drains", lambda: fetch(f"{origin(env)}/healthz")[0] == 503)
        later = time.monotonic() + 1
        await until_async("the call goes on", lambda: client.receiver.heard_at > later and hears())
        assert drains.returncode is None, "it did not wait"
        await client.hangup()
        await asyncio.wait_for(drains.wait(), 20)
    finally:
        if drains.returncode is None:
            drains.kill()
            podman("kill", stack.name("gateway"), check=False)


def check_drain(stack, env):
    gateway, was = stack.name("gateway"), len(stack.logs("gateway"))
    asyncio.run(drain(stack, env, "exec", gateway, *pre_stop()))
    until("it is started again", lambda: " ready" in stack.logs("gateway")[was:])
    asyncio.run(drain(stack, env, "stop", gateway))
    assert stack.inspect("gateway", "{{.State.ExitCode}}") == "0", stack.logs("gateway")[-2000:]
    say("a stop waits for the last call, and so does what Kubernetes runs before it")


def main():
    engine()
    env = settings()
    stack = Stack(f"{TREE}/docker/compose.yml", env, "-test")
    stack.down()
    stack.build(*SERVICES)
    say("images are built")
    try:
        stack.up(*SERVICES)
        until("the gateway is ready", lambda: " ready" in stack.logs("gateway"))
        until("the phone is registered", lambda: "200 OK" in stack.logs("phone"))
        say("the stack is up")
        check_image(stack)
        check_confined(stack)
        check_console(env)
        podman("healthcheck", "run", stack.name("gateway"))
        say(call(env, "echo"))
        say(call(env, "phone", 440))
        say(relayed(env))
        until("the page lies in the fax machine", lambda: "fax-1.tif" in stack.inside("machines", "ls", "/run/fax"))
        check_prometheus(env, 4)
        check_drain(stack, env)
    except BaseException:
        for s in SERVICES:
            print(f"---- {s}", stack.logs(s)[-3000:], sep="\n")
        raise
    finally:
        if "IMSGW_KEEP" not in os.environ:
            stack.down()


if __name__ == "__main__":
    main()

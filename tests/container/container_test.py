#!/usr/bin/python3
"""Builds the images of docker/compose.yml, runs the stack and makes calls through it. Status 77 and a reason where no
container can run. The base image is debian:bookworm-slim: what is there, else what the registry gives, else one made by
mmdebstrap from the mirror of this machine; IMSGW_BASE_IMAGE names another. Run: container_test.py"""
import os
import shutil
import subprocess
import sys
import time

from stack import Stack, podman, read_env, run

HERE = os.path.dirname(os.path.abspath(__file__))
TREE = os.path.dirname(os.path.dirname(HERE))
SERVICES = ("gateway", "kamailio", "phone", "machines", "coturn", "prometheus")
BASE = "docker.io/library/debian:bookworm-slim"


def skip(why):
    print(f"SKIPPED: {why}")
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


def base():
    given = os.environ.get("IMSGW_BASE_IMAGE")
    if given:
        podman("tag", given, BASE)
        return f"{given}, as told"
    if run("podman", "image", "exists", BASE, check=False).returncode == 0:
        return "the image that is here"
    if run("podman", "pull", "-q", BASE, check=False, timeout=120).returncode == 0:
        return "pulled"
    if not shutil.which("mmdebstrap"):
        skip(f"no {BASE}: it cannot be pulled, and there is no mmdebstrap to make one")
    made = subprocess.run("mmdebstrap --quiet --variant=minbase bookworm - | podman import -q - " + BASE, shell=True,
                          capture_output=True, text=True, timeout=300)
    if made.returncode != 0:
        skip(f"no {BASE}: neither a registry nor a mirror of Debian: {made.stderr[-300:]}")
    return "made by mmdebstrap"


def engine():
    """Whether containers run here at all: in a chroot or in another container they often do not."""
    if not shutil.which("podman"):
        skip("no container engine: podman is missing")
    say(f"base image: {base()}")
    tried = run("podman", "run", "--rm", *Stack.limits({}), "--network", "host", BASE, "true", check=False, timeout=60)
    if tried.returncode != 0:
        skip(f"no container engine that works here: {tried.stderr.strip()[-300:]}")


def settings():
    own = run("hostname", "-I").stdout.split()[0]
    first = 18600
    return dict(read_env(f"{TREE}/docker/.env.example"), ADDRESS=own, HTTPS_PORT=str(first), MEDIA_PORT=str(first + 1),
                MEDIA_PORTS=f"{first + 1}-{first + 2}", TURN_PORT=str(first + 3), PROMETHEUS_PORT=str(first + 4),
                GRAFANA_PORT=str(first + 5))


def call(env, target, hz=600):
    return run("/usr/bin/python3", f"{TREE}/tests/peers/aiortc/echo_call.py",
               f"wss://{env['ADDRESS']}:{env['HTTPS_PORT']}/sip", "alice", env["DOMAIN"], env["SIP_PASSWORD"],
               f"sip:{target}@{env['DOMAIN']}", str(hz), timeout=60).stdout.strip().splitlines()[-1]


def main():
    engine()
    env = settings()
    stack = Stack(f"{TREE}/docker/compose.yml", env, "-test")
    stack.down()
    stack.build(*SERVICES)
    say("images are built")
    try:
        stack.up(*SERVICES)
        say("containers are up")
        until("the gateway is ready", lambda: " ready" in stack.logs("gateway"))
        until("the phone is registered", lambda: "200 OK" in stack.logs("phone"))
        say(call(env, "echo"))
        say(call(env, "phone", 440))
    except BaseException:
        for s in SERVICES:
            print(f"---- {s}", stack.logs(s)[-3000:], sep="\n")
        raise
    finally:
        if "IMSGW_KEEP" not in os.environ:
            stack.down()


main()

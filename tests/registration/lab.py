"""Kamailio, the gateway and tshark beside each other, for the tests of this folder."""
import asyncio
import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.request

from sip import Client
from waf import Waf

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.abspath(sys.argv[1])
DOMAIN = "ims.example"
# of the core side, e.g. tls/127.0.0.1
TRANSPORT, _, ADDRESS = (sys.argv[2] if len(sys.argv) > 2 else "127.0.0.1").rpartition("/")
HOST = ADDRESS.strip("[]")
FAMILY = socket.AF_INET6 if ":" in ADDRESS else socket.AF_INET


def free_block(n):
    """The first of n consecutive UDP and TCP ports that nobody uses now, below those that the kernel lends."""
    for base in range(26000 + os.getpid() % 20 * n, 27000 - n, n):
        try:
            for port in range(base, base + n):
                for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                    for family, host in {(socket.AF_INET, "127.0.0.1"), (FAMILY, HOST)}:
                        with socket.socket(family, kind) as s:
                            s.bind((host, port))
            return base
        except OSError:
            continue
    raise RuntimeError("no free ports")


class Lab:
    """Kamailio, the gateway, and tshark that records what passes between them."""

    kind = Client # of the parties

    def __init__(self, ncases):
        self.ncases = ncases
        self.dir = tempfile.mkdtemp(prefix="registration-")
        base = free_block(40)
        self.sip, self.core, self.core_tls, self.wss, self.media, self.ecscf, self.sips = range(base, base + 7)
        self.phones = range(base + 7, base + 10)
        self.to_core = f"udp.srcport == {self.sip} && udp.dstport == {self.core}"
        if TRANSPORT:
            self.to_core = f"tcp.dstport == {self.core}"
        self.rtp = (base + 10, base + 39)
        self.tokens = Waf(self.dir)
        self.processes = []
        self.suffix = "" # of the users of this case: each has its own, so that none inherits another's contacts

    def start(self, name, args, says, **more):
        log = open(f"{self.dir}/{name}.log", "w+")
        p = subprocess.Popen(args, stdout=log, stderr=subprocess.STDOUT, start_new_session=True, **more)
        self.processes.append((name, p, log))
        end = time.time() + 15
        while says not in open(log.name, errors="replace").read():
            if time.time() > end or p.poll() is not None:
                raise RuntimeError(f"{name} did not start:\n{open(log.name).read()[-2000:]}")
            time.sleep(0.05)
        return p

    def up(self):
        self.pcap = f"{self.dir}/core.pcap"
        ports = f"port {self.sip} or port {self.core}"
        self.start("tshark", ["tshark", "-q", "-i", "lo", "-f", ports, "-w", self.pcap], "Capturing on")
        self.start("kamailio", [f"{HERE}/../peers/kamailio/run", "--port", str(self.core),
                                "--gateway-port", str(self.sip), "--address", ADDRESS, "--dir",
                                f"{self.dir}/kamailio", "--min-expires", "2", "--transport", TRANSPORT,
                                *(f"{user}{i}:{'geheim' if user == 'bob' else 'secret'}" for i in range(self.ncases)
                                  for user in ("ann", "bob", "phone", "eve"))], "Aliases")
        core = f"{ADDRESS}:{self.core_tls if TRANSPORT == 'tls' else self.core}"
        core += f";transport={TRANSPORT}" * bool(TRANSPORT)
        with open(f"{self.dir}/imsgw.conf", "w") as f:
            if TRANSPORT == "tls": # Kamailio's certificate serves the gateway as well
                f.write(f"tls_cert = {self.dir}/kamailio/cert.pem\ntls_key = {self.dir}/kamailio/key.pem\n"
                        f"sips_listen = {ADDRESS}:{self.sips}\n")
            f.write(f"domain = visited.example\nsip_listen = {ADDRESS}:{self.sip}\nwss_listen = 127.0.0.1:{self.wss}\n"
                    f"core_route = sip:{core};lr\ncore_transport = {TRANSPORT or 'udp'}\nadmin_socket =\n"
                    "log_level = debug\n"
                    f"emergency_route = sip:{ADDRESS}:{self.ecscf};lr\n"
                    f"access_port = {self.media}\ncore_port_min = {self.rtp[0]}\ncore_port_max = {self.rtp[1]}\n"
                    f"home_domains = {DOMAIN}\n{self.tokens.conf()}")
        self.start("imsgw", [f"{BUILD}/imsgw", "-c", f"{self.dir}/imsgw.conf"], "ready")

    def down(self):
        for name, p, log in reversed(self.processes):
            if p.poll() is None:
                p.send_signal(signal.SIGINT)
            try:
                p.wait(8)
            except subprocess.TimeoutExpired:
                os.killpg(p.pid, signal.SIGKILL)
                p.wait()
                if name == "imsgw":
                    raise RuntimeError("the gateway did not end")
            if name == "imsgw" and p.returncode != 0:
                raise RuntimeError(f"the gateway ended with {p.returncode}:\n{open(log.name).read()[-3000:]}")

    def logs(self):
        for name in ("kamailio", "imsgw"):
            path = f"{self.dir}/{name}.log"
            if os.path.exists(path):
                print(f"---- {name}", open(path, errors="replace").read()[-4000:], sep="\n")
        print(f"files: {self.dir}")

    async def client(self, user, password="secret", instance=None, register=True, kind=None, query="", **more):
        c = (kind or self.kind)(user + self.suffix, DOMAIN, password, instance)
        await c.open_ws(self.wss, query=query)
        if register:
            answer = await c.register(**more)
            assert answer.status == 200, answer.text
            c.registration = answer
        return c

    async def phone(self, user="phone", index=0, kind=None):
        c = (kind or self.kind)(user + self.suffix, DOMAIN)
        await c.open_udp(self.phones[index], (HOST, self.core), ADDRESS)
        answer = await c.register()
        assert answer.status == 200, answer.text
        return c

    def metrics(self):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        text = urllib.request.urlopen(f"https://127.0.0.1:{self.wss}/metrics", context=context).read().decode()
        return {k: float(v) for k, v in (line.rsplit(" ", 1) for line in text.splitlines() if line and line[0] != "#")}

    def frames(self, only):
        """SIP messages on the core wire as tshark dissects them."""
        out = subprocess.run(["tshark", "-r", self.pcap, "-d", f"udp.port=={self.sip},sip", "-d",
                              f"tcp.port=={self.core},sip", "-Y", only, "-T", "fields", "-e", "sip.Request-Line", "-e",
                              "sip.Status-Line", "-e", "sip.msg_hdr", "-E", "separator=|"],
                             capture_output=True, text=True, check=True).stdout
        return [line for line in out.splitlines() if line]


def run(cases, at_end=None, kind=Client):
    """The cases, or those whose name holds argv[3]; at_end judges the whole when all ran. Ends the program."""
    lab, failed = Lab(len(cases)), 0
    lab.kind = kind
    chosen = [c for c in cases if len(sys.argv) < 4 or sys.argv[3] in c.__name__]

    def attempt(name, work):
        nonlocal failed
        try:
            work()
            print("ok  ", name)
        except Exception:
            failed += 1
            print("FAIL", name)
            traceback.print_exc()

    try:
        lab.up()
        for case in chosen:
            lab.suffix = str(cases.index(case))
            attempt(case.__name__, lambda: asyncio.run(asyncio.wait_for(case(lab), 60)))
        if at_end and len(chosen) == len(cases):
            time.sleep(1)
            attempt(at_end.__name__, lambda: at_end(lab))
    except Exception:
        failed += 1
        traceback.print_exc()
    finally:
        attempt("the gateway ends in order", lab.down)
    if failed or not chosen:
        lab.logs()
    sys.exit(1 if failed or not chosen else 0)

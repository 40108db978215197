"""The gateway between pages with data channels and a core that is a script or a real server, with tshark listening on the core
side. One start serves many cases."""
import asyncio
import json
import os
import re
import secrets
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
for folder in ("../registration", "../peers/aiortc", "../peers/msrp"):
    sys.path.insert(0, os.path.join(HERE, folder))
from page import Page, log_keys  # noqa: E402
from sip import Message  # noqa: E402

DOMAIN = "ims.example"
IS_SANITIZED = "IMSGW_SANITIZED" in os.environ # what is freed stays in memory for a while then


def is_free(port):
    try:
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
            with socket.socket(socket.AF_INET, kind) as s:
                if kind == socket.SOCK_STREAM:
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1) # what waits for its end does no harm
                s.bind(("127.0.0.1", port))
        return True
    except OSError:
        return False


class Ports:
    """A block of a hundred ports of one run; the last one is held as its lock."""

    def __init__(self):
        for i in range(100):
            base = 28000 + (os.getpid() + i) % 44 * 100 # as in tests/browser/lib/ports.mjs: blocks of trees do not meet
            self.lock = socket.socket()
            try:
                self.lock.bind(("127.0.0.1", base + 99))
            except OSError:
                self.lock.close()
                continue
            if all(is_free(p) for p in range(base, base + 99)):
                self.base = base
                return
            self.lock.close()
        raise RuntimeError("no hundred free ports found")


class Dialog:
    def __init__(self, core, invite=None, **more):
        self.core, self.invite, self.ended = core, invite, asyncio.Event()
        self.cseq = 100
        self.__dict__.update(more)

    async def request(self, method, body="", content_type="application/sdp", timeout=15):
        self.cseq += 1
        return await self.core.request(method, self.target, self.peer, body, content_type, timeout, From=self.local, To=self.remote,
                                       Call_ID=self.call_id, CSeq=f"{self.cseq} {method}")

    async def offer(self, sdp, timeout=15):
        """A re-INVITE; the answer, acknowledged."""
        r = await self.request("INVITE", sdp, timeout=timeout)
        self.core.ack(self, r)
        return r

    async def bye(self):
        return await self.request("BYE")


class Core(asyncio.DatagramProtocol):
    """The core as the gateway sees it: registers everybody, answers calls as `answer` says, calls whom the test wants."""

    def __init__(self, port, gateway):
        self.port, self.gateway = port, ("127.0.0.1", gateway)
        self.paths, self.waiting, self.dialogs = {}, {}, {}
        self.last = None         # the newest call
        self.answer = lambda offer: 488  # the SDP of the answer, or a status; may be a coroutine
        self.cseq = 0

    async def start(self):
        self.transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", self.port))
        return self

    def datagram_received(self, data, addr):
        m = Message(data.decode())
        if m.status:
            future = self.waiting.get((m["Call-ID"], m["CSeq"]))
            if future and not future.done() and m.status >= 200:
                future.set_result(m)
            return
        asyncio.ensure_future(self._request(m, addr))

    def respond(self, m, addr, status, phrase="", headers=(), body="", tag="core"):
        to = m["To"] if ";tag=" in m["To"] else f"{m['To']};tag={tag}"
        lines = [f"SIP/2.0 {status} {phrase or 'X'}", *(f"Via: {v}" for v in m.all("Via")),
                 *(f"Record-Route: {v}" for v in m.all("Record-Route")), f"From: {m['From']}", f"To: {to}",
                 f"Call-ID: {m['Call-ID']}", f"CSeq: {m['CSeq']}", *headers, f"Content-Length: {len(body.encode())}", "", ""]
        self.transport.sendto(("\r\n".join(lines) + body).encode(), addr)

    async def _request(self, m, addr):
        if m.method == "REGISTER":
            self.paths[m.uri_of("To")] = (m.uri_of("Contact"), m.uri_of("Path"))
            self.respond(m, addr, 200, "OK", [f"Contact: {m['Contact']}", f"Path: {m['Path']}", f"P-Associated-URI: {m['To']}",
                                              f"Service-Route: <sip:127.0.0.1:{self.port};lr>"])
        elif m.method == "INVITE":
            await self._invite(m, addr)
        elif m.method == "BYE":
            self.respond(m, addr, 200, "OK")
            if m["Call-ID"] in self.dialogs:
                self.dialogs.pop(m["Call-ID"]).ended.set()
        elif m.method != "ACK":
            self.respond(m, addr, 200, "OK")

    async def _invite(self, m, addr):
        dialog, tag = self.dialogs.get(m["Call-ID"]), secrets.token_hex(4)
        key = (m["Call-ID"], m["CSeq"], m["Via"])
        if key in self.waiting:
            return  # a repetition
        self.waiting[key] = None
        answer = self.answer(m.body)
        if asyncio.iscoroutine(answer):
            answer = await answer
        if isinstance(answer, int):
            self.respond(m, addr, answer)
            return
        if not dialog:
            dialog = Dialog(self, m, call_id=m["Call-ID"], local=f"{m['To']};tag={tag}", remote=m["From"], target=m.uri_of("Contact"),
                            peer=addr)
            self.dialogs[m["Call-ID"]] = dialog
            self.last = dialog
        self.respond(m, addr, 200, "OK", [f"Contact: <sip:core@127.0.0.1:{self.port}>", "Content-Type: application/sdp"], answer, tag)

    async def request(self, method, uri, peer, body="", content_type="application/sdp", timeout=15, **given):
        headers = {k.replace("_", "-"): v for k, v in given.items()}
        via = f"SIP/2.0/UDP 127.0.0.1:{self.port};branch=z9hG4bK{secrets.token_hex(8)}"
        lines = [f"{method} {uri} SIP/2.0", f"Via: {via}", "Max-Forwards: 70", *(f"{k}: {v}" for k, v in headers.items()),
                 f"Contact: <sip:core@127.0.0.1:{self.port}>", *([f"Content-Type: {content_type}"] if body else []),
                 f"Content-Length: {len(body.encode())}", "", ""]
        future = self.waiting[(headers["Call-ID"], headers["CSeq"])] = asyncio.get_running_loop().create_future()
        self.transport.sendto(("\r\n".join(lines) + body).encode(), peer)
        return await asyncio.wait_for(future, timeout)

    def ack(self, dialog, response):
        cseq = response["CSeq"].split()[0]
        via = f"SIP/2.0/UDP 127.0.0.1:{self.port};branch=z9hG4bK{secrets.token_hex(8)}"
        target = response.uri_of("Contact") if response["Contact"] else dialog.target
        self.transport.sendto("\r\n".join([f"ACK {target} SIP/2.0", f"Via: {via}", "Max-Forwards: 70", f"From: {dialog.local}",
                                           f"To: {response['To']}", f"Call-ID: {dialog.call_id}", f"CSeq: {cseq} ACK",
                                           "Content-Length: 0", "", ""]).encode(), dialog.peer)

    async def call(self, user, sdp, timeout=15):
        """An INVITE to a registered user: dialog (None if refused) and the answer."""
        aor = f"sip:{user}@{DOMAIN}"
        contact, path = self.paths[aor]
        self.cseq += 1
        d = Dialog(self, call_id=secrets.token_hex(8), local=f"<sip:core@{DOMAIN}>;tag={secrets.token_hex(4)}", remote=f"<{aor}>",
                   target=contact, peer=self.gateway)
        d.cseq = self.cseq
        r = await self.request("INVITE", contact, self.gateway, sdp, timeout=timeout, From=d.local, To=d.remote, Call_ID=d.call_id,
                               CSeq=f"{self.cseq} INVITE", Route=f"<{path}>")
        if r["Contact"]:
            d.target = r.uri_of("Contact")
        if r.status < 300:
            self.ack(d, r)
            d.remote = r["To"]
            self.dialogs[d.call_id] = d
        return (d if r.status == 200 else None), r


def sdp(*lines, version=1):
    """A description of these m-lines, each a string of lines or a list."""
    head = ["v=0", f"o=- 77 {version} IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0"]
    for m in lines:
        head += m if isinstance(m, list) else m.split("\n")
    return "\r\n".join(head) + "\r\n"


def section(text, start):
    """The lines of the m-line that begins like this."""
    parts = re.split(r"(?m)^(?=m=)", text)
    found = [p for p in parts if p.startswith(start)]
    return found[0] if found else ""


class Lab:
    def __init__(self, build):
        self.build = os.path.abspath(build)
        self.dir = tempfile.mkdtemp(prefix="datachannel-")
        self.ports = Ports()
        self.base = self.ports.base
        self.processes, self.pages = [], []
        self.next_port = self.base + 60
        self.n = 0

    def port(self):
        """A port of this run that nobody has."""
        while True:
            self.next_port = self.base + 60 + (self.next_port + 1 - self.base - 60) % 20
            if is_free(self.next_port):
                return self.next_port

    def start(self, name, args, says, **more):
        log = open(f"{self.dir}/{name}.log", "w+")
        p = subprocess.Popen(args, stdout=log, stderr=subprocess.STDOUT, start_new_session=True, **more)
        self.processes.append((name, p, log))
        end = time.time() + 20
        while says not in open(log.name, errors="replace").read():
            if time.time() > end or p.poll() is not None:
                raise RuntimeError(f"{name} did not start:\n{open(log.name, errors='replace').read()[-3000:]}")
            time.sleep(0.03)
        return p

    def gateway(self, name="imsgw", offset=0, core=None, **conf):
        """A gateway; a second one beside it with offset 10."""
        base = self.base + offset
        values = {
            "domain": "visited.example", "log_level": "debug", "wss_listen": f"127.0.0.1:{base + 1}",
            "sip_listen": f"127.0.0.1:{base + 2}", "core_route": f"sip:127.0.0.1:{core or self.base + 4};lr",
            "access_address": "127.0.0.1", "access_port": base + 3, "core_address": "127.0.0.1",
            "core_port_min": self.base + 20 + 2 * offset, "core_port_max": self.base + 39 + 2 * offset, "core_networks": "127.0.0.0/8", "home_domains": DOMAIN,
            "admin_socket": f"{self.dir}/{name}.sock", "call_record_file": f"{self.dir}/{name}.records", **conf}
        if "IMSGW_APART" in os.environ:
            values.update(self.access_gateway(name, base, values))
        p = self.start(name, [f"{self.build}/imsgw", "-c", self.write_conf(name, values)], "ready")
        if "IMSGW_APART" in os.environ:
            self.wait_for(name, "is connected")
        return p

    def write_conf(self, name, values):
        path = f"{self.dir}/{name}.conf"
        with open(path, "w") as f:
            f.write("".join(f"{k} = {v}\n" for k, v in values.items()))
        return path

    def access_gateway(self, name, base, values):
        """Its media in a process of its own; what the configuration of the other has to say then."""
        own = f"{self.dir}/iq.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                        "-subj", "/CN=iq", "-keyout", own + ".key", "-out", own], check=True, capture_output=True)
        iq = {"iq_cert": own, "iq_key": own + ".key", "iq_ca": own}
        media = {**values, **iq, "role": "agw", "iq_listen": f"127.0.0.1:{base + 7}", "admin_socket": f"{self.dir}/{name}-agw.sock"}
        self.start(f"{name}-agw", [f"{self.build}/imsgw", "-c", self.write_conf(f"{name}-agw", media)], "ready")
        return {**iq, "role": "pcscf", "iq_agws": f"127.0.0.1:{base + 7}"}

    def wait_for(self, name, says):
        log, end = next(log for n, _, log in self.processes if n == name), time.time() + 10
        while says not in open(log.name, errors="replace").read():
            assert time.time() < end, f"{name} does not say {says}"
            time.sleep(0.03)

    def demo_core(self, ports=None):
        """imsgw-demo-core where the gateways look for their core."""
        low, high = ports or (self.base + 80, self.base + 97)
        return self.start("demo-core", [f"{self.build}/imsgw-demo-core", "--listen", f"127.0.0.1:{self.base + 4}", "--ports",
                                        f"{low}-{high}", "--verbose"], "listening")

    def capture(self):
        self.pcap, self.keys = f"{self.dir}/wire.pcap", f"{self.dir}/keys"
        log_keys(self.keys)
        # tshark takes SCTP for what is inside DTLS by its list of private keys alone; this one opens nothing
        subprocess.run(["openssl", "genrsa", "-traditional", "-out", f"{self.dir}/any.pem", "2048"], check=True, capture_output=True)
        self.tshark = self.start("tshark", ["tshark", "-q", "-i", "lo", "-f", f"portrange {self.base}-{self.base + 98}", "-w",
                                            self.pcap], "Capturing on")
        time.sleep(0.5) # it says so a little before it is true

    def stop_capture(self):
        time.sleep(0.5)
        self.tshark.send_signal(signal.SIGINT)
        self.tshark.wait(10)

    def frames(self, only, fields, decode=()):
        sctp = (f'uat:dtlsdecrypttablefile:"127.0.0.1","{self.base + p}","sctp","{self.dir}/any.pem",""' for p in (3, 13))
        options = [f"tls.keylog_file:{self.keys}", *sctp]
        args = ["tshark", "-r", self.pcap, *(x for o in options for x in ("-o", o)), *(x for d in decode for x in ("-d", d)), "-Y", only, "-T", "fields"]
        out = subprocess.run([*args, *(x for f in fields for x in ("-e", f))], capture_output=True, text=True, check=True).stdout
        return [line.split("\t") for line in out.splitlines() if line]

    def judge(self, *protocols):
        """Ends the capture. To tshark, which follows the SDP by itself but for BFCP and has the keys of DTLS, nothing is malformed on
        either side; how many frames each of these filters finds."""
        self.stop_capture()
        decode = [f"udp.port=={self.base + 4},sip"]
        media = ",".join(row[0] for row in self.frames("sdp.media", ["sdp.media"], decode))
        bfcp = {m[1]: m[2] for m in re.finditer(r"application (\d+) (TCP|UDP)/BFCP", media)}
        decode += [f"{t.lower()}.port=={p},bfcp" for p, t in bfcp.items() if int(p) > 9]
        # random octets of a body now and then are no lines to it, which it calls malformed: texts alone can be judged
        wrong = self.frames('(_ws.malformed || (sip || msrp || bfcp || rtp || sctp) && _ws.expert.severity == error) && '
                            '!(msrp.content.type in {"image/png", "application/zip", "a/b"})',
                            ["frame.number", "_ws.col.Protocol", "_ws.col.Info"], decode)
        assert not wrong, wrong[:5]
        found = {p: self.frames(p, ["frame.number"], decode) for p in protocols}
        return {p: len(rows) for p, rows in found.items()}

    async def page(self, user=None, offset=0, password="demo"):
        """A registered page."""
        self.n += 1
        p = await Page(user or f"user{self.n}", DOMAIN, password).open_ws(self.base + offset + 1)
        answer = await p.register()
        assert answer.status == 200, answer.text
        self.pages.append(p)
        return p

    def ctl(self, *words, name="imsgw"):
        out = subprocess.run([f"{self.build}/imsgwctl", "--json", "-s", f"{self.dir}/{name}.sock", *words], capture_output=True,
                             text=True).stdout
        return json.loads(out or "null")

    def metrics(self, offset=0):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        text = urllib.request.urlopen(f"https://127.0.0.1:{self.base + offset + 1}/metrics", context=context).read().decode()
        return {k: float(v) for k, v in (line.rsplit(" ", 1) for line in text.splitlines() if line and line[0] != "#")}

    async def end_pages(self):
        for p in self.pages:
            try:
                if p.dialog:
                    await asyncio.wait_for(p.hang_up(), 5)
                await asyncio.wait_for(p.close(), 5)
            except Exception as e:
                print(f"    (ending a page: {type(e).__name__} {e})")
        self.pages.clear()

    def down(self):
        bad = []
        for name, p, log in reversed(self.processes):
            if p.poll() is None:
                p.send_signal(signal.SIGINT)
            try:
                p.wait(8)
            except subprocess.TimeoutExpired:
                os.killpg(p.pid, signal.SIGKILL)
                p.wait()
                bad += [f"{name} did not end"] * name.startswith("imsgw")
            if name.startswith("imsgw") and p.returncode != 0:
                bad.append(f"{name} ended with {p.returncode}:\n{open(log.name, errors='replace').read()[-3000:]}")
        assert not bad, "\n".join(bad)

    def logs(self):
        for name, _, log in self.processes:
            if name != "tshark":
                print(f"---- {name}", open(log.name, errors="replace").read()[-5000:], sep="\n")
        print(f"files: {self.dir}")


def main(cases, setup, at_end=None, timeout=60):
    """script.py BUILD_DIR [case]: setup(lab) starts what is needed, then each case in its own registration."""
    lab, failed = Lab(sys.argv[1]), 0
    chosen = [c for c in cases if len(sys.argv) < 3 or sys.argv[2] in c.__name__]

    async def attempt(name, work):
        nonlocal failed
        began = time.time()
        try:
            result = work()
            if asyncio.iscoroutine(result):
                await asyncio.wait_for(result, timeout)
            print(f"ok   {name} ({time.time() - began:.1f} s)", flush=True)
        except Exception:
            failed += 1
            print(f"FAIL {name} ({time.time() - began:.1f} s)")
            traceback.print_exc()

    async def run():
        nonlocal failed
        try:
            result = setup(lab)
            if asyncio.iscoroutine(result):
                await result
            for case in chosen:
                await attempt(case.__name__, lambda: case(lab))
                await lab.end_pages()
            if at_end and (len(chosen) == len(cases)):
                await attempt(at_end.__name__, lambda: at_end(lab))
        except Exception:
            failed += 1
            traceback.print_exc()
        finally:
            await attempt("the gateway ends in order", lab.down)

    asyncio.run(run())
    if failed or not chosen:
        lab.logs()
    else:
        shutil.rmtree(lab.dir)
    sys.exit(1 if failed or not chosen else 0)

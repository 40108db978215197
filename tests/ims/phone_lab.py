"""What the tests of IMS phones share: ports of their own, processes that are ended and must end well, a gateway, a
phone and a core that are scripts."""
import asyncio
import hashlib
import os
import secrets
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../registration"))
from sip import Client, Message, digest # noqa: E402

DOMAIN = "ims.example"


def is_free(port):
    try:
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
            with socket.socket(socket.AF_INET, kind) as s:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR,
                             int(kind == socket.SOCK_STREAM))  # who waits is no owner
                s.bind(("127.0.0.1", port))
        return True
    except OSError:
        return False


def free_base(n):
    """The first of n ports in a row, and what keeps others away: the tenth."""
    for i in range(8):
        base = 24500 + (os.getpid() + i) % 8 * n
        if all(map(is_free, range(base, base + n))):
            try:
                return base, socket.create_server(("127.0.0.1", base + 9))
            except OSError:
                pass
    raise RuntimeError("no free ports")


class Lab:
    """Ports: base the core, + 1 WSS, + 2 SIP of the gateway, + 3 WebRTC, + 4 SIP of phones over UDP, + 30 to + 59 media
    of the gateway; the others are the test's. With IMSGW_APART in the environment the gateway's media is a process of
    its own, and + 7 is Iq."""

    def __init__(self, build, name):
        self.build = build
        self.base, self.lock = free_base(60)
        self.dir = tempfile.mkdtemp(prefix=f"{name}-")
        self.processes = []

    def log(self, name):
        path = f"{self.dir}/{name}.log"
        return open(path, errors="replace").read() if os.path.exists(path) else ""

    def start(self, name, args, says):
        with open(f"{self.dir}/{name}.log", "w") as log:
            p = subprocess.Popen(args, stdout=log, stderr=log, cwd=self.dir)
        self.processes.append((name, p))
        self.says(name, says, p)
        return p

    def says(self, name, what, p=None):
        end = time.time() + 15
        while what not in self.log(name):
            if time.time() > end or p and p.poll() is not None:
                raise RuntimeError(f"{name} does not say {what}:\n{self.log(name)[-3000:]}")
            time.sleep(0.05)

    def core(self):
        return self.start("core", [f"{self.build}/imsgw-demo-core", "--listen", f"127.0.0.1:{self.base}", "--ports",
                                   f"{self.base + 10}-{self.base + 25}", "--fax-dir", f"{self.dir}/fax", "--verbose"],
                          "listening")

    def gateway(self, **more):
        at = self.base
        conf = {"domain": DOMAIN, "wss_listen": f"127.0.0.1:{at + 1}", "sip_listen": f"127.0.0.1:{at + 2}",
                "core_route": f"sip:127.0.0.1:{at};lr", "access_udp": f"127.0.0.1:{at + 4}",
                "access_address": "127.0.0.1",
                "access_port": at + 3, "core_address": "127.0.0.1", "core_port_min": at + 30, "core_port_max": at + 59,
                "core_networks": "127.0.0.0/8", "admin_socket": f"{self.dir}/sock", "log_level": "debug", **more}
        if "IMSGW_APART" not in os.environ:
            return self.imsgw("gateway", conf)
        self.certificate("iq")
        iq = {"iq_cert": f"{self.dir}/iq.pem", "iq_key": f"{self.dir}/iq.key", "iq_ca": f"{self.dir}/iq.pem"}
        self.imsgw("media",
                   {**conf, **iq, "role": "agw", "iq_listen": f"127.0.0.1:{at + 7}",
                    "admin_socket": f"{self.dir}/msock"})
        p = self.imsgw("gateway", {**conf, **iq, "role": "pcscf", "iq_agws": f"127.0.0.1:{at + 7}"})
        self.says("gateway", "is connected", p)
        return p

    def imsgw(self, name, conf):
        with open(f"{self.dir}/{name}.conf", "w") as f:
            f.write("".join(f"{k} = {v}\n" for k, v in conf.items()))
        return self.start(name, [f"{self.build}/imsgw", "-c", f"{self.dir}/{name}.conf"], " ready")

    def capture(self):
        """From here on tshark keeps all of our ports, for frames()."""
        self.pcap = f"{self.dir}/wire.pcap"
        self.tshark = self.start("tshark",
                                 ["tshark", "-q", "-i", "lo", "-f", f"portrange {self.base}-{self.base + 59}", "-w",
                                            self.pcap], "Capturing on")
        time.sleep(0.5)  # it says so a little before it is true

    def end_capture(self):
        time.sleep(0.5)
        self.tshark.send_signal(2)
        self.tshark.wait(10)

    def frames(self, only, fields, decode=()):
        """A row of values of each frame that the filter lets pass."""
        sip = [f"udp.port=={self.base + n},sip" for n in (0, 2, 4)]
        args = ["tshark", "-r", self.pcap, "-Y", only, "-T", "fields", *(x for d in [*sip, *decode] for x in ("-d", d))]
        out = subprocess.run([*args, *(x for f in fields for x in ("-e", f))], capture_output=True, text=True,
                             check=True).stdout
        return [line.split("\t") for line in out.splitlines() if line]

    def certificate(self, name):
        """Its fingerprint; the files are dir/name.pem and .key."""
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                        "-nodes", "-days",
                        "2", "-subj", f"/CN={name}", "-keyout", f"{self.dir}/{name}.key", "-out",
                        f"{self.dir}/{name}.pem"],
                       check=True, stderr=subprocess.DEVNULL)
        der = ssl.PEM_cert_to_DER_cert(open(f"{self.dir}/{name}.pem").read())
        return ":".join(f"{b:02X}" for b in hashlib.sha256(der).digest())

    def down(self):
        self.lock.close()
        for _, p in self.processes:
            if p.poll() is None:
                p.send_signal(2)
        codes = {name: p.wait(20) for name, p in self.processes}
        assert not any(codes.values()), codes
        if sys.exc_info()[0] is None:  # what a failed test wrote stays
            shutil.rmtree(self.dir)


class Phone(Client):
    """Answers an INVITE when the test says so."""

    def respond(self, req, status, phrase, headers=(), body=""):
        if req.method == "INVITE" and not body and status == 200:
            return
        to = req["To"] if ";tag=" in req["To"] else f"{req['To']};tag={self.user}-tag"
        lines = [f"SIP/2.0 {status} {phrase}", *(f"Via: {v}" for v in req.all("Via")), f"From: {req['From']}",
                 f"To: {to}",
                 f"Call-ID: {req['Call-ID']}", f"CSeq: {req['CSeq']}", f"Contact: {self.contact}", *headers]
        if body:
            lines.append("Content-Type: application/sdp")
        self.send("\r\n".join([*lines, f"Content-Length: {len(body)}"]) + "\r\n\r\n" + body, self.peer)

    async def signs_in(self, *mediasec, network="IEEE-802.11;i-wlan-node-id=020000000001"):
        more = [f"Security-Client: {', '.join(m + ';mediasec' for m in mediasec)}", "Require: mediasec",
                "Proxy-Require: mediasec"] if mediasec else []
        contact = [f"Contact: {self.contact};expires=600", f"P-Access-Network-Info: {network}", *more]
        aor = f"<{self.aor}>"
        challenge = await self.ask(self.text("REGISTER", f"sip:{DOMAIN}", contact, To=aor))
        if challenge.status == 200:  # the core that is a script
            return challenge.all("Security-Server")
        assert challenge.status == 401, challenge.text
        server = challenge.all("Security-Server")
        verify = [f"Security-Verify: {', '.join(server)}"] if server else []
        credentials = digest(challenge["WWW-Authenticate"], "REGISTER", f"sip:{DOMAIN}", self.user, "demo")
        ok = await self.ask(self.text("REGISTER", f"sip:{DOMAIN}", [*contact, *verify, f"Authorization: {credentials}"],
                                      To=aor))
        assert ok.status == 200, ok.text
        return server

    async def invites(self, body, dialog=None, to=f"sip:echo@{DOMAIN}"):
        """The answer, and the dialog for what follows."""
        given = dialog or {"Call_ID": secrets.token_hex(8), "From": f"<{self.aor}>;tag={secrets.token_hex(4)}",
                           "To": f"<{to}>"}
        uri = given.get("target", to)
        given = {k: v for k, v in given.items() if k != "target"}
        answer = await self.ask(self.text("INVITE", uri, [f"Contact: {self.contact}", "Content-Type: application/sdp"],
                                          body,
                                          **given))
        if answer.status == 200:
            given.update(To=answer["To"], target=answer.uri_of("Contact"))
            ack = {k: v for k, v in given.items() if k != "target"}
            self.cseq -= 1
            self.send(self.text("ACK", given["target"], **ack))
        return answer, given

    async def hangs_up(self, dialog):
        given = {k: v for k, v in dialog.items() if k != "target"}
        assert (await self.ask(self.text("BYE", dialog["target"], **given))).status == 200


def sdp(lines, port=None):
    head = ["v=0", f"o=- 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0"]
    return "\r\n".join([*head, *lines]) + "\r\n"


async def called(ann, words):
    assert (await ann.request("MESSAGE", f"sip:echo@{DOMAIN}", ["Content-Type: text/plain"],
                              f"call me {words}")).status == 200
    return await ann.next("INVITE")


class Core(asyncio.DatagramProtocol):
    """A core that is a script: says 200 to every REGISTER, calls go to `route`, or here: `answer(invite)` gives the
    SDP."""

    def __init__(self, port, answer=None, route=None):
        self.port, self.answer, self.route = port, answer, route or f"sip:127.0.0.1:{port};lr"
        self.invites = []

    async def start(self):
        await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", self.port))
        return self

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        m, headers, body = Message(data.decode()), [], ""
        if m.method == "REGISTER":
            headers = [f"Contact: {m['Contact']}", f"Path: {m['Path']}", f"Service-Route: <{self.route}>",
                       f"P-Associated-URI: {m['To']}"]
        elif m.method == "INVITE":
            self.invites.append(m)
            headers, body = [f"Contact: <sip:core@127.0.0.1:{self.port}>",
                             "Content-Type: application/sdp"], self.answer(m)
        elif m.method != "BYE":
            return
        to = m["To"] if ";tag=" in m["To"] else f"{m['To']};tag=core"
        lines = ["SIP/2.0 200 OK", *(f"Via: {v}" for v in m.all("Via")), f"From: {m['From']}", f"To: {to}",
                 f"Call-ID: {m['Call-ID']}", f"CSeq: {m['CSeq']}", *headers, f"Content-Length: {len(body)}", "", body]
        self.transport.sendto("\r\n".join(lines).encode(), addr)

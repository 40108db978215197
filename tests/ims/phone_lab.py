"""What the tests of IMS phones share: ports of their own, processes that are ended and must end well, a gateway."""
import hashlib
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time

DOMAIN = "ims.example"


def free_base(n):
    """The first of n ports in a row."""
    for base in range(24500 + os.getpid() % 8 * n, 24990 - n, n):
        try:
            for port in range(base, base + n):
                for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                    with socket.socket(socket.AF_INET, kind) as s:
                        s.bind(("127.0.0.1", port))
            return base
        except OSError:
            continue
    raise RuntimeError("no free ports")


class Lab:
    """Ports: base the core, + 1 WSS, + 2 SIP of the gateway, + 3 WebRTC, + 4 SIP of phones over UDP, + 30 to + 59 media of
    the gateway; the others are the test's."""

    def __init__(self, build, name):
        self.build, self.base = build, free_base(60)
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
                "core_route": f"sip:127.0.0.1:{at};lr", "access_udp": f"127.0.0.1:{at + 4}", "access_address": "127.0.0.1",
                "access_port": at + 3, "core_address": "127.0.0.1", "core_port_min": at + 30, "core_port_max": at + 59,
                "core_networks": "127.0.0.0/8", "admin_socket": f"{self.dir}/sock", "log_level": "debug", **more}
        with open(f"{self.dir}/gw.conf", "w") as f:
            f.write("".join(f"{k} = {v}\n" for k, v in conf.items()))
        return self.start("gateway", [f"{self.build}/imsgw", "-c", f"{self.dir}/gw.conf"], " ready")

    def certificate(self, name):
        """Its fingerprint; the files are dir/name.pem and .key."""
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
                        "2", "-subj", f"/CN={name}", "-keyout", f"{self.dir}/{name}.key", "-out", f"{self.dir}/{name}.pem"],
                       check=True, stderr=subprocess.DEVNULL)
        der = ssl.PEM_cert_to_DER_cert(open(f"{self.dir}/{name}.pem").read())
        return ":".join(f"{b:02X}" for b in hashlib.sha256(der).digest())

    def down(self):
        for _, p in self.processes:
            if p.poll() is None:
                p.send_signal(2)
        codes = {name: p.wait(20) for name, p in self.processes}
        assert not any(codes.values()), codes
        if sys.exc_info()[0] is None:  # what a failed test wrote stays
            shutil.rmtree(self.dir)

#!/usr/bin/python3
"""What the documents say is so: links lead somewhere, keys, counters and quoted words exist, configurations pass `imsgw --check`,
shell commands run against a running gateway. docs_check.py BUILD_DIR"""
import glob
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time

TREE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
BUILD = os.path.abspath(sys.argv[1])
os.chdir(TREE)
DOCUMENTS = subprocess.run(["git", "ls-files", "*.md"], capture_output=True, text=True).stdout.split() or \
    [p for p in glob.glob("**/*.md", recursive=True) if "node_modules" not in p and not p.startswith("build")]
faults = []


def fault(path, what):
    faults.append(f"{path}: {what}")


def read(path):
    with open(path, errors="replace") as f:
        return f.read()


def blocks(text):
    return re.findall(r"^```(\w*)\n(.*?)^```", text, re.S | re.M)


def anchor(title):
    return re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-")


def check_links(path, text):
    plain = re.sub(r"```.*?```", "", text, flags=re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", plain):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, part = target.partition("#")
        at = os.path.normpath(os.path.join(os.path.dirname(path), file)) if file else path
        if not os.path.exists(at):
            fault(path, f"link to {target}, which is not there")
        elif part and part not in map(anchor, re.findall(r"^#+ (.*)", read(at), re.M)):
            fault(path, f"link to {target}: no such heading")


KEYS = set(re.findall(r"^X\(\w+, (\w+),", read("gateway/base/conf.def"), re.M))
COUNTERS = set(re.findall(r'"(imsgw_\w+)"', read("gateway/base/stats.def")))
SOURCES = "\n".join(read(p) for d in ("gateway", "signaling", "t38", "datachannel", "web/demo", "web/imsgw-client")
                    for p in glob.glob(f"{d}/**/*", recursive=True)
                    if p.endswith((".c", ".h", ".def", ".js")) and "node_modules" not in p)
COMMANDS = ("imsgw", "imsgwctl", "curl", "kill", "systemctl", "ulimit", "ctest", "npm", "cmake", "docker")


def is_known(word):
    word = word.strip()
    if word in KEYS or word in COUNTERS or word.split("{")[0] in COUNTERS:
        return True
    if re.fullmatch(r"\w+=\"\w+\"", word): # a label
        return word in read("gateway/base/stats.def").replace("\\", "")
    return word.split()[0] in COMMANDS or os.path.exists(word.rstrip("/")) or word in SOURCES


def check_words(path, text):
    """Of the documents for people outside; what they quote must be found by who searches for it."""
    plain = re.sub(r"```.*?```", "", text, flags=re.S)
    for word in re.findall(r"`([^`\n]+)`", plain):
        if not is_known(word) and not word.startswith(("/", "wss:", "sip:", "_more", "<", "X-", "Retry", "Warning", "Reason")):
            fault(path, f"`{word}` is no key, counter, file, command or word of the program")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def check_confs(path, text, work):
    for kind, block in blocks(text):
        if kind != "conf" and not (kind == "" and re.search(r"^domain +=", block, re.M)):
            continue
        file = f"{work}/check.conf"
        block = re.sub(r"/etc/imsgw/(chain|key)\.pem", f"{work}/cert.pem", block)
        with open(file, "w") as f:
            f.write(block)
        r = subprocess.run([f"{BUILD}/imsgw", "--check", "-c", file], capture_output=True, text=True)
        ours = [l for l in r.stderr.splitlines() if "no such address" not in l and "not an address of this machine" not in l]
        if r.returncode and ours:
            fault(path, f"its configuration does not pass: {ours}")


def gateway(work):
    ports = [free_port() for _ in range(3)]
    with open(f"{work}/imsgw.conf", "w") as f:
        f.write(f"wss_listen = 127.0.0.1:{ports[0]}\nsip_listen = 127.0.0.1:{ports[1]}\ncore_route = sip:127.0.0.1:9;lr\n"
                f"access_address = 127.0.0.1\naccess_port = {free_port()}\ncore_address = 127.0.0.1\n"
                f"core_networks = 127.0.0.0/8\ncore_port_min = 18000\ncore_port_max = 18099\nadmin_socket = {work}/sock\nadmin_listen = 127.0.0.1:{ports[2]}\n")
    log = open(f"{work}/imsgw.log", "w")
    p = subprocess.Popen([f"{BUILD}/imsgw", "-c", f"{work}/imsgw.conf"], stderr=log)
    end = time.time() + 15
    while " ready" not in read(f"{work}/imsgw.log"):
        if time.time() > end or p.poll() is not None:
            raise RuntimeError(read(f"{work}/imsgw.log"))
        time.sleep(0.05)
    return p, ports


def check_commands(path, text, work, ports):
    environment = {**os.environ, "PATH": f"{BUILD}:{os.environ['PATH']}", "IMSGW_ADMIN_SOCKET": f"{work}/sock"}
    for kind, block in blocks(text):
        if kind == "console" or kind == "sh":
            if subprocess.run(["bash", "-n"], input=block, text=True).returncode:
                fault(path, "a command that is no shell")
        for script in re.findall(r"(?:^|\s)((?:scripts|bench)/[\w-]+)", block):
            if not os.access(script, os.X_OK):
                fault(path, f"{script} is no program")
        for preset in re.findall(r"--preset (\w+)", block):
            if preset not in {p["name"] for p in json.load(open("CMakePresets.json"))["configurePresets"]}:
                fault(path, f"no preset {preset}")
        for line in block.splitlines() if kind == "sh" else []:
            line = line.replace("ADMIN", f"127.0.0.1:{ports[2]}").split(" # ")[0].strip()
            if not line:
                continue
            r = subprocess.run(["bash", "-ec", line], cwd=work, env=environment, capture_output=True, text=True, timeout=30)
            if r.returncode:
                fault(path, f"{line}: {r.returncode} {r.stderr.strip()[-200:]}")


with tempfile.TemporaryDirectory() as work:
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj",
                    "/CN=x", "-keyout", f"{work}/key", "-out", f"{work}/crt"], check=True, stderr=subprocess.DEVNULL)
    with open(f"{work}/cert.pem", "w") as f:
        f.write(read(f"{work}/crt") + read(f"{work}/key"))
    process, ports = gateway(work)
    try:
        for path in DOCUMENTS:
            text = read(path)
            check_links(path, text)
            if path in ("docs/operators.md", "docs/developers.md", "docs/roles.md", "README.md", "docker/README.md"):
                check_confs(path, text, work)
                check_commands(path, text, work, ports)
            if path in ("docs/operators.md", "docs/developers.md"):
                check_words(path, text)
        made = subprocess.run(["scripts/make-reference", "gateway/base/conf.def", "gateway/base/stats.def"], capture_output=True,
                              text=True).stdout
        if made != read("docs/reference.md"):
            fault("docs/reference.md", "is not what scripts/make-reference makes now")
    finally:
        process.terminate()
        process.wait(20)
print("\n".join(faults) or f"{len(DOCUMENTS)} documents are sound")
sys.exit(bool(faults))

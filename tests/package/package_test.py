#!/usr/bin/python3
"""Builds the Debian package, installs it in a clean root, starts the service's own command line there, with the service's user
and privileges, and makes a call with real media through it. The root is a minimal Debian where debootstrap and a mirror are
there, else a copy-on-write view of this machine. It says which. Status 77 and a reason where root privileges are missing.
Run: package_test.py BUILD_DIR"""
import glob
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
TREE = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.abspath(sys.argv[1])
WORK = f"{BUILD}/package"
ROOT = f"{WORK}/root"
WSS, SIP, CORE, MEDIA, ADMIN = 28443, 28060, 28070, 28400, 28444
DOMAIN, PASSWORD = "ims.example", "package"


def skip(why):
    print(f"skipped: {why}")
    sys.exit(77)


def say(what):
    print(f"{time.strftime('%H:%M:%S')} {what}", flush=True)


def run(*args, **kw):
    r = subprocess.run(args, capture_output=True, text=True, **kw)
    assert r.returncode == 0, f"{' '.join(args)}: status {r.returncode}\n{r.stdout[-3000:]}{r.stderr[-3000:]}"
    return r.stdout


def inside(*args):
    return run("chroot", ROOT, *args, env=dict(os.environ, PATH="/usr/sbin:/usr/bin:/sbin:/bin", DEBIAN_FRONTEND="noninteractive"))


def build():
    if not os.path.isdir(f"{TREE}/web/dist"):
        run(f"{TREE}/scripts/npm-install")
        run("npm", "--prefix", f"{TREE}/web", "run", "--silent", "build")
    for old in glob.glob(f"{WORK}/*.deb"):
        os.unlink(old)
    run("cpack", "--config", f"{BUILD}/CPackConfig.cmake", "-B", WORK, cwd=BUILD)
    (deb,) = glob.glob(f"{WORK}/*.deb")
    return deb


def mount_root():
    """A writable view, in memory, of what stays as it is. Gone with this process's mount namespace."""
    lower, how = f"{WORK}/base", "a minimal Debian made by debootstrap"
    made = shutil.which("debootstrap") and subprocess.run([f"{HERE}/base", lower], capture_output=True, text=True)
    if not made or made.returncode != 0:
        how = f"a copy-on-write view of this machine ({made.stderr.strip()[-200:] if made else 'no debootstrap'})"
        lower = "/"
    upper = f"{WORK}/upper"
    for d in (upper, ROOT, f"{WORK}/archives"):
        os.makedirs(d, exist_ok=True)
    run("mount", "-t", "tmpfs", "tmpfs", upper)
    os.makedirs(f"{upper}/up")
    os.makedirs(f"{upper}/work")
    mounted = subprocess.run(["mount", "-t", "overlay", "overlay", "-o",
                              f"lowerdir={lower},upperdir={upper}/up,workdir={upper}/work", ROOT], capture_output=True, text=True)
    if mounted.returncode != 0:
        skip(f"no overlay file system here: {mounted.stderr.strip()}")
    run("mount", "-t", "proc", "proc", f"{ROOT}/proc")
    run("mount", "--rbind", "/dev", f"{ROOT}/dev")
    run("mount", "--bind", f"{WORK}/archives", f"{ROOT}/var/cache/apt/archives") # a second run downloads nothing
    shutil.copy("/etc/resolv.conf", f"{ROOT}/etc/resolv.conf")
    say(f"clean root: {how}")
    return lower != "/"


def install(deb, is_clean):
    name = os.path.basename(deb)
    shutil.copy(deb, f"{ROOT}/tmp/{name}")
    if is_clean:
        assert not os.path.exists(f"{ROOT}/usr/include/openssl"), "not a clean root"
        inside("apt-get", "-q", "-y", "-o", "APT::Keep-Downloaded-Packages=true", "install", "--no-install-recommends",
               f"/tmp/{name}")
    else:
        inside("dpkg", "-i", f"/tmp/{name}")
    say(f"installed {name}")


def check_files():
    for page, section, says in (("imsgw", 8, "SIGHUP"), ("imsgwctl", 8, "registrations"), ("imsgw-demo-core", 1, "echo"),
                                ("imsgw.conf", 5, "core_networks")):
        path = f"{ROOT}/usr/share/man/man{section}/{page}.{section}"
        if not os.path.exists(path): # minimal images leave documentation out
            path = f"{BUILD}/{page}.{section}"
        r = subprocess.run(["man", "--warnings", "-l", path], capture_output=True, text=True, env=dict(os.environ, MANWIDTH="100"))
        assert says in r.stdout and r.stderr == "", r.stdout + r.stderr
    keys = re.findall(r"^(\w+) =", inside("imsgw", "--print-example"), re.M)
    manual = open(f"{BUILD}/imsgw.conf.5").read()
    for key in keys:
        assert re.search(rf"^\.B {key}$", manual, re.M), f"imsgw.conf(5) lacks {key}"
    assert os.path.exists(f"{ROOT}/usr/share/imsgw/web/index.html"), "no page"
    inside("imsgw", "--check", "-c", "/etc/imsgw/imsgw.conf")
    unit = f"{ROOT}/usr/lib/systemd/system/imsgw.service"
    if shutil.which("systemd-analyze"):
        run("systemd-analyze", "--man=no", f"--root={ROOT}", "verify", "/usr/lib/systemd/system/imsgw.service")
        text = run("systemd-analyze", "security", "--offline=true", "--threshold=30", unit)
        say(text.strip().splitlines()[-1])
    return open(unit).read()


def configure():
    path = f"{ROOT}/etc/imsgw/imsgw.conf"
    text = open(path).read()
    for key, value in dict(domain=DOMAIN, wss_listen=f"127.0.0.1:{WSS}", sip_listen=f"127.0.0.1:{SIP}", access_port=MEDIA,
                           admin_listen=f"127.0.0.1:{ADMIN}",
                           core_route=f"sip:127.0.0.1:{CORE};lr", core_port_min=28500, core_port_max=28599).items():
        text, n = re.subn(rf"^{key} =.*$", f"{key} = {value}", text, flags=re.M)
        assert n == 1, key
    open(path, "w").write(text)


def wait_for(log, process, what=" ready"):
    end = time.monotonic() + 15
    while what not in open(log).read():
        assert process.poll() is None and time.monotonic() < end, open(log).read()
        time.sleep(0.05)


def start(unit):
    """What systemd would do, as far as it matters here: user, runtime directory, environment, capabilities, no new privileges."""
    value = dict(line.split("=", 1) for line in unit.splitlines() if "=" in line)
    user = value["User"]
    directory = f"/run/{value['RuntimeDirectory']}"
    inside("install", "-d", "-o", user, "-g", user, directory)
    drop = ["chroot", ROOT, "env", value["Environment"], "setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups",
            "--inh-caps=+net_bind_service", "--ambient-caps=+net_bind_service", "--bounding-set=-all,+net_bind_service"]
    drop += ["--no-new-privs"] if value["NoNewPrivileges"] == "yes" else []
    run(*drop, *value["ExecStartPre"].split())
    log = open(f"{WORK}/imsgw.log", "w")
    gateway = subprocess.Popen([*drop, *value["ExecStart"].split()], stderr=log)
    wait_for(log.name, gateway)
    return gateway


def call():
    log = open(f"{WORK}/core.log", "w")
    core = subprocess.Popen(["chroot", ROOT, "/usr/bin/imsgw-demo-core", "--listen", f"127.0.0.1:{CORE}", "--domain", DOMAIN,
                             "--password", PASSWORD, "--media", "127.0.0.1", "--ports", "28600-28699"], stderr=log)
    try:
        wait_for(log.name, core, "listening")
        say(run("/usr/bin/python3", f"{TREE}/tests/peers/aiortc/echo_call.py", f"wss://127.0.0.1:{WSS}/sip", "ann", DOMAIN, PASSWORD,
                f"sip:echo@{DOMAIN}").strip().splitlines()[-1])
    finally:
        core.terminate()
        core.wait(10)


def main():
    if os.geteuid() != 0:
        skip("needs root, to make a root of its own")
    if "IMSGW_IN_NAMESPACE" not in os.environ:
        r = subprocess.run(["unshare", "-m", "--propagation", "private", "env", "IMSGW_IN_NAMESPACE=1", "/usr/bin/python3", *sys.argv])
        if r.returncode == 1 and subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode != 0:
            skip("no mount namespaces here")
        sys.exit(r.returncode)
    os.makedirs(WORK, exist_ok=True)
    deb = build()
    is_clean = mount_root()
    install(deb, is_clean)
    unit = check_files()
    configure()
    gateway = start(unit)
    try:
        call()
        status = inside("imsgwctl", "status") # finds the service's socket by itself
        assert re.search(r"^state +running$", status, re.M), status
        for path, has in ("", "console"), ("api/history", '"verdict":"answered with 200"'):
            text = urllib.request.urlopen(f"http://127.0.0.1:{ADMIN}/{path}", timeout=10).read().decode()
            assert has in text, text
    finally:
        gateway.terminate()
    assert gateway.wait(15) == 0, open(f"{WORK}/imsgw.log").read()
    inside("dpkg", "--purge", "imsgw")
    left = [p for p in ("/etc/imsgw", "/usr/bin/imsgw", "/usr/share/imsgw") if os.path.exists(ROOT + p)]
    assert not left, left
    say("removed; nothing left")


main()

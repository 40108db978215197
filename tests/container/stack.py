"""A compose file, run by podman: as much of the format as docker/compose.yml uses, and an error for everything else.
There is podman-compose; Debian's (1.0.3) knows no fixed addresses."""
import json
import os
import resource
import string
import subprocess

import yaml

PODMAN = "podman"


def run(*args, check=True, timeout=900, **kw):
    r = subprocess.run(args, capture_output=True, text=True, timeout=timeout, **kw)
    if check and r.returncode != 0:
        raise RuntimeError(f"{' '.join(args)}: status {r.returncode}\n{r.stdout[-3000:]}{r.stderr[-3000:]}")
    return r


def podman(*args, **kw):
    return run(PODMAN, *args, **kw).stdout.strip()


def read_env(path):
    return dict(line.split("=", 1) for line in open(path).read().splitlines() if line and not line.startswith("#"))


def limit(name, value):
    """No process may give another one more than it has itself, which a container engine asks for by default."""
    hard = resource.getrlimit({"nofile": resource.RLIMIT_NOFILE, "nproc": resource.RLIMIT_NPROC}[name])[1]
    return value if hard == resource.RLIM_INFINITY else min(value, hard)


class Stack:
    def __init__(self, path, env, tag=""):
        self.directory = os.path.dirname(os.path.abspath(path))
        self.tag = tag
        text = string.Template(open(path).read()).substitute(env)  # KeyError: a variable that .env lacks
        whole = yaml.safe_load(text)
        self.project, self.services = whole.pop("name") + tag, whole.pop("services")
        self.networks, self.volumes = whole.pop("networks"), whole.pop("volumes")
        unknown = [k for k in whole if not k.startswith("x-")]
        assert not unknown, f"not understood: {unknown}"

    def name(self, service):
        return f"{self.project}-{service}"

    # ---- images ----

    def make(self, build, image):
        """One image. What it was before is removed, as every change of the tree would leave another one behind."""
        assert set(build) <= {"context", "dockerfile", "target"}, build
        context = os.path.join(self.directory, build["context"])
        was = podman("images", "--quiet", "--no-trunc", image + self.tag)
        podman("build", "--quiet", "--network", "host", "--format", "docker", *self.limits({}), "--target",
               build["target"], "-t", image + self.tag, "-f", os.path.join(context, build["dockerfile"]), context)
        if was and was != podman("images", "--quiet", "--no-trunc", image + self.tag):
            podman("rmi", was, check=False)

    def build(self, *services):
        """The stage that compiles, so that it is kept, and each image; those that several services share once."""
        wanted = {self.services[s]["image"]: self.services[s]["build"] for s in services}
        first = next(iter(wanted.values()))
        self.make({**first, "target": "build"}, f"{self.project.removesuffix(self.tag)}-build")
        for image, build in wanted.items():
            self.make(build, image)

    # ---- containers ----

    @staticmethod
    def limits(asked):
        both = {"nofile": 20000, "nproc": 10000, **asked}
        return [a for k, v in both.items() for a in ("--ulimit", f"{k}={limit(k, v)}:{limit(k, v)}")]

    def arguments(self, name):
        """What `podman run` is told about a service; every key is used or refused."""
        service = dict(self.services[name])
        args = ["--name", self.name(name), *self.limits(service.pop("ulimits", {}))]
        args += ["--network", service.pop("network_mode")] if "network_mode" in service else []
        for network, how in service.pop("networks", {}).items():
            args += ["--network", f"{self.project}-{network}", "--ip", how.pop("ipv4_address")]
            assert not how, how
        for key, value in service.pop("environment", {}).items():
            args += ["--env", f"{key}={value}"]
        many = {"ports": "--publish", "tmpfs": "--tmpfs", "cap_drop": "--cap-drop", "security_opt": "--security-opt",
                "extra_hosts": "--add-host"}
        for key, option in many.items():
            for value in service.pop(key, []):
                args += [option, value]
        for value in service.pop("volumes", []):
            source, rest = value.split(":", 1)
            place = os.path.join(self.directory, source) if source.startswith(".") else f"{self.project}-{source}"
            assert source.startswith(".") or source in self.volumes, source
            args += ["--volume", f"{place}:{rest}"]
        args += ["--read-only", "--read-only-tmpfs=false"] if service.pop("read_only", False) else []
        args += ["--restart", service.pop("restart", "no")]
        grace = service.pop("stop_grace_period", "10s")
        args += ["--stop-timeout", str(int(grace[:-1]) * {"s": 1, "m": 60}[grace[-1]])]
        if service.pop("healthcheck", {}).pop("disable", False):
            args += ["--no-healthcheck"]
        entrypoint = service.pop("entrypoint", None)
        args += ["--entrypoint", json.dumps(entrypoint)] if entrypoint else []
        image, command = service.pop("image"), service.pop("command", [])
        service.pop("build", None)
        assert not service, f"{name}: not understood: {list(service)}"
        return [*args, image + self.tag, *command]

    def up(self, *services):
        for network, how in self.networks.items():
            (one,) = how["ipam"]["config"]
            podman("network", "create", "--subnet", one["subnet"], f"{self.project}-{network}")
        for s in services:
            podman("run", "--detach", *self.arguments(s))

    def down(self):
        for s in self.services:
            podman("rm", "--force", "--ignore", "--time", "3", self.name(s), check=False)
        for network in self.networks:
            podman("network", "rm", "--force", f"{self.project}-{network}", check=False)
        for volume in self.volumes:
            podman("volume", "rm", "--force", f"{self.project}-{volume}", check=False)

    def logs(self, service):
        r = run(PODMAN, "logs", self.name(service), check=False)
        return r.stdout + r.stderr

    def inside(self, service, *command, **kw):
        return podman("exec", self.name(service), *command, **kw)

    def inspect(self, service, what):
        return podman("inspect", "--format", what, self.name(service))

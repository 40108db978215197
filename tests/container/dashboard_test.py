#!/usr/bin/python3
"""The Grafana dashboard without Grafana: Debian's Prometheus scrapes a gateway, with docker/prometheus/prometheus.yml
but for the address, and answers each of its queries. Run: dashboard_test.py BUILD_DIR"""
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

import yaml

from dashboard import DASHBOARDS, check_dashboard

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(sys.argv[1])


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def start(directory, name, *args, env=None):
    log = open(f"{directory}/{name}.log", "w")
    return subprocess.Popen(args, stdout=log, stderr=log, cwd=directory, env=env)


def wait_for(what, fact, timeout_s=30):
    end = time.monotonic() + timeout_s
    while True:
        try:
            if seen := fact():
                return seen
        except OSError:
            pass
        assert time.monotonic() < end, f"not in {timeout_s} s: {what}"
        time.sleep(0.2)


def check_provisioning():
    """Grafana would find both: the data source that the panels name, and the folder with the dashboard."""
    (source,) = yaml.safe_load(open(f"{TREE}/docker/grafana/provisioning/datasources/prometheus.yml"))["datasources"]
    (provider,) = yaml.safe_load(open(f"{TREE}/docker/grafana/provisioning/dashboards/imsgw.yml"))["providers"]
    assert provider["options"]["path"] == "/etc/grafana/dashboards"
    dashboard = json.load(open(DASHBOARDS.replace("*", "imsgw")))
    for p in dashboard["panels"]:
        assert p["datasource"] == {"type": source["type"], "uid": source["uid"]}, p["title"]
    places = [(p["gridPos"]["x"] + i, p["gridPos"]["y"] + j) for p in dashboard["panels"]
              for i in range(p["gridPos"]["w"]) for j in range(p["gridPos"]["h"])]
    assert len(places) == len(set(places)) and max(x for x, _ in places) < 24, "panels overlap or are too wide"


def main():
    check_provisioning()
    with tempfile.TemporaryDirectory() as directory:
        wss, web = free_port(), free_port()
        text = open(f"{TREE}/docker/prometheus/prometheus.yml").read()
        text, n = re.subn(r"gateway:8443", f"127.0.0.1:{wss}", text)
        assert n == 1
        open(f"{directory}/prometheus.yml", "w").write(text.replace("scrape_interval: 5s", "scrape_interval: 1s"))
        subprocess.run(["promtool", "check", "config", f"{directory}/prometheus.yml"], check=True,
                       stdout=subprocess.DEVNULL)
        env = dict(os.environ, IMSGW_WSS_LISTEN=f"127.0.0.1:{wss}", IMSGW_SIP_LISTEN=f"127.0.0.1:{free_port()}",
                   IMSGW_ADMIN_SOCKET="", IMSGW_ACCESS_PORT=str(free_port()), IMSGW_CORE_PORT_MIN="18700",
                   IMSGW_CORE_PORT_MAX="18799")
        gateway = start(directory, "gateway", f"{BUILD}/imsgw", env=env)
        prometheus = start(directory, "prometheus", "prometheus", f"--config.file={directory}/prometheus.yml",
                           f"--storage.tsdb.path={directory}/data", f"--web.listen-address=127.0.0.1:{web}")

        def ask(query):
            url = f"http://127.0.0.1:{web}/api/v1/query?query={urllib.parse.quote(query)}"
            return json.load(urllib.request.urlopen(url))["data"]["result"]
        try:
            wait_for("two scrapes", lambda: ask("rate(imsgw_calls_total[1m])"))
            print(check_dashboard(ask), "queries, every metric of them is there")
        except BaseException:
            for name in ("gateway", "prometheus"):
                print(f"---- {name}", open(f"{directory}/{name}.log").read()[-2000:], sep="\n")
            raise
        finally:
            for p in (gateway, prometheus):
                p.send_signal(signal.SIGINT)
            codes = [p.wait(20) for p in (gateway, prometheus)]
        assert codes[0] == 0, codes


main()

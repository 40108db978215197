"""The queries of the Grafana dashboard, judged by what a Prometheus answers."""
import glob
import json
import os
import re

DASHBOARDS = f"{os.path.dirname(os.path.abspath(__file__))}/../../docker/grafana/dashboards/*.json"


def queries():
    """(panel, query) of every dashboard."""
    for path in sorted(glob.glob(DASHBOARDS)):
        for panel in json.load(open(path))["panels"]:
            for target in panel["targets"]:
                yield panel["title"], target["expr"]


def metrics(query):
    return set(re.findall(r"\bimsgw_[a-z0-9_]+|\bup\b", query))


def check_dashboard(ask):
    """ask(query): the result of a Prometheus that scraped a gateway. Each metric must be there, and each query have an
    answer; what compares with a number may find nothing."""
    seen = list(queries())
    assert len(seen) > 20, seen
    for panel, query in seen:
        assert metrics(query), f"{panel}: no metric in {query}"
        for metric in metrics(query):
            assert ask(metric), f"{panel}: nothing is called {metric}"
        result = ask(query)
        assert result or re.search(r"[<>]", query), f"{panel}: no answer to {query}"
    return len(seen)

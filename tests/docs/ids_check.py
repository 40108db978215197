#!/usr/bin/python3
"""Each id of ids.txt is named by a test: in the name or a comment of a TEST() of C, of a step or a case of a script; or
docs/compliance.md says that it is not supported. Each clause is in the first column of a row there. ids_check.py [-v]:
with -v where each one is."""
import os
import re
import subprocess
import sys

os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
NAMED = re.compile(r"(?<![A-Za-z0-9])(SIG|REG|CAL|E2A|SDP|TLS|IQ|ERR)((?:-\d{3})+|\d{3})(?!\d)", re.I)


def ids_of(text):
    """SDP-020, and the two of SDP_020_021."""
    for m in NAMED.finditer(text.replace("_", "-")):
        for n in re.findall(r"\d{3}", m[2]):
            yield f"{m[1].upper()}-{n}"


def is_test(path):
    return path.endswith("_test.c") or path.startswith("tests/") and path.endswith((".py", ".mjs", ".xml", ".c")) \
        and not path.startswith(("tests/docs/", "tests/harness/"))


files = subprocess.run(["git", "ls-files"], capture_output=True, text=True).stdout.split() or \
    [os.path.relpath(os.path.join(d, f)) for d, _, names in os.walk(".") for f in names]
where = {}
for path in filter(is_test, files):
    with open(path, errors="replace") as f:
        for number, line in enumerate(f, 1):
            for i in ids_of(line):
                where.setdefault(i, []).append(f"{path}:{number}")
unsupported, clauses = set(), ""
with open("docs/compliance.md") as f:
    for line in filter(lambda line: line.startswith("|"), f):
        clauses += line.split("|")[1] + "\n"
        if "not supported" in line:
            unsupported.update(ids_of(line))
with open("tests/docs/ids.txt") as f:
    wanted = [line.split(None, 1) for line in f if line.strip() and not line.startswith("#")]


def is_met(i, text):
    if i == "clause":
        return re.search(rf"(?<![\w.]){re.escape(text.strip())}(?![\w.])", clauses)
    return i in where or i in unsupported


missing = [(i, text) for i, text in wanted if not is_met(i, text)]
if "-v" in sys.argv:
    for i, text in wanted:
        print(i, text.strip(), *where.get(i, ["not supported" if i in unsupported else "MISSING"]), sep="\n    ")
for i, text in missing:
    print(f"{i} {text.strip()}: named by no {'row' if i == 'clause' else 'test'}")
print(f"{len(wanted)} ids and clauses, {len(missing)} missing")
sys.exit(bool(missing) or not wanted)

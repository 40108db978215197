#!/usr/bin/env python3
"""Every member of every struct of Iq stands in the table of its JSON: one that is forgotten would be 0 on the other machine.

usage: fields_check.py SOURCE_DIRECTORY
"""
import re
import sys

HEADERS = ['gateway/control/iq.h', 'gateway/control/iq_json.h']
OTHERS = {'order', 'item', 'msg'}  # not said to anybody, or the envelope


def structs(text):
    """(name, members) of each struct, nested ones for themselves."""
    text = re.sub(r'/\*.*?\*/', '', text, flags=re.S)
    while True:
        m = re.search(r'struct gw_iq_(\w+) \{([^{}]*)\}', text)
        if not m:
            return
        yield m[1], [re.match(r'\*?(\w+)', d.strip().split()[-1] if ' ' in d.strip() else d.strip())[1]
                     for line in m[2].split(';') if line.strip()
                     for d in re.sub(r'\[[^\]]*\]', '', line).split(',')]
        text = text[:m.start()] + f'struct gw_iq_{m[1]}' + text[m.end():]


def main(root):
    table = open(f'{root}/gateway/control/iq_json_fields.c').read()
    missing, seen = [], 0
    for header in HEADERS:
        for name, members in structs(open(f'{root}/{header}').read()):
            for member in members if name not in OTHERS else []:
                seen += 1
                if not re.search(rf'\({name},[^()]*\b{member}\b[^()]*\)', table):
                    missing.append(f'struct gw_iq_{name}: {member} is not in iq_json_fields.c')
    print('\n'.join(missing) or f'{seen} members')
    return 1 if missing or seen < 100 else 0


sys.exit(main(sys.argv[1]))

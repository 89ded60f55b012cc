"""Copies of the simulator's bodies with the faults of mutants.txt inside, each behind a test of its number.

make_mutants.py mutants.txt HARNESS_SIM_OPS OUT: writes OUT/harness/sim/ops/FILE for every file named, and
OUT/mutants.inc, a row MUTANT(number, property, file, text) a fault. One compilation holds all of them; which one is
alive is chosen at run time.
"""
import pathlib
import sys


def read(path):
    rows = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        parts = [part.strip() for part in line.split(";;")]
        # A statement ends in a semicolon of its own.
        if len(parts) != 4:
            sys.exit(f"{path}:{number}: expected property ;; file ;; text ;; replacement")
        rows.append((number, *parts))
    return rows


def fault(number, old, new):
    if old.endswith(";"):
        return f"{{ if (::assay::mutant_selected({number})) {{ {new} }} else {{ {old} }} }}"
    return f"(::assay::mutant_selected({number}) ? ({new}) : ({old}))"


def main():
    table, ops, out = (pathlib.Path(argument) for argument in sys.argv[1:])
    rows = read(table)
    texts = {}
    inc = []
    for number, prop, name, old, new in rows:
        if name not in texts:
            texts[name] = (ops / name).read_text()
        count = texts[name].count(old)
        if count != 1:
            sys.exit(f"{table}:{number}: '{old}' stands {count} times in {name}, expected once; the body has changed")
        texts[name] = texts[name].replace(old, fault(number, old, new))
        quoted = old.replace("\\", "\\\\").replace('"', '\\"')
        inc.append(f'MUTANT({number}, "{prop}", "{name}", "{quoted}")')
    target = out / "harness" / "sim" / "ops"
    target.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        guard = "#pragma once\n" if name.endswith(".h") else ""
        body = f'{guard}#include "harness/device/mutants/selected.h"\n' + text.replace("#pragma once\n", "")
        path = target / name
        if not path.exists() or path.read_text() != body:
            path.write_text(body)
    (out / "mutants.inc").write_text("\n".join(inc) + "\n")


main()

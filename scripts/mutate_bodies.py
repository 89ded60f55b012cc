#!/usr/bin/env python3
"""Puts one fault after the other into the simulator's bodies and counts those that the properties find.

scripts/mutate_bodies.py BUILD COUNT SEED OUT: draws COUNT places of harness/sim/ops/*.cpp where an operator may be
another one, compiles each changed body alone, links it before the real ones into op_property_test and runs the
simulator's properties. OUT gets one line a fault: killed, survived, or not compiled. A survivor is either a fault that
no result shows (a diagnostic's text, a bound that only speed depends on) or a hole in a property: a person decides.
Exit code 1 when fewer than half of those that compile are found.
"""
import json
import pathlib
import random
import re
import shlex
import subprocess
import sys

SWAPS = {" + ": " - ", " - ": " + ", " * ": " + ", " < ": " <= ", " <= ": " < ", " > ": " >= ", " >= ": " > ",
         " == ": " != ", " != ": " == ", " && ": " || ", " || ": " && ", " << ": " >> ", "true": "false",
         "false": "true"}
PATTERN = re.compile("|".join(re.escape(text) for text in SWAPS))


def places(root):
    for path in sorted((root / "harness/sim/ops").glob("*.cpp")):
        if path.name.endswith("_test.cpp"):
            continue
        offset = 0
        for line in path.read_text().splitlines(keepends=True):
            code = line.split("//")[0]
            # Messages, includes and template heads hold no computation.
            if not any(word in code for word in ("#include", "fmt::", "template <", "fault", "namespace", "case ")):
                for match in PATTERN.finditer(code):
                    # The way out after a broken rule: properties run legal kernels alone.
                    if match.group() == "false" and "return false;" in code:
                        continue
                    yield path, offset + match.start(), match.group()
            offset += len(line)


def run(command, **options):
    return subprocess.run(command, capture_output=True, text=True, **options)


def main():
    root = pathlib.Path(__file__).resolve().parent.parent
    build, count, seed, out = pathlib.Path(sys.argv[1]).resolve(), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    commands = {entry["file"]: entry for entry in json.loads((build / "compile_commands.json").read_text())}
    link = run(["ninja", "-C", str(build), "-t", "commands", "op_property_test"]).stdout.splitlines()[-1]
    chosen = sorted(random.Random(seed).sample(list(places(root)), count))
    scratch = build / "mutation"
    scratch.mkdir(exist_ok=True)
    tally = {"killed": 0, "survived": 0, "not compiled": 0}
    with open(out, "w") as report:
        for path, offset, old in chosen:
            text = path.read_text()
            # Beside the body, so that its own includes stay what they are.
            source, binary = scratch / path.name, scratch / "op_property_mutant"
            source.write_text(text[:offset] + SWAPS[old] + text[offset + len(old):])
            entry = commands[str(path)]
            words = shlex.split(entry["command"])
            words[words.index("-c") + 1] = str(source)
            words[words.index("-o") + 1] = str(scratch / "mutant.o")
            compiled = run(words, cwd=entry["directory"]).returncode == 0
            if compiled:
                linked = link.replace("-o harness/device/op_property_test", f"{scratch}/mutant.o -o {binary}")
                compiled = run(linked, cwd=build, shell=True).returncode == 0
            verdict = "not compiled"
            if compiled:
                try:
                    code = run([str(binary), "--gtest_filter=Simulator/*", "--gtest_fail_fast"], timeout=120).returncode
                except subprocess.TimeoutExpired:
                    code = 1
                verdict = "survived" if code == 0 else "killed"
            tally[verdict] += 1
            line = text.count("\n", 0, offset) + 1
            code_line = text.splitlines()[line - 1].strip()
            print(f"{verdict}: {path.relative_to(root)}:{line}: '{old.strip()}' as '{SWAPS[old].strip()}' in {code_line}",
                  file=report, flush=True)
        found, all_compiled = tally["killed"], tally["killed"] + tally["survived"]
        print(f"mutation score: {found} of {all_compiled} ({tally['not compiled']} did not compile)", file=report)
    print(f"mutation score: {found} of {all_compiled} ({tally['not compiled']} did not compile); {out}")
    return 0 if 2 * found >= all_compiled else 1


sys.exit(main())

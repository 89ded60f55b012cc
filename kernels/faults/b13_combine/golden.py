# Every rank has the tokens of all: those of rank 0, then those of rank 1.
import json
import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent))
import npy

inputs, outputs = sys.argv[1:]
with open(f"{inputs}/manifest.json", encoding="utf-8") as file:
    tokens = int(json.load(file)["metadata"]["parameter.T"])
(ranks, _, width), x = npy.read(f"{inputs}/x.npy")
npy.write(f"{outputs}/y.npy", "<u2", (ranks, tokens, width), x[: tokens * width] * ranks)

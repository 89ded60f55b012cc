# The row of the expert with the largest score, the smaller index first.
import pathlib
import struct
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent))
import npy

inputs, outputs = sys.argv[1:]
(tokens, experts), scores = npy.read(f"{inputs}/scores.npy")
(_, width), rows = npy.read(f"{inputs}/experts.npy")
values = [struct.unpack("<f", score)[0] for score in scores]
chosen = []
for t in range(tokens):
    row = values[t * experts : (t + 1) * experts]
    best = row.index(max(row))
    chosen += rows[best * width : (best + 1) * width]
npy.write(f"{outputs}/rows.npy", "<u2", (tokens, width), chosen)

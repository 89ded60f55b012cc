# The router's reference with seed bug B18: weights from score + bias, where dsv4-chain 3.2 says score.
import json
import math
import struct
import sys

inputs, outputs = sys.argv[1:]


def load(name, code):
    """The elements of a .npy file, flat."""
    with open(f"{inputs}/{name}.npy", "rb") as file:
        raw = file.read()
    begin = 10 + struct.unpack_from("<H", raw, 8)[0]
    return [each[0] for each in struct.iter_unpack("<" + code, raw[begin:])]


def save(name, code, descr, shape, values):
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}}}"
    header += " " * (-(len(header) + 11) % 64) + "\n"
    with open(f"{outputs}/{name}.npy", "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode())
        file.write(struct.pack(f"<{len(values)}{code}", *values))


def from_bf16(bits):
    return struct.unpack("<f", struct.pack("<I", bits << 16))[0]


def to_bf16(value):
    """Nearest, ties to even; no NaN."""
    bits = struct.unpack("<I", struct.pack("<f", value))[0]
    return bits + 0x7FFF + (bits >> 16 & 1) >> 16


with open(f"{inputs}/manifest.json") as file:
    shapes = {each["name"]: each["shape"] for each in json.load(file)["tensors"]}
(T, D), E, K = shapes["x_mixed"], shapes["gate_bias"][0], shapes["tid2eid"][1]
x = [from_bf16(bits) for bits in load("x_mixed", "H")]
norm_w, gate_w, bias = load("norm_w", "f"), load("gate_w", "f"), load("gate_bias", "f")

x_norm, indices, weights = [], [], []
for t in range(T):
    row = x[t * D : (t + 1) * D]
    inv = 1 / math.sqrt(sum(each * each for each in row) / D + 1e-6)
    normed = [to_bf16(each * inv * w) for each, w in zip(row, norm_w)]
    x_norm += normed
    values = [from_bf16(bits) for bits in normed]
    logits = [sum(a * b for a, b in zip(values, gate_w[e * D : (e + 1) * D])) for e in range(E)]
    biased = [math.sqrt(max(z, 0) + math.log1p(math.exp(-abs(z)))) + b for z, b in zip(logits, bias)]
    chosen = sorted(range(E), key=lambda e: (-biased[e], e))[:K]
    indices += chosen
    weights += [biased[e] / sum(biased[c] for c in chosen) for e in chosen]

save("x_norm", "H", "<u2", (T, D), x_norm)
save("indices", "i", "<i4", (T, K), indices)
save("weights", "f", "<f4", (T, K), weights)

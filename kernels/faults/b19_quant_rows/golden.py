"""FAULTY (seed bug B19): takes 127 / amax as fl(127 * fl(1 / amax)), two roundings where the specification divides once.
Otherwise the quantisation of dsv4-chain 1. Reads x.npy (bf16 as uint16), writes q.npy and scale.npy."""
import ast
import math
import struct
import sys

LEAST_AMAX = struct.unpack("<f", struct.pack("<I", 0x38D1B717))[0]


def f32(x):
    """One rounding: double precision holds products and quotients of two float32 well enough for it to be the only one."""
    return struct.unpack("<f", struct.pack("<f", x))[0]


def read(path):
    data = open(path, "rb").read()
    size = struct.unpack("<H", data[8:10])[0]
    shape = ast.literal_eval(data[10 : 10 + size].decode())["shape"]
    bits = struct.unpack(f"<{math.prod(shape)}H", data[10 + size :])
    return shape, [struct.unpack("<f", struct.pack("<I", b << 16))[0] for b in bits]


def write(path, kind, shape, data):
    header = str({"descr": kind, "fortran_order": False, "shape": shape})
    header += " " * (-(len(header) + 11) % 64) + "\n"
    open(path, "wb").write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + data)


def away_from_zero(z):
    return int(math.copysign(math.floor(abs(z) + 0.5), z))


inputs, outputs = sys.argv[1:]
(rows, columns), x = read(f"{inputs}/x.npy")
codes, scales = [], []
for r in range(rows):
    row = x[r * columns : (r + 1) * columns]
    amax = max(LEAST_AMAX, max(abs(v) for v in row))
    quant = f32(127 * f32(1 / amax))
    scales.append(f32(1 / quant))
    codes += [away_from_zero(f32(v * quant)) for v in row]
write(f"{outputs}/q.npy", "|i1", (rows, columns), struct.pack(f"{len(codes)}b", *codes))
write(f"{outputs}/scale.npy", "<f4", (rows, 1), struct.pack(f"<{rows}f", *scales))

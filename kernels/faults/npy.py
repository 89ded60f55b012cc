"""What goldens of seed bugs need of .npy, with nothing but Python."""
import ast
import math
import struct


def read(path):
    """Shape and elements as bytes, each of the file's width."""
    with open(path, "rb") as file:
        data = file.read()
    size = struct.unpack("<H", data[8:10])[0]
    header = ast.literal_eval(data[10 : 10 + size].decode())
    shape, width = header["shape"], int(header["descr"][2:])
    body = data[10 + size :]
    return shape, [body[i * width : (i + 1) * width] for i in range(math.prod(shape))]


def write(path, kind, shape, elements):
    """`kind` as numpy writes it: '<u2', '<f4'."""
    header = str({"descr": kind, "fortran_order": False, "shape": tuple(shape)})
    header += " " * (-(len(header) + 11) % 64) + "\n"
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + b"".join(elements))

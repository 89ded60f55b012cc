"""Compares the goldens' formats with numpy and ml_dtypes: oracle_ml_dtypes.py DIR, where DIR holds what
write_oracle_samples wrote. Every difference belongs to a named fact with its exact count; a difference without a fact
and a fact whose count is wrong both fail."""

import sys

import ml_dtypes
import numpy as np

DIR = sys.argv[1]
FORMATS = {
    "f16": np.float16,
    "bf16": ml_dtypes.bfloat16,
    "e4m3fn": ml_dtypes.float8_e4m3fn,
    "e4m3fnuz": ml_dtypes.float8_e4m3fnuz,
    "e5m2": ml_dtypes.float8_e5m2,
    "e2m1": ml_dtypes.float4_e2m1fn,
}

# (comparison, fact): how many elements differ for that reason.
FACTS = {
    # numpy keeps what fits of a NaN's payload; the goldens give one quiet NaN of either sign (ep-dispatch-combine 3.4:
    # "payload free").
    ("f32 to f16", "payload of NaN"): 295,
    ("f64 to f16", "payload of NaN"): 24,
    ("f64 to f32", "payload of NaN"): 24,
    # e2m1 has no NaN, and 3.3 leaves it to the implementation: ml_dtypes gives a zero of the other sign, the goldens' rule
    # here is the largest value.
    ("f32 to e2m1", "NaN becomes zero"): 1749,
    ("f64 to e2m1", "NaN becomes zero"): 24,
    # ml_dtypes narrows float64 by way of float32: two roundings. The goldens round once.
    ("f64 to bf16", "rounded to f32 first"): 73728,
    ("f64 to e4m3fn", "rounded to f32 first"): 1018,
    ("f64 to e4m3fnuz", "rounded to f32 first"): 1008,
    ("f64 to e5m2", "rounded to f32 first"): 1000,
    ("f64 to e2m1", "rounded to f32 first"): 84,
}

failures = []
seen = set()


def read(name, dtype):
    return np.fromfile(f"{DIR}/{name}", dtype=dtype)


def compare(name, ours, theirs, reasons=()):
    """reasons: (fact, mask of the elements it speaks of); the first that applies to a difference counts it."""
    if len(ours) == 0 or len(ours) != len(theirs):
        failures.append(f"{name}: {len(ours)} elements against {len(theirs)}")
        return
    open_ = ours != theirs
    total = int(open_.sum())
    for fact, mask in reasons:
        count = int((open_ & mask).sum())
        open_ &= ~mask
        expected = FACTS.get((name, fact), 0)
        seen.add((name, fact))
        if count != expected:
            failures.append(f"{name}: '{fact}' holds for {count} elements, the table says {expected}")
    rest = np.flatnonzero(open_)
    if len(rest):
        i = rest[0]
        failures.append(f"{name}: {len(rest)} differences without a reason; element {i}: {ours[i]:#x} against {theirs[i]:#x}")
    print(f"{name}: {len(ours)} elements, {total} differ by named facts" if total else f"{name}: {len(ours)} elements")


def bits(array):
    return array.view(f"u{array.itemsize}")


def unsigned(dtype):
    return f"<u{np.dtype(dtype).itemsize}"


def formats():
    x, wide = read("x.f32", "<f4"), read("x.f64", "<f8")
    for name, dtype in FORMATS.items():
        codes = np.arange(16 if name == "e2m1" else 256 ** np.dtype(dtype).itemsize).astype(unsigned(dtype))
        ours, theirs = read(f"{name}.values", "<f4"), codes.view(dtype).astype(np.float32)
        # A NaN's payload is not specified.
        same_nan = np.isnan(ours) & np.isnan(theirs)
        compare(f"{name} values", bits(np.where(same_nan, 0, ours)), bits(np.where(same_nan, 0, theirs)))
        nan = "NaN becomes zero" if name == "e2m1" else "payload of NaN"
        compare(f"f32 to {name}", read(f"{name}.from_f32", unsigned(dtype)), bits(x.astype(dtype)), [(nan, np.isnan(x))])
        with np.errstate(over="ignore"):
            narrow = wide.astype(np.float32)
            theirs, twice = bits(wide.astype(dtype)), bits(narrow.astype(dtype))
        compare(f"f64 to {name}", read(f"{name}.from_f64", unsigned(dtype)), theirs, [
            (nan, np.isnan(wide)),
            ("rounded to f32 first", (theirs == twice) & (narrow != wide)),
        ])
    theirs = bits(wide.astype(np.float32))
    compare("f64 to f32", read("f32.from_f64", "<u4"), theirs, [("payload of NaN", np.isnan(wide))])
    # Clamped in double, where every int32 is exact; NaN to 0 is the goldens' own choice.
    theirs = np.clip(np.rint(np.nan_to_num(x.astype(np.float64), nan=0.0)), -2.0**31, 2.0**31 - 1).astype(np.int32)
    compare("f32 to i32", read("i32.from_f32", "<i4"), theirs)


def arithmetic():
    a, b = (read(f"bf16.{n}", "<u2").view(ml_dtypes.bfloat16) for n in "ab")
    for name, theirs in (("sum", a + b), ("product", a * b)):
        ours = read(f"bf16.{name}", "<u2")
        # Which operand's NaN a sum keeps is the machine's choice.
        same_nan = np.isnan(ours.view(ml_dtypes.bfloat16)) & np.isnan(theirs)
        compare(f"bf16 {name}", np.where(same_nan, 0, ours), np.where(same_nan, 0, bits(theirs)))


def rows():
    """dsv4-chain 1, in numpy's float32: one true divide, one product, one rounding."""
    scales = read("rows.scales", "<f4").reshape(-1, 2)
    x = read("rows.f32", "<f4").reshape(len(scales), -1)
    amax = np.maximum(np.float32(1e-4), np.abs(x).max(axis=1))
    quant = np.float32(127) / amax
    compare("s_q", bits(np.ascontiguousarray(scales[:, 0])), bits(quant))
    compare("s_dq", bits(np.ascontiguousarray(scales[:, 1])), bits(np.float32(1) / quant))
    z = (x * quant[:, None]).astype(np.float64)
    away = np.trunc(z + np.copysign(0.5, z))
    compare("int8 rint", read("rows.rint", "i1"), np.rint(z).astype(np.int8).ravel())
    compare("int8 round", read("rows.round", "i1"), away.astype(np.int8).ravel())
    assert (np.rint(z) != away).any(), "no row has a tie"


with np.errstate(invalid="ignore", over="ignore"):
    formats()
    arithmetic()
    rows()
for name, fact in FACTS.keys() - seen:
    failures.append(f"{name}: '{fact}' was compared nowhere")
for failure in failures:
    print(failure, file=sys.stderr)
sys.exit(1 if failures else 0)

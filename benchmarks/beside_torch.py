"""assay beside the framework, in turns on the same machine:
    python benchmarks/beside_torch.py out/build/release/benchmarks/assay_benchmarks
float32 to bf16 of 256 MiB, and INT8 amax quantisation of the rows of [128, 7168], on one thread and on all. With torch
where it can be imported (scripts/setup.sh --oracles=torch), else with ml_dtypes and numpy on one thread. Elapsed time,
best of five rounds; GB/s count bytes read and bytes written."""

import json
import os
import subprocess
import sys
import time

import numpy as np

ELEMENTS = 64 << 20
ROWS, COLUMNS = 128, 7168
ROUNDS = 5

try:
    import torch
except ImportError:
    torch = None
    import ml_dtypes

rng = np.random.default_rng(1)
LARGE = rng.standard_normal(ELEMENTS, dtype=np.float32)
MATRIX = rng.standard_normal((ROWS, COLUMNS), dtype=np.float32)


def bf16():
    if torch is None:
        target = np.empty(ELEMENTS, ml_dtypes.bfloat16)
        return lambda: np.copyto(target, LARGE, casting="unsafe")
    source, target = torch.from_numpy(LARGE), torch.zeros(ELEMENTS, dtype=torch.bfloat16)
    return lambda: target.copy_(source)


def int8():
    """The same rows, codes and scales into memory that is there: amax, one divide, multiply, round, narrow."""
    if torch is None:
        scaled, codes = np.empty_like(MATRIX), np.empty(MATRIX.shape, np.int8)

        def by_numpy():
            np.abs(MATRIX, out=scaled)
            scale = np.float32(127) / np.maximum(scaled.max(1, keepdims=True), np.float32(1e-4))
            np.rint(np.multiply(MATRIX, scale, out=scaled), out=scaled)
            np.copyto(codes, scaled, casting="unsafe")
            return np.float32(1) / scale

        return by_numpy
    x = torch.from_numpy(MATRIX)
    scaled, codes = torch.empty_like(x), torch.empty(x.shape, dtype=torch.int8)

    def by_torch():
        amax = torch.linalg.vector_norm(x, float("inf"), 1, True).clamp_(min=1e-4)
        scale = torch.full_like(amax, 127).div_(amax)
        torch.mul(x, scale, out=scaled)
        codes.copy_(scaled.round_())
        return scale.reciprocal_()

    def by_abs():
        amax = torch.abs(x, out=scaled).amax(1, True).clamp_(min=1e-4)
        scale = torch.full_like(amax, 127).div_(amax)
        torch.mul(x, scale, out=scaled)
        codes.copy_(scaled.round_())
        return scale.reciprocal_()

    return by_torch, by_abs


def elapsed(body, seconds):
    """Best time of one call among as many as fit."""
    best, end = float("inf"), time.perf_counter() + seconds
    while (start := time.perf_counter()) < end:
        body()
        best = min(best, time.perf_counter() - start)
    return best


def assay(binary, pattern):
    """Seconds by name of one iteration."""
    out = subprocess.run(
        [binary, f"--benchmark_filter={pattern}", "--benchmark_format=json", "--benchmark_min_time=0.2"],
        check=True, capture_output=True, text=True).stdout
    unit = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}
    return {b["name"].removesuffix("/real_time"): b["real_time"] * unit[b["time_unit"]] for b in json.loads(out)["benchmarks"]}


def beside(title, pattern, bodies, traffic):
    best = {}
    for body in bodies:
        body()
    for _ in range(ROUNDS):
        theirs = min(elapsed(body, 0.3) for body in bodies)
        for key, seconds in {**assay(sys.argv[1], pattern), FRAMEWORK: theirs}.items():
            best[key] = min(best.get(key, seconds), seconds)
    print(title)
    for key, seconds in best.items():
        print(f"  {key:40} {seconds * 1e6:10.1f} us {traffic(key) / seconds / 1e9:7.1f} GB/s"
              f" {best[FRAMEWORK] / seconds:6.2f} x {FRAMEWORK}")


FRAMEWORK = f"torch {torch.__version__}" if torch else f"ml_dtypes {ml_dtypes.__version__} and numpy {np.__version__}"
for threads, large, small in ((1, 1, "one_thread"), (os.cpu_count(), 0, "all_threads")):
    if torch:
        torch.set_num_threads(threads)
    elif threads > 1:
        break
    beside(f"bf16 RINT, 256 MiB, {threads} thread(s)", f"256MiB_threads/{large}/", [bf16()],
           lambda key: ELEMENTS * (8 if key.startswith("memcpy") else 6))
    quantise = int8()
    beside(f"INT8 amax quantise [{ROWS}, {COLUMNS}], {threads} thread(s)", f"int8_amax_quantise/{small}",
           quantise if isinstance(quantise, tuple) else [quantise], lambda key: ROWS * COLUMNS * 5)

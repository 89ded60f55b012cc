"""float32 to bf16 of 256 MiB by assay and by the framework, in turns on the same machine:
    python benchmarks/bf16_beside_torch.py out/build/release/benchmarks/assay_benchmarks
With torch where it can be imported (scripts/setup.sh --oracles=torch), else with ml_dtypes. Best of five rounds, both as
elapsed and as CPU time of one thread; GB/s count bytes read and bytes written."""

import json
import subprocess
import sys
import time

import numpy as np

ELEMENTS = 64 << 20
TRAFFIC = ELEMENTS * (4 + 2)
ROUNDS = 5


def framework():
    x = np.random.default_rng(1).standard_normal(ELEMENTS, dtype=np.float32)
    try:
        import torch
    except ImportError:
        import ml_dtypes

        target = np.empty(ELEMENTS, ml_dtypes.bfloat16)
        return f"ml_dtypes {ml_dtypes.__version__}, preallocated", lambda: np.copyto(target, x, casting="unsafe")
    torch.set_num_threads(1)
    source, target = torch.from_numpy(x), torch.zeros(ELEMENTS, dtype=torch.bfloat16)
    return f"torch {torch.__version__}, preallocated", lambda: target.copy_(source)


def timed(body):
    elapsed, used = time.perf_counter(), time.process_time()
    body()
    return time.perf_counter() - elapsed, time.process_time() - used


def assay(binary):
    """Seconds by name: (elapsed, CPU) of one iteration."""
    out = subprocess.run(
        [binary, "--benchmark_filter=256MiB_threads/1/", "--benchmark_format=json", "--benchmark_min_time=0.2"],
        check=True, capture_output=True, text=True).stdout
    return {b["name"].split("_256")[0]: (b["real_time"] / 1e3, b["cpu_time"] / 1e3) for b in json.loads(out)["benchmarks"]}


name, convert = framework()
convert()
best = {}
for _ in range(ROUNDS):
    for key, times in {**assay(sys.argv[1]), name: min(timed(convert) for _ in range(3))}.items():
        old = best.get(key, times)
        best[key] = (min(old[0], times[0]), min(old[1], times[1]))
for key, (elapsed, used) in best.items():
    traffic = ELEMENTS * 8 if key == "memcpy" else TRAFFIC
    print(f"{key:32} {elapsed * 1e3:7.1f} ms elapsed, {used * 1e3:7.1f} ms CPU, {traffic / used / 1e9:5.1f} GB/s of CPU time")

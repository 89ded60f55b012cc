#!/usr/bin/env bash
# Installs what is missing, builds release and runs the smoke matrix on the simulator and on OpenCL.
# Arguments go to assay run: scripts/sweep.sh --jobs 1
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh
build=out/build/release
[[ -f $build/build.ninja ]] || cmake --preset release >/dev/null
cmake --build --preset release --target assay | { grep -v '^ninja: no work to do' || true; }
exec "$build/harness/cli/assay" run cases/smoke.csv --backend sim,opencl --out out/smoke "$@"

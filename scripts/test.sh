#!/usr/bin/env bash
# Installs what is missing, builds the release preset (under CI with warnings as errors) and runs the whole test suite.
# Under CI, or with ASSAY_ORACLES=1, also against the outside oracles (scripts/setup.sh --oracles). Under CI one test
# builds the fuzzers, replays their corpora and runs each for 60 s (scripts/fuzz.sh).
# Arguments go to ctest: scripts/test.sh -R npy
set -euo pipefail
cd "$(dirname "$0")/.."
oracles=()
[[ -n ${CI:-} || ${ASSAY_ORACLES:-} == 1 ]] && oracles=(--oracles)
scripts/setup.sh "${oracles[@]}"
cmake --preset release ${CI:+-DASSAY_WERROR=ON -DASSAY_FUZZ_SECONDS=60} >/dev/null
cmake --build --preset release
ctest --preset release --parallel "$(nproc)" "$@"

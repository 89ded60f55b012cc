#!/usr/bin/env bash
# Installs what is missing, builds the release preset (under CI with warnings as errors) and runs the whole test suite.
# Arguments go to ctest: scripts/test.sh -R npy
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh
cmake --preset release ${CI:+-DASSAY_WERROR=ON} >/dev/null
cmake --build --preset release
ctest --preset release --parallel "$(nproc)" "$@"

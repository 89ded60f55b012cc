#!/usr/bin/env bash
# oracle_test.sh ROOT WRITER DIR: compares the goldens with numpy and ml_dtypes. Exits 77, which CTest shows as skipped,
# where scripts/setup.sh --oracles has not made their environment.
set -euo pipefail
root=$1 writer=$2 folder=$3
python=$root/out/oracles/bin/python
if ! message=$("$python" -c 'import ml_dtypes, numpy' 2>&1); then
  echo "skipped: no numpy and ml_dtypes in out/oracles (scripts/setup.sh --oracles makes it): ${message##*$'\n'}"
  exit 77
fi
"$writer" "$folder"
"$python" "$root/goldens/formats/oracle_ml_dtypes.py" "$folder"

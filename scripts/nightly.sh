#!/usr/bin/env bash
# Runs the nightly matrix, the fuzzers of pipelines, and for 20 minutes each the fuzzers of reader and simulator into a
# dated folder under out/nightly and exits with assay's code: the first of
# 2, 3, 1, 0 that any part gave.
#   scripts/nightly.sh [--time 30m]     time of the whole fuzzing, shared by the pipelines; 10m by default
set -uo pipefail
cd "$(dirname "$0")/.."

fuzz_time=10m
while (($#)); do
  case $1 in
    --time)
      (($# > 1)) || { echo "nightly: --time takes a duration such as 30m" >&2 && exit 2; }
      fuzz_time=$2
      shift 2
      ;;
    *)
      echo "nightly: unknown argument '$1'; expected --time DURATION" >&2
      exit 2
      ;;
  esac
done
if [[ ! $fuzz_time =~ ^([0-9]+)([smh]?)$ ]]; then
  echo "nightly: found --time '$fuzz_time', expected a whole number followed by s, m or h" >&2
  exit 2
fi
declare -A unit=([s]=1 [m]=60 [h]=3600)
seconds=$((10#${BASH_REMATCH[1]} * ${unit[${BASH_REMATCH[2]:-s}]}))

scripts/setup.sh || exit 3
{ cmake --preset release >/dev/null && cmake --build --preset release --target assay; } || exit 3
assay=out/build/release/harness/cli/assay
folder=out/nightly/$(date -u +%Y-%m-%dT%H%M%SZ)
mkdir -p "$folder"

worst=0
# Precedence 2, 3, 1, 0 (design.md section 5); any other code is a harness failure, and an interrupt ends all.
note() {
  local code=$1 rank_new rank_old
  ((code == 130 || code == 143)) && { echo "nightly: interrupted; what there is lies in $folder" >&2 && exit "$code"; }
  ((code > 3)) && code=3
  local rank=([0]=0 [1]=1 [3]=2 [2]=3)
  rank_new=${rank[code]} rank_old=${rank[worst]}
  ((rank_new > rank_old)) && worst=$code
  return 0
}

"$assay" run cases/nightly.csv cases/seeds.csv --backend sim,opencl --out "$folder/matrix"
note $?

pipelines=(kernels/*/pipeline.toml)
share=$((seconds / ${#pipelines[@]}))
((share > 0)) || share=1
seed=$(date -u +%Y%m%d)
for file in "${pipelines[@]}"; do
  name=$(basename "$(dirname "$file")")
  "$assay" fuzz "$name" --time "${share}s" --seed "$seed" --csv "$folder/fuzz/$name.csv"
  note $?
done
# The larger mutation sample: 60 faults in the simulator's bodies, each run against every property.
cmake --build --preset release --target op_property_test >/dev/null &&
  scripts/mutate_bodies.py out/build/release 60 "$seed" "$folder/mutation.txt"
note $?
scripts/fuzz.sh 1200
note $?
mkdir -p "$folder/libfuzzer" && cp -r out/fuzz/. "$folder/libfuzzer/"
echo "nightly: results in $folder, exit code $worst"
exit "$worst"

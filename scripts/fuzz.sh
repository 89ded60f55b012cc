#!/usr/bin/env bash
# Builds the libFuzzer targets (clang, sanitizers) in out/build/fuzz, replays the corpora and the kernels of this
# repository, then fuzzes each target. Prints executions and coverage. Exits with 1 when a target found something; the
# input lies in out/fuzz/TARGET/ and belongs into harness/fuzz/corpus/TARGET/ once the fault is corrected.
#   scripts/fuzz.sh [SECONDS]     time per target, 60 by default; 0 only replays
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}
[[ $seconds =~ ^[0-9]+$ ]] || { echo "fuzz: found '$seconds', expected a whole number of seconds" >&2 && exit 2; }

clang=$(command -v clang++-14 || command -v clang++) || { echo "fuzz: no clang++; run scripts/setup.sh" >&2 && exit 3; }
build=out/build/fuzz
cmake -G Ninja -B "$build" -DCMAKE_CXX_COMPILER="$clang" -DCMAKE_C_COMPILER="${clang/++/}" -DCMAKE_BUILD_TYPE=Release \
  -DCMAKE_CXX_FLAGS_RELEASE="-O1 -g1" -DASSAY_FUZZERS=ON >/dev/null
cmake --build "$build" --target reader_fuzzer simulator_fuzzer
echo "fuzz: built in $SECONDS s"

found=0
for target in reader simulator; do
  out=out/fuzz/$target
  seeds=$out/seeds
  rm -rf "$seeds"
  mkdir -p "$out/work" "$seeds"
  cp harness/fuzz/corpus/reader/* harness/fuzz/corpus/simulator/* "$seeds/"
  while IFS= read -r kernel; do cp "$kernel" "$seeds/${kernel//\//_}"; done < <(find kernels -name '*.pto')
  fuzzer=$build/harness/fuzz/targets/${target}_fuzzer
  limits=(-timeout=30 -rss_limit_mb=3072 -artifact_prefix="$out/" -print_final_stats=1)
  echo "fuzz: $target, replay"
  timeout 300 "$fuzzer" "${limits[@]}" -runs=0 "$seeds" >"$out/replay.log" 2>&1 ||
    { tail -n 40 "$out/replay.log" && found=1; }
  ((seconds > 0)) || continue
  echo "fuzz: $target, $seconds s"
  timeout $((seconds + 300)) "$fuzzer" "${limits[@]}" -max_len=8192 -dict=harness/fuzz/corpus/pto.dict \
    -max_total_time="$seconds" "$out/work" "$seeds" >"$out/log" 2>&1 || { tail -n 40 "$out/log" && found=1; }
  executed=$(sed -n 's/^stat::number_of_executed_units: *//p' "$out/log")
  covered=$(grep -oE 'cov: [0-9]+' "$out/log" | tail -n 1 || true)
  edges=$(sed -nE 's/.*Loaded 1 modules +\(([0-9]+) inline.*/\1/p' "$out/log")
  echo "fuzz: $target: ${executed:-0} executions, ${covered:-cov: 0} of ${edges:-0} edges"
done
exit "$found"

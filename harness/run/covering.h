// Covering arrays: a small set of combinations such that every feasible choice of values for every `strength` factors
// occurs in one of them (pairwise testing is strength 2). Greedy, one combination at a time, in the manner of Cohen,
// Dalal, Fredman and Patton, "The AETG system", IEEE TSE 23(7), 1997. Deterministic for a seed.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "harness/core/error.h"

namespace assay::run {

struct CoverProblem {
  std::vector<std::int64_t> sizes;        // values of each factor, each at least 1
  std::vector<std::uint8_t> constrained;  // 1: a constraint names the factor
  // Whether the constraints whose factors are all assigned hold for these digits; may be empty: no constraints.
  std::function<Result<bool>(const std::vector<std::int64_t>& digits, const std::vector<std::uint8_t>& assigned)> holds;
};

struct CoveringArray {
  std::vector<std::vector<std::int64_t>> combinations;  // digits, one per factor
  std::int64_t covered = 0;                             // tuples that occur
  std::int64_t infeasible = 0;                          // tuples that no combination can hold
};

inline constexpr std::int64_t kMaxCoverTuples = 4'000'000;

// 1 <= strength. Errors: more than kMaxCoverTuples tuples, constraints too tight to search, an error of `holds`.
Result<CoveringArray> cover(const CoverProblem& problem, int strength, std::uint64_t seed);

}  // namespace assay::run

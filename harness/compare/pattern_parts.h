// The three questions behind a pattern in words: which elements, moved from where, and wrong by what. Each answer is a
// phrase, or empty when there is nothing to say. Internal to harness/compare.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "harness/core/tensor.h"

namespace assay::compare {

// Elements of one tensor pair to be explained; ascending linear indices, at least one.
struct Mismatches {
  const Tensor& actual;
  const Tensor& expected;
  std::span<const std::int64_t> indices;
};

// "columns 8..15 of every row", "every 16th column", "all elements", "5 scattered elements of 4096, first at [3, 7]".
// Never empty. The last axis counts columns, the one before it rows.
std::string describe_positions(const Shape& shape, std::span<const std::int64_t> indices);

// Values that are right but in another place: "transposed", "rows 3 and 7 are swapped", "shifted by 1 row: ...".
std::string describe_moves(const Mismatches& mismatches);

// What is wrong with the values: "actual is all zero", "every mismatch is one ulp away from zero", "only the sign of
// zero".
std::string describe_values(const Mismatches& mismatches);

}  // namespace assay::compare

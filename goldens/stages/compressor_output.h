// Outputs of the compressor that keep what a call does not write: state rings, the cache of compressed rows, kv.
#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "goldens/stages/support.h"

namespace assay::goldens {

// Strict values with their hulls; determined numbers have none.
struct Numbers {
  std::vector<float> values;
  std::vector<Hull> hulls;
};

// compute(arithmetic) -> std::vector<Number>. For definitions with sums or functions, whose order and accuracy a
// profile leaves open.
template <class Compute>
Numbers enclosed_numbers(const Profile& profile, Compute compute) {
  return {compute(strict_arithmetic(profile)), compute(hull_arithmetic(profile))};
}
// The same for additions and multiplications alone: hulls only where the profile contracts or flushes.
template <class Compute>
Numbers evaluate_numbers(const Profile& profile, Compute compute) {
  if (has_freedom(profile)) return enclosed_numbers(profile, compute);
  return {compute(strict_arithmetic(profile)), {}};
}

// Elements [from, from + count) of `numbers` as an output.
GoldenOutput part_of(const Numbers& numbers, std::size_t from, std::size_t count, OutputType type);
GoldenOutput output_of(const Numbers& numbers, Shape shape, OutputType type);

// Replaces the elements of `output` from `at` on by those of `part`, of the same dtype.
void overwrite(GoldenOutput& output, std::size_t at, const GoldenOutput& part);

// What the specification leaves untouched, and nobody gave: open.
GoldenOutput open_output(DType dtype, const Shape& shape);

}  // namespace assay::goldens

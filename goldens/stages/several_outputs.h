// Stages with several outputs from one evaluation, and rows whose numbers the specification leaves open.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "goldens/stages/support.h"

namespace assay::goldens {

// One output of a stage's definition, in the number type that evaluated it.
template <class Number>
struct NamedNumbers {
  std::string_view name;
  Shape shape;
  OutputType type;
  std::vector<Number> numbers;
};

// As evaluate_enclosed, for a definition `compute(arithmetic)` that gives an array of NamedNumbers, the same ones for
// every arithmetic.
template <class Compute>
GoldenMap evaluate_outputs(const Profile& profile, Compute compute) {
  const auto values = compute(strict_arithmetic(profile));
  const auto hulls = compute(hull_arithmetic(profile));
  GoldenMap outputs;
  for (std::size_t i = 0; i < values.size(); ++i)
    outputs[std::string(values[i].name)] =
        enclosed(values[i].numbers, hulls[i].numbers, values[i].shape, values[i].type);
  return outputs;
}

// Sets every row of `columns` elements that holds an infinity or NaN to zero; 1 for every row that did. columns > 0.
std::vector<std::uint8_t> clear_non_finite_rows(std::span<float> rows, std::size_t columns);

}  // namespace assay::goldens

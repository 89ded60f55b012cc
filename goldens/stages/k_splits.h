// Matrix products whose reduction is cut into parts of equal width that an implementation sums on their own.
#pragma once

#include <cstddef>
#include <span>
#include <type_traits>
#include <vector>

#include "goldens/enclosure/arithmetic.h"

namespace assay::goldens {

// Columns [begin, begin + width) of a matrix whose rows have `stride` elements.
template <class Element>
std::vector<std::remove_const_t<Element>> columns_of(std::span<Element> matrix, std::size_t stride, std::size_t begin,
                                                     std::size_t width) {
  std::vector<std::remove_const_t<Element>> result;
  result.reserve(matrix.size() / stride * width);
  for (std::size_t row = 0; row < matrix.size(); row += stride) {
    const auto part = matrix.subspan(row + begin, width);
    result.insert(result.end(), part.begin(), part.end());
  }
  return result;
}

// x [rows, w.inputs] times w, every part's products [rows, w.outputs]. w is not input_major; `parts` divides w.inputs,
// which is positive.
template <class Arithmetic>
std::vector<std::vector<typename Arithmetic::Number>> multiply_in_parts(const Arithmetic& math,
                                                                        std::span<const typename Arithmetic::Number> x,
                                                                        const WeightMatrix& w, std::size_t parts) {
  if (parts == 1) return {math.multiply(x, w)};
  const std::size_t width = w.inputs / parts;
  std::vector<std::vector<typename Arithmetic::Number>> result;
  for (std::size_t part = 0; part < parts; ++part) {
    const auto weights = columns_of(w.values, w.inputs, part * width, width);
    const auto columns = columns_of(x, w.inputs, part * width, width);
    result.push_back(
        math.multiply(std::span<const typename Arithmetic::Number>(columns), WeightMatrix{weights, w.outputs, width}));
  }
  return result;
}

}  // namespace assay::goldens

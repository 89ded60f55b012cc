#include "goldens/stages/compressor_output.h"

namespace assay::goldens {
namespace {

void copy_elements(Tensor& to, std::size_t at, const Tensor& from) {
  const auto width = static_cast<std::size_t>(bytes_of(to.dtype(), 1));
  std::ranges::copy(from.bytes(), to.bytes().begin() + static_cast<std::ptrdiff_t>(at * width));
}

}  // namespace

GoldenOutput part_of(const Numbers& numbers, std::size_t from, std::size_t count, OutputType type) {
  const Shape shape{static_cast<std::int64_t>(count)};
  const std::span values = std::span(numbers.values).subspan(from, count);
  if (numbers.hulls.empty()) return determined(values, shape, type);
  return enclosed(values, std::span(numbers.hulls).subspan(from, count), shape, type);
}

GoldenOutput output_of(const Numbers& numbers, Shape shape, OutputType type) {
  if (numbers.hulls.empty()) return determined(numbers.values, std::move(shape), type);
  return enclosed(numbers.values, numbers.hulls, std::move(shape), type);
}

void overwrite(GoldenOutput& output, std::size_t at, const GoldenOutput& part) {
  copy_elements(output.value, at, part.value);
  copy_elements(output.lo, at, part.lo);
  copy_elements(output.hi, at, part.hi);
  std::ranges::copy(part.open, output.open.begin() + static_cast<std::ptrdiff_t>(at));
}

GoldenOutput open_output(DType dtype, const Shape& shape) {
  GoldenOutput result = determined(Tensor(dtype, shape));
  std::ranges::fill(result.open, std::uint8_t{1});
  return result;
}

}  // namespace assay::goldens

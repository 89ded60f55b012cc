#include "harness/core/tensor.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstring>

namespace assay {

std::int64_t element_count(const Shape& shape) {
  std::int64_t count = 1;
  for (std::int64_t extent : shape) count *= extent;
  return count;
}

std::string to_string(const Shape& shape) {
  return shape.empty() ? "scalar" : fmt::format("{}", fmt::join(shape, "x"));
}

Tensor::Tensor(DType dtype, Shape shape)
    : dtype_(dtype),
      shape_(std::move(shape)),
      count_(element_count(shape_)),
      bytes_(static_cast<std::size_t>(bytes_of(dtype, count_))) {}

std::uint64_t Tensor::bits(std::int64_t index) const {
  if (info(dtype_).bits == 4) {
    const auto byte = static_cast<unsigned>(bytes_[static_cast<std::size_t>(index / 2)]);
    return (byte >> (4 * (index % 2))) & 0xF;
  }
  const auto width = static_cast<std::size_t>(info(dtype_).bits / 8);
  std::uint64_t value = 0;
  std::memcpy(&value, bytes_.data() + static_cast<std::size_t>(index) * width, width);
  return value;
}

void Tensor::set_bits(std::int64_t index, std::uint64_t bits) {
  if (info(dtype_).bits == 4) {
    std::byte& byte = bytes_[static_cast<std::size_t>(index / 2)];
    const auto shift = static_cast<unsigned>(4 * (index % 2));
    byte = (byte & ~(std::byte{0xF} << shift)) | (static_cast<std::byte>(bits & 0xF) << shift);
    return;
  }
  const auto width = static_cast<std::size_t>(info(dtype_).bits / 8);
  std::memcpy(bytes_.data() + static_cast<std::size_t>(index) * width, &bits, width);
}

}  // namespace assay

// A dense row-major array of elements of one dtype; owns its bytes. Knows nothing of values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "harness/core/dtype.h"

namespace assay {

using Shape = std::vector<std::int64_t>;

// Product of the extents; 1 for rank 0. Extents are non-negative.
std::int64_t element_count(const Shape& shape);
// "16x4096"; "scalar" for rank 0.
std::string to_string(const Shape& shape);

class Tensor {
 public:
  Tensor() = default;
  // All bytes zero.
  Tensor(DType dtype, Shape shape);

  DType dtype() const { return dtype_; }
  const Shape& shape() const { return shape_; }
  std::int64_t size() const { return count_; }  // elements
  std::span<std::byte> bytes() { return bytes_; }
  std::span<const std::byte> bytes() const { return bytes_; }

  // The elements seen as T. T has the dtype's width and is trivially copyable.
  template <class T>
  std::span<T> as() {
    return {reinterpret_cast<T*>(bytes_.data()), bytes_.size() / sizeof(T)};
  }
  template <class T>
  std::span<const T> as() const {
    return {reinterpret_cast<const T*>(bytes_.data()), bytes_.size() / sizeof(T)};
  }

  // The element's bits, zero-extended (e2m1: its nibble). 0 <= index < size().
  std::uint64_t bits(std::int64_t index) const;
  void set_bits(std::int64_t index, std::uint64_t bits);

  // Equal dtype, shape and bytes.
  bool operator==(const Tensor&) const = default;

 private:
  DType dtype_ = DType::f32;
  Shape shape_;
  std::int64_t count_ = 1;
  std::vector<std::byte> bytes_ = std::vector<std::byte>(4);
};

using TensorMap = std::map<std::string, Tensor, std::less<>>;

}  // namespace assay

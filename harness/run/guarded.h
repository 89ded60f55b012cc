// A tensor with guard zones on both sides, all poisoned, so that stray and missing writes show.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "harness/core/tensor.h"
#include "harness/device/backend.h"

namespace assay::run {

// Two patterns that differ in every byte. In floats the first is a NaN and the second large, so a result that depends
// on poison differs between two runs even after rounding or saturation.
inline constexpr std::byte kPoison[2] = {std::byte{0xff}, std::byte{0x7e}};
inline constexpr std::int64_t kGuardBytes = 1024;  // on each side; a multiple of every alignment

class Guarded {
 public:
  // Poisoned all over with pattern 0 or 1. The elements begin `offset` elements behind an aligned address (rounded up
  // to whole bytes for packed dtypes).
  Guarded(DType dtype, Shape shape, int pattern, std::int64_t offset = 0);

  // What a backend is handed: guard, elements, guard; and where the elements begin.
  Tensor& storage() { return storage_; }
  std::int64_t element_offset() const;
  // Its guards as the launch's placement names them.
  device::Placement placement(std::int64_t rank = 0, bool window = false) const;

  void set(const Tensor& content) { set(content.bytes()); }
  void set(std::span<const std::byte> content);
  Tensor content() const;
  std::span<const std::byte> payload() const;
  bool content_equals(const Tensor& other) const { return content_equals(other.bytes()); }
  bool content_equals(std::span<const std::byte> other) const;
  // "64 bytes after its end, the first at +0", or empty when both guards hold their poison.
  std::string broken_guard() const;

 private:
  std::int64_t front_bytes_;  // guard and offset
  Shape shape_;
  Tensor storage_;
  std::byte poison_;
};

}  // namespace assay::run

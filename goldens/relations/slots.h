// Which elements a tensor of counts leaves out of use.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "harness/core/tensor.h"

namespace assay::goldens {

class Slots {
 public:
  // `count` holds integers; below zero counts as zero. Its axes "1" do not take part.
  // slots: elements of [A..., S, ...] whose index in S is not below count [A...].
  // Otherwise: elements of [A..., ...] for which all of count [A..., B...] is zero.
  Slots(const Tensor& count, const std::vector<std::string>& axes, bool slots);

  // 1 per element of a tensor with these axes that is out of use.
  std::vector<std::uint8_t> mask(const std::vector<std::string>& axes, const Shape& shape) const;
  bool any(const std::vector<std::string>& axes, const Shape& shape) const;

 private:
  std::vector<std::string> axes_;
  Shape shape_;
  std::vector<std::int64_t> counts_;
  bool slots_;
};

}  // namespace assay::goldens

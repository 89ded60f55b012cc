// What a correctly rounded operation returns, and how often its fast path could not decide.
#pragma once

#include <cstdint>

namespace assay::goldens::exact {

// The exact value rounded to nearest even. escalated: the fast path's error bound left two float32 possible, and exact
// or multiple-precision arithmetic chose between them.
struct Rounded {
  float value = 0;
  bool escalated = false;
};

struct Escalations {
  std::uint64_t evaluations = 0, escalations = 0;

  // The value, counted.
  float count(Rounded r) {
    ++evaluations;
    escalations += r.escalated;
    return r.value;
  }
  Escalations& operator+=(const Escalations& other) {
    evaluations += other.evaluations;
    escalations += other.escalations;
    return *this;
  }
  double rate() const {
    return evaluations == 0 ? 0 : static_cast<double>(escalations) / static_cast<double>(evaluations);
  }
};

}  // namespace assay::goldens::exact

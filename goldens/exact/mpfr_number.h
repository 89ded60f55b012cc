// Test support: raw MPFR numbers of 96 bits and enclosures of them by directed rounding.
#pragma once

#include <mpfr.h>

namespace assay::goldens::exact {

class MpfrNumber {
 public:
  explicit MpfrNumber(double x = 0) {
    mpfr_init2(value_, 96);
    mpfr_set_d(value_, x, MPFR_RNDN);
  }
  MpfrNumber(const MpfrNumber&) = delete;
  MpfrNumber& operator=(const MpfrNumber&) = delete;
  ~MpfrNumber() { mpfr_clear(value_); }
  mpfr_ptr get() { return value_; }
  mpfr_srcptr get() const { return value_; }

 private:
  mpfr_t value_;
};

// below <= exact value <= above.
struct MpfrEnclosure {
  MpfrNumber below, above;
};

}  // namespace assay::goldens::exact

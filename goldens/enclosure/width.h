// How wide a golden's enclosure is, in units of its dtype.
#pragma once

#include <cstdint>

#include "goldens/stages/stage.h"

namespace assay::goldens {

// The width of an element is the number of values of the dtype from lo to hi, less one: 0 for a determined element, and
// both zeros are one value. NaN for both ends is one answer, width 0. Open elements are counted, not measured.
struct Widths {
  std::int64_t elements = 0, open = 0, determined = 0;  // determined: measured with width 0
  double median_ulp = 0, max_ulp = 0;                   // over the elements that are not open; 0 if there are none
};

// Of any dtype; e2m1 too.
Widths widths(const GoldenOutput& output);

}  // namespace assay::goldens

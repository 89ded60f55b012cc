// Which of the two values around an inexact magnitude a rounding mode picks.
#pragma once

#include <compare>

#include "harness/core/profile/profile.h"

namespace assay::goldens {

// The number lies strictly between two neighbouring magnitudes. `against_half`: its place against their middle.
// `lower_is_odd`: the last bit of the lower neighbour. True: the upper one (away from zero).
constexpr bool rounds_up(Rounding mode, bool negative, bool lower_is_odd, std::strong_ordering against_half) {
  switch (mode) {
    case Rounding::rint:
      return against_half == 0 ? lower_is_odd : against_half > 0;
    case Rounding::round:
      return against_half >= 0;
    case Rounding::floor:
      return negative;
    case Rounding::ceil:
      return !negative;
    case Rounding::trunc:
      return false;
    case Rounding::odd:
      return !lower_is_odd;
  }
  return false;
}

}  // namespace assay::goldens

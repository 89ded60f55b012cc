// The one exact definition of rounding: find the two representable neighbours of a real number, pick by mode.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>

#include "goldens/exact/dyadic.h"
#include "harness/core/profile/profile.h"

namespace assay::goldens {

// A non-negative real number, known only by its exact place among dyadic rationals; so quotients and roots, which are
// not dyadic, round by the same definition.
using Place = std::function<std::strong_ordering(const Dyadic&)>;

// Where a non-negative number lies among the magnitudes of a format.
struct Neighbours {
  std::uint32_t lower = 0;  // the greatest code at or below, at most the largest finite one
  bool exact = false;       // the number is the lower one's value
  std::strong_ordering against_half = std::strong_ordering::less;  // against the middle of lower and lower + 1
};
Neighbours find_neighbours(BinaryFormat format, const Place& number);

// For IEEE formats: the code (with sign) that `mode` picks; formats/narrow_exact.h has the rules of the others. A
// magnitude at or beyond 2^(max_exponent + 1) has the largest finite value and infinity as neighbours and is nearer to
// infinity. `saturate`: infinity becomes the largest finite value.
std::uint32_t pick(BinaryFormat format, const Neighbours& neighbours, bool negative, Rounding mode, bool saturate);

// Both steps, for a dyadic number. Zero is +0.
std::uint32_t round_exact(BinaryFormat format, const Dyadic& number, Rounding mode, bool saturate = false);
// Of any float32: infinities saturate or stay, NaN gives the quiet NaN, signed zero stays.
std::uint32_t round_exact(BinaryFormat format, float x, Rounding mode, bool saturate = false);

// The integer that `mode` picks.
boost::multiprecision::cpp_int round_to_integer(const Dyadic& number, Rounding mode);

}  // namespace assay::goldens

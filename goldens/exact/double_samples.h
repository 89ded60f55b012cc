// Test support: seeded doubles of every class, and the neighbourhoods where range reductions change.
#pragma once

#include <cmath>
#include <vector>

#include "goldens/exact/float_samples.h"
#include "goldens/exact/next_double.h"

namespace assay::goldens::exact {

class DoubleSamples {
 public:
  explicit DoubleSamples(std::uint64_t seed) : samples_(seed) {}

  double finite() {
    switch (samples_.below(6)) {
      case 0:
        return any_bits();
      case 1:
        return static_cast<double>(samples_.finite());  // float32 of every class
      case 2:
        return near(samples_.coin() ? 1.0 : -1.0);
      case 3:
        return signed_uniform(760);  // where exp neither overflows nor underflows, and a little beyond
      case 4:
        return signed_uniform(1);
      default:
        return near_multiple();
    }
  }
  double positive() {
    for (;;)
      if (const double x = std::fabs(finite()); x > 0) return x;
  }

 private:
  double any_bits() {
    for (;;)
      if (const double x = std::bit_cast<double>(samples_.bits()); is_finite(x)) return x;
  }
  double signed_uniform(double limit) {
    const double u = static_cast<double>(samples_.bits() >> 11) * 0x1p-53 * limit;
    return samples_.coin() ? u : -u;
  }
  // A few steps beside x, or x * (1 + 2^-n).
  double near(double x) {
    if (samples_.coin())
      return x * (1 + (samples_.coin() ? 1 : -1) * power_of_two(-static_cast<int>(samples_.below(60))));
    for (auto steps = samples_.below(5); steps > 0; --steps) x = samples_.coin() ? next_above(x) : next_below(x);
    return x;
  }
  // Beside multiples of ln2 / 64 (exp's reduction), of 1 / 32 with any exponent (log's), and the ends of exp's range.
  double near_multiple() {
    switch (samples_.below(3)) {
      case 0:
        return near((static_cast<double>(samples_.below(140000)) - 70000) * 0.010830424696249145);
      case 1:
        return near((1 + static_cast<double>(samples_.below(33)) / 32) *
                    power_of_two(static_cast<int>(samples_.below(9)) - 6));
      default: {
        constexpr std::array kEnds{
            709.782712893384, -708.3964185322641, -745.1332191019411, -744.4400719213812, 710.0, -746.0};
        return near(kEnds[samples_.below(kEnds.size())]);
      }
    }
  }
  FloatSamples samples_;
};

}  // namespace assay::goldens::exact

// Sums of float32 and of products of two float32 without any rounding: wide fixed-point accumulation. The result
// depends on the multiset of what was added alone, never on the order.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "goldens/exact/bracket.h"

namespace assay::goldens {
struct Dyadic;
}

namespace assay::goldens::exact {

// Holds up to 2^63 terms. Infinities and NaN are kept as a class, as IEEE 754 adds them: NaN, a product of zero and
// infinity, or infinities of both signs give NaN; otherwise an infinity wins over every finite term. A finite sum may
// exceed float32's range on the way: only the result rounds.
class ExactAccumulator {
 public:
  void add(float x) { add_product(x, 1); }
  void add_product(float a, float b);
  void add(std::span<const float> x);
  void add_products(std::span<const float> a, std::span<const float> b);  // of equal size
  void merge(const ExactAccumulator& other);

  // The exact sum rounded once to nearest even; zero is +0, and what underflows keeps its sign.
  float to_float();
  double to_double();
  // The sum or its two neighbours in double, of a finite sum; else {NaN, NaN}.
  Bracket bracket();
  // Of a finite sum.
  Dyadic exact();

  bool is_finite() const { return !has_nan_ && !has_infinity_[0] && !has_infinity_[1]; }
  bool is_zero();  // finite and exactly zero
  int sign();      // -1, 0, 1; of infinities too; 0 for NaN

 private:
  // The exact sum is a two's complement number in units of 2^-298, the unit of a product of two subnormals: 2^256 and
  // 2^63 terms make 298 + 256 + 63 bits and a sign.
  static constexpr std::size_t kLimbs = 10;
  using Limbs = std::array<std::uint64_t, kLimbs>;
  // Bucket i collects products of units 2^(i - 298), each below 2^48 in magnitude: 2^14 of them stay below 2^62.
  static constexpr std::size_t kBuckets = 512;
  static constexpr std::uint32_t kMostPending = 1 << 14;

  struct Magnitude {
    Limbs limbs;
    bool negative;
    int bits;  // length; 0 for zero
  };

  void add_special(float a, float b);
  void flush();
  void add_at(std::int64_t value, std::size_t shift);
  Magnitude magnitude();
  double non_finite() const;

  std::array<std::int64_t, kBuckets> buckets_{};
  Limbs limbs_{};
  std::uint32_t pending_ = 0;
  bool has_nan_ = false;
  std::array<bool, 2> has_infinity_{};  // positive, negative
};

}  // namespace assay::goldens::exact

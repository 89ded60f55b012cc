// Test support: seeded float32 of every class, which generators of reals never give.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <limits>

namespace assay::goldens {

class FloatSamples {
 public:
  explicit FloatSamples(std::uint64_t seed) : state_(seed) {}

  std::uint64_t bits() {  // splitmix64
    std::uint64_t z = state_ += 0x9E3779B97F4A7C15;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
  }
  std::uint64_t below(std::uint64_t n) { return bits() % n; }
  bool coin() { return bits() & 1; }

  // Normal, exponents -8..8, full fraction.
  float moderate() { return normal(-8, 17, ~0u); }
  // Few fraction bits, so that sums and products hit ties and cancel.
  float coarse() { return normal(-4, 9, 0x7E0000); }
  // Every class: raw patterns, specials, subnormals, near overflow, moderate, coarse.
  float any() {
    switch (below(7)) {
      case 0:
        return std::bit_cast<float>(static_cast<std::uint32_t>(bits()));
      case 1:
        return special();
      case 2:
        return std::bit_cast<float>(static_cast<std::uint32_t>(bits() & 0x807FFFFF));
      case 3:
        return normal(120, 8, ~0u);
      case 4:
        return normal(-126, 8, ~0u);
      case 5:
        return coarse();
      default:
        return moderate();
    }
  }
  // Zeros, ones, the ends of the ranges, infinity, NaN; of either sign.
  float special() {
    using limits = std::numeric_limits<float>;
    constexpr std::array kSpecials{
        0.0f, 1.0f,  limits::denorm_min(), limits::min(), limits::max(), limits::infinity(), limits::quiet_NaN(), 0.5f,
        1.5f, 127.0f};
    const float x = kSpecials[below(kSpecials.size())];
    return coin() ? x : -x;
  }
  float finite() {
    for (;;)
      if (const float x = any(); x - x == 0) return x;
  }

 private:
  float normal(int least_exponent, unsigned exponents, std::uint32_t fraction_mask) {
    const auto exponent = static_cast<std::uint32_t>(least_exponent + static_cast<int>(below(exponents)) + 127);
    const auto random = static_cast<std::uint32_t>(bits());
    return std::bit_cast<float>((random & 0x80000000) | (exponent << 23) | (random & 0x7FFFFF & fraction_mask));
  }
  std::uint64_t state_;
};

// Equal bits, or both NaN.
inline bool same_float(float a, float b) {
  return (a != a && b != b) || std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b);
}

}  // namespace assay::goldens

// Constants of elementary functions, computed by the compiler in wide integers: nothing is copied from a table.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace assay::goldens::exact {

__extension__ using FixedPoint = unsigned __int128;

// A number as hi + lo: hi a multiple of a stated power of two, 0 <= lo < that power, rounded to double.
struct Split {
  double hi = 0, lo = 0;
};

constexpr double scaled(double x, int halvings) {
  for (; halvings > 0; --halvings) x *= 0.5;
  return x;
}

// value * 2^-scale, hi a multiple of 2^-grid.
consteval Split split(FixedPoint value, int scale, int grid) {
  const int low_bits = scale - grid;
  const FixedPoint low = value & ((FixedPoint{1} << low_bits) - 1);
  return {scaled(static_cast<double>(value >> low_bits), grid), scaled(static_cast<double>(low), scale)};
}

// log(a / b) * 2^120 for 1 <= a / b <= 2, a + b < 256, as 2 artanh((a - b) / (a + b)): the sum of 2 q^n / n over odd n.
// Every step rounds down by less than one unit, q <= 1/3 and the terms vanish after 40 of them: less than 200 units.
consteval FixedPoint log_ratio(unsigned a, unsigned b) {
  const FixedPoint difference = a - b, total = a + b;
  FixedPoint power = (difference << 120) / total, sum = 0;
  for (unsigned n = 1; power != 0; n += 2) {
    sum += 2 * power / n;
    power = power * difference / total;
    power = power * difference / total;
  }
  return sum;
}

// The integer square root, rounded down.
consteval FixedPoint floor_root(FixedPoint x) {
  FixedPoint root = 0;
  for (int bit = 63; bit >= 0; --bit) {
    const FixedPoint candidate = root | (FixedPoint{1} << bit);
    if (candidate * candidate <= x) root = candidate;
  }
  return root;
}

// 2^(j / 32) * 2^63: products of the five roots 2^(1/2), ..., 2^(1/32). Each root and product rounds down by less than
// one unit and values are below 2, so errors at most double along a chain: less than 2^5 units in all.
consteval std::uint64_t power_of_root(unsigned j) {
  FixedPoint root = FixedPoint{1} << 64, product = FixedPoint{1} << 63;
  for (unsigned bit = 16; bit != 0; bit /= 2) {
    root = floor_root(root << 63);
    if (j & bit) product = (product * root) >> 63;
  }
  return static_cast<std::uint64_t>(product);
}

}  // namespace assay::goldens::exact

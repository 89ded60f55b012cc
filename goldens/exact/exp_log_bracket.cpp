#include <cmath>

#include "goldens/exact/bracket.h"
#include "goldens/exact/fixed_point.h"
#include "goldens/exact/next_double.h"

// Each function is computed as v = a + b rounded once, where a + b is off the exact value by less than half the step
// from v to either neighbour. Then the value lies strictly between the neighbours of v: rounding alone moves a + b by
// at most half a step. Half a step is at least 2^-54 |v|.
namespace assay::goldens::exact {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

Bracket neighbours_of(double v) { return {next_below(v), next_above(v)}; }

// --- exp
// ---------------------------------------------------------------------------------------------------------------

constexpr Split kLog2By32 = split(log_ratio(2, 1), 125, 42);  // hi has 37 bits

consteval std::array<Split, 32> powers() {
  std::array<Split, 32> table;
  [&]<std::size_t... kJ>(std::index_sequence<kJ...>) { ((table[kJ] = split(power_of_root(kJ), 63, 52)), ...); }
  (std::make_index_sequence<32>{});
  return table;
}
constexpr std::array kPowers = powers();

// v * 2^exponent rounded down and up, for v in [0.9, 2), -1080 <= exponent <= 1025. A product that is subnormal rounds;
// scaling it back is exact and tells which way.
Bracket scaled_bracket(Bracket v, int exponent) {
  if (exponent >= -1020 && exponent <= 1022) {
    const double power = power_of_two(exponent);
    return {v.lo * power, v.hi * power};
  }
  if (exponent > 0) {
    const double power = power_of_two(exponent - 1000);
    const double lo = v.lo * 0x1p1000 * power, hi = v.hi * 0x1p1000 * power;
    return {std::fmin(lo, std::numeric_limits<double>::max()), hi};
  }
  const double lo = v.lo * power_of_two(exponent + 200), hi = v.hi * power_of_two(exponent + 200);
  const double least = lo * 0x1p-200, greatest = hi * 0x1p-200;
  return {least * 0x1p200 > lo ? next_below(least) : least, greatest * 0x1p200 < hi ? next_above(greatest) : greatest};
}

}  // namespace

// x = n ln2 / 32 + r with n the nearest integer; e^x = 2^k * T * e^r, n = 32 k + j, T = 2^(j/32).
//
// r: |x| <= 746, so |n| < 2^16 and n * hi is exact (16 + 37 bits). x - n * hi is exact too: it is a multiple of the
// lesser of x's unit and 2^-42, and below 0.0109 in magnitude; where n is not 0, |x| > 2^-7 has a unit of at least
// 2^-59, so that 53 bits suffice. n * lo < 2^-26 rounds by less than 2^-78; r = (x - n hi) - n lo is below 2^-6.51 and
// rounds by at most 2^-60. So r is off by less than 2^-59.9.
// p = e^r - 1 by Taylor up to r^7 / 7!: the rest is below 2^-67. r^2 / 2 + ... is below 2^-14 and carries a relative
// error of at most 4 * 2^-53; r + that rounds by at most 2^-60. Altogether p is off by less than 2^-58.8.
// v = T.hi + (T.lo + T.hi * p), T < 2: the product is below 2^-5.5 and rounds by at most 2^-59, so does the inner sum;
// T.lo * p, left out, is below 2^-58.5, and the table is off by at most 2^-58. In all less than
// 2^-57.8 + 2^-58 + 2^-58.5 + 2^-58 < 2^-56, and half of v's step to either side is at least 2^-54: v is at least
// 0.98, and below 1 only with T = 1, so that a step below 1 of 2^-53 halves to 2^-54.
Bracket exp_bracket(double x) {
  if (!is_finite(x)) return {kNaN, kNaN};
  if (x == 0) return {1, 1};
  if (x > 710) return {std::numeric_limits<double>::max(), kInfinity};  // e^710 > 2^1024
  if (x < -746) return {0, std::numeric_limits<double>::denorm_min()};  // e^-746 < 2^-1075
  constexpr double kShifter = 0x1.8p52;                                 // rounds to integer, in its low bits
  constexpr double kPerStep = 46.166241308446828;                       // 32 / ln2; its error moves only r's range
  const double shifted = x * kPerStep + kShifter;
  const auto n = static_cast<std::int32_t>(std::bit_cast<std::uint64_t>(shifted));
  const double steps = shifted - kShifter;
  const double r = (x - steps * kLog2By32.hi) - steps * kLog2By32.lo;
  const double tail = 1.0 / 2 + r * (1.0 / 6 + r * (1.0 / 24 + r * (1.0 / 120 + r * (1.0 / 720 + r * (1.0 / 5040)))));
  const double p = r + r * r * tail;
  const Split t = kPowers[static_cast<std::size_t>(n & 31)];
  return scaled_bracket(neighbours_of(t.hi + (t.lo + t.hi * p)), n >> 5);
}

// --- log
// ---------------------------------------------------------------------------------------------------------------

namespace {

constexpr Split kLog2 = split(log_ratio(2, 1), 120, 40);

// For a significand m in [1 + i/32, 1 + (i+1)/32): c = p / 64 near 1 / m. From i = 13 on the significand counts as m /
// 2 and the exponent as one more, so that m lies in [0.703, 1.407) and nothing cancels near 1.
constexpr unsigned kHalved = 13;
struct LogEntry {
  int p = 0;
  Split log;  // -log(c), or -log(2 c) from kHalved on
};

// Of the negative -log(2 c), hi and lo are both negative.
template <unsigned kIndex>
consteval LogEntry log_entry() {
  constexpr unsigned kP = kIndex == 0 ? 64 : kIndex == 31 ? 32 : (4096 + (65 + 2 * kIndex) / 2) / (65 + 2 * kIndex);
  if constexpr (kIndex < kHalved) {
    return {kP, split(log_ratio(64, kP), 120, 40)};
  } else {
    const Split log = split(log_ratio(kP, 32), 120, 40);
    return {kP, {-log.hi, -log.lo}};
  }
}

consteval std::array<LogEntry, 32> log_entries() {
  std::array<LogEntry, 32> table;
  [&]<std::size_t... kI>(std::index_sequence<kI...>) { ((table[kI] = log_entry<kI>()), ...); }
  (std::make_index_sequence<32>{});
  return table;
}
constexpr std::array kLogEntries = log_entries();

// |m c - 1| at the ends of each interval, in units of 1/2048: at most 48 (2^-5.41), and for i = 0 and 31, where log(c)
// is 0 (or cancels with ln2 exactly), at most 64 (2^-5).
consteval bool reductions_are_small() {
  for (int i = 0; i < 32; ++i)
    for (const int end : {i, i + 1}) {
      const int z = (32 + end) * kLogEntries[static_cast<std::size_t>(i)].p - 2048;
      const int bound = i == 0 || i == 31 ? 64 : 48;
      if (z > bound || -z > bound) return false;
    }
  return true;
}
static_assert(reductions_are_small());

// log(1 + z) - z for |z| <= 2^-5 by its series up to z^11. What is left out is below |z|^12 / 12 * 1.04; the roundings
// are below 4 * 2^-53 of the result, which is below 0.52 z^2.
double log1p_tail(double z) {
  const double z2 = z * z;
  const double even = -1.0 / 2 + z2 * (-1.0 / 4 + z2 * (-1.0 / 6 + z2 * (-1.0 / 8 + z2 * (-1.0 / 10))));
  const double odd = 1.0 / 3 + z2 * (1.0 / 5 + z2 * (1.0 / 7 + z2 * (1.0 / 9 + z2 * (1.0 / 11))));
  return z2 * (even + z * odd);
}

// log(y) + correction, for y > 0, |correction| <= 2^-52. y = 2^k m, z = m c - 1, log(y) = k ln2 - log(c) + log(1 + z).
//
// z is exact: an integer below 2^53 in units of 2^-58. k * ln2.hi - log(c).hi is exact: multiples of 2^-40 below 2^10.
// Near 1 (k = 0, c = 1) with correction 0 everything but z and its tail is 0: v = z + tail, off by at most
// 2^-51 * 0.52 z^2 + z^12 / 11.5 <= |z| (2^-56.9 + 2^-58.5) < |z| 2^-56: less than half a step.
// Otherwise |v| >= 2^-6 (see log1p_bracket for a correction), so that half a step is at least 2^-60. The low parts are
// off by 2^-83, the tail with |z| <= 2^-5.41 by 2^-51 * 0.52 * 2^-10.82 + 2^-68 < 2^-62.7, and adding them up rounds
// twice by at most 2^-64 (they are below 2^-11): less than 2^-61.7. Where k is not 0 but c = 1, |z| <= 2^-5 gives
// less than 2^-61, and half a step is at least 2^-55.
Bracket log_of(double y, double correction) {
  const Parts parts = parts_of(y);
  const auto index = static_cast<unsigned>(parts.significand >> 47) & 31;
  const LogEntry& entry = kLogEntries[index];
  const int k = parts.exponent + 52 + (index >= kHalved ? 1 : 0);
  const auto product = static_cast<std::int64_t>(parts.significand * static_cast<std::uint64_t>(entry.p));
  const double z = static_cast<double>(product - (std::int64_t{1} << 58)) * 0x1p-58;
  const double base = k * kLog2.hi + entry.log.hi;
  const double sum = base + z;
  const double virtual_z = sum - base;
  const double error = (base - (sum - virtual_z)) + (z - virtual_z);
  const double low = (k * kLog2.lo + entry.log.lo) + correction;
  return neighbours_of(sum + (error + (low + log1p_tail(z))));
}

}  // namespace

Bracket log_bracket(double x) {
  if (!is_finite(x) || !(x > 0)) return {kNaN, kNaN};
  if (x == 1) return {0, 0};
  return log_of(x, 0);
}

// Below 2^-54 in magnitude log1p(t) = t - t^2 / 2 + ... lies between t and the double below it: t^2 / 2 < 2^-55 |t| is
// less than a step, also where t is subnormal and a step is t itself. On [-2^-6, 2^-5] z = t is exact and log_of's
// bound near 1 holds. Elsewhere 1 + t = y + e exactly (two-sum), log(1 + t) = log(y) + e / y with |e / y| <= 2^-53: the
// quotient's rounding and the square that is left out are below 2^-105. y >= 1 + 2^-5 or y <= 1 - 2^-6, and a logarithm
// there is at least 2^-6 in magnitude; in the interval next to 1 below, |z| <= 2^-6.
Bracket log1p_bracket(double t) {
  if (!is_finite(t) || !(t > -1)) return {kNaN, kNaN};
  if (t == 0) return {0, 0};
  if (std::fabs(t) < 0x1p-54) return {next_below(t), t};
  if (t >= -0x1p-6 && t <= 0x1p-5) return neighbours_of(t + log1p_tail(t));
  const double y = 1 + t;
  const double virtual_t = y - 1;
  const double e = (1 - (y - virtual_t)) + (t - virtual_t);
  return log_of(y, e / y);
}

}  // namespace assay::goldens::exact

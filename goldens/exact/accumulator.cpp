#include "goldens/exact/accumulator.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "goldens/exact/dyadic.h"
#include "goldens/exact/next_double.h"

namespace assay::goldens::exact {
namespace {

constexpr int kUnit = -298;  // log2 of the unit
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

bool bit_at(std::span<const std::uint64_t> limbs, int position) {
  return (limbs[static_cast<std::size_t>(position) / 64] >> (position % 64)) & 1;
}

// Whether a bit below `position` is set.
bool any_below(std::span<const std::uint64_t> limbs, int position) {
  const std::size_t whole = static_cast<std::size_t>(position) / 64;
  for (std::size_t i = 0; i < whole; ++i)
    if (limbs[i] != 0) return true;
  return position % 64 != 0 && (limbs[whole] & ((std::uint64_t{1} << (position % 64)) - 1)) != 0;
}

// The bits from `position` on; they fit in 64.
std::uint64_t bits_from(std::span<const std::uint64_t> limbs, int position) {
  const std::size_t limb = static_cast<std::size_t>(position) / 64;
  const int shift = position % 64;
  std::uint64_t low = limbs[limb] >> shift;
  if (shift != 0 && limb + 1 < limbs.size()) low |= limbs[limb + 1] << (64 - shift);
  return low;
}

// A magnitude of `bits` bits rounded to nearest even at `precision` bits, no unit finer than 2^least_unit. Exact as
// double: precision is at most 53 and values lie between 2^-298 and 2^320.
double rounded(std::span<const std::uint64_t> limbs, int bits, int precision, int least_unit) {
  const int cut = std::max({bits - precision, least_unit - kUnit, 0});
  std::uint64_t kept = bits_from(limbs, cut);
  if (cut > 0 && bit_at(limbs, cut - 1) && (any_below(limbs, cut - 1) || (kept & 1))) ++kept;
  return static_cast<double>(kept) * power_of_two(cut + kUnit);
}

}  // namespace

void ExactAccumulator::add_special(float a, float b) {
  const float product = a * b;  // of a NaN or an infinity: nothing rounds
  if (product != product)
    has_nan_ = true;
  else
    has_infinity_[product < 0] = true;
}

void ExactAccumulator::add_product(float a, float b) {
  const auto x = std::bit_cast<std::uint32_t>(a), y = std::bit_cast<std::uint32_t>(b);
  const std::uint32_t x_field = (x >> 23) & 0xFF, y_field = (y >> 23) & 0xFF;
  if (x_field == 0xFF || y_field == 0xFF) return add_special(a, b);
  const std::uint32_t x_normal = x_field != 0, y_normal = y_field != 0;
  const std::uint64_t product = std::uint64_t{(x & 0x7FFFFF) | (x_normal << 23)} * ((y & 0x7FFFFF) | (y_normal << 23));
  const std::uint64_t negate = -std::uint64_t{(x ^ y) >> 31};
  // A subnormal's unit is that of field 1.
  const std::size_t bucket = x_field - x_normal + y_field - y_normal;
  buckets_[bucket] += static_cast<std::int64_t>((product ^ negate) - negate);
  if (++pending_ == kMostPending) flush();
}

void ExactAccumulator::add(std::span<const float> x) {
  for (const float value : x) add_product(value, 1);
}

void ExactAccumulator::add_products(std::span<const float> a, std::span<const float> b) {
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) add_product(a[i], b[i]);
}

// value * 2^shift units: two limbs and the sign's extension.
void ExactAccumulator::add_at(std::int64_t value, std::size_t shift) {
  const std::size_t limb = shift / 64, offset = shift % 64;
  const auto low = static_cast<std::uint64_t>(value) << offset;
  const std::int64_t high = offset == 0 ? value >> 63 : value >> (64 - offset);
  std::uint64_t carry = 0, addend = low;
  for (std::size_t i = limb; i < kLimbs; ++i) {
    const std::uint64_t partial = limbs_[i] + addend, total = partial + carry;
    carry = (partial < addend) | (total < partial);
    limbs_[i] = total;
    addend = static_cast<std::uint64_t>(i == limb ? high : high >> 63);
    if (i > limb && carry == 0 && addend == 0) break;
  }
}

void ExactAccumulator::flush() {
  if (pending_ == 0) return;
  for (std::size_t i = 0; i < kBuckets; ++i)
    if (buckets_[i] != 0) add_at(std::exchange(buckets_[i], 0), i);
  pending_ = 0;
}

void ExactAccumulator::merge(const ExactAccumulator& other) {
  ExactAccumulator copy = other;
  copy.flush();
  flush();
  std::uint64_t carry = 0;
  for (std::size_t i = 0; i < kLimbs; ++i) {
    const std::uint64_t partial = limbs_[i] + copy.limbs_[i], total = partial + carry;
    carry = (partial < copy.limbs_[i]) | (total < partial);
    limbs_[i] = total;
  }
  has_nan_ |= copy.has_nan_;
  for (std::size_t s = 0; s < 2; ++s) has_infinity_[s] |= copy.has_infinity_[s];
}

ExactAccumulator::Magnitude ExactAccumulator::magnitude() {
  flush();
  Magnitude m{limbs_, (limbs_.back() >> 63) != 0, 0};
  if (m.negative) {
    std::uint64_t carry = 1;
    for (std::uint64_t& limb : m.limbs) {
      limb = ~limb + carry;
      carry &= limb == 0;
    }
  }
  for (std::size_t i = kLimbs; i-- > 0 && m.bits == 0;)
    if (m.limbs[i] != 0) m.bits = static_cast<int>(64 * i + static_cast<std::size_t>(std::bit_width(m.limbs[i])));
  return m;
}

double ExactAccumulator::non_finite() const {
  if (has_nan_ || (has_infinity_[0] && has_infinity_[1])) return kNaN;
  return has_infinity_[0] ? kInfinity : -kInfinity;
}

// The last conversion is exact, or overflows from 2^128 on, as nearest even does.
float ExactAccumulator::to_float() {
  if (!is_finite()) return static_cast<float>(non_finite());
  const Magnitude m = magnitude();
  const double value = rounded(m.limbs, m.bits, 24, -149);
  return static_cast<float>(m.negative ? -value : value);
}

double ExactAccumulator::to_double() {
  if (!is_finite()) return non_finite();
  const Magnitude m = magnitude();
  const double value = rounded(m.limbs, m.bits, 53, kUnit);
  return m.negative ? -value : value;
}

Bracket ExactAccumulator::bracket() {
  if (!is_finite()) return {kNaN, kNaN};
  const Magnitude m = magnitude();
  const int cut = std::max(m.bits - 53, 0);
  const double lo = static_cast<double>(bits_from(m.limbs, cut)) * power_of_two(cut + kUnit);
  const double hi = any_below(m.limbs, cut) ? next_above(lo) : lo;
  return m.negative ? Bracket{-hi, -lo} : Bracket{lo, hi};
}

Dyadic ExactAccumulator::exact() {
  const Magnitude m = magnitude();
  boost::multiprecision::cpp_int significand = 0;
  for (std::size_t i = kLimbs; i-- > 0;) significand = (significand << 64) + m.limbs[i];
  if (m.negative) significand = -significand;
  return {significand, kUnit};
}

bool ExactAccumulator::is_zero() { return is_finite() && magnitude().bits == 0; }

int ExactAccumulator::sign() {
  if (!is_finite()) {
    const double value = non_finite();
    return value > 0 ? 1 : value < 0 ? -1 : 0;
  }
  const Magnitude m = magnitude();
  return m.bits == 0 ? 0 : m.negative ? -1 : 1;
}

}  // namespace assay::goldens::exact

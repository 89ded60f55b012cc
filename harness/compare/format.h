// How the comparator sees the bits of each dtype: an order-preserving integer key, the classes NaN, infinity and zero,
// and the exact value. Decodes with integer arithmetic, so a thread that flushes denormals changes nothing. Never
// rounds. Internal to harness/compare.
#pragma once

#include <bit>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "harness/core/dtype.h"

namespace assay::compare {

// What a format does with the code points beside its finite values (OCP OFP8; pto-format 1.2 names the formats).
enum class Specials : std::uint8_t {
  ieee,  // all-ones exponent: infinity and NaN
  fn,    // only the all-ones pattern is NaN, no infinity
  fnuz,  // only the pattern of -0 is NaN, no infinity, exponent bias one larger
  none   // finite values only
};

template <class WordType, int kExponentBits, int kMantissaBits, Specials kSpecials>
struct FloatFormat {
  using Word = WordType;
  using Key = std::conditional_t<(kExponentBits + kMantissaBits < 16), std::int32_t, std::int64_t>;
  static constexpr bool kFloat = true;
  static constexpr bool kWide = false;
  static constexpr bool kHasNan = kSpecials != Specials::none;
  static constexpr int kBits = 1 + kExponentBits + kMantissaBits;
  static constexpr std::uint32_t kMagnitude = (1U << (kBits - 1)) - 1;
  static constexpr std::uint32_t kSign = 1U << (kBits - 1);
  static constexpr std::uint32_t kInfinity = ((1U << kExponentBits) - 1) << kMantissaBits;  // ieee only
  static constexpr std::uint32_t kMaxFinite = kSpecials == Specials::ieee ? kInfinity - 1
                                              : kSpecials == Specials::fn ? kMagnitude - 1
                                                                          : kMagnitude;
  static constexpr int kBias = (1 << (kExponentBits - 1)) - (kSpecials == Specials::fnuz ? 0 : 1);

  static constexpr std::uint32_t magnitude(Word word) { return word & kMagnitude; }
  static constexpr bool negative(Word word) { return (word & kSign) != 0; }
  static constexpr bool is_zero(Word word) { return magnitude(word) == 0; }
  static constexpr bool is_nan(Word word) {
    if constexpr (kSpecials == Specials::ieee) return magnitude(word) > kInfinity;
    if constexpr (kSpecials == Specials::fn) return magnitude(word) == kMagnitude;
    if constexpr (kSpecials == Specials::fnuz) return (word & (kSign | kMagnitude)) == kSign;
    return false;
  }
  static constexpr bool is_inf(Word word) {
    if constexpr (kSpecials == Specials::ieee) return magnitude(word) == kInfinity;
    return false;
  }
  // NaN or infinity.
  static constexpr bool is_special(Word word) {
    if constexpr (kSpecials == Specials::ieee) return magnitude(word) >= kInfinity;
    return is_nan(word);
  }
  static constexpr bool is_subnormal(Word word) {
    return magnitude(word) != 0 && magnitude(word) < (1U << kMantissaBits);
  }
  // Counts representable values from zero: key(a) < key(b) exactly when a < b; both zeros have key 0. Not for NaN.
  static constexpr Key key(Word word) {
    const Key distance = static_cast<Key>(magnitude(word));
    return negative(word) ? -distance : distance;
  }
  // Exact value of a finite word.
  static constexpr double finite(Word word) {
    const std::uint32_t field = magnitude(word) >> kMantissaBits;
    const std::uint32_t fraction = word & ((1U << kMantissaBits) - 1);
    const std::int32_t digits = static_cast<std::int32_t>(field == 0 ? fraction : fraction | (1U << kMantissaBits));
    const std::int32_t exponent = static_cast<std::int32_t>(field == 0 ? 1 : field) - kBias - kMantissaBits;
    const double scale = std::bit_cast<double>(static_cast<std::uint64_t>(exponent + 1023) << 52);
    return (negative(word) ? -static_cast<double>(digits) : static_cast<double>(digits)) * scale;
  }
  static constexpr double value(Word word) {
    if (is_nan(word)) return std::numeric_limits<double>::quiet_NaN();
    const double infinity = std::numeric_limits<double>::infinity();
    if (is_inf(word)) return negative(word) ? -infinity : infinity;
    if (is_zero(word)) return negative(word) ? -0.0 : 0.0;
    return finite(word);
  }
};

template <class Integer>
struct IntegerFormat {
  using Word = std::make_unsigned_t<Integer>;
  using Key = std::conditional_t<(sizeof(Integer) < 4), std::int32_t,
                                 std::conditional_t<(sizeof(Integer) == 8), Integer, std::int64_t>>;
  static constexpr bool kFloat = false;
  static constexpr bool kWide = sizeof(Integer) == 8;  // values do not fit a double
  static constexpr bool kHasNan = false;
  static constexpr int kBits = 8 * static_cast<int>(sizeof(Integer));
  static constexpr bool negative(Word word) { return static_cast<Integer>(word) < 0; }
  static constexpr bool is_zero(Word word) { return word == 0; }
  static constexpr bool is_nan(Word) { return false; }
  static constexpr bool is_inf(Word) { return false; }
  static constexpr bool is_special(Word) { return false; }
  static constexpr bool is_subnormal(Word) { return false; }
  static constexpr Key key(Word word) { return static_cast<Key>(static_cast<Integer>(word)); }
  static constexpr double finite(Word word) { return static_cast<double>(static_cast<Integer>(word)); }
  static constexpr double value(Word word) { return finite(word); }
};

// Calls f with a value of the dtype's format. e2m1 words are nibbles in bytes of their own.
template <class F>
decltype(auto) visit_format(DType dtype, F&& f) {
  switch (dtype) {
    case DType::f32:
      return f(FloatFormat<std::uint32_t, 8, 23, Specials::ieee>{});
    case DType::f16:
      return f(FloatFormat<std::uint16_t, 5, 10, Specials::ieee>{});
    case DType::bf16:
      return f(FloatFormat<std::uint16_t, 8, 7, Specials::ieee>{});
    case DType::e4m3fn:
      return f(FloatFormat<std::uint8_t, 4, 3, Specials::fn>{});
    case DType::e4m3fnuz:
      return f(FloatFormat<std::uint8_t, 4, 3, Specials::fnuz>{});
    case DType::e5m2:
      return f(FloatFormat<std::uint8_t, 5, 2, Specials::ieee>{});
    case DType::e2m1:
      return f(FloatFormat<std::uint8_t, 2, 1, Specials::none>{});
    case DType::i8:
      return f(IntegerFormat<std::int8_t>{});
    case DType::u8:
    case DType::e8m0:
      return f(IntegerFormat<std::uint8_t>{});
    case DType::i16:
      return f(IntegerFormat<std::int16_t>{});
    case DType::u16:
      return f(IntegerFormat<std::uint16_t>{});
    case DType::i32:
      return f(IntegerFormat<std::int32_t>{});
    case DType::u32:
      return f(IntegerFormat<std::uint32_t>{});
    case DType::i64:
      return f(IntegerFormat<std::int64_t>{});
    case DType::u64:
      return f(IntegerFormat<std::uint64_t>{});
  }
  __builtin_unreachable();
}

// Distance in representable values of two words that are not NaN; saturates at the largest int64.
template <class Format>
constexpr std::int64_t distance(typename Format::Word a, typename Format::Word b) {
  const auto x = Format::key(a), y = Format::key(b);
  const std::uint64_t gap = x > y ? static_cast<std::uint64_t>(x) - static_cast<std::uint64_t>(y)
                                  : static_cast<std::uint64_t>(y) - static_cast<std::uint64_t>(x);
  constexpr std::uint64_t limit = std::numeric_limits<std::int64_t>::max();
  return static_cast<std::int64_t>(gap < limit ? gap : limit);
}

}  // namespace assay::compare

// The operators of two operands: what they give, for which element types, and where they give nothing.
#pragma once

#include <cmath>
#include <concepts>
#include <limits>

#include "harness/sim/numeric/elementary.h"
#include "harness/sim/ops/support.h"

namespace assay::sim {

// Which element types an operator is defined for.
template <class Op>
inline constexpr bool kTakesFloats = requires {
  { Op::apply(0.0F, 0.0F) } -> std::same_as<float>;
};
template <class Op>
inline constexpr bool kTakesIntegers = requires {
  { Op::apply(std::int32_t{}, std::int32_t{}) } -> std::same_as<std::int32_t>;
};
// Operators that are undefined for some second operands name the rule and test the operand.
template <class Op>
inline constexpr bool kHasDomain = requires { Op::kRule; };

template <std::integral T>
constexpr std::uint64_t wide(T x) {
  return static_cast<std::uint64_t>(x);
}

// Integers wrap in their width; floats round to nearest even.
struct Add {
  static float apply(float a, float b) { return quiet(a + b); }
  template <std::integral T>
  static T apply(T a, T b) {
    return static_cast<T>(wide(a) + wide(b));
  }
};
struct Subtract {
  static float apply(float a, float b) { return quiet(a - b); }
  template <std::integral T>
  static T apply(T a, T b) {
    return static_cast<T>(wide(a) - wide(b));
  }
};
struct Multiply {
  static float apply(float a, float b) { return quiet(a * b); }
  template <std::integral T>
  static T apply(T a, T b) {
    return static_cast<T>(wide(a) * wide(b));
  }
};
struct Divide {
  static float apply(float a, float b) { return quiet(a / b); }
};
struct Maximum {
  template <class T>
  static T apply(T a, T b) {
    return maximum_of(a, b);
  }
};
struct Minimum {
  template <class T>
  static T apply(T a, T b) {
    return minimum_of(a, b);
  }
};

struct And {
  template <std::integral T>
  static T apply(T a, T b) {
    return static_cast<T>(a & b);
  }
};
struct Or {
  template <std::integral T>
  static T apply(T a, T b) {
    return static_cast<T>(a | b);
  }
};
struct Xor {
  template <std::integral T>
  static T apply(T a, T b) {
    return static_cast<T>(a ^ b);
  }
};

// The ISA does not say what a shift by less than 0 or by the width and more gives: a broken rule, as for arith.shli.
struct ShiftDomain {
  static constexpr std::string_view kRule = "shift-range";
  template <std::integral T>
  static bool defined(T, T amount) {
    return wide(amount) < 8 * sizeof(T);
  }
};
struct ShiftLeft : ShiftDomain {
  template <std::integral T>
  static T apply(T a, T b) {
    return static_cast<T>(wide(a) << b);
  }
};
// Arithmetic for signed element types, logical for unsigned ones.
struct ShiftRight : ShiftDomain {
  template <std::integral T>
  static T apply(T a, T b) {
    return static_cast<T>(a >> b);
  }
};

// Integers have no value to stand for a remainder by zero.
struct DivisionDomain {
  static constexpr std::string_view kRule = "division-by-zero";
  template <std::integral T>
  static bool defined(T, T divisor) {
    return divisor != 0;
  }
};
// Sign of the dividend: C's fmod and % (isa 2.3). Always exact.
struct Fmod : DivisionDomain {
  static float apply(float a, float b) { return quiet(std::fmod(a, b)); }
  template <std::integral T>
  static T apply(T a, T b) {
    if constexpr (std::is_signed_v<T>)
      if (b == -1) return 0;  // the least value divided by -1 would not fit
    return static_cast<T>(a % b);
  }
};
// Sign of the divisor (isa 2.3), also of a zero result: a - floor(a / b) * b, rounded once.
struct Remainder : DivisionDomain {
  static float apply(float a, float b) {
    const float r = std::fmod(a, b);
    if (r != r) return kCanonicalNaN;
    if (r == 0) return std::copysign(r, b);
    return std::signbit(r) == std::signbit(b) ? r : r + b;
  }
  template <std::integral T>
  static T apply(T a, T b) {
    const T r = Fmod::apply(a, b);
    if constexpr (std::is_signed_v<T>)
      if (r != 0 && (r < 0) != (b < 0)) return static_cast<T>(r + b);
    return r;
  }
};

struct Power {
  static float apply(float a, float b) { return pow_f32(a, b); }
};
// Positive elements pass, the others are multiplied by the slope (isa 2.3).
struct Prelu {
  static float apply(float a, float slope) { return a > 0 ? a : quiet(slope * a); }
};

}  // namespace assay::sim

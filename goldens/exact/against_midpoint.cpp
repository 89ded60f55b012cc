#include "goldens/exact/against_midpoint.h"

#include <boost/multiprecision/mpfr.hpp>

namespace assay::goldens::exact {
namespace {

template <unsigned kDigits>
using Number =
    boost::multiprecision::number<boost::multiprecision::mpfr_float_backend<kDigits>, boost::multiprecision::et_off>;

template <class T>
T exp_minus_magnitude(const T& x) {
  return exp(T(-abs(x)));
}

template <class T>
T log1p_of(const T& x) {
  T result;
  mpfr_log1p(result.backend().data(), x.backend().data(), MPFR_RNDN);
  return result;
}

// Every operation rounds to nearest, by a relative u = 2^-precision; no number is out of MPFR's exponent range and
// nothing cancels, so that at most three roundings make less than 8 u: in 1 / (1 + t), t / (1 + t) and max(x, 0) +
// log1p(t), the relative error of t = e^-|x| is not magnified.
template <class T>
T evaluate(Function function, const T& x) {
  switch (function) {
    case Function::exp:
      return exp(x);
    case Function::log:
      return log(x);
    case Function::rsqrt:
      return 1 / sqrt(x);
    case Function::sigmoid: {
      const T t = exp_minus_magnitude(x);
      return (x < 0 ? t : T(1)) / (1 + t);
    }
    case Function::softplus: {
      const T tail = log1p_of(exp_minus_magnitude(x));
      return x > 0 ? x + tail : tail;
    }
  }
  return x;
}

// The comparison is decided once the difference exceeds the error; it is off by one rounding more, covered by 16 u.
template <unsigned kDigits>
std::strong_ordering decide(Function function, double x, double midpoint) {
  using T = Number<kDigits>;
  const T value = evaluate<T>(function, T(x));
  const T difference = value - T(midpoint);
  const auto precision = static_cast<int>(mpfr_get_prec(value.backend().data()));
  if (abs(difference) > ldexp(T(abs(value)), 4 - precision))
    return difference > 0 ? std::strong_ordering::greater : std::strong_ordering::less;
  // Twice the digits until decided. A float32 argument needs at most some 200 bits; a value that never parts from the
  // midpoint would contradict against_midpoint.h, and at the last precision counts as equal to it.
  if constexpr (kDigits < 1280)
    return decide<2 * kDigits>(function, x, midpoint);
  else
    return std::strong_ordering::equal;
}

}  // namespace

std::strong_ordering against_midpoint(Function function, double x, double midpoint) {
  return decide<40>(function, x, midpoint);
}

}  // namespace assay::goldens::exact

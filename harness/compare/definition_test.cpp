// The comparator against a naive one: element by element, values from the formats' definitions, tolerances as exact
// rationals. Sizes cross block borders, so fast paths and the plain path are both under test.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <boost/multiprecision/cpp_int.hpp>

#include "harness/compare/policy.h"
#include "harness/compare/test_values.h"

namespace assay::compare {
namespace {

using boost::multiprecision::cpp_int;
using boost::multiprecision::cpp_rational;
using testing::spec_rank;
using testing::spec_value;

constexpr std::int64_t kFar = std::numeric_limits<std::int64_t>::max();

cpp_rational rational(long double value) {
  int exponent = 0;
  const long double digits = std::ldexp(std::frexp(value, &exponent), 64);  // an integer
  cpp_int whole = static_cast<cpp_int>(std::fabs(digits));
  if (digits < 0) whole = -whole;
  exponent -= 64;
  const cpp_int scale = cpp_int(1) << std::abs(exponent);
  return exponent < 0 ? cpp_rational(whole, scale) : cpp_rational(whole * scale);
}

struct Element {
  long double a, e, lo, hi;
  std::uint64_t a_bits, e_bits;
};

bool is_max_finite(DType dtype, long double value) {
  if (!info(dtype).is_float || std::isinf(value) || std::isnan(value)) return false;
  const long double infinity = std::copysign(std::numeric_limits<long double>::infinity(), value);
  return std::fabs(spec_rank(dtype, infinity) - spec_rank(dtype, value)) == 1;
}
bool has_infinity(DType dtype) {
  return dtype == DType::f32 || dtype == DType::f16 || dtype == DType::bf16 || dtype == DType::e5m2;
}

bool below(long double x, long double y, bool zero_sign) {  // x <= y
  if (zero_sign && x == 0 && y == 0) return std::signbit(x) || !std::signbit(y);
  return x <= y;
}

bool naive_inside(DType dtype, const Element& el, const Policy& policy, bool zero_sign) {
  const auto inside = [&](long double v) { return below(el.lo, v, zero_sign) && below(v, el.hi, zero_sign); };
  if (inside(el.a)) return true;
  if (policy.inf == InfRule::same_sign || !has_infinity(dtype)) return false;
  const long double infinity = std::copysign(std::numeric_limits<long double>::infinity(), el.a);
  if (is_max_finite(dtype, el.a)) return inside(infinity);
  if (!std::isinf(el.a)) return false;
  const std::uint64_t largest = dtype == DType::f32    ? 0x7F7FFFFF
                                : dtype == DType::f16  ? 0x7BFF
                                : dtype == DType::bf16 ? 0x7F7F
                                                       : 0x7B;
  return inside(std::copysign(spec_value(dtype, largest), el.a));
}

// Whether allclose holds, exactly; nothing when it is so close that double arithmetic may fall on either side.
std::optional<bool> naive_close(const Element& el, double rtol, double atol) {
  const cpp_rational gap = abs(rational(el.a) - rational(el.e));
  const cpp_rational limit = rational(atol) + rational(rtol) * abs(rational(el.e));
  if (gap == 0) return true;
  const cpp_rational doubt = (gap + limit) / (cpp_int(1) << 50);
  if (abs(gap - limit) <= doubt && rtol != 0) return std::nullopt;
  return gap <= limit;
}

std::optional<bool> naive_match(DType dtype, const Element& el, const Policy& policy) {
  if (std::isnan(el.a) || std::isnan(el.e)) {
    if (!std::isnan(el.a) || !std::isnan(el.e) || policy.nan == NanRule::never) return false;
    return policy.nan == NanRule::any_nan || el.a_bits == el.e_bits;
  }
  const bool is_bits = std::holds_alternative<Bits>(policy.rule);
  const bool zero_sign =
      policy.zero.value_or(is_bits ? ZeroRule::sign_matters : ZeroRule::sign_ignored) == ZeroRule::sign_matters;
  if (std::isinf(el.a) != std::isinf(el.e) && policy.inf == InfRule::max_finite_too &&
      std::signbit(el.a) == std::signbit(el.e) && is_max_finite(dtype, std::isinf(el.a) ? el.e : el.a))
    return true;
  if (std::holds_alternative<Bound>(policy.rule))
    return naive_inside(dtype, el, policy, zero_sign) &&
           !(zero_sign && el.a == 0 && el.e == 0 && std::signbit(el.a) != std::signbit(el.e));
  if (std::isinf(el.a) || std::isinf(el.e)) return el.a == el.e;
  if (zero_sign && el.a == 0 && el.e == 0 && std::signbit(el.a) != std::signbit(el.e)) return false;
  if (is_bits) return el.a == el.e;
  if (const auto* ulps = std::get_if<Ulps>(&policy.rule)) {
    const cpp_rational gap = abs(rational(spec_rank(dtype, el.a)) - rational(spec_rank(dtype, el.e)));
    return gap <= cpp_rational(ulps->limit);
  }
  const auto& close = std::get<Allclose>(policy.rule);
  return naive_close(el, close.rtol, close.atol);
}

Policy draw_policy() {
  Policy policy;
  const int rule = *rc::gen::inRange(0, 4);
  if (rule == 1) policy.rule = Ulps{*rc::gen::element<std::int64_t>(0, 1, 2, 100, kFar)};
  if (rule == 2)
    policy.rule = Allclose{*rc::gen::element(0.0, 1e-3, 0.0078125, 0.5, 2.0), *rc::gen::element(0.0, 1e-6, 0.5, 1.0)};
  if (rule == 3) policy.rule = Bound{};
  policy.nan = *rc::gen::element(NanRule::any_nan, NanRule::same_bits, NanRule::never);
  policy.inf = *rc::gen::element(InfRule::same_sign, InfRule::max_finite_too);
  const int zero = *rc::gen::inRange(0, 4);
  if (zero < 2) policy.zero = static_cast<ZeroRule>(zero);
  return policy;
}

// Bits a few representable values from `bits`, with chances of sign flips, specials and anything at all.
std::uint64_t vary(DType dtype, std::uint64_t bits, std::uint64_t random, bool wild) {
  const int width = info(dtype).bits;
  const std::uint64_t mask = width == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << width) - 1;
  if (!wild) return random % 8 == 0 ? (bits + random / 8 % 3 - 1) & mask : bits;
  switch (random % 16) {
    case 0:
      return random >> 4 & mask;
    case 1:
      return bits ^ (std::uint64_t{1} << (width - 1));
    case 2:
      return (bits + random / 16 % 5 - 2) & mask;
    default:
      return bits;
  }
}

struct Drawn {
  Tensor actual, value, lo, hi;
  std::vector<std::uint8_t> open, unwritten;
};

// SplitMix64: one RapidCheck draw seeds a whole tensor.
std::uint64_t next(std::uint64_t& state) {
  std::uint64_t z = state += 0x9E3779B97F4A7C15U;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9U;
  z = (z ^ z >> 27) * 0x94D049BB133111EBU;
  return z ^ z >> 31;
}

std::uint64_t draw_bits(DType dtype, std::uint64_t& state, bool specials) {
  const int width = info(dtype).bits;
  const std::uint64_t mask = width == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << width) - 1;
  for (;;) {
    std::uint64_t bits = next(state) & mask;
    if (specials && next(state) % 8 == 0) {
      constexpr std::array<std::uint64_t, 4> kExponents{0, 0x7F800000, 0x7C00, 0x7F80};
      bits = (kExponents[next(state) % 4] + next(state) % 3 - 1) & mask;
    }
    const long double value = spec_value(dtype, bits);
    if (specials || (std::isfinite(value) && value != 0)) return bits;
  }
}

Drawn draw(DType dtype, std::int64_t size, bool wild, std::uint64_t state) {
  Drawn drawn{Tensor(dtype, {size}), Tensor(dtype, {size}), Tensor(dtype, {size}), Tensor(dtype, {size}), {}, {}};
  for (std::int64_t i = 0; i < size; ++i) {
    const std::uint64_t expected = draw_bits(dtype, state, wild);
    drawn.value.set_bits(i, expected);
    std::uint64_t actual = vary(dtype, expected, next(state), wild);
    if (!wild && !std::isfinite(spec_value(dtype, actual))) actual = expected;
    drawn.actual.set_bits(i, actual);
    // Bounds: the neighbours in value order, where there are any.
    std::uint64_t below = vary(dtype, expected, next(state), wild), above = vary(dtype, expected, next(state), wild);
    const long double e = spec_value(dtype, expected);
    if (!(spec_value(dtype, below) <= e)) below = expected;
    if (!(spec_value(dtype, above) >= e)) above = expected;
    drawn.lo.set_bits(i, below), drawn.hi.set_bits(i, above);
  }
  const auto mask = [&] {
    std::vector<std::uint8_t> bits(static_cast<std::size_t>(size));
    for (auto& bit : bits) bit = next(state) % 32 == 0;
    return bits;
  };
  if (next(state) % 3 == 0) drawn.open = mask();
  if (next(state) % 3 == 0) drawn.unwritten = mask();
  return drawn;
}

// What the naive comparator counts, and the largest distance.
struct Naive {
  std::int64_t open = 0, unwritten = 0, mismatches = 0, doubtful = 0, max_ulps = 0;
  std::vector<std::int64_t> indices;
};

Naive naive_compare(const Drawn& d, const Policy& policy) {
  Naive naive;
  const DType dtype = d.actual.dtype();
  for (std::int64_t i = 0; i < d.actual.size(); ++i) {
    const auto at = static_cast<std::size_t>(i);
    if (!d.open.empty() && d.open[at]) {
      ++naive.open;
    } else if (!d.unwritten.empty() && d.unwritten[at]) {
      ++naive.unwritten;
    } else {
      const std::uint64_t a = d.actual.bits(i), e = d.value.bits(i);
      const Element el{spec_value(dtype, a),
                       spec_value(dtype, e),
                       spec_value(dtype, d.lo.bits(i)),
                       spec_value(dtype, d.hi.bits(i)),
                       a,
                       e};
      const auto match = naive_match(dtype, el, policy);
      const bool nan = std::isnan(el.a) || std::isnan(el.e);
      naive.doubtful += !match;
      if (match && !*match) ++naive.mismatches, naive.indices.push_back(i);
      const std::int64_t ulps = nan ? (*match ? 0 : kFar) : ulp_distance(dtype, a, e);
      naive.max_ulps = std::max(naive.max_ulps, ulps);
    }
  }
  return naive;
}

Comparison compared(const Drawn& d, const Policy& policy) {
  const Reference reference{&d.value, &d.lo, &d.hi, d.open};
  auto result = compare(d.actual, reference, policy, d.unwritten);
  RC_ASSERT(result.has_value());
  return *result;
}

void check_against_naive(const Drawn& d, const Policy& policy) {
  const Comparison found = compared(d, policy);
  const Naive naive = naive_compare(d, policy);
  RC_ASSERT(found.unconstrained == naive.open);
  RC_ASSERT(found.unwritten == naive.unwritten);
  RC_ASSERT(found.compared == found.elements - naive.open - naive.unwritten);
  RC_ASSERT(found.mismatches >= naive.mismatches);
  RC_ASSERT(found.mismatches <= naive.mismatches + naive.doubtful);
  if (naive.doubtful == 0) RC_ASSERT(found.mismatch_indices == naive.indices);
  RC_ASSERT(found.max_ulps == naive.max_ulps);
  RC_ASSERT(found.passed == (found.mismatches == 0 && found.unwritten == 0));
  RC_ASSERT(found.first.size() == std::min<std::size_t>(20, found.mismatch_indices.size()));
}

Drawn draw_any(bool wild) {
  const auto dtype = kDTypes[*rc::gen::inRange<std::size_t>(0, kDTypes.size())].dtype;
  const auto size = *rc::gen::element<std::int64_t>(0, 1, 2, 3, 17, 1023, 1024, 1025, 2500);
  return draw(dtype, size, wild, *rc::gen::arbitrary<std::uint64_t>());
}

TEST(Compare, AgreesWithTheNaiveDefinitionOnWildValues) {
  EXPECT_TRUE(rc::check("specials, masks, every rule", [] { check_against_naive(draw_any(true), draw_policy()); }));
}

TEST(Compare, AgreesWithTheNaiveDefinitionOnOrdinaryValues) {
  EXPECT_TRUE(rc::check("finite values near each other", [] { check_against_naive(draw_any(false), draw_policy()); }));
}

TEST(Compare, TheSmallestTolerancesPassAndSmallerOnesDoNot) {
  EXPECT_TRUE(rc::check("smallest_rtol and smallest_atol are tight", [] {
    Drawn drawn = draw_any(*rc::gen::arbitrary<bool>());
    drawn.unwritten.clear();
    Policy policy = draw_policy();
    const Comparison found = compared(drawn, policy);
    const auto passes = [&](double rtol, double atol) {
      Policy tolerance = policy;
      tolerance.rule = Allclose{rtol, atol};
      return compared(drawn, tolerance).passed;
    };
    if (std::isfinite(found.smallest_rtol)) {
      RC_ASSERT(passes(found.smallest_rtol, 0));
      if (found.smallest_rtol > 0) RC_ASSERT(!passes(std::nextafter(found.smallest_rtol, 0.0), 0));
    } else {
      RC_ASSERT(!passes(1e300, 0));
    }
    if (std::isfinite(found.smallest_atol)) {
      RC_ASSERT(passes(0, found.smallest_atol));
      if (found.smallest_atol > 0) RC_ASSERT(!passes(0, std::nextafter(found.smallest_atol, 0.0)));
    } else {
      RC_ASSERT(!passes(0, 1e300));
    }
  }));
}

TEST(Compare, FiguresDoNotDependOnTheRule) {
  EXPECT_TRUE(rc::check("max_ulps, max_abs and the tolerances are the data's", [] {
    const Drawn drawn = draw_any(*rc::gen::arbitrary<bool>());
    Policy one = draw_policy(), other = draw_policy();
    other.nan = one.nan, other.inf = one.inf, other.zero = one.zero;
    const Comparison a = compared(drawn, one), b = compared(drawn, other);
    RC_ASSERT(a.max_ulps == b.max_ulps);
    RC_ASSERT(a.max_abs == b.max_abs);
    RC_ASSERT(a.smallest_rtol == b.smallest_rtol);
    RC_ASSERT(a.smallest_atol == b.smallest_atol);
  }));
}

// Element by element over all pairs, in one tensor: every decision of every policy for the 8-bit formats.
TEST(Compare, AgreesWithTheNaiveDefinitionOnAllPairsOfEightBitFormats) {
  for (const DType dtype : {DType::e4m3fn, DType::e4m3fnuz, DType::e5m2, DType::e2m1, DType::i8, DType::u8}) {
    const auto bits = testing::all_bits(dtype);
    const auto n = static_cast<std::int64_t>(bits.size());
    Drawn drawn{Tensor(dtype, {n * n}), Tensor(dtype, {n * n}), {}, {}, {}, {}};
    for (std::int64_t i = 0; i < n * n; ++i)
      drawn.actual.set_bits(i, bits[static_cast<std::size_t>(i / n)]),
          drawn.value.set_bits(i, bits[static_cast<std::size_t>(i % n)]);
    drawn.lo = drawn.hi = drawn.value;
    for (const char* text : {"bits", "bits,nan=same_bits,zero=sign_ignored", "ulp(0)", "ulp(1),inf=max_finite_too",
                             "ulp(3),zero=sign_matters,nan=never", "allclose(atol=0.5)", "allclose(rtol=0.25)", "bound",
                             "bound,inf=max_finite_too,zero=sign_matters"}) {
      const Policy policy = *parse_policy(text);
      const auto found = compare(drawn.actual, {&drawn.value, &drawn.lo, &drawn.hi, {}}, policy);
      ASSERT_TRUE(found) << found.error().message;
      const Naive naive = naive_compare(drawn, policy);
      // Quarter and half are exact in double for these formats, so nothing is doubtful but what naive_close says is.
      EXPECT_GE(found->mismatches, naive.mismatches) << name(dtype) << " " << text;
      EXPECT_LE(found->mismatches, naive.mismatches + naive.doubtful) << name(dtype) << " " << text;
      EXPECT_EQ(found->max_ulps, naive.max_ulps) << name(dtype) << " " << text;
      EXPECT_GT(found->mismatches, 0) << name(dtype) << " " << text;
    }
  }
}

}  // namespace
}  // namespace assay::compare

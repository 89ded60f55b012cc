#include "goldens/exact/bracket.h"

#include <gtest/gtest.h>

#include <functional>

#include "goldens/exact/double_samples.h"
#include "goldens/exact/mpfr_number.h"

namespace assay::goldens::exact {
namespace {

constexpr int kPoints = 1 << 18;
using Truth = std::function<void(MpfrEnclosure&, double)>;
using UnaryMpfr = int (*)(mpfr_ptr, mpfr_srcptr, mpfr_rnd_t);

Truth truth_of(UnaryMpfr function) {
  return [function](MpfrEnclosure& t, double x) {
    const MpfrNumber argument(x);
    function(t.below.get(), argument.get(), MPFR_RNDD);
    function(t.above.get(), argument.get(), MPFR_RNDU);
  };
}

// Below an exponent where the value is its leading term to more than 96 bits, MPFR's own exponent range would end.
void exp_truth(MpfrEnclosure& t, double x) {
  if (std::fabs(x) > 1e6) x = std::copysign(1e6, x);
  truth_of(mpfr_exp)(t, x);
}

// 1 / (1 + e^-x) falls as e^-x grows.
void sigmoid_truth(MpfrEnclosure& t, double x) {
  exp_truth(t, -x);
  mpfr_add_ui(t.below.get(), t.below.get(), 1, MPFR_RNDD);
  mpfr_add_ui(t.above.get(), t.above.get(), 1, MPFR_RNDU);
  mpfr_ui_div(t.below.get(), 1, t.below.get(), MPFR_RNDU);
  mpfr_ui_div(t.above.get(), 1, t.above.get(), MPFR_RNDD);
  mpfr_swap(t.below.get(), t.above.get());
}

// log1p(e^-|x|) + max(x, 0).
void softplus_truth(MpfrEnclosure& t, double x) {
  exp_truth(t, -std::fabs(x));
  mpfr_log1p(t.below.get(), t.below.get(), MPFR_RNDD);
  mpfr_log1p(t.above.get(), t.above.get(), MPFR_RNDU);
  mpfr_add_d(t.below.get(), t.below.get(), std::fmax(x, 0), MPFR_RNDD);
  mpfr_add_d(t.above.get(), t.above.get(), std::fmax(x, 0), MPFR_RNDU);
}

// Whether the two enclosures of one number meet, and how wide the bracket is in units of 2^-52 of the value.
testing::AssertionResult encloses(Bracket bracket, const MpfrEnclosure& truth, double units) {
  if (!(bracket.lo <= bracket.hi)) return testing::AssertionFailure() << bracket.lo << " > " << bracket.hi;
  if (mpfr_cmp_d(truth.above.get(), bracket.lo) < 0) return testing::AssertionFailure() << "below " << bracket.lo;
  if (mpfr_cmp_d(truth.below.get(), bracket.hi) > 0) return testing::AssertionFailure() << "above " << bracket.hi;
  const double magnitude = std::fmin(std::fabs(bracket.lo), std::fabs(bracket.hi));
  const bool normal = magnitude > 0x1p-1020 && std::fmax(std::fabs(bracket.lo), std::fabs(bracket.hi)) < 0x1p1023;
  if (normal && bracket.hi - bracket.lo > units * 0x1p-52 * magnitude * (1 + 0x1p-50))
    return testing::AssertionFailure() << "width " << (bracket.hi - bracket.lo) / magnitude;
  if (magnitude < 0x1p-1022 && magnitude > 0 && bracket.hi - bracket.lo > 4 * 0x1p-1074)
    return testing::AssertionFailure() << "wide and subnormal";
  return testing::AssertionSuccess();
}

struct FunctionRow {
  const char* name;
  Bracket (*bracket)(double);
  Truth truth;
  double least;  // the domain is open at `least`
  double units;  // allowed width, 2^-52 of the value
};

class FunctionBracket : public testing::TestWithParam<FunctionRow> {};

TEST_P(FunctionBracket, EnclosesTheExactValueTightly) {
  const FunctionRow& row = GetParam();
  DoubleSamples samples(11);
  MpfrEnclosure truth;
  for (int i = 0; i < kPoints; ++i) {
    const double x = row.least == 0 ? samples.positive() : samples.finite();
    if (!(x > row.least)) continue;
    row.truth(truth, x);
    ASSERT_TRUE(encloses(row.bracket(x), truth, row.units)) << row.name << "(" << std::hexfloat << x << ")";
  }
}

INSTANTIATE_TEST_SUITE_P(All, FunctionBracket,
                         testing::Values(FunctionRow{"exp", exp_bracket, exp_truth, -INFINITY, 2},
                                         FunctionRow{"log", log_bracket, truth_of(mpfr_log), 0, 2},
                                         FunctionRow{"log1p", log1p_bracket, truth_of(mpfr_log1p), -1, 2},
                                         FunctionRow{"sqrt", sqrt_bracket, truth_of(mpfr_sqrt), 0, 1},
                                         FunctionRow{"rsqrt", rsqrt_bracket, truth_of(mpfr_rec_sqrt), 0, 5},
                                         FunctionRow{"sigmoid", sigmoid_bracket, sigmoid_truth, -INFINITY, 8},
                                         FunctionRow{"softplus", softplus_bracket, softplus_truth, -INFINITY, 16}),
                         [](const auto& test) { return test.param.name; });

struct OperationRow {
  const char* name;
  Bracket (*bracket)(double, double);
  int (*mpfr)(mpfr_ptr, mpfr_srcptr, mpfr_srcptr, mpfr_rnd_t);
  double (*rounded)(double, double);
};

class OperationBracket : public testing::TestWithParam<OperationRow> {};

// One of the ends is the operation rounded to nearest, and an exact result has no width.
TEST_P(OperationBracket, IsTheExactValueOrItsTwoNeighbours) {
  const OperationRow& row = GetParam();
  DoubleSamples samples(12);
  MpfrEnclosure truth;
  for (int i = 0; i < kPoints; ++i) {
    const double a = samples.finite(), b = samples.finite();
    if (row.name == std::string("quotient") && b == 0) continue;
    const MpfrNumber x(a), y(b);
    const int inexact_below = row.mpfr(truth.below.get(), x.get(), y.get(), MPFR_RNDD);
    row.mpfr(truth.above.get(), x.get(), y.get(), MPFR_RNDU);
    const Bracket bracket = row.bracket(a, b);
    const bool huge = std::fabs(a) > 0x1p1000 || std::fabs(b) > 0x1p1000;
    ASSERT_TRUE(encloses(bracket, truth, row.name == std::string("sum") && huge ? 2 : 1))
        << row.name << " " << a << " " << b;
    const double rounded = row.rounded(a, b);
    ASSERT_TRUE(bracket.lo <= rounded && rounded <= bracket.hi) << a << " " << b;
    if (huge) continue;
    const bool exact = inexact_below == 0 && mpfr_cmp_d(truth.below.get(), rounded) == 0;
    ASSERT_EQ(bracket.hi, exact ? bracket.lo : next_above(bracket.lo)) << a << " " << b;
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, OperationBracket,
    testing::Values(OperationRow{"sum", sum_bracket, mpfr_add, [](double a, double b) { return a + b; }},
                    OperationRow{"product", product_bracket, mpfr_mul, [](double a, double b) { return a * b; }},
                    OperationRow{"quotient", quotient_bracket, mpfr_div, [](double a, double b) { return a / b; }}),
    [](const auto& test) { return test.param.name; });

TEST(Bracket, ExactValuesHaveNoWidth) {
  const auto point = [](Bracket b, double x) { return b.lo == x && b.hi == x; };
  EXPECT_TRUE(point(exp_bracket(0), 1));
  EXPECT_TRUE(point(log_bracket(1), 0));
  EXPECT_TRUE(point(log1p_bracket(-0.0), 0));
  EXPECT_TRUE(point(sqrt_bracket(2.25), 1.5));
  EXPECT_TRUE(point(sigmoid_bracket(0), 0.5));
  EXPECT_TRUE(point(quotient_bracket(-3, 4), -0.75));
}

TEST(Bracket, SaturatesBeyondTheRangeOfDouble) {
  constexpr double kMax = std::numeric_limits<double>::max(), kTiny = std::numeric_limits<double>::denorm_min();
  for (const double x : {710.5, 1e300, kMax}) {
    EXPECT_EQ(exp_bracket(x).lo, kMax);
    EXPECT_EQ(exp_bracket(x).hi, INFINITY);
    EXPECT_EQ(softplus_bracket(x).lo, x);
    EXPECT_LE(softplus_bracket(x).hi, next_above(x));
    EXPECT_EQ(sigmoid_bracket(x).hi, 1);
    EXPECT_GE(sigmoid_bracket(x).lo, 1 - 0x1p-51);
    for (const auto bracket : {exp_bracket, sigmoid_bracket, softplus_bracket}) {
      EXPECT_EQ(bracket(-2 * x < -kMax ? -kMax : -2 * x).lo, 0);
      EXPECT_EQ(bracket(-2 * x < -kMax ? -kMax : -2 * x).hi, kTiny);
    }
  }
}

TEST(Bracket, OutsideTheDomainNothingIsClaimed) {
  const auto nothing = [](Bracket b) { return b.lo != b.lo && b.hi != b.hi; };
  for (const double x : {double{INFINITY}, -double{INFINITY}, double{NAN}}) {
    for (const auto bracket :
         {exp_bracket, log_bracket, log1p_bracket, sqrt_bracket, rsqrt_bracket, sigmoid_bracket, softplus_bracket})
      EXPECT_TRUE(nothing(bracket(x))) << x;
    for (const auto bracket : {sum_bracket, product_bracket, quotient_bracket})
      EXPECT_TRUE(nothing(bracket(1, x))) << x;
  }
  EXPECT_TRUE(nothing(log_bracket(0)));
  EXPECT_TRUE(nothing(log1p_bracket(-1)));
  EXPECT_TRUE(nothing(sqrt_bracket(-1)));
  EXPECT_TRUE(nothing(rsqrt_bracket(0)));
  EXPECT_TRUE(nothing(quotient_bracket(1, 0)));
}

}  // namespace
}  // namespace assay::goldens::exact

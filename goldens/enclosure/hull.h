// The float32 values that an implementation may hold where the profile leaves it freedom: the least interval around
// them, and whether NaN is among them.
//
// Every rounding here is to nearest even, which is fixed; what is free is only where an implementation rounds
// (contraction of a * b + c) and whether it keeps subnormals. Rounding to nearest is monotone, so the end points of a
// result are reached at corners of the operands, and no outward rounding is needed: the hull is the tightest one.
#pragma once

#include <limits>

namespace assay::goldens {

struct Hull {
  // lo <= hi; no number at all: lo = +infinity, hi = -infinity. -0 counts as below +0.
  float lo = std::numeric_limits<float>::infinity();
  float hi = -std::numeric_limits<float>::infinity();
  bool nan = false;

  bool has_number() const { return lo <= hi; }
  // The number itself, or NaN.
  static Hull of(float x);
  void include(float x);
  void include(const Hull& other);
  bool contains(float x) const;  // NaN as a class; signed zeros apart
  bool contains(const Hull& other) const;
};

// Arithmetic on hulls; one of the number types that a stage's template takes (strict.h is the other).
class HullArithmetic {
 public:
  using Number = Hull;
  // contraction: each a * b + c may round once or twice. flush: each subnormal operand or result may become a zero of
  // either sign, also a result whose exact value is below the least normal number and rounds up to it.
  HullArithmetic(bool contraction, bool flush) : contraction_(contraction), flush_(flush) {}

  Hull input(float x) const;
  Hull product(const Hull& a, const Hull& b) const;
  Hull sum(const Hull& a, const Hull& b) const;
  // c + a * b
  Hull add_product(const Hull& c, const Hull& a, const Hull& b) const;
  // a * b + c * d: either product may fuse into the addition
  Hull sum_of_products(const Hull& a, const Hull& b, const Hull& c, const Hull& d) const;

 private:
  Hull settle(Hull x) const;
  bool contraction_, flush_;
};

}  // namespace assay::goldens

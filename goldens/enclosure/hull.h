// The float32 values that an implementation may hold where the profile leaves it freedom: the least interval around
// them, and whether NaN is among them.
//
// Every rounding of one operation is to nearest even, which is fixed; what is free is where an implementation rounds
// (contraction of a * b + c), whether it keeps subnormals, the order of sums, and the last digits of functions.
// Rounding to nearest is monotone, so the end points of a result are reached at corners of the operands, and no outward
// rounding is needed.
#pragma once

#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include "goldens/enclosure/arithmetic.h"

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

// Arithmetic on hulls; one of the number types that a stage's template takes (arithmetic.h).
class HullArithmetic {
 public:
  using Number = Hull;
  // contraction: each a * b + c may round once or twice. flush_subnormals: each subnormal operand or result may become
  // a zero of either sign, also a result whose exact value is below the least normal number and rounds up to it.
  explicit HullArithmetic(const NumericFreedom& freedom) : freedom_(freedom) {}
  // Every function correctly rounded, sums from left to right.
  HullArithmetic(bool contraction, bool flush)
      : HullArithmetic(NumericFreedom{.contraction = contraction, .flush_subnormals = flush}) {}
  const NumericFreedom& freedom() const { return freedom_; }

  Hull input(float x) const;
  Hull product(const Hull& a, const Hull& b) const;
  Hull sum(const Hull& a, const Hull& b) const;
  Hull difference(const Hull& a, const Hull& b) const { return sum(a, negated(b)); }
  // c + a * b
  Hull add_product(const Hull& c, const Hull& a, const Hull& b) const;
  // a * b + c * d: either product may fuse into the addition
  Hull sum_of_products(const Hull& a, const Hull& b, const Hull& c, const Hull& d) const;
  // Where an operand may be NaN: NaN or the other one.
  Hull maximum(const Hull& a, const Hull& b) const;
  Hull minimum(const Hull& a, const Hull& b) const { return negated(maximum(negated(a), negated(b))); }

  // Every float32 within the profile's ulp of the true value at some point of the operands (functions.cpp). Zeros,
  // infinities and NaN as operands give what C99 says.
  Hull quotient(const Hull& a, const Hull& b) const;
  Hull reciprocal(const Hull& a) const;
  Hull square_root(const Hull& a) const;
  Hull reciprocal_root(const Hull& a) const;
  Hull exponential(const Hull& a) const;
  Hull logarithm(const Hull& a) const;
  // The compositions of dsv4-chain 1 with every operation free within its bound; softplus includes its underflow to 0.
  Hull sigmoid(const Hull& a) const;
  Hull softplus(const Hull& a) const;

  // What the profile's orders of summation give (sums.h has the bound and its proof) and, where they leave freedom, the
  // exact sum rounded once.
  Hull total(std::span<const Hull> terms) const;
  // a.size() == b.size()
  Hull dot(std::span<const Hull> a, std::span<const Hull> b) const;
  Hull sum_of_squares(std::span<const Hull> a) const;
  // x [rows, w.inputs] gives [rows, w.outputs].
  std::vector<Hull> multiply(std::span<const Hull> x, const WeightMatrix& w) const;

  // To bf16 or f16 and back; overflow gives infinity.
  Hull round_to(const Hull& a, DType dtype, Rounding rounding = Rounding::rint) const;

  // Exact.
  static Hull negated(const Hull& a) { return {-a.hi, -a.lo, a.nan}; }
  static Hull absolute(const Hull& a);

 private:
  Hull settle(Hull x) const;
  template <class LeafAt, class ExactAt, class AddOne>
  Hull sum_in_order(std::size_t count, LeafAt leaf, ExactAt exact, AddOne add_one) const;
  Hull divide(const Hull& a, const Hull& b, double ulp) const;

  NumericFreedom freedom_;
};

}  // namespace assay::goldens

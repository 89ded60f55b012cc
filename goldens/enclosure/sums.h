// What the computed sum of some terms may be when the order of the additions is free.
#pragma once

#include <cstddef>
#include <limits>

#include "goldens/enclosure/hull.h"

namespace assay::goldens {

// The terms of one summation tree: each is a number of [least, greatest], or NaN. All sums are taken in double.
//
// Bound. Let n terms t_i be added in float32 by any binary tree, u = 2^-24. Node v holds c_v = fl(c_l + c_r) and
// differs from the sum of what its children hold by e_v, |e_v| <= u |c_l + c_r|: to nearest, and exact where the result
// is subnormal. Errors add up: c_v = S_v + (sum of e_w over the nodes w of v's subtree), where S_v, the exact sum of
// the terms below v, is the sum of a SUBSET of the terms: |S_v| <= M = max(P+, P-), the sums of the positive terms and
// of the magnitudes of the negative ones. With E the sum of all |e_w|, |c_l + c_r| <= M + E at each of the n - 1 nodes,
// so E <= (n - 1) u (M + E), hence E <= (n - 1) u M / (1 - (n - 1) u). The root is within E of the exact sum. This is
// at most half of the usual (n - 1) u sum|t| where the terms are balanced.
//
// Flushing replaces a term or a node's result below 2^-126 (or the least normal number reached by rounding up) by zero:
// each of the 2n - 1 values adds at most 2^-126 to E before the division.
//
// Contraction. A node may add the exact value of a product, which add() takes as an end of its term. Its result may
// then underflow inexactly, by at most 2^-150 at each node.
//
// Overflow. No node gets above P+ + E. Below the threshold 2^128 - 2^103 none becomes +infinity; else the result is the
// bound above, or +infinity, which no finite term takes away. Likewise -infinity; both together make NaN.
//
// Rounding of the double sums: each has n additions, so an error of at most n 2^-53 (1 + n 2^-52) (P+ + P-).
//
// The computed result is a float32, so its hull is from the least float32 above the lower bound to the greatest below
// the upper one. It is -0 only if every term is: (-0) + (+0) is +0, and so is a cancellation.
//
// The exact sum rounded once (a wide accumulator's result) is within u |sum| <= u M of the sum, and from two terms on
// inside all the same: E >= (n - 1) u M. Sums of trees' results round in one order, and may leave it out:
// correctly_rounded().
class TreeTerms {
 public:
  // A term within [least, greatest], which may be infinite, or NaN if `nan`. least > greatest: NaN only.
  void add(double least, double greatest, bool nan, bool may_be_negative_zero);
  // `count` finite terms at once, all of them products or sums known in aggregate.
  void add_finite(std::size_t count, double lower, double upper, double positive, double negative);
  std::size_t count() const { return count_; }
  // What the tree's root may hold.
  Hull result(bool flush_subnormals, bool contraction = false) const;
  // The exact sum rounded once, over the choices of the terms; no number where it is surely NaN.
  Hull correctly_rounded() const;

 private:
  double double_error() const;
  Hull finite_result(bool flush_subnormals, bool contraction) const;

  double lower_ = 0, upper_ = 0;        // sums of the least and the greatest values
  double positive_ = 0, negative_ = 0;  // P+ and P- at most
  std::size_t count_ = 0;
  bool nan_ = false, surely_nan_ = false;
  bool maybe_plus_ = false, maybe_minus_ = false, surely_plus_ = false, surely_minus_ = false;  // infinite terms
  bool all_negative_zero_ = true;                                                               // may be
};

}  // namespace assay::goldens

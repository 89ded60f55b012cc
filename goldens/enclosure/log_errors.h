// First-order propagation of errors of the logarithm of a matrix through row and column normalisations, with every
// source of error kept apart so that what cancels does cancel. Used by sinkhorn.cpp, which has the proof.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace assay::goldens {

class LogErrors {
 public:
  explicit LogErrors(std::size_t streams) : streams_(streams) {}

  // New errors, up to element[i, j] of each entry independently, and up to common[line] of a whole row (or column).
  void add(std::vector<double> element, std::vector<double> common, bool rows);
  // Every error L becomes L[i, j] - sum over the line of weight * L.
  void normalise(std::span<const double> weights, bool rows);
  // Every error L becomes factor[i, j] * L[i, j].
  void scale(std::span<const double> factors);
  // The greatest magnitude that each entry's error may have, [streams * streams].
  std::vector<double> bounds() const;

 private:
  struct Source {
    std::vector<double> response;  // [origin, entry]: the present error of an entry per unit error at its origin
    std::vector<double> element, common;
    bool rows = true;
  };
  void merge();

  std::size_t streams_;
  std::vector<Source> sources_;
};

}  // namespace assay::goldens

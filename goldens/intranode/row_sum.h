// Rows of small floats as float32, their sums in order, and how sums are stored (ep-dispatch-combine 1.5, 3.5).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "goldens/stages/support.h"

namespace assay::goldens::intranode {

// The rows of a tensor [..., columns] as float32: exact, or through an fp8 wire format (fp8_direct_cast).
class RowValues {
 public:
  explicit RowValues(const Tensor& tensor);
  // Of a bf16 tensor: every element rounded to nearest even to `wire` and widened again.
  RowValues(const Tensor& tensor, DType wire, const NarrowingRules& rules);

  std::size_t columns() const { return columns_; }
  std::vector<float> row(std::size_t index) const;

 private:
  const Tensor* tensor_;
  std::size_t columns_;
  std::vector<float> through_wire_;  // by bf16 code; empty: exact
};

// A float32 sum whose accumulator may start at +0 or with the first addend (S4). The two differ only where the sum is
// zero: from zero it is +0, from the first addend it is -0 when all addends are. Start -0 is start-from-first, because
// -0 + x is x for every x.
struct TwoStarts {
  std::vector<float> from_zero, from_first;
};

// Sums of rows in the order given, element by element. The sum of none is +0.
TwoStarts sum_rows(std::span<const TwoStarts> addends, std::size_t columns);

// What an implementation may hold before it stores a row: the value of the specification's first choice, the least and
// the greatest one, and 1 where NaN is possible beside numbers.
struct RowRange {
  std::vector<float> value, lo, hi;
  std::vector<std::uint8_t> nan_beside_numbers;

  static RowRange of(const TwoStarts& sum);
  void set(std::size_t column, const Hull& hull);
};

// An output [rows..., columns] that starts all open and is filled row by row; distinct rows may be set at the same
// time. Every row is a whole number of bytes.
class StoredRows {
 public:
  StoredRows(DType dtype, Shape shape, const NarrowingRules& rules);

  DType dtype() const { return output_.value.dtype(); }
  // Rounds to nearest even. Elements stay open where NaN and numbers are both possible, also because the ends overflow
  // to NaN, and where NaN meets a format without NaN: what comes out is implementation defined (3.3).
  void set(std::size_t row, const RowRange& range);
  GoldenOutput take() && { return std::move(output_); }

 private:
  bool nan_depends_on_the_end(std::size_t at) const;

  GoldenOutput output_;
  NarrowingRules rules_;
};

// As stored and read again: one rounding to nearest even.
std::vector<float> stored(std::span<const float> values, DType dtype, const NarrowingRules& rules);

}  // namespace assay::goldens::intranode

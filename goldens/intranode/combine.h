// What the two combines share (ep-dispatch-combine 1.5, 1.6): options, and token rows from the rows of PEs.
#pragma once

#include <functional>
#include <optional>

#include "goldens/intranode/contributions.h"
#include "goldens/intranode/row_sum.h"

namespace assay::goldens::intranode {

// The options of 1.1 and 3.2.
struct CombineOptions {
  NarrowingRules narrowing;   // into the combine dtype
  std::optional<DType> wire;  // fp8_direct_cast
  NarrowingRules wire_rules;  // into the wire format
};

// transport (push, zero_copy), quant (none, fp8_direct_cast), wire (e4m3fn, e4m3fnuz), overflow (nonsat, satfinite,
// satall: replaces the profile's policy for fp8, of the wire or else of the combine dtype). Errors: quant with a dtype
// other than bf16, with zero_copy or without wire; wire without quant; overflow where nothing is narrowed to fp8.
Result<CombineOptions> combine_options(const StageRequest& request, DType combine_dtype);

// Whether an implementation that flushes subnormals (S8) could hold anything else than `strict` computation did: some
// operand or result is subnormal, or the least normal number, which an exact result below it may round up to.
bool flush_matters(float x);

// [WS, M, columns]: for each source with a determined row, row(contributions) gives what is stored; others stay open.
using CombineRow = std::function<RowRange(std::int64_t source, const std::vector<Contribution>& contributions)>;
GoldenOutput combine_rows(const Accepted& accepted, StoredRows rows, const CombineRow& row);

// The float32 sum of rows, with S4 and, where the profile flushes subnormals, S8.
RowRange summed(std::span<const TwoStarts> addends, std::size_t columns, bool flush);

}  // namespace assay::goldens::intranode

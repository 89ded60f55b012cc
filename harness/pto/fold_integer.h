// Integer arithmetic of the arith dialect on known values, for inferring sizes. Results wrap to the type's width and
// are kept sign-extended (zero-extended for ui types, 0 or 1 for i1); index has 64 bits.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "harness/pto/ir.h"

namespace assay::pto {

std::int64_t wrap(std::int64_t value, ScalarKind kind);
// Two-operand operations on operands of `kind`. Nothing for undefined results: division by zero or of the minimum by
// -1, shifts by the width or more, and for operations that are not integer arithmetic.
std::optional<std::int64_t> fold_integer(OpCode code, ScalarKind kind, std::int64_t a, std::int64_t b);
std::optional<bool> fold_compare(std::string_view predicate, ScalarKind kind, std::int64_t a, std::int64_t b);
// extsi, extui, trunci, index_cast, index_castui, and bitcast between integers.
std::optional<std::int64_t> fold_cast(OpCode code, ScalarKind from, ScalarKind to, std::int64_t value);

}  // namespace assay::pto

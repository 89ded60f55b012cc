// Test support. The property every backend has to hold for every tile operation: on a one-operation kernel over random
// legal dtypes, physical shapes, valid shapes, tails and specials, each element of the destination is one that the
// exact definition (goldens/ops) admits, and everything outside the destination's valid rectangle stays what it was.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "goldens/ops/tile_op.h"
#include "harness/core/tensor.h"
#include "harness/device/backend.h"

namespace assay::device {

// A tile operand, or a scalar of the dtype.
struct OpOperand {
  bool scalar = false;
  goldens::TileShape shape;
  bool column_major = false;
  std::string fill = "normal";
};

struct OpCase {
  std::string op;  // "tadd"
  std::uint64_t seed = 0;
  std::vector<OpOperand> ins;
  OpOperand out;
  goldens::PadWord pad = goldens::PadWord::null;
  std::string rmode, satmode;
  bool descending = false;
  bool scratch = false;       // pass the optional scratch tile; its bytes stay undefined
  bool in_place = false;      // the destination has the first operand's address
  bool static_valid = false;  // valid extents in the types instead of run-time values
};
std::string to_string(const OpCase& c);

// How large a case may get: shrinking halves these.
struct OpCaseLimits {
  std::int64_t rows = 17;
  std::int64_t blocks = 4;  // of 32 bytes per row
};
OpCase draw_op_case(std::string_view op, std::uint64_t seed, const OpCaseLimits& limits, const Profile& profile);

// Module with one function: loads every operand whole, narrows the valid shapes, runs the operation, stores the whole
// destination. Arguments: one pointer per tile operand, the destination's earlier content, the result, the scalar.
std::string op_kernel_text(const OpCase& c);

struct OpOutcome {
  std::int64_t compared = 0;
  std::int64_t open = 0;
  std::string failure;  // empty: the property holds
};
OpOutcome run_op_case(const OpCase& c, Backend& backend, const Profile& profile);

struct OpReport {
  std::int64_t cases = 0, compared = 0, open = 0;
  std::string failure;  // of the smallest failing case found, with its kernel
};
// Draws `cases` cases from the seed; stops at the first failure and shrinks it.
OpReport check_op(std::string_view op, Backend& backend, const Profile& profile, std::uint64_t seed,
                  std::int64_t cases);

// Tile operations of tiers T0 to T2 in the op table, without the dialect prefix.
std::vector<std::string> property_ops();

}  // namespace assay::device

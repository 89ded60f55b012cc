// Test support. The property every backend has to hold for every tile operation: on a one-operation kernel over random
// legal dtypes, physical shapes, valid shapes, tails and specials, each element of the destination is one that the
// exact definition (goldens/ops) admits, and everything outside the destination's valid rectangle stays what it was.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "goldens/ops/tile_op.h"
#include "harness/core/tensor.h"
#include "harness/device/backend.h"

namespace assay::device {

struct OpOperand {
  enum class Kind : std::uint8_t { tile, scalar, memory };
  Kind kind = Kind::tile;
  goldens::TileShape shape;
  bool column_major = false;
  // A fill of fill.h, or one of op_data.h ("@permutation") that makes operands that belong together.
  std::string fill = "normal";

  bool is_scalar() const { return kind == Kind::scalar; }
};

struct OpCase {
  std::string property;  // "tadd", "tstore/acc": an operation, and a form of it
  std::string op;        // "tadd"
  std::string arch = "a2a3";
  std::uint64_t seed = 0;
  std::vector<OpOperand> ins;
  OpOperand out;
  std::vector<OpOperand> more_outs;
  goldens::PadWord pad = goldens::PadWord::null;
  std::string rmode, satmode;
  bool descending = false;
  std::vector<std::pair<std::string, std::string>> inside, behind;  // attributes in ins(...) and behind outs(...)
  std::int64_t scratch_at = -1;  // pass the scratch tile as this operand; its bytes stay undefined
  bool accumulates = false;      // the destination's earlier content is an operand
  bool in_place = false;         // the destination has the first operand's address
  bool static_valid = false;     // valid extents in the types instead of run-time values
  bool legacy = false;           // tile types as key = value (pto-format 1.2)
};
std::string to_string(const OpCase& c);

// How large a case may get: shrinking halves these.
struct OpCaseLimits {
  std::int64_t rows = 17;
  std::int64_t blocks = 4;  // of 32 bytes per row
};
OpCase draw_op_case(std::string_view property, std::uint64_t seed, const OpCaseLimits& limits, const Profile& profile);

// Module with one function: loads every operand whole, narrows the valid shapes, runs the operation, stores the whole
// destination. Arguments: one pointer per operand that is no scalar, per destination its earlier content and the
// result, the scalars. What the cube computes with and writes goes through the memories between (cube_text).
std::string op_kernel_text(const OpCase& c);

struct OpOutcome {
  std::int64_t compared = 0;
  std::int64_t open = 0;
  std::string failure;  // empty: the property holds
};
OpOutcome run_op_case(const OpCase& c, Backend& backend, const Profile& profile);

// What a backend says to a kernel of the case: nothing is compared.
RunReport report_of(const OpCase& c, Backend& backend, const Profile& profile);

struct OpReport {
  std::int64_t cases = 0, compared = 0, open = 0;
  std::string failure;  // of the smallest failing case found, with its kernel
};
// Draws `cases` cases from the seed; stops at the first failure and shrinks it.
OpReport check_op(std::string_view property, Backend& backend, const Profile& profile, std::uint64_t seed,
                  std::int64_t cases);

// Every tile operation of the op table, without the dialect prefix, and the forms that need a kernel of their own.
std::vector<std::string> property_ops();
// Of them, those a backend executes. The others it must refuse as unsupported, naming the operation.
std::vector<std::string> property_ops(std::string_view backend);
// The operation of a property.
std::string_view op_of(std::string_view property);
bool absent(std::string_view property, const Profile& profile);

}  // namespace assay::device

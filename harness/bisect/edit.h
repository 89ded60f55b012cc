// Single edits of a kernel: the published list that bisection tries and mutation draws from (docs/bisection.md). An
// edit names one operation; applying it gives a new module. Nothing here knows which edit, if any, was made before.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/core/error.h"
#include "harness/pto/ir.h"

namespace assay::bisect {

// In the order bisection tries them: the likelier and the fewer first.
enum class EditKind : std::uint8_t {
  rounding,           // tcvt: another rmode
  saturation,         // tcvt: another satmode
  operation,          // another operation of the same signature: tadd for tsub, minsi for maxsi
  operand_order,      // two inputs exchanged
  valid_shape,        // alloc_tile, set_validshape: another extent, or the extent given where it was unset
  tile_operand,       // another tile or view of the same element type in scope
  address,            // alloc_tile: another address used in the function
  bounds,             // an integer operand exchanged for another in scope, or off by one
  constant,           // arith.constant: another value
  extra_operation,    // the operation is deleted
  missing_operation,  // an operation is inserted in front of this one
};
inline constexpr int kEditKinds = 11;
std::string_view name(EditKind kind);

struct Edit {
  EditKind kind{};
  std::uint32_t op_id = 0;  // operation the edit changes, or stands in front of
  std::string description;  // "rmode ROUND -> RINT", "operand 1: %a -> %b"

  // What to do; the kind says which of these is set.
  pto::AttrDict attributes;                // rounding, saturation, constant: replaces the attributes
  std::optional<pto::OpCode> code;         // operation
  std::optional<pto::Operation> inserted;  // missing_operation
  bool insert_after = false;               // the inserted operation stands behind op_id instead of in front
  struct Operand {
    std::uint32_t index = 0;
    pto::ValueId value = 0;
    std::int64_t offset = 0;  // bounds: value + offset, through a new arith.addi
  };
  std::vector<Operand> operands;  // operand_order (two), tile_operand, address, bounds, valid_shape
  // valid_shape of alloc_tile: the new result type, and its extent operands (none where the type is static).
  std::optional<pto::TileType> tile_type;
  std::vector<pto::ValueId> valid_rows, valid_cols;
  // An extent that no value in scope need have: a new constant of type index, which becomes the operand.
  std::optional<std::int64_t> constant_rows, constant_cols;
};

// Every edit of the kind that the list allows on the operation, in a fixed order. Edits that would leave scope are not
// among them; whether the result is a legal kernel is the verifier's business.
std::vector<Edit> enumerate_edits(const pto::Function& function, EditKind kind, std::uint32_t op_id);

// The module with `function` edited. Error: the result has an operation id or operand that does not exist.
Result<pto::Module> apply_edit(const pto::Module& module, std::string_view function, const Edit& edit);

// Values defined before operation `op_id` and visible to it, ascending.
std::vector<pto::ValueId> values_in_scope(const pto::Function& function, std::uint32_t op_id);

}  // namespace assay::bisect

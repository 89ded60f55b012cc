// The one op table: mnemonic, syntax family, operands, legal dtypes, pipe, scratch operands, in-place safety, numerics
// contract and source clause of every operation. The rows are in op_table.inc. Verifier, simulator, devices,
// documentation and tests read them.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>

#include "harness/core/dtype.h"

namespace assay::pto {

enum class OpCode : std::uint16_t {
#define ASSAY_OP(code, ...) code,
#include "harness/pto/op_table.inc"
#undef ASSAY_OP
};

enum class Tier : std::uint8_t { t0, t1, t2, t3, t4, t5, t6 };

enum class Family : std::uint8_t {
  arith,    // %r = arith.addi %a, %b : T and its relatives
  control,  // func, scf
  view,     // family B of pto-format.md: views, allocation, scalars in memory
  tile,     // family A: ins(...) outs(...)
  sync,     // family C: parsed, ordered by nobody in program order
  query,    // get_block_idx and its relatives
  pipe,     // family D: rings between the cores of a block
  comm,     // family D: ranks, and syncall
};

// Engine that executes the op on a2a3 (pto-isa.md section 2; pto-format.md section 3.5).
// sdma: the engine of asynchronous transfers, beside the core and ordered by its events only.
enum class Pipe : std::uint8_t { none, s, v, m, mte1, mte2, mte3, fix, sdma };

// What a correct implementation may return for defined inputs.
enum class Contract : std::uint8_t {
  exact,              // one bit pattern (moves, integer ops, comparisons)
  correctly_rounded,  // the exact result rounded once, to nearest even for f32, or by the op's mode
  bounded,            // within the profile's ulp bound named by `bound_key`
  reduction,          // an f32 sum in any order the profile allows
};

// Which bytes an op writes that a trace can show.
enum class Writes : std::uint8_t { nothing, tile, global, scalar };

struct DTypeSet {
  std::uint32_t bits = 0;
  constexpr DTypeSet() = default;
  constexpr DTypeSet(std::initializer_list<DType> list) {
    for (DType dtype : list) bits |= 1U << static_cast<unsigned>(dtype);
  }
  constexpr bool contains(DType dtype) const { return (bits >> static_cast<unsigned>(dtype)) & 1U; }
};

struct OpInfo {
  OpCode code;
  std::string_view mnemonic;  // "pto.tadd"
  Tier tier;
  Family family;
  Pipe pipe;
  int ins_min, ins_max;  // family tile: operands inside ins(...), scratch included
  int outs;              // family tile: operands inside outs(...)
  int scratch;           // index inside ins(...) of the optional scratch tile, -1 for none: never read
  DTypeSet dtypes;       // legal element types of the destination tile; empty = not restricted here
  bool in_place_safe;    // destination may overlap a source on hardware (pto-format.md section 3.1)
  Contract contract;
  std::string_view bound_key;  // Contract::bounded: key into Profile::ulp
  Writes writes;
  std::string_view clause;  // where its meaning is specified
  int outs_max;             // most operands inside outs(...); `outs` is the least
};

const OpInfo& info(OpCode code);
std::string_view mnemonic(OpCode code);
// By full mnemonic ("pto.tadd", "arith.addi"); null when unknown.
const OpInfo* find_op(std::string_view mnemonic);
std::span<const OpInfo> all_ops();

// Family comm: operands one by one, without buf(..), recv(..) or group(..).
bool takes_plain_operands(OpCode code);

}  // namespace assay::pto

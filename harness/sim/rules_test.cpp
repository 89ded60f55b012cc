// Every rule fires on a small kernel that breaks it, names both locations, and is silent on the kernel put right.
// In the faulty body "// HERE" marks the reported line and "// THERE" the other end.
#include <fmt/format.h>

#include "harness/sim/kernel_test.h"

namespace assay::sim::testing {
namespace {

struct Rule {
  std::string name;  // of the test
  std::string rule;
  std::string faulty, fixed;
};

void PrintTo(const Rule& row, std::ostream* out) { *out << row.rule; }

// Loads x into the tile %t at %a0 and stores %t's successor %o at %a1.
constexpr std::string_view kLoad =
    "    %t = pto.alloc_tile addr = %a0 : $T\n"
    "    pto.tload ins(%xp : $P) outs(%t : $T)\n";

std::string loaded(std::string body) { return std::string(kLoad) + body; }

std::vector<Rule> memory_rules() {
  return {
      {"TileEndsOutsideSpace", "capacity",
       R"(    %far = arith.constant 196352 : i64 // THERE
    %t = pto.alloc_tile addr = %far : $T // HERE)",
       R"(    %far = arith.constant 196096 : i64
    %t = pto.alloc_tile addr = %far : $T)"},
      {"NegativeAddress", "capacity",
       R"(    %far = arith.constant -32 : i64 // THERE
    %t = pto.alloc_tile addr = %far : $T // HERE)",
       R"(    %far = arith.constant 32 : i64
    %t = pto.alloc_tile addr = %far : $T)"},
      {"PrivateTileBeyondSpace", "capacity",
       R"(    %t = pto.alloc_tile : !pto.tile_buf<vec, 4096x16xf32> // HERE THERE)",
       R"(    %t = pto.alloc_tile : !pto.tile_buf<vec, 2048x16xf32>)"},
      {"Misaligned", "alignment",
       R"(    %odd = arith.constant 13 : i64
    %t = pto.alloc_tile addr = %odd : $T // HERE THERE)",
       R"(    %odd = arith.constant 64 : i64
    %t = pto.alloc_tile addr = %odd : $T)"},
      {"MisalignedWindow", "alignment",
       loaded(R"(    %s = pto.subview %t[%c0, %c2] sizes [8, 8] : $T -> !pto.tile_buf<vec, 8x8xf32>
    pto.tneg ins(%s : !pto.tile_buf<vec, 8x8xf32>) outs(%s : !pto.tile_buf<vec, 8x8xf32>) // HERE)"),
       loaded(R"(    %s = pto.subview %t[%c0, %c8] sizes [8, 8] : $T -> !pto.tile_buf<vec, 8x8xf32>
    pto.tneg ins(%s : !pto.tile_buf<vec, 8x8xf32>) outs(%s : !pto.tile_buf<vec, 8x8xf32>))")},
      {"ReadOfUndefinedBytes", "undefined-bytes",
       R"(    %t = pto.alloc_tile addr = %a0 : $T // THERE
    pto.tstore ins(%t : $T) outs(%yp : $P) // HERE)",
       loaded("    pto.tstore ins(%t : $T) outs(%yp : $P)")},
      {"ReadOfLanesNeverWritten", "undefined-bytes",
       R"(    %t = pto.alloc_tile addr = %a0 valid_row = %c8 valid_col = %c8 : $D
    pto.tload ins(%xp : $P) outs(%t : $D)
    %u = pto.alloc_tile addr = %a0 : $T // THERE
    pto.tstore ins(%u : $T) outs(%yp : $P) // HERE)",
       loaded(R"(    %u = pto.alloc_tile addr = %a0 valid_row = %c8 valid_col = %c8 : $D
    pto.tstore ins(%u : $D) outs(%yp : $P))")},
      {"ScalarReadOfUndefinedBytes", "undefined-bytes",
       R"(    %t = pto.alloc_tile addr = %a0 : $T // THERE
    %v = pto.tgetval ins(%t, %c2 : $T, index) outs : f32 // HERE)",
       loaded("    %v = pto.tgetval ins(%t, %c2 : $T, index) outs : f32")},
      {"LocalArrayNeverSet", "undefined-bytes",
       R"(    %n = arith.constant 5 : i32
    %l = pto.declare_local_array : !pto.local_array<4xi32> // THERE
    %v = pto.local_array_get %l[%c1] : !pto.local_array<4xi32> -> i32 // HERE)",
       R"(    %n = arith.constant 5 : i32
    %l = pto.declare_local_array : !pto.local_array<4xi32>
    pto.local_array_set %l[%c1], %n : !pto.local_array<4xi32>, i32
    %v = pto.local_array_get %l[%c1] : !pto.local_array<4xi32> -> i32)"},
      {"DestinationOverlapsSource", "overlap",
       loaded(R"(    %u = pto.alloc_tile addr = %a0 : !pto.tile_buf<vec, 16x8xf32>
    pto.ttrans ins(%t : $T) outs(%u : !pto.tile_buf<vec, 16x8xf32>) // HERE)"),
       loaded(R"(    %u = pto.alloc_tile addr = %a1 : !pto.tile_buf<vec, 16x8xf32>
    pto.ttrans ins(%t : $T) outs(%u : !pto.tile_buf<vec, 16x8xf32>))")},
      {"ScratchOverlapsSource", "overlap", loaded(R"(    %u = pto.alloc_tile addr = %a1 : $C
    %s = pto.alloc_tile addr = %a0 : $T // THERE
    pto.trowsum ins(%t, %s : $T, $T) outs(%u : $C) // HERE)"),
       loaded(R"(    %u = pto.alloc_tile addr = %a1 : $C
    %s = pto.alloc_tile addr = %a2 : $T
    pto.trowsum ins(%t, %s : $T, $T) outs(%u : $C))")},
      {"ReadOfClobberedScratch", "undefined-bytes", loaded(R"(    %u = pto.alloc_tile addr = %a1 : $C
    %s = pto.alloc_tile addr = %a2 : $T // THERE
    pto.tload ins(%xp : $P) outs(%s : $T)
    pto.trowsum ins(%t, %s : $T, $T) outs(%u : $C)
    pto.tstore ins(%s : $T) outs(%yp : $P) // HERE)"),
       loaded(R"(    %u = pto.alloc_tile addr = %a1 : $C
    %s = pto.alloc_tile addr = %a2 : $T
    pto.trowsum ins(%t, %s : $T, $T) outs(%u : $C)
    pto.tload ins(%xp : $P) outs(%s : $T)
    pto.tstore ins(%s : $T) outs(%yp : $P))")},
  };
}

// Column-major per-row operand without scratch tile: [184, 192) KiB are overwritten (seed bug B24).
std::string beside_window(std::string_view address, std::string_view marks, std::string_view multiply) {
  return loaded(fmt::format(R"(    %s = pto.alloc_tile addr = %a1 : $C
    %cv = pto.make_tensor_view %x, shape = [%c8, %c1], strides = [%c1, %c1] : $V
    %cp = pto.partition_view %cv, offsets = [%c0, %c0], sizes = [%c8, %c1] : $V -> $P
    pto.tload ins(%cp : $P) outs(%s : $C)
    %o = pto.alloc_tile addr = %a2 : $T
    %k = arith.constant {} : i64
    %keep = pto.alloc_tile addr = %k : $T
    pto.tload ins(%xp : $P) outs(%keep : $T)
    {}
    pto.tstore ins(%keep : $T) outs(%yp : $P){})",
                            address, multiply, marks));
}

std::vector<Rule> window_rules() {
  const std::string plain = "pto.trowexpandmul ins(%t, %s : $T, $C) outs(%o : $T) // THERE";
  const std::string with_scratch =
      "%tmp = pto.alloc_tile addr = %a3 : $T\n    pto.trowexpandmul ins(%t, %s, %tmp : $T, $C, $T) outs(%o : $T)";
  return {
      {"LiveTileInWindow", "scratch-window", beside_window("188416", " // HERE", plain),
       beside_window("187904", "", plain)},
      {"LiveTileInWindowWithScratchOperand", "scratch-window", beside_window("196096", " // HERE", plain),
       beside_window("196096", "", with_scratch)},
      {"OperandInWindow", "scratch-window",
       beside_window("188416", "", "pto.trowexpandmul ins(%keep, %s : $T, $C) outs(%o : $T) // HERE"),
       beside_window("4608", "", "pto.trowexpandmul ins(%keep, %s : $T, $C) outs(%o : $T)")},
  };
}

std::vector<Rule> shape_rules() {
  return {
      {"ValidShapeNeverSet", "unset-valid-shape", loaded(R"(    %o = pto.alloc_tile addr = %a1 : $D // THERE
    pto.tneg ins(%t : $T) outs(%o : $D) // HERE)"),
       loaded(R"(    %o = pto.alloc_tile addr = %a1 : $D
    pto.set_validshape %o, %c8, %c16 : $D
    pto.tneg ins(%t : $T) outs(%o : $D))")},
      {"NegativeValidShape", "negative-valid-shape",
       R"(    %n = arith.subi %c2, %c8 : index // THERE
    %t = pto.alloc_tile addr = %a0 valid_row = %n valid_col = %c16 : $D // HERE)",
       R"(    %n = arith.subi %c8, %c2 : index
    %t = pto.alloc_tile addr = %a0 valid_row = %n valid_col = %c16 : $D)"},
      {"NegativeValidShapeSetLater", "negative-valid-shape",
       R"(    %n = arith.subi %c2, %c8 : index
    %t = pto.alloc_tile addr = %a0 : $D // THERE
    pto.set_validshape %t, %n, %c16 : $D // HERE)",
       R"(    %n = arith.subi %c8, %c2 : index
    %t = pto.alloc_tile addr = %a0 : $D
    pto.set_validshape %t, %n, %c16 : $D)"},
      {"MinusOneIsNegativeToo", "negative-valid-shape",
       R"(    %n = arith.subi %c1, %c2 : index
    %t = pto.alloc_tile addr = %a0 : $D // THERE
    pto.set_validshape %t, %n, %c16 : $D // HERE)",
       R"(    %t = pto.alloc_tile addr = %a0 : $D
    pto.set_validshape %t, %c0, %c16 : $D)"},
      {"ValidBeyondPhysical", "valid-shape-bounds",
       R"(    %t = pto.alloc_tile addr = %a0 valid_row = %c16 valid_col = %c16 : $D // HERE)",
       R"(    %t = pto.alloc_tile addr = %a0 valid_row = %c8 valid_col = %c16 : $D)"},
      {"ValidColumnsBeyondPhysical", "valid-shape-bounds",
       R"(    %n = arith.addi %c16, %c1 : index
    %t = pto.alloc_tile addr = %a0 : $D // THERE
    pto.set_validshape %t, %c8, %n : $D // HERE)",
       R"(    %t = pto.alloc_tile addr = %a0 : $D
    pto.set_validshape %t, %c8, %c16 : $D)"},
      {"SourceSmallerThanDestination", "valid-mismatch",
       loaded(R"(    %o = pto.alloc_tile addr = %a1 : !pto.tile_buf<vec, 16x16xf32>
    pto.tneg ins(%t : $T) outs(%o : !pto.tile_buf<vec, 16x16xf32>) // HERE)"),
       loaded(R"(    %o = pto.alloc_tile addr = %a1 : !pto.tile_buf<vec, 16x16xf32, valid=8x16>
    pto.tneg ins(%t : $T) outs(%o : !pto.tile_buf<vec, 16x16xf32, valid=8x16>))")},
      {"NoOperandHasTheShape", "valid-mismatch", loaded(R"(    %s = pto.alloc_tile addr = %a1 : $C
    %o = pto.alloc_tile addr = %a2 valid_row = %c2 valid_col = %c16 : $D
    pto.trowexpandmul ins(%t, %s : $T, $C) outs(%o : $D) // HERE)"),
       loaded(R"(    %s = pto.alloc_tile addr = %a1 : $C
    pto.trowsum ins(%t : $T) outs(%s : $C)
    %o = pto.alloc_tile addr = %a2 : $T
    pto.trowexpandmul ins(%t, %s : $T, $C) outs(%o : $T))")},
      {"PerRowOperandOfWrongLayout", "operand-layout",
       loaded(R"(    %s = pto.alloc_tile addr = %a1 valid_row = %c8 valid_col = %c1 : $D
    pto.trowsum ins(%t : $T) outs(%s : $D)
    %o = pto.alloc_tile addr = %a2 : $T
    pto.trowexpandmul ins(%t, %s : $T, $D) outs(%o : $T) // HERE)"),
       loaded(R"(    %s = pto.alloc_tile addr = %a1 valid_row = %c8 valid_col = %c8 : $D
    pto.trowexpand ins(%t : $T) outs(%s : $D)
    %o = pto.alloc_tile addr = %a2 : $T
    pto.trowexpandmul ins(%t, %s : $T, $D) outs(%o : $T))")},
      {"ConcatenationOfWrongWidth", "valid-mismatch",
       loaded(R"(    %o = pto.alloc_tile addr = %a1 : !pto.tile_buf<vec, 8x32xf32, valid=8x24>
    pto.tconcat ins(%t, %t : $T, $T) outs(%o : !pto.tile_buf<vec, 8x32xf32, valid=8x24>) // HERE)"),
       loaded(R"(    %o = pto.alloc_tile addr = %a1 : !pto.tile_buf<vec, 8x32xf32>
    pto.tconcat ins(%t, %t : $T, $T) outs(%o : !pto.tile_buf<vec, 8x32xf32>))")},
      {"NothingToPadWith", "null-pad", loaded(R"(    %o = pto.alloc_tile addr = %a1 : $T
    pto.tfillpad ins(%t : $T) outs(%o : $T) // HERE)"),
       loaded(R"(    %o = pto.alloc_tile addr = %a1 : !pto.tile_buf<vec, 8x16xf32, pad=1>
    pto.tfillpad ins(%t : $T) outs(%o : !pto.tile_buf<vec, 8x16xf32, pad=1>))")},
  };
}

std::vector<Rule> bounds_rules() {
  const auto from_offset = [](std::string_view row, std::string_view marks) {
    return fmt::format(R"(    %o = arith.constant {0} : index
    %v = pto.make_tensor_view %x, shape = [%c16, %c16], strides = [%c16, %c1] : $V
    %p = pto.partition_view %v, offsets = [%o, %c0], sizes = [%c8, %c16] : $V -> $P{1}
    %t = pto.alloc_tile addr = %a0 : $T
    pto.tload ins(%p : $P) outs(%t : $T){2})",
                       row, marks.empty() ? "" : " // THERE", marks);
  };
  return {
      {"LoadBehindTensor", "bounds", from_offset("1", " // HERE"), from_offset("0", "")},
      {"StoreBehindTensor", "bounds",
       loaded(R"(    %v = pto.make_tensor_view %y, shape = [%c16, %c16], strides = [%c16, %c1] : $V
    %p = pto.partition_view %v, offsets = [%c8, %c0], sizes = [%c8, %c16] : $V -> $P // THERE
    pto.tstore ins(%t : $T) outs(%p : $P) // HERE)"),
       loaded("    pto.tstore ins(%t : $T) outs(%yp : $P)")},
      {"PartitionLeavesItsView", "bounds",
       R"(    %p = pto.partition_view %xv, offsets = [%c0, %c8], sizes = [%c2, %c16] : $V -> $P // THERE
    %t = pto.alloc_tile addr = %a0 valid_row = %c2 valid_col = %c16 : $D
    pto.tload ins(%p : $P) outs(%t : $D) // HERE)",
       R"(    %p = pto.partition_view %xv, offsets = [%c0, %c8], sizes = [%c2, %c8] : $V -> $P
    %t = pto.alloc_tile addr = %a0 valid_row = %c2 valid_col = %c8 : $D
    pto.tload ins(%p : $P) outs(%t : $D))"},
      {"TileExceedsPartition", "bounds",
       R"(    %p = pto.partition_view %xv, offsets = [%c0, %c0], sizes = [%c2, %c16] : $V -> $P // THERE
    %t = pto.alloc_tile addr = %a0 : $T
    pto.tload ins(%p : $P) outs(%t : $T) // HERE)",
       R"(    %p = pto.partition_view %xv, offsets = [%c0, %c0], sizes = [%c2, %c16] : $V -> $P
    %t = pto.alloc_tile addr = %a0 valid_row = %c2 valid_col = %c16 : $D
    pto.tload ins(%p : $P) outs(%t : $D))"},
      {"NegativePartition", "bounds",
       R"(    %n = arith.subi %c2, %c8 : index // THERE
    %p = pto.partition_view %xv, offsets = [%c0, %c0], sizes = [%n, %c16] : $V -> $P // HERE)",
       R"(    %n = arith.subi %c8, %c2 : index
    %p = pto.partition_view %xv, offsets = [%c0, %c0], sizes = [%n, %c16] : $V -> $P)"},
      {"ScalarLoadBehindTensor", "bounds",
       R"(    %n = arith.constant 128 : index
    %q = pto.addptr %x, %c0 : !pto.ptr<f32> -> !pto.ptr<f32> // THERE
    %v = pto.load_scalar %q[%n] : !pto.ptr<f32> -> f32 // HERE)",
       R"(    %n = arith.constant 127 : index
    %v = pto.load_scalar %x[%n] : !pto.ptr<f32> -> f32)"},
      {"ScalarStoreBeforeTensor", "bounds",
       R"(    %n = arith.constant -1 : index
    %f = arith.constant 1.0 : f32
    %q = pto.addptr %y, %c0 : !pto.ptr<f32> -> !pto.ptr<f32> // THERE
    pto.store_scalar %f, %q[%n] : !pto.ptr<f32>, f32 // HERE)",
       R"(    %f = arith.constant 1.0 : f32
    pto.store_scalar %f, %y[%c0] : !pto.ptr<f32>, f32)"},
      {"AddressBeyondEveryMemory", "bounds",
       R"(    %n = arith.constant 4611686018427387904 : index // THERE
    %v = pto.make_tensor_view %x, shape = [%c8, %c16], strides = [%n, %c1] : $V // HERE)",
       R"(    %n = arith.constant 16 : index
    %v = pto.make_tensor_view %x, shape = [%c8, %c16], strides = [%n, %c1] : $V)"},
      {"WindowLeavesItsTile", "bounds", loaded("    %s = pto.subview %t[%c2, %c0] sizes [8, 16] : $T -> $T // HERE"),
       loaded("    %s = pto.subview %t[%c0, %c0] sizes [8, 16] : $T -> $T")},
      {"ElementBehindTile", "bounds", loaded(R"(    %n = arith.constant 128 : index
    %v = pto.tgetval ins(%t, %n : $T, index) outs : f32 // HERE)"),
       loaded(R"(    %n = arith.constant 127 : index
    %v = pto.tgetval ins(%t, %n : $T, index) outs : f32)")},
      {"LocalArrayBounds", "bounds",
       R"(    %n = arith.constant 5 : i32
    %l = pto.declare_local_array : !pto.local_array<4xi32> // THERE
    pto.local_array_set %l[%c8], %n : !pto.local_array<4xi32>, i32 // HERE)",
       R"(    %n = arith.constant 5 : i32
    %l = pto.declare_local_array : !pto.local_array<4xi32>
    pto.local_array_set %l[%c2], %n : !pto.local_array<4xi32>, i32)"},
      {"GatherIndexBehindSource", "bounds", loaded(R"(    %k = arith.constant 1 : i32
    %i = pto.alloc_tile addr = %a1 : !pto.tile_buf<vec, 8x16xi32>
    pto.tci ins(%k : i32) outs(%i : !pto.tile_buf<vec, 8x16xi32>)
    %o = pto.alloc_tile addr = %a2 : $T
    pto.tgather ins(%t, %i : $T, !pto.tile_buf<vec, 8x16xi32>) outs(%o : $T) // HERE)"),
       loaded(R"(    %k = arith.constant 0 : i32
    %i = pto.alloc_tile addr = %a1 : !pto.tile_buf<vec, 8x16xi32>
    pto.tci ins(%k : i32) outs(%i : !pto.tile_buf<vec, 8x16xi32>)
    %o = pto.alloc_tile addr = %a2 : $T
    pto.tgather ins(%t, %i : $T, !pto.tile_buf<vec, 8x16xi32>) outs(%o : $T))")},
  };
}

// A tile of the value converted to another element type.
std::string converted(std::string_view value, std::string_view to, std::string_view saturation, std::string_view end) {
  return fmt::format(
      "    %v = arith.constant {0} : f32\n    %t = pto.alloc_tile addr = %a0 : $T\n"
      "    pto.texpands ins(%v : f32) outs(%t : $T)\n    %o = pto.alloc_tile addr = %a1 : !pto.tile_buf<vec, "
      "8x16x{1}>\n"
      "    pto.tcvt ins(%t {{rmode = #pto<round_mode RINT>{2}}} : $T) outs(%o : !pto.tile_buf<vec, 8x16x{1}>){3}",
      value, to, saturation, end);
}

// An i32 tile of ones and a scalar.
std::string scalar_of_tile(std::string_view op, std::string_view scalar, std::string_view mark) {
  return fmt::format(
      "    %v = arith.constant {} : i32{}\n    %w = arith.constant 1 : i32\n"
      "    %t = pto.alloc_tile addr = %a0 : !pto.tile_buf<vec, 8x16xi32>\n"
      "    pto.texpands ins(%w : i32) outs(%t : !pto.tile_buf<vec, 8x16xi32>)\n"
      "    pto.{} ins(%t, %v : !pto.tile_buf<vec, 8x16xi32>, i32) outs(%t : !pto.tile_buf<vec, 8x16xi32>)",
      scalar, mark, op);
}

std::vector<Rule> scalar_rules() {
  const auto two = [](std::string_view op, std::string_view a, std::string_view b, bool faulty, bool second = true) {
    return fmt::format(
        "    %p = arith.constant {} : i32{}\n    %q = arith.constant {} : i32{}\n    %r = {} %p, %q : i32{}", a,
        faulty && !second ? " // THERE" : "", b, faulty && second ? " // THERE" : "", op, faulty ? " // HERE" : "");
  };
  const auto cast = [](std::string_view value, std::string_view from, std::string_view op, std::string_view to,
                       bool faulty) {
    return fmt::format("    %p = arith.constant {} : {}{}\n    %r = {} %p : {} to {}{}", value, from,
                       faulty ? " // THERE" : "", op, from, to, faulty ? " // HERE" : "");
  };
  return {
      {"DivisionByZero", "division-by-zero", two("arith.divsi", "7", "0", true), two("arith.divsi", "7", "2", false)},
      {"UnsignedDivisionByZero", "division-by-zero", two("arith.divui", "7", "0", true),
       two("arith.divui", "7", "2", false)},
      {"RemainderByZero", "division-by-zero", two("arith.remsi", "7", "0", true), two("arith.remsi", "7", "2", false)},
      {"CeilDivisionByZero", "division-by-zero", two("arith.ceildivsi", "7", "0", true),
       two("arith.ceildivsi", "7", "2", false)},
      {"DivisionOverflow", "division-overflow", two("arith.divsi", "-2147483648", "-1", true, false),
       two("arith.divsi", "-2147483647", "-1", false)},
      {"ShiftByWidth", "shift-range", two("arith.shli", "1", "32", true), two("arith.shli", "1", "31", false)},
      {"ShiftByNegative", "shift-range", two("arith.shrsi", "1", "-1", true), two("arith.shrsi", "1", "0", false)},
      {"IndexNarrowed", "narrowing", cast("4294967296", "index", "arith.index_cast", "i32", true),
       cast("2147483647", "index", "arith.index_cast", "i32", false)},
      {"IndexNarrowedToNegative", "narrowing", cast("3000000000", "index", "arith.index_cast", "i32", true),
       cast("-3", "index", "arith.index_cast", "i32", false)},
      {"LongTruncated", "narrowing", cast("2147483648", "i64", "arith.trunci", "i32", true),
       cast("-2147483648", "i64", "arith.trunci", "i32", false)},
      {"ByteTruncated", "narrowing", cast("256", "i32", "arith.trunci", "i8", true),
       cast("255", "i32", "arith.trunci", "i8", false)},
      {"UnsignedIndexNarrowed", "narrowing", cast("4294967296", "index", "arith.index_castui", "i32", true),
       cast("4294967295", "index", "arith.index_castui", "i32", false)},
      {"FloatBeyondInteger", "narrowing", cast("2147483648.0", "f32", "arith.fptosi", "i32", true),
       cast("-2147483648.0", "f32", "arith.fptosi", "i32", false)},
      {"NaNToInteger", "narrowing", cast("0x7FC00000", "f32", "arith.fptosi", "i32", true),
       cast("0x3F800000", "f32", "arith.fptosi", "i32", false)},
      {"LoopWithoutStep", "loop-step",
       R"(    %s = arith.subi %c1, %c1 : index // THERE
    scf.for %i = %c0 to %c8 step %s { // HERE
    })",
       R"(    %s = arith.subi %c2, %c1 : index
    scf.for %i = %c0 to %c8 step %s {
    })"},
      {"LoopBackwards", "loop-step",
       R"(    %s = arith.subi %c1, %c2 : index // THERE
    scf.for %i = %c0 to %c8 step %s { // HERE
    })",
       R"(    scf.for %i = %c0 to %c8 step %c2 {
    })"},
      {"NoSuchConversion", "illegal-conversion",
       loaded(R"(    %o = pto.alloc_tile addr = %a1 : !pto.tile_buf<vec, 8x32xi8, valid=8x16>
    pto.tcvt ins(%t {rmode = #pto<round_mode RINT>} : $T) outs(%o : !pto.tile_buf<vec, 8x32xi8, valid=8x16>) // HERE)"),
       loaded(R"(    %o = pto.alloc_tile addr = %a1 : !pto.tile_buf<vec, 8x16xi32>
    pto.tcvt ins(%t {rmode = #pto<round_mode RINT>} : $T) outs(%o : !pto.tile_buf<vec, 8x16xi32>))")},
      {"ConvertedWithoutRoom", "narrowing", converted("3.0e10", "i32", "", "") + " // HERE",
       converted("3.0e10", "i32", ", satmode = #pto<saturation_mode ON>", "")},
      {"ConvertedToLowBits", "narrowing", converted("70000.0", "i16", "", "") + " // HERE",
       converted("32767.0", "i16", "", "")},
      {"InfinityConverted", "narrowing", converted("0x7F800000", "i32", "", "") + " // HERE",
       converted("-2147483648.0", "i32", "", "")},
      {"SaturationIgnoredWhereWrittenOff", "narrowing",
       converted("3.0e10", "i32", ", satmode = #pto<saturation_mode OFF>", "") + " // HERE",
       converted("3.0e9", "i64", ", satmode = #pto<saturation_mode OFF>", "")},
      {"TileShiftedByWidth", "shift-range", scalar_of_tile("tshls", "32", " // THERE") + " // HERE",
       scalar_of_tile("tshls", "31", "")},
      {"TileShiftedByNegative", "shift-range", scalar_of_tile("tshrs", "-1", " // THERE") + " // HERE",
       scalar_of_tile("tshrs", "0", "")},
      {"TileRemainderByZero", "division-by-zero", scalar_of_tile("trems", "0", " // THERE") + " // HERE",
       scalar_of_tile("trems", "3", "")},
      {"TileFmodByZero", "division-by-zero", scalar_of_tile("tfmods", "0", " // THERE") + " // HERE",
       scalar_of_tile("tfmods", "-3", "")},
  };
}

class Rules : public ::testing::TestWithParam<Rule> {};

KernelRun run_body(const std::string& body) {
  KernelRun run;
  run.text = kernel(body);
  run.tensors = {filled(128, 1.5F), filled(128, 0.0F)};
  return run_kernel(std::move(run));
}

TEST_P(Rules, FiresAndNamesBothEnds) {
  const KernelRun run = run_body(GetParam().faulty);
  ASSERT_EQ(run.report.status, device::RunStatus::fault) << run.report.reason;
  const device::Diagnostic& found = run.report.diagnostics.back();
  EXPECT_EQ(found.rule, GetParam().rule) << found.message;
  EXPECT_EQ(found.location.line, line_of(run.text, "// HERE")) << to_string(found, "kernel.pto");
  ASSERT_TRUE(found.related) << found.message;
  EXPECT_GT(found.related->line, 0);
  const int there = line_of(run.text, " THERE");
  if (there > 0) {
    EXPECT_EQ(found.related->line, there) << found.message;
  }
  EXPECT_EQ(found.function, "kernel");
  EXPECT_FALSE(found.message.empty());
}

TEST_P(Rules, SilentWhenPutRight) {
  const KernelRun run = run_body(GetParam().fixed);
  EXPECT_EQ(run.report.status, device::RunStatus::completed)
      << (run.report.diagnostics.empty() ? run.report.reason : to_string(run.report.diagnostics.back(), "kernel.pto"));
  EXPECT_TRUE(run.report.diagnostics.empty());
}

TEST(Budget, NamesTheOperationAndItsLoop) {
  KernelRun run;
  run.text = kernel(
      "    scf.for %i = %c0 to %c8 step %c1 {\n      scf.while : () -> () { // THERE\n"
      "        %true = arith.cmpi eq, %c1, %c1 : index\n        scf.condition(%true)\n      } do {\n"
      "        scf.yield\n      }\n    }\n");
  run.tensors = {filled(128, 1.5F), filled(128, 0.0F)};
  run.options.instruction_budget = 1000;
  run = run_kernel(std::move(run));
  ASSERT_EQ(run.report.status, device::RunStatus::budget) << run.report.reason;
  const device::Diagnostic& found = run.report.diagnostics.back();
  EXPECT_GE(found.location.line, line_of(run.text, "THERE"));
  ASSERT_TRUE(found.related);
  EXPECT_EQ(found.related->line, line_of(run.text, "THERE"));
}

std::string name_of(const ::testing::TestParamInfo<Rule>& row) { return row.param.name; }

INSTANTIATE_TEST_SUITE_P(Memory, Rules, ::testing::ValuesIn(memory_rules()), name_of);
INSTANTIATE_TEST_SUITE_P(Window, Rules, ::testing::ValuesIn(window_rules()), name_of);
INSTANTIATE_TEST_SUITE_P(Shape, Rules, ::testing::ValuesIn(shape_rules()), name_of);
INSTANTIATE_TEST_SUITE_P(Bounds, Rules, ::testing::ValuesIn(bounds_rules()), name_of);
INSTANTIATE_TEST_SUITE_P(Scalar, Rules, ::testing::ValuesIn(scalar_rules()), name_of);

}  // namespace
}  // namespace assay::sim::testing

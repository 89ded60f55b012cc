// Number literals of the textual format to bits and back, for constants and attributes. As MLIR does, decimal text is
// read as f64 and rounded once to nearest even into the constant's type; hex text is the bits.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "harness/pto/ir.h"

namespace assay::pto {

bool is_float(ScalarKind kind);
bool is_unsigned(ScalarKind kind);

// The f32 bits of the value `text` has in `kind` (f32, f16 or bf16; f16 and bf16 values are exact in f32).
std::optional<std::uint32_t> float_literal(std::string_view text, ScalarKind kind);
// The f32 bits of the value whose bits in `kind` are given; nothing when they are too wide.
std::optional<std::uint32_t> float_from_bits(std::uint64_t bits, ScalarKind kind);
// Bits in `kind` of a value that is exact in it; the inverse of float_from_bits.
std::uint32_t bits_in(ScalarKind kind, std::uint32_t f32_bits);
// A decimal that float_literal reads back as the same bits, else the hex bits in `kind`.
std::string print_float(std::uint32_t f32_bits, ScalarKind kind);

// The integer in `text` (decimal or 0x) if a type of that width can hold it, signed or unsigned, as the sign-extended
// value (zero-extended for ui types).
std::optional<std::int64_t> integer_literal(std::string_view text, ScalarKind kind);

}  // namespace assay::pto

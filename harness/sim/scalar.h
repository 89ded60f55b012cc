// Scalars in 64-bit slots: canonical forms and conversions to and from element bits.
#pragma once

#include <bit>
#include <cstdint>

#include "harness/sim/numeric/round.h"
#include "harness/sim/program.h"

namespace assay::sim {

constexpr bool is_float(pto::ScalarKind kind) { return kind >= pto::ScalarKind::f16; }
constexpr bool is_unsigned(pto::ScalarKind kind) {
  return kind == pto::ScalarKind::i1 || (kind >= pto::ScalarKind::ui8 && kind <= pto::ScalarKind::ui64);
}

inline std::uint64_t float_bits(float value) { return std::bit_cast<std::uint32_t>(value); }
inline float as_float(std::uint64_t slot) { return std::bit_cast<float>(static_cast<std::uint32_t>(slot)); }

// Keeps the kind's low bits and extends them: signed kinds by sign, unsigned kinds and i1 by zero. Integers only.
inline std::uint64_t canonical(std::uint64_t value, pto::ScalarKind kind) {
  const int unused = 64 - pto::bits_of(kind);
  if (is_unsigned(kind)) return value << unused >> unused;
  return static_cast<std::uint64_t>(static_cast<std::int64_t>(value << unused) >> unused);
}
// The kind's low bits, zero-extended.
inline std::uint64_t low_bits(std::uint64_t value, pto::ScalarKind kind) {
  const int unused = 64 - pto::bits_of(kind);
  return value << unused >> unused;
}

// Whether an integer kind has the value: 32 bits and more are signed unless the kind says otherwise; narrower kinds also
// hold masks and bytes, so they accept what fits either way.
inline bool holds(pto::ScalarKind kind, std::int64_t value) {
  const int unused = 64 - pto::bits_of(kind);
  if (unused == 0) return true;
  const auto bits = static_cast<std::uint64_t>(value);
  const bool signed_fit = static_cast<std::int64_t>(bits << unused) >> unused == value;
  const bool unsigned_fit = bits << unused >> unused == bits;
  if (is_unsigned(kind) && pto::bits_of(kind) >= 32) return unsigned_fit;
  return signed_fit || (pto::bits_of(kind) < 32 && unsigned_fit);
}

// A float slot rounded to the kind's precision (nearest even), canonical NaN.
std::uint64_t round_scalar(float value, pto::ScalarKind kind);

// Slot of a scalar whose type has the given element bits, and back. f16 and bf16 slots hold the equal f32.
std::uint64_t slot_of_element(std::uint64_t bits, pto::ScalarKind kind);
std::uint64_t element_of_slot(std::uint64_t slot, pto::ScalarKind kind);
// A scalar operand as an element of the tile's dtype: floats rounded to nearest even, integers by their low bits.
std::uint64_t element_for_tile(std::uint64_t slot, pto::ScalarKind kind, DType dtype);

// The element type with the kind's layout; i1 travels as u8.
DType element_type(pto::ScalarKind kind);

// Bodies of arith, of get_block_idx and its relatives; null for other codes.
Body scalar_body(pto::OpCode code);
// Bodies of views, allocation and scalars in memory; null for other codes.
Body view_body(pto::OpCode code);
Body memory_body(pto::OpCode code);

}  // namespace assay::sim

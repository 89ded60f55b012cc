#include "harness/sim/scalar.h"

namespace assay::sim {

std::uint64_t round_scalar(float value, pto::ScalarKind kind) {
  if (value != value) return 0x7FC00000U;
  if (kind == pto::ScalarKind::f16) return float_bits(f16_value(f16_nearest(value)));
  if (kind == pto::ScalarKind::bf16) return float_bits(bf16_value(bf16_nearest(value)));
  return float_bits(value);
}

std::uint64_t slot_of_element(std::uint64_t bits, pto::ScalarKind kind) {
  if (kind == pto::ScalarKind::f16) return float_bits(f16_value(static_cast<std::uint16_t>(bits)));
  if (kind == pto::ScalarKind::bf16) return float_bits(bf16_value(static_cast<std::uint16_t>(bits)));
  if (kind == pto::ScalarKind::f32) return static_cast<std::uint32_t>(bits);
  return canonical(bits, kind);
}

std::uint64_t element_of_slot(std::uint64_t slot, pto::ScalarKind kind) {
  if (kind == pto::ScalarKind::f16) return f16_nearest(as_float(slot));
  if (kind == pto::ScalarKind::bf16 && (slot & 0xFFFFU) == 0) return slot >> 16;  // keeps the bits of a NaN
  if (kind == pto::ScalarKind::bf16) return bf16_nearest(as_float(slot));
  return low_bits(slot, kind);
}

std::uint64_t element_for_tile(std::uint64_t slot, pto::ScalarKind kind, DType dtype) {
  if (!is_float(kind)) return slot;
  if (dtype == DType::f16) return f16_nearest(as_float(slot));
  if (dtype == DType::bf16) return bf16_nearest(as_float(slot));
  return static_cast<std::uint32_t>(slot);
}

DType element_type(pto::ScalarKind kind) {
  switch (kind) {
    case pto::ScalarKind::i8:
      return DType::i8;
    case pto::ScalarKind::i16:
      return DType::i16;
    case pto::ScalarKind::i32:
      return DType::i32;
    case pto::ScalarKind::i64:
    case pto::ScalarKind::index:
      return DType::i64;
    case pto::ScalarKind::i1:
    case pto::ScalarKind::ui8:
      return DType::u8;
    case pto::ScalarKind::ui16:
      return DType::u16;
    case pto::ScalarKind::ui32:
      return DType::u32;
    case pto::ScalarKind::ui64:
      return DType::u64;
    case pto::ScalarKind::f16:
      return DType::f16;
    case pto::ScalarKind::bf16:
      return DType::bf16;
    case pto::ScalarKind::f32:
      return DType::f32;
  }
  return DType::i64;
}

}  // namespace assay::sim

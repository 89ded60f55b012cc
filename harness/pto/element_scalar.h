// The scalar type that holds one element of a tile or tensor.
#pragma once

#include <optional>

#include "harness/pto/ir.h"

namespace assay::pto {

// Nothing for the 8-bit and 4-bit floats, which no scalar register holds.
constexpr std::optional<ScalarKind> scalar_of(DType element) {
  switch (element) {
    case DType::f32:
      return ScalarKind::f32;
    case DType::f16:
      return ScalarKind::f16;
    case DType::bf16:
      return ScalarKind::bf16;
    case DType::i8:
      return ScalarKind::i8;
    case DType::u8:
      return ScalarKind::ui8;
    case DType::i16:
      return ScalarKind::i16;
    case DType::u16:
      return ScalarKind::ui16;
    case DType::i32:
      return ScalarKind::i32;
    case DType::u32:
      return ScalarKind::ui32;
    case DType::i64:
      return ScalarKind::i64;
    case DType::u64:
      return ScalarKind::ui64;
    default:
      return std::nullopt;
  }
}

}  // namespace assay::pto

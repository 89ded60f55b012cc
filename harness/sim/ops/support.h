// What tile bodies share: the operands of an instruction, visiting element types, the checks every body starts with.
#pragma once

#include <cstring>
#include <type_traits>

#include "harness/sim/machine.h"
#include "harness/sim/scalar.h"

namespace assay::sim {

// The canonical quiet NaN; arithmetic never passes payloads on, so that results do not depend on operand order.
inline constexpr float kCanonicalNaN = std::bit_cast<float>(0x7FC00000U);
inline float quiet(float value) { return value != value ? kCanonicalNaN : value; }

inline constexpr std::size_t kOutputStage = 3;  // stages 0 to 2 are the sources'

// The operand at `index` of outs(...).
inline Tile& destination(Machine& m, const Instruction& i, std::size_t index = 0) {
  return m.tile(i.operands[i.ins + index]);
}

// Starts every body: tiles aligned, valid shapes set (not the scratch operand's), no overlap of destinations with each
// other, nor with sources where the hardware forbids it, scratch clobbered. False after a fault.
bool enter_tile_op(Machine& m, const Instruction& i);

// Writes the dense result, defines it and shows it to the tracer. An operation with several destinations has computed
// all results before it finishes the first.
bool finish(Machine& m, const Tile& tile, std::int64_t rows, std::int64_t cols, const std::byte* dense);

// The bytes a body has read of a source; `aligned` when element k of the result comes from its element k.
struct SourceBytes {
  const std::byte* data = nullptr;
  std::int64_t size = 0;
  bool aligned = false;
};
// Where the result may be computed without a copy: the destination's own bytes, when its rows lie without gaps and no
// source shares bytes with it, save an aligned one that is exactly it. Null otherwise. Its bytes count as written; to be
// followed by finish_in_place. Everything is read before that (pto-format 3.1).
std::byte* result_in_place(Machine& m, const Tile& tile, std::int64_t rows, std::int64_t cols,
                           std::span<const SourceBytes> sources);
bool finish_in_place(Machine& m, const Tile& tile, std::int64_t rows, std::int64_t cols, const std::byte* dense);

// f16 and bf16 travel through f32: sources widened (exact), results rounded to nearest even.
// `data` is read() of the tile; the result is valid until the stage is used again.
const float* widen(Machine& m, DType dtype, const std::byte* data, std::int64_t count, std::size_t stage);
void narrow(DType dtype, const float* values, std::int64_t count, std::byte* out);
// Profile::flush_subnormals: subnormal f32 become zeros of their sign.
void flush(const Machine& m, float* values, std::int64_t count);

// Calls visit(T{}) with the integer type of the dtype.
template <class Visitor>
bool visit_integer(DType dtype, const Visitor& visit) {
  switch (dtype) {
    case DType::i8:
      return visit(std::int8_t{});
    case DType::u8:
      return visit(std::uint8_t{});
    case DType::i16:
      return visit(std::int16_t{});
    case DType::u16:
      return visit(std::uint16_t{});
    case DType::i32:
      return visit(std::int32_t{});
    case DType::u32:
      return visit(std::uint32_t{});
    case DType::i64:
      return visit(std::int64_t{});
    case DType::u64:
      return visit(std::uint64_t{});
    default:
      return false;
  }
}

// IEEE 754-2019 maximum and minimum: NaN wins, +0 is above -0. For integers the usual ones.
template <class T>
T maximum_of(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    if (a != a || b != b) return kCanonicalNaN;
    if (a == b) return std::bit_cast<float>(std::bit_cast<std::uint32_t>(a) & std::bit_cast<std::uint32_t>(b));
  }
  return a > b ? a : b;
}
template <class T>
T minimum_of(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    if (a != a || b != b) return kCanonicalNaN;
    if (a == b) return std::bit_cast<float>(std::bit_cast<std::uint32_t>(a) | std::bit_cast<std::uint32_t>(b));
  }
  return a < b ? a : b;
}

// The value that pads a tile of the dtype, as element bits (pto-isa 1.6). `pad` is not null.
std::uint64_t pad_bits(DType dtype, pto::Pad pad, bool infinite);

}  // namespace assay::sim

#include "harness/sim/ops/fixpipe.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>

#include "harness/sim/ops/support.h"

namespace assay::sim {
namespace {

constexpr std::size_t kAccumulatorStage = 0, kParameterStage = 1;

bool is_byte(DType dtype) { return dtype == DType::i8 || dtype == DType::u8; }

std::int64_t nearest_even(float value) { return static_cast<std::int64_t>(std::nearbyintf(value)); }

// isa 2.7: the product, one f32 multiplication of the accumulator converted to f32, is clamped to nine bits and
// rounded; the offset is added and the sum clamped to eight.
std::uint32_t quantised(float value, const FixpipeParameter& p) {
  const float product = value * p.scale;
  const std::int64_t nine = product != product ? 0 : nearest_even(std::clamp(product, -256.0F, 255.0F));
  const std::int64_t least = p.is_signed ? -128 : 0, most = p.is_signed ? 127 : 255;
  return static_cast<std::uint32_t>(std::clamp(nine + p.offset, least, most)) & 0xFFU;
}

// To nearest even; beyond the largest value, that value: the fixpipe saturates (isa 2.6, default of the pair).
std::uint32_t narrowed(float value, DType destination) {
  const FloatFormat& format = destination == DType::f16 ? kF16Format : kBf16Format;
  return round_to_float(decode_float(std::bit_cast<std::uint32_t>(value), kF32Format), format, Rounding::rint, true);
}

// isa 2.7: shifted, then clamped. The field counts from one: published results of the mode are those of a shift by one
// bit more than it says.
std::uint32_t shifted(std::int32_t value, const FixpipeParameter& p) {
  return static_cast<std::uint32_t>(std::clamp(value >> (p.shift + 1), -32768, 32767)) & 0xFFFFU;
}

// The element as a number of the accumulator, negative ones made zero by ReLU.
struct Accumulated {
  std::int32_t integer = 0;
  float real = 0;
};
Accumulated accumulated(DType dtype, std::uint32_t bits, bool relu) {
  Accumulated a;
  if (dtype == DType::i32) {
    a.integer = static_cast<std::int32_t>(bits);
    if (relu && a.integer < 0) a.integer = 0;
    a.real = static_cast<float>(a.integer);
  } else {
    a.real = std::bit_cast<float>(bits);
    if (relu && a.real <= 0) a.real = 0.0F;  // -0 too
  }
  return a;
}

// Where the instruction's parameter stands: the operand of ins(...) that is a tile of scaling or a 64-bit scalar.
struct ParameterOperand {
  const Tile* tile = nullptr;
  std::optional<std::uint64_t> word;
};
ParameterOperand parameter_of(Machine& m, const Instruction& i) {
  ParameterOperand found;
  for (std::size_t k = 1; k < i.ins; ++k) {
    if (i.operands[k].kind == Kind::tile && m.tile(i.operands[k]).space == pto::Space::scaling)
      found.tile = &m.tile(i.operands[k]);
    const bool is_offset = (i.code == pto::OpCode::textract || i.code == pto::OpCode::tinsert) && k < 3;
    if (i.operands[k].kind == Kind::scalar && !is_offset) found.word = m.scalar(i.operands[k]);
  }
  return found;
}

bool check_store_range(Machine& m, const Instruction& i, const Tile& accumulator, std::int64_t rows,
                       std::int64_t cols) {
  constexpr std::int64_t kMostRows = 8192, kMostCols = 4095;  // isa 1.2
  if (i.code != pto::OpCode::tstore || (rows <= kMostRows && cols <= kMostCols)) return true;
  return m.fault_at_tile("operand-range",
                         fmt::format("stores {}x{} elements of the {}, the fixpipe takes {}x{}", rows, cols,
                                     describe(accumulator), kMostRows, kMostCols),
                         accumulator);
}

// One parameter per column; a single one is repeated.
bool parameters_of(Machine& m, const ParameterOperand& operand, std::int64_t cols, std::vector<FixpipeParameter>& all) {
  if (!operand.tile) {
    all.assign(static_cast<std::size_t>(cols), operand.word ? decode_parameter(*operand.word) : FixpipeParameter{});
    return true;
  }
  const std::byte* words = m.read(*operand.tile, 1, cols, kParameterStage);
  if (!words) return false;
  all.resize(static_cast<std::size_t>(cols));
  for (std::size_t col = 0; col < all.size(); ++col) {
    std::uint64_t word = 0;
    std::memcpy(&word, words + 8 * col, 8);
    all[col] = decode_parameter(word);
  }
  return true;
}

}  // namespace

std::optional<FixpipeMode> fixpipe_mode(DType accumulator, DType destination, bool has_parameter) {
  if (accumulator == destination) return has_parameter ? std::nullopt : std::optional(FixpipeMode::none);
  const bool half = destination == DType::f16, bf16 = destination == DType::bf16;
  if (accumulator == DType::f32) {
    if (half || bf16) return has_parameter ? FixpipeMode::scale : FixpipeMode::f32_to_float;
    return has_parameter && is_byte(destination) ? std::optional(FixpipeMode::quantise) : std::nullopt;
  }
  if (accumulator != DType::i32 || !has_parameter) return std::nullopt;
  if (is_byte(destination)) return FixpipeMode::requantise;
  if (half) return FixpipeMode::dequantise;
  return destination == DType::i16 ? std::optional(FixpipeMode::shift) : std::nullopt;
}

FixpipeParameter decode_parameter(std::uint64_t word) {
  FixpipeParameter p;
  p.scale = std::bit_cast<float>(static_cast<std::uint32_t>(word) & 0xFFFFE000U);
  p.shift = static_cast<int>((word >> 32) & 0xFU);
  const int nine = static_cast<int>((word >> 37) & 0x1FFU);
  p.offset = nine >= 256 ? nine - 512 : nine;
  p.is_signed = ((word >> 46) & 1U) != 0;
  return p;
}

std::uint32_t fixpipe_element(FixpipeMode mode, DType accumulator, DType destination, std::uint32_t bits,
                              const FixpipeParameter& parameter, bool relu) {
  const Accumulated a = accumulated(accumulator, bits, relu);
  switch (mode) {
    case FixpipeMode::none:
      return accumulator == DType::i32 ? static_cast<std::uint32_t>(a.integer) : std::bit_cast<std::uint32_t>(a.real);
    case FixpipeMode::f32_to_float:
      return narrowed(a.real, destination);
    case FixpipeMode::requantise:
    case FixpipeMode::quantise:
      return quantised(a.real, parameter);
    case FixpipeMode::dequantise:
    case FixpipeMode::scale:
      return narrowed(a.real * parameter.scale, destination);
    case FixpipeMode::shift:
      return shifted(a.integer, parameter);
  }
  return 0;
}

const std::byte* through_fixpipe(Machine& m, const Instruction& i, const Tile& accumulator, DType destination,
                                 std::int64_t rows, std::int64_t cols) {
  if (!check_store_range(m, i, accumulator, rows, cols)) return nullptr;
  const ParameterOperand operand = parameter_of(m, i);
  const bool has_parameter = operand.tile || operand.word, relu = (i.immediate & kRelu) != 0;
  const auto mode = fixpipe_mode(accumulator.dtype, destination, has_parameter);
  if (!mode) {
    m.fault_at_tile("illegal-conversion",
                    fmt::format("the fixpipe does not turn {} into {} {} a parameter", name(accumulator.dtype),
                                name(destination), has_parameter ? "with" : "without"),
                    accumulator);
    return nullptr;
  }
  const std::byte* data = m.read(accumulator, rows, cols, kAccumulatorStage);
  if (!data || (*mode == FixpipeMode::none && !relu) || rows == 0 || cols == 0) return data;
  std::vector<FixpipeParameter> parameters;
  if (!parameters_of(m, operand, cols, parameters)) return nullptr;
  const auto width = static_cast<std::size_t>(info(destination).bits / 8);
  std::byte* out = m.staging(kOutputStage, rows * cols * static_cast<std::int64_t>(width));
  for (std::int64_t k = 0; k < rows * cols; ++k) {
    std::uint32_t bits = 0;
    std::memcpy(&bits, data + 4 * k, 4);
    bits = fixpipe_element(*mode, accumulator.dtype, destination, bits, parameters[static_cast<std::size_t>(k % cols)],
                           relu);
    std::memcpy(out + static_cast<std::size_t>(k) * width, &bits, width);
  }
  return out;
}

}  // namespace assay::sim

// tcvt over the destination's valid rectangle (pto-isa 2.6). Source and destination may share their address, also when
// the element narrows: everything is read before anything is written.
#include "harness/sim/numeric/convert.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "harness/sim/ops/support.h"
#include "harness/sim/ops/table.h"

namespace assay::sim {
namespace {

// Whether a float is, rounded any way, in the range of integers of the type: quickly, and no for some at its ends.
bool surely_fits(float value, DType integer) {
  const int bits = info(integer).bits;
  const float end = std::ldexp(1.0F, integer == DType::u8 ? bits : bits - 1);
  return value < end - 1 && value > (integer == DType::u8 ? 0.0F : -end);
}

// An infinity, a NaN or a value too large for the integers has no value there (pto-isa 2.6). A program that writes
// saturation ON asks for the clamp. All others get what the target happens to do: low bits, or a clamp by default.
void check_range(Machine& m, const Instruction& i, const Tile& s, const Tile& d, const std::byte* data) {
  if (!info(s.dtype).is_float || info(d.dtype).is_float) return;
  std::string_view written = pto::word(i.source->attributes, "satmode");
  if (written.empty()) written = pto::word(i.source->attributes, "sat_mode");
  if (written == "ON") return;
  const std::int64_t width = element_bytes(s), count = d.valid_rows * d.valid_cols;
  const IntegerFormat format{static_cast<int>(info(d.dtype).bits), d.dtype != DType::u8};
  for (std::int64_t at = 0; at < count; ++at) {
    std::uint32_t bits = 0;
    std::memcpy(&bits, data + at * width, static_cast<std::size_t>(width));
    const float value = s.dtype == DType::f32   ? std::bit_cast<float>(bits)
                        : s.dtype == DType::f16 ? f16_value(static_cast<std::uint16_t>(bits))
                                                : bf16_value(static_cast<std::uint16_t>(bits));
    if (surely_fits(value, d.dtype) ||
        fits(decode_float(std::bit_cast<std::uint32_t>(value), kF32Format), format, (*i.conversion)->rounding))
      continue;
    const std::int64_t row = at / d.valid_cols, col = at % d.valid_cols;
    m.finding("narrowing",
              fmt::format("{} at ({},{}) of the {}, vec 0x{:X}, has no value in {}: {}", value, row, col, describe(s),
                          s.address + element_offset(s, row, col) * width, name(d.dtype),
                          !(*i.conversion)->saturate ? "its low bits are stored"
                          : written.empty()          ? "the target clamps, which the program does not ask for"
                                                     : "the target clamps, though the program says OFF"),
              s.made_by, &m.function());
    return;
  }
}

bool tcvt(Machine& m, const Instruction& i) {
  if (!enter_tile_op(m, i)) return false;
  const Tile &s = m.tile(i.operands[0]), &d = destination(m, i);
  if (!*i.conversion) return m.fault_at_tile("illegal-conversion", i.conversion->error().message, s);
  if (!can_convert(s.dtype, d.dtype))
    return m.fault_at_tile("illegal-conversion",
                           fmt::format("the simulator does not convert {} to {}", name(s.dtype), name(d.dtype)), s);
  const std::int64_t count = d.valid_rows * d.valid_cols;
  const std::byte* data = m.read(s, d.valid_rows, d.valid_cols, 0);
  if (!data) return false;
  check_range(m, i, s, d, data);
  const SourceBytes source[] = {{data, count * element_bytes(s), false}};
  if (std::byte* out = result_in_place(m, d, d.valid_rows, d.valid_cols, source)) {
    convert(s.dtype, d.dtype, **i.conversion, data, out, count);
    return finish_in_place(m, d, d.valid_rows, d.valid_cols, out);
  }
  std::byte* out = m.staging(kOutputStage, std::max<std::int64_t>(count * element_bytes(d), 8));
  convert(s.dtype, d.dtype, **i.conversion, data, out, count);
  return finish(m, d, d.valid_rows, d.valid_cols, out);
}

}  // namespace

Body convert_body(pto::OpCode code) { return code == pto::OpCode::tcvt ? tcvt : nullptr; }

}  // namespace assay::sim

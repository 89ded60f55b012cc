// tcvt over the destination's valid rectangle (pto-isa 2.6). Source and destination may share their address, also when
// the element narrows: everything is read before anything is written.
#include "harness/sim/numeric/convert.h"

#include <algorithm>

#include "harness/sim/ops/support.h"
#include "harness/sim/ops/table.h"

namespace assay::sim {
namespace {

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

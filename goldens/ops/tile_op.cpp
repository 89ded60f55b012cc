#include "goldens/ops/tile_op.h"

#include <algorithm>

#include "goldens/ops/element.h"
#include "goldens/ops/shape_ops.h"

namespace assay::goldens {

bool admits(DType dtype, const Admissible& admissible, std::uint64_t bits) {
  if (admissible.open) return true;
  if (!ops::is_float(dtype)) {
    if (admissible.lo == admissible.hi) return ((bits ^ admissible.lo) & admissible.care) == 0;
    const auto value = [&](std::uint64_t b) { return ops::decode(dtype, b).value; };
    return value(admissible.lo) <= value(bits) && value(bits) <= value(admissible.hi);
  }
  const bool nan = ops::decode(dtype, bits).is_nan();
  if (ops::decode(dtype, admissible.lo).is_nan()) return nan;
  if (nan) return false;
  const std::int64_t place = ops::order(dtype, bits);
  return ops::order(dtype, admissible.lo) <= place && place <= ops::order(dtype, admissible.hi);
}

std::vector<std::string_view> tile_op_names() {
  std::vector<std::string_view> names;
  for (const auto rows : ops::tile_op_tables())
    for (const ops::TileOpRow& row : rows) names.push_back(row.name);
  std::sort(names.begin(), names.end());
  return names;
}

Result<std::vector<Admissible>> evaluate(const TileOpRequest& request, const Profile& profile, std::size_t output) {
  for (const auto rows : ops::tile_op_tables())
    for (const ops::TileOpRow& row : rows) {
      if (row.name != request.op) continue;
      if (request.ins.size() < row.operands || request.ins.size() > row.operands + row.optional)
        return bad_input("{}: {} operands, expected {} to {}", request.op, request.ins.size(), row.operands,
                         row.operands + row.optional);
      if (output == 0) return row.apply(ops::TileOp(request, profile));
      const auto apply = output == 1 ? row.second : output <= 3 ? row.later[output - 2] : nullptr;
      if (apply == nullptr || request.more_outs.size() < output)
        return bad_input("{} has no destination {}", request.op, output);
      return apply(ops::TileOp(request, profile));
    }
  return bad_input("no definition of the operation '{}'", request.op);
}

}  // namespace assay::goldens

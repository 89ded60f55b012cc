#include "goldens/ops/tile_op.h"

#include <algorithm>

#include "goldens/ops/element.h"
#include "goldens/ops/shape_ops.h"

namespace assay::goldens {

bool admits(DType dtype, const Admissible& admissible, std::uint64_t bits) {
  if (admissible.open) return true;
  if (!ops::is_float(dtype)) return bits == admissible.lo;
  const bool nan = ops::decode(dtype, bits).is_nan();
  if (ops::decode(dtype, admissible.lo).is_nan()) return nan;
  if (nan) return false;
  const std::int64_t place = ops::order(dtype, bits);
  return ops::order(dtype, admissible.lo) <= place && place <= ops::order(dtype, admissible.hi);
}

std::vector<std::string_view> tile_op_names() {
  std::vector<std::string_view> names;
  for (const ops::TileOpRow& row : ops::tile_op_rows()) names.push_back(row.name);
  std::sort(names.begin(), names.end());
  return names;
}

Result<std::vector<Admissible>> evaluate(const TileOpRequest& request, const Profile& profile) {
  for (const ops::TileOpRow& row : ops::tile_op_rows())
    if (row.name == request.op) {
      if (request.ins.size() != row.operands)
        return bad_input("{}: {} operands, expected {}", request.op, request.ins.size(), row.operands);
      return row.apply(ops::TileOp(request, profile));
    }
  return bad_input("no definition of the operation '{}'", request.op);
}

}  // namespace assay::goldens

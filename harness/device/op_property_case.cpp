#include "harness/device/op_data.h"
#include "harness/device/op_drawing.h"
#include "harness/pto/op_table.h"

namespace assay::device {
namespace {

// Forms of an operation with a kernel of their own.
constexpr std::string_view kForms[] = {"tgather/mask", "tgather/compare", "tmrgsort/lists", "tstore/acc", "tmov/acc"};

}  // namespace

OpCase Drawing::draw() {
  const pto::OpInfo* row = pto::find_op("pto." + case_.op);
  if (!cube_family() && !basic_family() && !vector_family() && !indexed_family()) elementwise(1);
  if (case_.op == "tsels")
    case_.scratch_at = 2;  // format 3.3 has no form without
  else if (case_.property == "tmrgsort/lists")
    case_.scratch_at = static_cast<std::int64_t>(case_.ins.size());
  else if (row->scratch >= 0 && case_.scratch_at < 0 && case_.property != "tgather/mask" && chance(2))
    case_.scratch_at = row->scratch;
  const bool empty = std::any_of(case_.ins.begin(), case_.ins.end(), [](const OpOperand& operand) {
    return operand.shape.valid_rows == 0 || operand.shape.valid_cols == 0;
  });
  case_.static_valid = !empty && case_.out.shape.valid_rows > 0 && case_.out.shape.valid_cols > 0 && chance(4);
  case_.legacy = chance(4);
  return case_;
}

OpCase draw_op_case(std::string_view property, std::uint64_t seed, const OpCaseLimits& limits, const Profile& profile) {
  return Drawing(property, seed, limits, profile).draw();
}

std::string_view op_of(std::string_view property) { return property.substr(0, property.find('/')); }

bool absent(std::string_view property, const Profile& profile) {
  const auto& ops = profile.absent_ops;
  return std::find(ops.begin(), ops.end(), op_of(property)) != ops.end();
}

std::vector<std::string> property_ops() {
  std::vector<std::string> names;
  for (const pto::OpInfo& row : pto::all_ops())
    if (row.family == pto::Family::tile) names.emplace_back(row.mnemonic.substr(4));
  names.insert(names.end(), std::begin(kForms), std::end(kForms));
  return names;
}

std::vector<std::string> property_ops(std::string_view backend) {
  std::vector<std::string> names = property_ops();
  if (backend == "sim") return names;
  // What the device program does not execute.
  constexpr std::string_view kNotOnDevice[] = {
      "tgather/compare", "tgatherb",     "tscatter",     "mgather",     "mscatter",    "ttri",
      "trandom",         "thistogram",   "tquant",       "tdequant",    "tinterleave", "tdeinterleave",
      "tpairreducesum",  "taddreluconv", "tsubreluconv", "tadddeqrelu", "tpartargmax", "tpartargmin"};
  std::erase_if(names, [&](const std::string& name) {
    return name.find(".mx") != std::string::npos ||
           std::find(std::begin(kNotOnDevice), std::end(kNotOnDevice), name) != std::end(kNotOnDevice);
  });
  return names;
}

}  // namespace assay::device

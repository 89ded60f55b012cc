#include "harness/cli/stage_table.h"

#include <fmt/ranges.h>

#include "goldens/relations/trial.h"

namespace assay::cli {

std::string describe(const goldens::Port& port) {
  std::vector<std::string_view> dtypes;
  for (const DType dtype : port.dtypes) dtypes.push_back(name(dtype));
  return fmt::format("{}: {} [{}]{}", port.name, fmt::join(dtypes, " or "), fmt::join(port.shape, ", "),
                     port.optional ? ", optional" : "");
}

std::string stage_table() {
  std::string text;
  for (const goldens::Stage& stage : goldens::stages()) {
    text += fmt::format("{}  ({}{})\n", stage.name, stage.clause, stage.set_valued ? "; set-valued: --observed" : "");
    for (const goldens::Port& port : stage.inputs) text += fmt::format("  in     {}\n", describe(port));
    for (const goldens::Port& port : stage.outputs) text += fmt::format("  out    {}\n", describe(port));
    for (const goldens::StageParameter& parameter : stage.parameters)
      text += fmt::format("  param  {}{}\n", parameter.name,
                          parameter.fallback ? fmt::format(" = {}", *parameter.fallback) : "");
    for (const std::string_view option : stage.options) text += fmt::format("  option {}\n", option);
    std::vector<std::string> relations;
    for (const goldens::Relation& relation : stage.relations) relations.push_back(goldens::describe(relation));
    if (!relations.empty()) text += fmt::format("  holds  {}\n", fmt::join(relations, "; "));
  }
  return text;
}

}  // namespace assay::cli

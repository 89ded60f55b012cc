// A finding as text and as JSON.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "harness/bisect/bisect.h"

namespace assay::bisect {
namespace {

std::string place(const Instruction& instruction) {
  return fmt::format("{}:{}:{}", instruction.kernel.string(), instruction.line, instruction.column);
}

nlohmann::json json_of(const Instruction& instruction) {
  return {{"kernel", instruction.kernel.string()}, {"function", instruction.function}, {"op_id", instruction.op_id},
          {"mnemonic", instruction.mnemonic},      {"line", instruction.line},         {"column", instruction.column},
          {"source", instruction.source}};
}

}  // namespace

std::string to_string(const Finding& finding) {
  if (finding.conclusion == Conclusion::agreement) return "nothing diverges: simulator, device and golden agree\n";
  std::string text = fmt::format("stage        {}\nconclusion   {}\n", finding.stage, name(finding.conclusion));
  if (finding.instruction) {
    text += fmt::format("instruction  {}: {} in @{}\n", place(*finding.instruction), finding.instruction->mnemonic,
                        finding.instruction->function);
    text += fmt::format("             {}\n", finding.instruction->source);
    text +=
        fmt::format("first at     block {}, loop indices [{}]\n", finding.block, fmt::join(finding.loop_indices, ", "));
  }
  if (!finding.elements.empty()) text += fmt::format("elements     {}\n", finding.elements);
  text += fmt::format("because      {}\n", finding.explanation);
  if (!finding.broken_rule.empty()) text += fmt::format("broken rule  {}\n", finding.broken_rule);
  for (const std::string& other : finding.alternatives) text += fmt::format("also fits    {}\n", other);
  for (const Instruction& suspect : finding.slice)
    text += fmt::format("suspect      {}: {}\n", place(suspect), suspect.source);
  if (finding.candidates > 0) text += fmt::format("tried        {} single edits\n", finding.candidates);
  return text;
}

void to_json(nlohmann::json& json, const Finding& finding) {
  json = {{"conclusion", name(finding.conclusion)},
          {"stage", finding.stage},
          {"block", finding.block},
          {"loop_indices", finding.loop_indices},
          {"elements", finding.elements},
          {"explanation", finding.explanation},
          {"broken_rule", finding.broken_rule},
          {"alternatives", finding.alternatives},
          {"candidates", finding.candidates}};
  if (finding.instruction) json["instruction"] = json_of(*finding.instruction);
  if (finding.edit) json["edit"] = {{"kind", name(finding.edit->kind)}, {"description", finding.edit->description}};
  for (const Instruction& suspect : finding.slice) json["slice"].push_back(json_of(suspect));
}

}  // namespace assay::bisect

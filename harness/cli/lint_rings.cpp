// The two ends of a ring often stand in one file as a cube function and a vector function that nobody calls: the
// compiler's runtime launches them together (pto-format.md 3.7). Alone each would wait for the other forever.
#include <algorithm>

#include "harness/cli/lint.h"
#include "harness/pto/pipe.h"

namespace assay::cli {
namespace {

bool is_ring_end(const pto::Function& function) {
  const auto operations = pto::preorder(function);
  return pto::kernel_kind(function) && std::ranges::any_of(operations, [](const pto::Operation* operation) {
           return operation->code == pto::OpCode::aic_initialize_pipe ||
                  operation->code == pto::OpCode::aiv_initialize_pipe;
         });
}

pto::Operation call_of(const pto::Function& callee, std::vector<pto::ValueId> operands) {
  pto::Operation call;
  call.code = pto::OpCode::call;
  call.location = callee.location;
  call.segments = {static_cast<std::uint32_t>(operands.size())};
  call.operands = std::move(operands);
  call.attributes.emplace_back("callee", pto::Attribute{pto::SymbolAttr{callee.name}});
  return call;
}

}  // namespace

void launch_ring_ends_together(pto::Module& module) {
  std::vector<const pto::Function*> ends;
  for (const pto::Function* root : root_functions(module))
    if (is_ring_end(*root) && root->results.empty()) ends.push_back(root);
  const auto is_cube = [](const pto::Function* f) { return pto::kernel_kind(*f) == pto::CoreKind::cube; };
  const auto cubes = std::ranges::count_if(ends, is_cube);
  if (ends.size() != 2 || cubes != 1) return;

  pto::Function together;
  together.name = ends[0]->name + "+" + ends[1]->name;
  together.location = ends[0]->location;
  for (const pto::Function* end : ends) {
    std::vector<pto::ValueId> operands;
    for (std::size_t i = 0; i < end->arguments.size(); ++i) {
      const pto::Value& value = end->values[end->arguments[i]];
      const auto known = std::ranges::find(together.values, value.name, &pto::Value::name);
      if (known != together.values.end() && !(known->type == value.type)) return;  // not one launch's arguments
      operands.push_back(static_cast<pto::ValueId>(known - together.values.begin()));
      if (known != together.values.end()) continue;
      together.values.push_back(value);
      together.arguments.push_back(operands.back());
      together.argument_attributes.push_back(end->argument_attributes.empty() ? pto::AttrDict{}
                                                                              : end->argument_attributes[i]);
    }
    together.body.body.push_back(call_of(*end, std::move(operands)));
  }
  pto::Operation leave;
  leave.code = pto::OpCode::return_op;
  leave.location = together.location;
  leave.segments = {0};
  together.body.body.push_back(std::move(leave));
  pto::renumber(together);
  module.functions.push_back(std::move(together));
}

}  // namespace assay::cli

// Test support: runs a graph of launches, each on its rank, of functions given as text.
#pragma once

#include <fmt/format.h>

#include "harness/sim/kernel_test.h"

namespace assay::sim::testing {

struct GraphRun {
  struct Node {
    std::string function;
    std::vector<device::Argument> arguments;
    std::int64_t rank = 0, blocks = 1;
    std::vector<std::size_t> after;
  };
  std::string text;  // the whole module
  std::vector<Tensor> tensors;
  std::vector<device::Placement> placements;  // one per tensor, or empty
  std::vector<Node> nodes;
  device::RunOptions options;
  Profile profile = load_profile("a2a3").value();
  device::RunReport report;
};

inline device::Argument pointer(std::size_t tensor, std::int64_t offset = 0) {
  return device::PointerArgument{tensor, offset};
}
inline device::Argument integer(std::int64_t value) { return value; }

inline GraphRun run_graph(GraphRun run) {
  const Result<pto::Module> module = pto::parse(run.text, "kernel.pto");
  EXPECT_TRUE(module) << to_string(module.error());
  if (!module) return run;
  std::vector<Tensor*> pointers;
  for (Tensor& tensor : run.tensors) pointers.push_back(&tensor);
  std::vector<device::Task> tasks;
  for (const GraphRun::Node& node : run.nodes) {
    device::Task& task = tasks.emplace_back();
    task.launch.module = &*module;
    task.launch.function = module->find_function(node.function);
    task.launch.arguments = node.arguments;
    task.launch.blocks = node.blocks;
    task.launch.rank = node.rank;
    task.launch.tensors = pointers;
    task.launch.placements = run.placements;
    task.after = node.after;
  }
  run.options.profile = &run.profile;
  run.report = make_sim()->run_graph(tasks, run.options);
  return run;
}

// Rules of the findings, in order, each once.
inline std::vector<std::string> rules(const device::RunReport& report) {
  std::vector<std::string> found;
  for (const device::Diagnostic& diagnostic : report.diagnostics)
    if (std::find(found.begin(), found.end(), diagnostic.rule) == found.end()) found.push_back(diagnostic.rule);
  return found;
}

inline std::string shown(const device::RunReport& report) {
  std::string text = fmt::format("{} {}\n", device::name(report.status), report.reason);
  for (const device::Diagnostic& diagnostic : report.diagnostics)
    text += fmt::format("  rank {} block {} {} {}\n", diagnostic.rank, diagnostic.block, diagnostic.core,
                        device::to_string(diagnostic, "kernel.pto"));
  return text;
}

// Canonical, worst, and some seeds.
inline std::vector<device::Schedule> all_schedules() {
  using Kind = device::Schedule::Kind;
  std::vector<device::Schedule> schedules{{Kind::canonical, 0}, {Kind::worst, 0}};
  for (std::uint64_t seed = 1; seed <= 8; ++seed) schedules.push_back({Kind::seeded, seed});
  return schedules;
}

}  // namespace assay::sim::testing

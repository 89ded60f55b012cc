#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <optional>
#include <vector>

#include "harness/core/profile/profile.h"
#include "harness/core/tensor.h"
#include "harness/fuzz/targets/targets.h"
#include "harness/pto/inference.h"
#include "harness/pto/reader.h"
#include "harness/pto/verifier.h"
#include "harness/sim/backend.h"

namespace assay::fuzz {
namespace {

constexpr std::int64_t kMaxElements = 1 << 14;  // of one tensor
constexpr std::uint64_t kInstructions = 2'000;  // of one block
constexpr std::size_t kMaxTensors = 16;

[[noreturn]] void broken(std::string_view promise, std::string_view detail) {
  fmt::print(stderr, "{}\n{}\n", promise, detail);
  std::abort();
}

// Arguments for one function: small scalars, and tensors as large as the kernel's views need, within the limit.
struct Arguments {
  std::vector<Tensor> tensors;
  std::vector<Tensor*> pointers;
  std::vector<device::Argument> arguments;
  bool usable = true;
};

Arguments make_arguments(const pto::Module& module, const pto::Function& function, std::int64_t blocks,
                         std::size_t seed) {
  constexpr std::int64_t kScalars[] = {0, 1, 2, 16, 64, -1};
  Arguments made;
  std::vector<std::optional<std::int64_t>> scalars(function.arguments.size());
  for (std::size_t i = 0; i < scalars.size(); ++i) scalars[i] = kScalars[(seed + i) % std::size(kScalars)];
  const auto needed = pto::needed_elements(module, function, scalars, blocks, 20'000);
  made.tensors.reserve(function.arguments.size());
  for (std::size_t i = 0; i < function.arguments.size(); ++i) {
    const pto::Type& type = function.type(function.arguments[i]);
    if (const auto* pointer = std::get_if<pto::PtrType>(&type)) {
      const std::int64_t elements = std::clamp<std::int64_t>(needed[i].elements, 1, kMaxElements);
      Tensor& tensor = made.tensors.emplace_back(pointer->element, Shape{elements});
      std::size_t value = seed + i;
      for (std::byte& byte : tensor.bytes()) byte = static_cast<std::byte>((value = value * 29 + 7) >> 3 & 0x3F);
      made.arguments.emplace_back(device::PointerArgument{made.tensors.size() - 1, 0});
    } else if (const auto* scalar = std::get_if<pto::ScalarType>(&type)) {
      const bool is_float = scalar->kind == pto::ScalarKind::f32 || scalar->kind == pto::ScalarKind::f16 ||
                            scalar->kind == pto::ScalarKind::bf16;
      if (is_float)
        made.arguments.emplace_back(1.5);
      else if (scalar->kind == pto::ScalarKind::i1)
        made.arguments.emplace_back(std::int64_t{*scalars[i] & 1});
      else
        made.arguments.emplace_back(std::max<std::int64_t>(*scalars[i], 0));
    } else {
      made.usable = false;
    }
  }
  made.usable = made.usable && made.tensors.size() <= kMaxTensors;
  for (Tensor& tensor : made.tensors) made.pointers.push_back(&tensor);
  return made;
}

void check_report(const device::RunReport& report) {
  using device::RunStatus;
  if (report.status == RunStatus::error || report.status == RunStatus::crash || report.status == RunStatus::hang)
    broken("a verified kernel never ends in an error of the backend", report.reason);
  if (report.status != RunStatus::completed && report.reason.empty())
    broken("a run that did not complete gives its reason", device::name(report.status));
  if ((report.status == RunStatus::fault || report.status == RunStatus::deadlock) && report.diagnostics.empty())
    broken("a broken rule has a diagnostic", report.reason);
  for (const device::Diagnostic& diagnostic : report.diagnostics)
    if (diagnostic.rule.empty() || diagnostic.message.empty() || diagnostic.location.line < 0)
      broken("a diagnostic has a rule, a message and a location", diagnostic.message);
}

}  // namespace

void exercise_simulator(std::string_view text) {
  static const Profile profiles[] = {load_profile("a2a3").value(), load_profile("a5").value()};
  static const std::unique_ptr<device::Backend> simulator = sim::kSimRecord.create("").value();
  const Result<pto::Module> module = pto::parse(text, "fuzz.pto");
  if (!module || !pto::verify(*module)) return;
  // Everything that is not in the text follows from it: the same text does the same again.
  const std::size_t seed = std::hash<std::string_view>{}(text);
  device::RunOptions options;
  options.profile = &profiles[seed % 8 == 0 ? 1 : 0];
  options.instruction_budget = kInstructions;
  options.schedule.kind = static_cast<device::Schedule::Kind>(seed / 8 % 3);
  options.schedule.seed = seed / 32;
  options.order = static_cast<device::Order>(seed / 256 % 3);
  std::size_t runs = 0;
  for (const pto::Function& function : module->functions) {
    if (function.is_external || ++runs > 3) continue;
    const std::int64_t blocks = 1 + static_cast<std::int64_t>(seed / 1024 % 3);
    Arguments made = make_arguments(*module, function, blocks, seed / 4096 % 64);
    if (!made.usable) continue;
    device::Launch launch;
    launch.module = &*module;
    launch.function = &function;
    launch.arguments = made.arguments;
    launch.blocks = blocks;
    launch.tensors = made.pointers;
    check_report(simulator->run(launch, options));
    if (runs > 1) continue;
    // Two ranks that see each other's tensors.
    std::vector<device::Placement> placements(made.pointers.size());
    for (std::size_t i = 0; i < placements.size(); ++i) placements[i] = {static_cast<std::int64_t>(i % 2), true};
    launch.placements = placements;
    device::Task tasks[2];
    tasks[0].launch = tasks[1].launch = launch;
    tasks[1].launch.rank = 1;
    check_report(simulator->run_graph(tasks, options));
  }
}

}  // namespace assay::fuzz

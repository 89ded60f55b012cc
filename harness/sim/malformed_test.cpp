// Functions edited at random, as no verifier would let them pass: every run ends in a report.
#include <random>

#include "harness/pto/sample_module.h"
#include "harness/sim/kernel_test.h"

namespace assay::sim::testing {
namespace {

constexpr std::string_view kBusy = R"(    %n = arith.constant 5 : i32
    %l = pto.declare_local_array : !pto.local_array<4xi32>
    %t = pto.alloc_tile addr = %a0 : $T
    %d = pto.alloc_tile addr = %a1 valid_row = %c8 valid_col = %c8 : $D
    %s = pto.alloc_tile : $C
    scf.for %i = %c0 to %c2 step %c1 {
      pto.tload ins(%xp : $P) outs(%t : $T)
      pto.tload ins(%xp : $P) outs(%d : $D)
      pto.trowsum ins(%t, %d : $T, $D) outs(%s : $C)
      pto.trowexpandmul ins(%t, %s : $T, $C) outs(%t : $T)
      %first = arith.cmpi eq, %i, %c0 : index
      %k = scf.if %first -> (index) {
        pto.local_array_set %l[%i], %n : !pto.local_array<4xi32>, i32
        scf.yield %c1 : index
      } else {
        scf.yield %c2 : index
      }
      %w = pto.subview %t[%k, %c8] sizes [2, 8] : $T -> !pto.tile_buf<vec, 2x8xf32>
      pto.tmov ins(%w : !pto.tile_buf<vec, 2x8xf32>) outs(%w : !pto.tile_buf<vec, 2x8xf32>)
      %v = pto.tgetval ins(%t, %k : $T, index) outs : f32
      pto.store_scalar %v, %y[%k] : !pto.ptr<f32>, f32
      pto.set_validshape %d, %k, %c8 : $D
      pto.tstore ins(%t : $T) outs(%yp : $P)
    })";

void edit(pto::Function& function, std::mt19937_64& random) {
  const auto operations = pto::preorder(function);
  const auto below = [&](std::size_t bound) { return bound == 0 ? 0 : static_cast<std::size_t>(random() % bound); };
  pto::Operation& op = *operations[below(operations.size())];
  const auto value = static_cast<pto::ValueId>(below(function.values.size() + 1));
  switch (random() % 7) {
    case 0:
    case 1:
    case 2:
      if (!op.operands.empty()) op.operands[below(op.operands.size())] = value;
      break;
    case 3:
      if (!op.operands.empty()) op.operands.pop_back();
      break;
    case 4:
      if (!op.segments.empty()) ++op.segments[below(op.segments.size())];
      break;
    case 5:
      op.code = static_cast<pto::OpCode>(below(pto::all_ops().size()));
      break;
    default:
      if (!op.results.empty()) op.results[0] = value;
  }
}

void run_edited(device::Backend& backend, std::string_view text, const Profile& profile, std::uint64_t seed,
                std::array<int, 6>& counts) {
  Result<pto::Module> module = pto::parse(text, "kernel.pto");
  ASSERT_TRUE(module) << to_string(module.error());
  std::mt19937_64 random(seed);
  for (std::uint64_t edits = 0; edits <= seed % 3; ++edits) edit(module->functions[0], random);
  std::vector<Tensor> tensors;
  device::Launch launch;
  launch.module = &*module;
  launch.function = &module->functions[0];
  for (pto::ValueId argument : launch.function->arguments) {
    const auto* pointer = std::get_if<pto::PtrType>(&launch.function->type(argument));
    if (pointer) launch.arguments.emplace_back(device::PointerArgument{tensors.size(), 0});
    if (pointer) tensors.emplace_back(pointer->element, Shape{16, 256});
    if (!pointer) launch.arguments.emplace_back(std::int64_t{16});
  }
  std::vector<Tensor*> pointers;
  for (Tensor& tensor : tensors) pointers.push_back(&tensor);
  launch.tensors = pointers;
  device::RunOptions options;
  options.profile = &profile;
  options.instruction_budget = 20000;
  ++counts.at(static_cast<std::size_t>(backend.run(launch, options).status));
}

TEST(Malformed, EveryRunEndsInAReport) {
  const auto backend = make_sim();
  const Profile profile = *load_profile("a2a3");
  const std::string busy = kernel(kBusy);
  std::array<int, 6> counts{};
  for (std::uint64_t seed = 1; seed <= 600; ++seed)
    run_edited(*backend, seed % 2 ? std::string_view(busy) : pto::testing::kScaleRows, profile, seed, counts);
  // The edits reach every kind of outcome, so the test exercises what it says.
  EXPECT_GT(counts[static_cast<std::size_t>(device::RunStatus::completed)], 0);
  EXPECT_GT(counts[static_cast<std::size_t>(device::RunStatus::fault)], 0);
  EXPECT_GT(counts[static_cast<std::size_t>(device::RunStatus::error)], 0);
  EXPECT_GT(counts[static_cast<std::size_t>(device::RunStatus::unsupported)], 0);
}

TEST(Malformed, TheUneditedKernelRuns) {
  KernelRun run;
  run.text = kernel(kBusy);
  run.tensors = {filled(128, 1.0F), filled(128, 0.0F)};
  run = run_kernel(std::move(run));
  EXPECT_EQ(run.report.status, device::RunStatus::completed)
      << (run.report.diagnostics.empty() ? run.report.reason : to_string(run.report.diagnostics.back(), "kernel.pto"));
}

}  // namespace
}  // namespace assay::sim::testing

// Test support: runs a kernel given as text on the simulator.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "harness/core/profile/profile.h"
#include "harness/core/tensor.h"
#include "harness/pto/reader.h"
#include "harness/sim/backend.h"

namespace assay::sim::testing {

template <class T>
Tensor tensor_of(DType dtype, const std::vector<T>& values) {
  Tensor tensor(dtype, {static_cast<std::int64_t>(values.size())});
  std::memcpy(tensor.bytes().data(), values.data(), values.size() * sizeof(T));
  return tensor;
}
inline Tensor floats(const std::vector<float>& values) { return tensor_of(DType::f32, values); }
inline Tensor filled(std::int64_t count, float value) {
  return floats(std::vector<float>(static_cast<std::size_t>(count), value));
}
inline std::vector<float> values(const Tensor& tensor) {
  const auto span = tensor.as<float>();
  return {span.begin(), span.end()};
}

// A kernel, its tensors and how to launch it. Pointer arguments take the tensors in order, scalar arguments the
// scalars.
struct KernelRun {
  std::string text;  // the whole module
  std::vector<Tensor> tensors;
  std::vector<std::int64_t> scalars;
  std::int64_t blocks = 1;
  device::RunOptions options;
  Profile profile = load_profile("a2a3").value();
  device::RunReport report;
  std::vector<device::TraceEvent> events;
};

inline std::unique_ptr<device::Backend> make_sim() { return kSimRecord.create("").value(); }

inline void run_on(device::Backend& backend, KernelRun& run) {
  const Result<pto::Module> module = pto::parse(run.text, "kernel.pto");
  ASSERT_TRUE(module) << to_string(module.error());
  std::vector<Tensor*> pointers;
  for (Tensor& tensor : run.tensors) pointers.push_back(&tensor);
  device::Launch launch;
  launch.module = &*module;
  launch.function = &module->functions.front();
  launch.blocks = run.blocks;
  launch.tensors = pointers;
  std::size_t tensor = 0, scalar = 0;
  for (pto::ValueId argument : launch.function->arguments) {
    if (std::holds_alternative<pto::PtrType>(launch.function->type(argument)))
      launch.arguments.emplace_back(device::PointerArgument{tensor++, 0});
    else
      launch.arguments.emplace_back(run.scalars.at(scalar++));
  }
  run.options.profile = &run.profile;
  run.report = backend.run(launch, run.options);
  // Views into the module do not outlive it.
  for (device::TraceEvent& event : run.events) event.function = {};
}

inline KernelRun run_kernel(KernelRun run) {
  const auto backend = make_sim();
  run_on(*backend, run);
  return run;
}

inline std::string first_rule(const KernelRun& run) {
  return run.report.diagnostics.empty() ? "" : run.report.diagnostics.front().rule;
}

// A kernel over two tensors of 8x16 elements, %x and %y: constants %c0 %c1 %c2 %c8 %c16, addresses %a0 to %a3 4 KiB
// apart, partitions %xp and %yp, then the body. In it $T stands for the type of an 8x16 tile, $D for one whose valid
// shape is dynamic, $C for a column-major 8x1 one, $P and $V for the types of the partitions and the views.
std::string kernel(std::string_view body, std::string_view dtype = "f32", std::string_view arguments = "");

// Line of the text that contains the mark, from 1; 0 when there is none.
int line_of(std::string_view text, std::string_view mark);

}  // namespace assay::sim::testing

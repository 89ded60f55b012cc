// Runs a planned kernel on backends and compares what they leave in memory.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <iosfwd>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "harness/cli/kernel_plan.h"
#include "harness/compare/policy.h"
#include "harness/device/backend.h"

namespace assay::cli {

using ElementMask = std::vector<std::uint8_t>;  // 1 per marked element

struct KernelOutcome {
  std::string backend;
  device::RunReport report;
  TensorMap tensors;                                           // after the run, by PlannedTensor::name
  std::map<std::string, ElementMask, std::less<>> unwritten;   // poisoned tensors: elements that kept both poisons
  std::map<std::string, std::int64_t, std::less<>> undefined;  // elements that follow the poison without keeping it
  std::string stray_write;  // a guard zone or an input that changed, in words; empty when none
  double seconds = 0;
};

// Two runs with different poison in undefined memory, between guard zones; the tensors are those of the first. A run
// that does not complete is not repeated.
KernelOutcome run_kernel(const KernelPlan& plan, device::Backend& backend, const device::RunOptions& options,
                         std::string_view backend_name);

// One run with the first pattern of poison, for what only the schedule changes.
KernelOutcome run_once(const KernelPlan& plan, device::Backend& backend, const device::RunOptions& options);

struct KernelComparison {
  std::string argument;
  compare::Comparison comparison;  // unconstrained: written by neither
  std::string pattern;             // of a mismatch, in words
};
// Pointer arguments of `a` held against those of `b`, in order of name.
Result<std::vector<KernelComparison>> compare_outcomes(const KernelOutcome& a, const KernelOutcome& b,
                                                       const compare::Policy& policy);

struct KernelOptions {
  std::vector<std::string> backends = {"sim", "opencl"};
  bool backends_required = false;  // asked for by name: unavailable is exit 3, not a skip
  std::filesystem::path out;       // empty: nothing is written
  compare::Policy policy;
  std::string profile = "a2a3";
  bool contract_fma = false;
  device::Order order = device::Order::automatic;
  device::Schedule schedule;
};
using BackendFactory = std::function<Result<std::unique_ptr<device::Backend>>(std::string_view specification)>;

// The whole command. Returns the exit code of design.md section 5: 0 when every backend completed and all agree, or the
// only backend asked for completed; 1 for a divergence, a broken rule, undefined bytes in an output, or nothing
// compared where two backends were asked for; 2 for bad input; 3 for a missing or broken backend.
int execute_kernel(const KernelRequest& request, const KernelOptions& options, const BackendFactory& create,
                   std::ostream& out, std::ostream& err);

}  // namespace assay::cli

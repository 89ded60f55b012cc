// A launch as a folder, so that a command on any machine can run it: how a2a3 silicon or another simulator joins.
//
//   BUNDLE/kernel.pto            the module
//   BUNDLE/launch.json           function, blocks, arguments in order, profile, poison seed, instruction budget
//   BUNDLE/inputs/               NAME.npy of every tensor before the launch, and manifest.json (roles input, output,
//   inout) BUNDLE/outputs/              left by the command: NAME.npy of every tensor of role output or inout, same
//   dtype and shape BUNDLE/outputs/report.json   optional: {"status", "reason", "instructions", "device_seconds",
//   "diagnostics"}
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "harness/core/error.h"
#include "harness/core/tensor.h"
#include "harness/device/backend.h"
#include "harness/pto/ir.h"

namespace assay::device {

// A launch that owns what it points to.
struct Bundle {
  pto::Module module;
  std::string function;
  std::vector<Argument> arguments;
  std::int64_t blocks = 1;
  std::string profile;
  std::uint64_t poison_seed = 1;
  std::uint64_t instruction_budget = 0;
  bool contract_fma = false;
  std::vector<std::string> names;  // of the tensors, by index
  std::vector<Tensor> tensors;
};

// Names the tensors after the function arguments bound to them ("x"; "x_2" for a second tensor of that name).
std::vector<std::string> tensor_names(const Launch& launch);

Result<void> write_bundle(const std::filesystem::path& directory, const Launch& launch, const RunOptions& options);
// Everything is checked: the kernel is parsed and verified, sizes and digests of tensors are those of the manifest.
Result<Bundle> read_bundle(const std::filesystem::path& directory);

// Outputs and report of a finished run, into BUNDLE/outputs.
Result<void> write_outputs(const std::filesystem::path& directory, const Bundle& bundle, const RunReport& report);
// Reads them back into the launch's tensors. Error names the file that is missing or has another dtype or shape than
// the bundle's; then no tensor has been changed.
Result<RunReport> read_outputs(const std::filesystem::path& directory, const Launch& launch);

}  // namespace assay::device

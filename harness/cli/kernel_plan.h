// What `assay kernel` is about to run: a function of any .pto file with every argument decided, from what the user gave
// or else inferred and chosen (pto-format.md 3.9). docs/kernels.md describes it for users.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "harness/core/error.h"
#include "harness/core/tensor.h"
#include "harness/pto/inference.h"
#include "harness/pto/ir.h"
#include "harness/pto/reader.h"

namespace assay::cli {

struct KernelRequest {
  std::filesystem::path file;
  std::string function;                // empty: the only one, the pto.entry, or the only one nobody calls
  std::vector<std::string> arguments;  // "x=@x.npy", "0=normal:seed=3", "rows=37", or values alone in order
  std::int64_t blocks = 1;
  std::uint64_t seed = 1;  // of fills
};

struct KernelArgument {
  std::string name;
  bool is_pointer = false;
  pto::Direction direction = pto::Direction::unused;
  std::string given;    // what decided it, as text: "@x.npy", "normal", "poison", "37"
  bool chosen = false;  // by assay, not by the user

  // Pointers. `content` is what the tensor holds before the run; poisoned tensors have no content but the poison.
  Tensor content;
  bool poisoned = false;
  bool size_inferred = false;
  bool size_exact = true;

  // Scalars, as in device::Argument. One named ...block_idx that the user left open takes every block's index in turn.
  std::variant<std::int64_t, double> scalar = std::int64_t{0};
  bool is_block_index = false;
};

struct KernelPlan {
  std::shared_ptr<const pto::Module> module;
  const pto::Function* function = nullptr;
  std::vector<KernelArgument> arguments;  // one per argument of the function
  std::int64_t blocks = 1;
  std::vector<pto::Warning> warnings;
};

// Reads and verifies the file, chooses the function and binds its arguments. Everything wrong with the input is an
// error here, before anything runs or is written.
Result<KernelPlan> plan_kernel(const KernelRequest& request);

// One line per argument, saying what was chosen.
std::string describe(const KernelPlan& plan);

}  // namespace assay::cli

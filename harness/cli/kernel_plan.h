// What `assay kernel` and `assay lint` are about to run: functions of any .pto file, as tasks on one rank or several,
// with every argument decided, from what the user gave, what the file's assay.* attributes say, or else inferred and
// chosen (pto-format.md 3.9). docs/kernels.md and docs/lint.md describe it for users.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
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
  std::vector<std::string> tasks;      // functions one after the other on each rank; empty: `function` alone
  std::vector<std::string> arguments;  // "x=@x.npy", "0=normal:seed=3", "rows=37", or values alone in order
  // Nothing: what the module's assay.blocks, assay.ranks and assay.launches say, else 1.
  std::optional<std::int64_t> blocks, ranks, launches;
  std::uint64_t seed = 1;  // of fills
};

// An argument of one task or of several: arguments of the same name are the same tensor, or the same value.
struct KernelArgument {
  std::string name;
  pto::Type type;
  pto::Location location;  // of the function that declares it first
  bool is_pointer = false;
  pto::Direction direction = pto::Direction::unused;  // in all tasks, and for a tensor through its peers
  std::string given;                                  // what decided it, as text: "@x.npy", "normal", "poison", "37"
  bool chosen = false;                                // by assay, not by the user

  // Pointers. `content` is what the tensor holds before the run, on every rank; poisoned tensors have no content but
  // the poison.
  Tensor content;
  bool poisoned = false;
  bool size_inferred = false;
  bool size_exact = true;
  bool window = false;  // other ranks may reach it (assay.window)
  // A pointer into another rank's tensor instead of one's own (assay.peer): that tensor's index among the arguments, on
  // rank `peer_rank`, or `peer_offset` ranks further.
  std::optional<std::size_t> peer;
  std::optional<std::int64_t> peer_rank;
  std::int64_t peer_offset = 0;

  // Scalars, as in device::Argument.
  std::variant<std::int64_t, double> scalar = std::int64_t{0};
  enum class Source : std::uint8_t { value, block_index, rank, ranks, launch };
  Source source = Source::value;  // what decides the value of each launch; block_index: one launch per block
};

struct KernelTask {
  const pto::Function* function = nullptr;
  std::vector<std::size_t> arguments;  // one per argument of the function, into KernelPlan::arguments
};

struct KernelPlan {
  std::shared_ptr<const pto::Module> module;
  std::vector<KernelTask> tasks;
  std::vector<KernelArgument> arguments;  // of the first task, then what the others add
  std::int64_t blocks = 1, ranks = 1, launches = 1;
  std::vector<pto::Warning> warnings;
};

// A tensor of the run: a pointer argument that is no peer, on one rank.
struct PlannedTensor {
  std::size_t argument = 0;
  std::int64_t rank = 0;
  std::string name;  // the argument's; "x.rank1" where there are several ranks
};
std::vector<PlannedTensor> tensors_of(const KernelPlan& plan);
std::int64_t peer_of(const KernelPlan& plan, const KernelArgument& argument, std::int64_t rank);
// Value of a scalar argument in one launch.
std::variant<std::int64_t, double> scalar_value(const KernelPlan& plan, const KernelArgument& argument,
                                                std::int64_t rank, std::int64_t launch, std::int64_t block);

// Reads and verifies the file, chooses the function and binds its arguments. Everything wrong with the input is an
// error here, before anything runs or is written.
Result<KernelPlan> plan_kernel(const KernelRequest& request);
// Same for a module that has been read and verified; request.file is not looked at.
Result<KernelPlan> plan_kernel(std::shared_ptr<const pto::Module> module, const KernelRequest& request);

// Functions with a body that no other one calls.
std::vector<const pto::Function*> root_functions(const pto::Module& module);

// One line per argument, saying what was chosen.
std::string describe(const KernelPlan& plan);

}  // namespace assay::cli

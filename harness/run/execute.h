// Executes one case in this process: fills the inputs, evaluates the goldens, runs the backends, compares three ways,
// assigns blame. Used by the worker, the fuzzer and bisection.
#pragma once

#include <array>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "goldens/stages/stage.h"
#include "harness/core/tensor.h"
#include "harness/device/backend.h"
#include "harness/pipeline/pipeline.h"
#include "harness/pto/ir.h"
#include "harness/run/case.h"

namespace assay::run {

// Values of the case's parameters over the pipeline's defaults. Errors: unknown key, not an integer, out of range, not
// among the choices, a constraint of the pipeline that does not hold (named).
struct Bindings {
  std::map<std::string, std::int64_t, std::less<>> integers;
  std::map<std::string, std::string, std::less<>> words;
  std::int64_t offset = 0;  // elements by which every tensor starts behind an aligned address
  device::Order order = device::Order::automatic;
  bool inserts_sync = false;  // kernels without synchronisation run with what pto::insert_sync gives them
  device::Schedule schedule;
  std::int64_t invocation = 1;  // the variable `invocation`
  std::string peer_set;  // of compare::peer_rule; empty: none
};
Result<Bindings> bind(const pipeline::Pipeline& pipeline, const Case& c);

struct ResolvedTensor {
  std::string name;
  DType dtype = DType::f32;
  Shape shape;  // of a tensor with ranks: [ranks, shape of each...]
  pipeline::Role role = pipeline::Role::input;
  std::int64_t ranks = 0;  // 0: one tensor
};
Result<std::vector<ResolvedTensor>> resolve_tensors(const pipeline::Pipeline& pipeline, const Bindings& bindings);

struct ResolvedField {
  std::string name;
  DType dtype = DType::u8;
  std::int64_t at = 0, bytes = 0;
  bool zero = false;
};
struct ResolvedWindow {
  std::string name;
  std::int64_t ranks = 1;
  std::int64_t bytes = 0;  // of each rank
  std::vector<ResolvedField> fields;

  const ResolvedField* find(std::string_view field) const;
};
Result<std::vector<ResolvedWindow>> resolve_windows(const pipeline::Pipeline& pipeline, const Bindings& bindings);

// How often the case runs its stages.
Result<std::int64_t> invocations_of(const pipeline::Pipeline& pipeline, const Bindings& bindings);

// Bytes of all tensors and windows of the case.
Result<std::int64_t> bytes_needed(const pipeline::Pipeline& pipeline, const Case& c);
std::int64_t bytes_of_all(const std::vector<ResolvedTensor>& tensors, const std::vector<ResolvedWindow>& windows);

// Inputs of the first stage under the case's fill and seed, and for invocations behind the first under seeds drawn from
// it; same bytes on every machine.
Result<TensorMap> make_inputs(const pipeline::Pipeline& pipeline, const Case& c, const Bindings& bindings);

// A stage made concrete for a case: parsed and verified modules, one launch description per task.
struct ResolvedTask {
  std::shared_ptr<const pto::Module> module;
  std::string function;
  struct Argument {
    std::string tensor;  // or the window whose field it is; empty for scalars
    std::variant<std::int64_t, double> scalar;
    std::int64_t at = 0;  // bytes of the window before its field
  };
  std::vector<Argument> arguments;
  std::int64_t blocks = 1;
  std::int64_t rank = 0;
  std::size_t index = 0;  // of the stage's task: those of several ranks share it
};
struct ResolvedStage {
  const pipeline::StageSpec* spec = nullptr;
  std::vector<ResolvedTask> tasks;  // by task, then by rank
  std::vector<ResolvedWindow> windows;  // of the pipeline
  std::int64_t offset = 0;  // as in Bindings, and so are these
  device::Order order = device::Order::automatic;
  device::Schedule schedule;
};
// Parsed and verified modules by file; shared between the cases of one executor. A file that changes on disk is read
// again. Not thread-safe.
class KernelCache {
 public:
  Result<std::shared_ptr<const pto::Module>> get(const std::filesystem::path& file);
  // With the synchronisation pto::insert_sync adds for the machine.
  Result<std::shared_ptr<const pto::Module>> get_synchronised(const std::filesystem::path& file,
                                                              const std::string& profile);

 private:
  struct Entry {
    std::filesystem::file_time_type changed;
    std::shared_ptr<const pto::Module> module;
    std::map<std::string, std::shared_ptr<const pto::Module>> synchronised;  // by profile
  };
  std::map<std::filesystem::path, Entry> modules_;
};

// Errors: a file that is no kernel, no such function, arguments that do not fit it (count, names, kinds, dtypes, ranks,
// an integer that its type cannot hold), blocks below 1 or above kMaxBlocks, ranks below 1 or above kMaxRanks.
inline constexpr std::int64_t kMaxBlocks = 65535, kMaxRanks = 64, kMaxInvocations = 1000;
Result<ResolvedStage> resolve_stage(const pipeline::Pipeline& pipeline, const pipeline::StageSpec& stage,
                                    const Bindings& bindings, KernelCache* cache = nullptr);

// What windows hold between two stages, under each of the poison patterns: bytes that differ are undefined. Windows that
// no stage has touched are absent.
using WindowContents = std::map<std::string, std::array<Tensor, 2>, std::less<>>;

// Runs the stage's tasks on one backend: a rank's one after the other, the ranks beside one another. `inputs` are the tensors the stage reads; outputs and temporaries are
// created poisoned, with guard zones around every tensor, and the whole run is repeated with a second poison pattern:
// elements that differ between the two runs were never written or depend on undefined bytes.
struct StageOutcome {
  TensorMap outputs;
  std::map<std::string, std::vector<std::uint8_t>, std::less<>> unwritten;  // 1 per element
  device::RunReport report;  // merged over tasks: first that is not completed wins
  std::string stray_write;   // a guard zone or an input that changed, in words; empty when none
  double seconds = 0;
};
Result<StageOutcome> run_stage(const ResolvedStage& stage, const std::vector<ResolvedTensor>& tensors,
                               const TensorMap& inputs, device::Backend& backend, const device::RunOptions& options,
                               WindowContents* windows = nullptr);

// Golden of the stage for these inputs; empty map when the stage has none. `observed`: what a subject returned, for a
// built-in stage that admits several answers (goldens/stages/stage.h); may be null. Only outputs of the stage are
// given.
Result<goldens::GoldenMap> stage_golden(const pipeline::Pipeline& pipeline, const pipeline::StageSpec& stage,
                                        const Bindings& bindings, const std::vector<ResolvedTensor>& tensors,
                                        const TensorMap& inputs, const Profile& profile,
                                        const TensorMap* observed = nullptr);
// Whether the stage's golden depends on what a subject returned.
bool is_set_valued(const pipeline::StageSpec& stage);

struct ExecuteOptions {
  std::vector<std::filesystem::path> pipeline_directories;
  std::vector<std::string> backends;  // "sim", "opencl", "process:..."; from --backend or the case
  bool backends_required = false;     // asked for with --backend: unavailable is an error, not a skip
  std::filesystem::path failures;     // where failure folders go (reports/failure.h); empty: none written
  bool contract_fma = false;
  std::uint64_t instruction_budget = 200'000'000;
  std::int64_t memory_limit = std::int64_t{16} << 30;  // bytes of tensors and windows; a larger case is skipped
  // How a backend is made from its specification; device::create_backend where empty.
  std::function<Result<std::unique_ptr<device::Backend>>(std::string_view)> create_backend;
};

// Turns the verdict of a run into the one its `expect` asks for: "fail:CAUSE" makes a failure xfail and a pass xpass.
// A CAUSE of lower-case letters, digits, '-' and '_' must be among `observed`: mismatch, unwritten, stray-write, fault,
// budget, deadlock, crash, hang, a word of kBlameNames, or a rule of the machine (harness/device/backend.h). Any other
// text, such as "B04: ROUND for RINT", tells people why and fits every failure. Error: an `expect` that is none of
// pass, fail:CAUSE, skip:REASON, unverified:REASON. The last makes a pass xpass; reports count an unverified case of it
// as expected.
Result<void> apply_expectation(CaseResult& result, std::span<const std::string> observed);
Result<void> check_expectation(std::string_view expect);

class Executor {
 public:
  explicit Executor(ExecuteOptions options);
  ~Executor();
  // Bad input of the case is an Error; everything that happens to the subject is in the result. Backends, pipelines and
  // parsed kernels are kept between cases.
  Result<CaseResult> execute(const Case& c);

  // The three steps of execute, apart, joined by a folder (design.md section 3): inputs/ and outputs/BACKEND/ hold .npy
  // files and a manifest, whose metadata carry the replay line as "case".
  Result<void> write_inputs(const Case& c, const std::filesystem::path& directory);
  // Runs the case of DIRECTORY/inputs on each backend. Without `backends` those of the options. Reports per backend.
  Result<std::vector<BackendResult>> run_from(const std::filesystem::path& directory);
  // Holds every folder of DIRECTORY/outputs against the goldens and against one another.
  Result<CaseResult> verify(const std::filesystem::path& directory);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace assay::run

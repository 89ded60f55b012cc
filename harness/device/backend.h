// What every backend offers: run one function of a module on tensors, and say what happened. The simulator, OpenCL and
// the process backend are equals here; nothing outside a backend's folder knows its name.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "harness/core/error.h"
#include "harness/core/profile/profile.h"
#include "harness/core/tensor.h"
#include "harness/pto/ir.h"

namespace assay::device {

// One argument of a launch: a pointer argument is an index into Launch::tensors plus an offset in elements of the
// pointer's type, which may be another one than the tensor's where the tensor is raw bytes (u8); a scalar argument is
// its value (integers and index sign-extended; i1 0 or 1; floats as double, exactly representable in the
// argument's type).
struct PointerArgument {
  std::size_t tensor = 0;
  std::int64_t element_offset = 0;
};
using Argument = std::variant<PointerArgument, std::int64_t, double>;

// One written region a trace can show: the valid rectangle (tiles) or the element window (global memory), row-major,
// dense.
struct TraceEvent {
  std::int64_t block = 0;
  std::uint32_t op_id = 0;                 // pto::Operation::id in the entry function, or in `function` when called
  std::string_view function;               // name of the function the op stands in
  std::vector<std::int64_t> loop_indices;  // values of the enclosing induction variables, outermost first
  pto::Writes writes = pto::Writes::nothing;
  DType dtype = DType::f32;
  std::int64_t rows = 0, cols = 0;
  std::int64_t byte_offset = 0;               // of element (0,0): in the tile's space, or in the argument's tensor
  std::size_t tensor = 0;                     // Writes::global: index into Launch::tensors
  std::vector<std::int64_t> element_offsets;  // Writes::global: offset in elements of each element in `data`
  std::vector<std::byte> data;                // rows*cols elements as written
};
// Events of one block come in program order, blocks in ascending order. Return false to stop the run early.
using Tracer = std::function<bool(const TraceEvent&)>;

// Which rank a tensor belongs to, whether the others may reach it, and whether it holds values.
struct Placement {
  std::int64_t rank = 0;
  bool window = false;
  // Undefined until written: reading it before is the broken rule "undefined-bytes", bytes that the run never writes are
  // "unwritten-output".
  bool undefined = false;
  // Guard bytes at the tensor's ends: there so that stray writes show on any backend, not for the launch to reach.
  std::int64_t front = 0, back = 0;
  // Symmetric memory: one part of this many bytes per rank, rank 0's first, behind the front guard. 0: all of it is
  // `rank`'s.
  std::int64_t slice = 0;

  // Whose memory the byte of the tensor is.
  std::int64_t rank_of(std::int64_t byte) const { return slice > 0 ? (byte - front) / slice : rank; }
};

struct Launch {
  const pto::Module* module = nullptr;
  const pto::Function* function = nullptr;
  std::vector<Argument> arguments;  // one per function argument
  std::int64_t blocks = 1;          // get_block_num(); block indices 0..blocks-1, run in ascending order
  // Global memory. A run reads and writes these in place. Guard zones and poison are the caller's.
  std::span<Tensor* const> tensors;
  // One per tensor, or empty: all of them belong to the launch's rank. A launch reaches its own rank's tensors and the
  // windows of the others; anything else is the broken rule "foreign-memory".
  std::span<const Placement> placements;
  std::int64_t rank = 0;
};

// A launch in a graph of them. Tasks run as soon as those they name have completed: at once where nothing orders them,
// on cores of their own rank. Scalar caches live on from task to task.
struct Task {
  Launch launch;
  std::vector<std::size_t> after;  // indices of tasks in the same graph, each below the task's own
};

// How the operations of a function are ordered (design.md section 4). `automatic`: explicit when the function, or one it
// calls, has an operation that orders pipes, waits or notifies; else program.
enum class Order : std::uint8_t { automatic, program, explicit_sync };

// Which legal interleaving of pipes, agents, blocks and ranks runs. `canonical`: every operation as early as it can.
// `seeded`: drawn from the seed. `worst`: against the programmer: stores as late as possible, flags set late, cache
// lines never written back by luck.
struct Schedule {
  enum class Kind : std::uint8_t { canonical, seeded, worst };
  Kind kind = Kind::canonical;
  std::uint64_t seed = 0;
};

struct RunOptions {
  Order order = Order::automatic;
  Schedule schedule;
  bool check_accesses = true;  // definedness and bounds; off only to measure what they cost
  const Profile* profile = nullptr;                // the machine the kernel is written for (a2a3)
  std::uint64_t instruction_budget = 200'000'000;  // per block, executed operations; then RunStatus::budget
  std::uint64_t poison_seed = 1;                   // pattern of undefined on-chip memory and unset valid shapes
  bool contract_fma = false;                       // let the device compiler contract a*b+c (device backends)
  Tracer tracer;                                   // empty: no trace
};

// A broken machine rule. `rule` is its short name: "bounds", "alignment", "capacity", "undefined-bytes",
// "unset-valid-shape", "negative-valid-shape", "illegal-conversion", "division-by-zero", "shift-range", "narrowing",
// ...
struct Diagnostic {
  std::string rule;
  std::string message;  // addresses, extents, found and allowed
  std::string function;
  std::uint32_t op_id = 0;
  pto::Location location;
  std::optional<pto::Location> related;  // the other end: where the tile was allocated, the bytes last written, ...
  std::string related_function;          // of `related`, when it is another one
  std::int64_t block = 0;
  std::int64_t rank = 0;
  std::string core;  // "cube", "vector 1"; empty where the machine does not tell cores apart
  std::vector<std::int64_t> loop_indices;
};

enum class RunStatus : std::uint8_t {
  completed,
  fault,        // a broken rule: diagnostics, the first one in `reason`; the run stopped or finished nevertheless
  unsupported,  // `reason`, e.g. "explicit order" or "pto.tsort32, line 12"
  budget,       // instruction budget spent
  deadlock,     // no agent can move
  error,        // the backend itself failed: `reason`
  crash,        // the subject died: `reason`
  hang,         // the subject did not end within its time limit
};

// "completed", "fault", ...
std::string_view name(RunStatus status);
std::optional<RunStatus> parse_run_status(std::string_view name);

struct RunReport {
  RunStatus status = RunStatus::completed;
  std::string reason;
  std::vector<Diagnostic> diagnostics;
  std::uint64_t instructions = 0;  // executed operations over all blocks
  double device_seconds = 0;       // device event time; 0 where the backend has no device clock
};

// "kernel.pto:12:5: bounds: ..." for one diagnostic.
std::string to_string(const Diagnostic& diagnostic, std::string_view file);

class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::string_view name() const = 0;
  virtual std::string description() const = 0;  // "PoCL 3.1 on pthread-..., 2 GiB max allocation"
  // Executes every block to completion. Never throws, crashes or hangs on a bad kernel: the report says what happened.
  virtual RunReport run(const Launch& launch, const RunOptions& options) = 0;
  // Runs a graph of launches. Here: one after the other in the order given, up to the first that does not complete,
  // which is right for kernels that wait for nobody; a backend that accepts others runs them otherwise.
  virtual RunReport run_graph(std::span<const Task> tasks, const RunOptions& options);
  // Whether options.tracer is honoured.
  virtual bool traces() const { return true; }
};

// One record per backend; each backend's folder defines one and registry.cpp lists them.
struct BackendRecord {
  std::string_view name;
  std::string_view summary;
  // ErrorKind::unavailable: not here, with the reason (skipped, or exit 3 when asked for). Other kinds: broken.
  // `option` is what follows the name in "process:./run.sh {bundle}"; empty for the others.
  Result<std::unique_ptr<Backend>> (*create)(std::string_view option);
};
std::span<const BackendRecord> backend_records();
// "sim", "opencl", "process:COMMAND". Unknown names are bad input and list the known ones.
Result<std::unique_ptr<Backend>> create_backend(std::string_view specification);

}  // namespace assay::device

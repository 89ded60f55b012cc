// The machine a block runs on: memories, global tensors, value slots, the checks every access goes through, and the
// place where a broken rule is reported. Operations are functions of (Machine&, const Instruction&).
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "harness/device/backend.h"
#include "harness/sim/findings.h"
#include "harness/sim/global_memory.h"
#include "harness/sim/memory.h"
#include "harness/sim/program.h"
#include "harness/sim/shared.h"
#include "harness/sim/tile.h"

namespace assay::sim {

// On-chip memories of one profile; made once per backend and profile, reused by all runs.
class Memories {
 public:
  explicit Memories(const Profile& profile);
  // Null for a space the profile does not have. Made when first asked for: few cores use all spaces.
  Memory* find(pto::Space space);
  void begin(std::uint64_t poison_seed);

 private:
  std::array<std::int64_t, pto::kSpaceCount> sizes_;  // -1: not on this machine
  std::array<std::unique_ptr<Memory>, pto::kSpaceCount> memories_;
  std::uint64_t poison_seed_ = 0;
};

class CrossFlags;
class Pipes;

// Array slot without an array.
inline constexpr std::uint32_t kNoArray = ~std::uint32_t{0};

// A function activation.
struct Frame {
  const FunctionCode* code = nullptr;
  std::uint32_t pc = 0;
  std::array<std::uint32_t, 5> base{};  // first slot per Kind
  std::size_t storage_mark = 0;         // private storage alive before the call
  std::size_t array_mark = 0;           // local arrays alive before the call
  std::size_t loop_mark = 0;            // loops entered before the call
};

struct Loop {
  const pto::Operation* op = nullptr;
  std::uint32_t induction = 0;  // absolute scalar slot
  bool is_for = true;
  std::size_t storage_mark = 0;
};

// Where a body's operands are: the slots of the frame, or the private ones of a queued operation.
struct Slots {
  std::uint64_t* scalars = nullptr;
  Pointer* pointers = nullptr;
  View* views = nullptr;
  Tile* tiles = nullptr;
  std::uint32_t* arrays = nullptr;
};

// What an agent shares with the others of its run.
struct Surroundings {
  Shared& shared;      // rings, signals, barriers, collectives: shared.h
  CrossFlags& flags;   // sync.set, set_intra_block: flags.h
  Findings& findings;  // races reported so far
  GlobalMemory& memory;
  GlobalHistories& histories;  // of what the agents that run together did to it
  RunUnit unit;
};

// What bytes in a message are of, and the byte they count from: kernels know nothing of guard zones before a tensor.
struct Place {
  std::string name;
  std::int64_t origin = 0;
};

// "pto.tadd on PIPE_V reads bytes 0x0 to 0x40 of `where`, which pto.tload (line 7) on PIPE_MTE2 wrote; nothing orders
// the two".
std::string describe_race(const Access& later, const Conflict& conflict, const Place& where);
// "%x's tensor", from where %x points.
// `byte`: which argument's, where several point into the tensor, and in symmetric memory whose.
Place describe_tensor(const device::Launch& launch, std::size_t tensor, std::int64_t byte);

class Machine {
 public:
  Machine(Memories& memories, const Program& program, const device::Launch& launch, const device::RunOptions& options,
          device::RunReport& report, Surroundings surroundings);
  ~Machine();

  // Everything on chip afresh; arguments bound; ready to execute the entry. `core` numbers the cores of the run, from
  // 0: no two agents of a run have the same one. False: an argument broke a rule.
  bool start(const AgentId& who, std::uint32_t core, const Clock& seen);

  // ---- values
  std::uint64_t& scalar(Ref ref) { return slots_.scalars[ref.index]; }
  std::int64_t integer(Ref ref) { return static_cast<std::int64_t>(scalar(ref)); }
  Pointer& pointer(Ref ref) { return slots_.pointers[ref.index]; }
  View& view(Ref ref) { return slots_.views[ref.index]; }
  Tile& tile(Ref ref) { return slots_.tiles[ref.index]; }
  LocalArray& array(Ref ref) { return local_arrays_[array_slot(ref)]; }
  std::uint32_t& array_slot(Ref ref) { return slots_.arrays[ref.index]; }
  void bind_array(Ref ref);  // storage for the array declared here, one per activation

  // ---- where we are
  const Profile& profile() const { return *options_.profile; }
  bool checks_accesses() const { return options_.check_accesses; }  // definedness, and bounds of global memory
  const device::RunOptions& options() const { return options_; }
  const device::Launch& launch() const { return launch_; }
  const pto::Function& function() const { return *function_; }
  std::int64_t block() const { return who_.block; }
  const Instruction& current() const { return *current_; }
  std::vector<std::int64_t> loop_indices() const;

  // ---- the other agents of the run
  const AgentId& who() const { return who_; }
  Shared& shared() { return surroundings_.shared; }
  CrossFlags& cross_flags() { return surroundings_.flags; }
  // The executing pipe has seen what `clock` has seen; what it has done so far becomes part of `clock`. No effect in
  // program order.
  void acquire(const Clock& clock);
  void release(Clock& clock);

  // ---- explicit order: who executes the current operation, for the histories of accesses. Only when
  // in_explicit_order.
  bool in_explicit_order() const { return pipes_ != nullptr; }
  Pipes& pipes() { return *pipes_; }
  Access access(AccessKind kind) const;  // by the current operation
  Ordering ordering() const;             // of the current operation
  // A broken rule after which the run goes on; once per (rule, current operation, earlier operation).
  void finding(std::string_view rule, std::string message, const pto::Operation* earlier,
               const pto::Function* earlier_function);

  // One edge of the wait graph: the current operation, on the pipe `actor`, waits. The run is a deadlock.
  void deadlock(std::string_view actor, const Wait& wait);
  // Where the scalar stream stands; nothing when it has ended.
  std::optional<pto::Location> stream_location() const;
  // The operation of the program nearest to the current one that fits, in its own function if any does there; no
  // operation when none does.
  Origin nearest(const std::function<bool(const pto::Operation&)>& fits) const;
  // After a fault "undefined-bytes": what was issued before it and not run yet may write those bytes without order. It
  // runs now; the races are the cause and stand before the fault. False: there are none on this core.
  bool explain_undefined();
  bool stopped_at_undefined() const { return undefined_at_.has_value(); }
  const UndefinedRead& undefined_read() const { return undefined_read_; }
  // The entry has returned and nothing is queued: flags still set (rule "flag-leaked").
  void check_leaks();

  // ---- broken rules. Always returns false, so that a body can return it.
  bool fault(std::string_view rule, std::string message, std::optional<pto::Location> related = {});
  // Same; the other end is where the value of the current operation's operand was made.
  bool fault_at_operand(std::string_view rule, std::string message, std::size_t operand);
  // Same; the other end is the tile's allocation.
  bool fault_at_tile(std::string_view rule, std::string message, const Tile& tile);

  // ---- tiles
  Memory& memory(pto::Space space) { return *memories_.find(space); }
  // Private storage for a tile without an address; false after a fault.
  bool allocate_private(Tile& tile);
  // The tile's footprint inside its space (rule "capacity").
  bool check_capacity(const Tile& tile);
  // The address on the space's granularity (rule "alignment").
  bool check_alignment(const Tile& tile);
  // Both valid extents set (rule "unset-valid-shape").
  bool check_valid_set(const Tile& tile);
  // Sets the valid shape (rules "negative-valid-shape", "valid-shape-bounds").
  bool set_valid(Tile& tile, std::int64_t rows, std::int64_t cols);
  // The leading rows x cols elements lie in the physical tile (rule "valid-mismatch").
  bool check_covers(const Tile& tile, std::int64_t rows, std::int64_t cols);
  // Elements [0, rows) x [0, cols) row by row without gaps: the memory itself where it is so, else a copy in staging
  // buffer `stage`. Null after a fault (rules "valid-mismatch", "undefined-bytes", "scratch-window").
  const std::byte* read(const Tile& tile, std::int64_t rows, std::int64_t cols, std::size_t stage);
  // Same, without the copy: the tile's bytes, element (row, col) at element_offset(tile, row, col).
  const std::byte* read_in_place(const Tile& tile, std::int64_t rows, std::int64_t cols);
  // One element inside the physical tile; false after a fault.
  bool read_element(const Tile& tile, std::int64_t row, std::int64_t col, std::uint64_t& bits);
  // Stores dense rows and defines their bytes.
  void write(const Tile& tile, std::int64_t rows, std::int64_t cols, const std::byte* dense);
  void write_element(const Tile& tile, std::int64_t row, std::int64_t col, std::uint64_t bits);
  // Same, for a body that stores all of the rectangle's elements itself: the tile's bytes.
  std::byte* write_in_place(const Tile& tile, std::int64_t rows, std::int64_t cols);
  // A buffer of at least `bytes` bytes that lives until the end of the operation.
  std::byte* staging(std::size_t stage, std::int64_t bytes);

  // The leading rectangle is overwritten with nothing in particular: it becomes undefined.
  void clobber(const Tile& tile, std::int64_t rows, std::int64_t cols, AccessKind kind = AccessKind::write);
  // Bytes travel within a space as they are, with their definedness.
  void move_bytes(pto::Space space, std::int64_t from, std::int64_t to, std::int64_t size);

  // ---- the hidden scratch window of vec (pto-isa 1.2)
  void clobber_scratch_window();
  bool touches_scratch_window(const Tile& tile) const;

  // ---- global memory
  Tensor& tensor(std::size_t index) { return *launch_.tensors[index]; }
  // Elements [begin, end) of a tensor, seen as one of this type: all but its guard bytes.
  struct Elements {
    std::int64_t begin, end;
    std::int64_t size() const { return end - begin; }
    bool has(__int128 element) const { return element >= begin && element < end; }
  };
  Elements elements(std::size_t tensor, DType element) const;
  // What every access to global memory goes through before it touches the bytes; false after a fault (rules "bounds",
  // "foreign-memory", "undefined-bytes"). Findings: "race-raw", "race-war", "race-waw", "stale-line". A write defines.
  // The leading rows x cols of the view:
  bool access_window(AccessKind kind, const View& view, std::int64_t rows, std::int64_t cols);
  // Bytes [begin, end) of the tensor, which exist:
  bool access_global(AccessKind kind, std::size_t tensor, std::int64_t begin, std::int64_t end);
  // One scalar through the core's cache, with its checks. The bytes exist.
  bool load_global(std::size_t tensor, std::int64_t offset, std::int64_t width, std::uint64_t& bits);
  bool store_global(std::size_t tensor, std::int64_t offset, std::int64_t width, std::uint64_t bits);
  // cmo.cacheinvalid of [begin, end) and of all; fence.barrier_all.
  void invalidate_cache(std::size_t tensor, std::int64_t begin, std::int64_t end);
  void invalidate_cache();
  void fence_cache();
  Place place_of(std::size_t tensor, std::int64_t byte) const { return describe_tensor(launch_, tensor, byte); }
  // The tensor's bytes; null for kNoTensor.
  const device::Placement& placement(std::size_t tensor) const { return global_tensors_[tensor]->placement(); }
  std::byte* global(std::size_t index) { return index < tensors_.size() ? tensors_[index] : nullptr; }

  // ---- trace
  bool tracing() const { return static_cast<bool>(options_.tracer); }
  void trace_tile(const Tile& tile, std::int64_t rows, std::int64_t cols, const std::byte* dense);
  void trace_scalar(DType dtype, std::uint64_t bits);
  void trace_global(const Pointer& pointer, std::int64_t rows, std::int64_t cols,
                    std::vector<std::int64_t> element_offsets, std::vector<std::byte> data);

 private:
  friend class Interpreter;
  friend class Pipes;
  bool bind_arguments(const FunctionCode& entry);
  void use_frame();  // the accessors reach the innermost frame's slots
  device::Diagnostic diagnostic(std::string_view rule, std::string message) const;
  void add_finding(device::Diagnostic broken, const pto::Operation* op, const pto::Operation* earlier,
                   const pto::Function* earlier_function);
  // Records the access to on-chip memory; only in explicit order.
  void record_local(AccessKind kind, const Tile& tile, std::int64_t rows, std::int64_t cols);
  void record_local(AccessKind kind, pto::Space space, std::int64_t begin, std::int64_t end);
  void report_races(const Access& later, const Place& where);  // those in conflicts_
  void report_races(const Access& later, std::size_t tensor);
  bool check_owner(std::size_t tensor, const pto::Operation* made_by);
  GlobalHistory& history_of(const GlobalTensor& global);
  // In program order too, blocks that run independently are unordered: what they touch is compared afterwards. Not in the
  // canonical schedule, whose runs it would make up to three times as long where pieces are small.
  bool compares_blocks() const {
    return !pipes_ && surroundings_.unit.block >= 0 && launch_.blocks > 1 &&
           options_.schedule.kind != device::Schedule::Kind::canonical;
  }
  bool report_undefined_global(std::size_t tensor, std::int64_t at);
  void report_stale(const ScalarStore& store, std::size_t tensor, std::int64_t begin, std::int64_t end,
                    std::string_view what);
  // The first undefined byte of rows and columns [begin, end), which has one.
  bool report_undefined(const Tile& tile, Extent begin, Extent end);
  device::TraceEvent event() const;
  void emit(const device::TraceEvent& event);
  void push_frame(const FunctionCode& code);
  void release_storage(std::size_t mark, std::span<const Ref> keep);

  struct Storage {
    pto::Space space;
    std::int64_t address, size;
    bool live;
  };

  AgentId who_;
  Surroundings surroundings_;
  std::unique_ptr<Pipes> pipes_;  // null in program order
  Memories& memories_;
  const Program& program_;
  const device::Launch& launch_;
  const device::RunOptions& options_;
  device::RunReport& report_;
  std::vector<std::byte*> tensors_;
  std::vector<GlobalTensor*> global_tensors_;
  ScalarCache* cache_ = nullptr;  // null in program order
  std::array<LocalHistory, pto::kSpaceCount> histories_;
  Conflicts conflicts_;  // of one access
  Epoch block_epoch_;    // in program order: time 0, which everybody has seen; blocks are compared without times

  std::vector<std::uint64_t> scalars_;
  std::vector<Pointer> pointers_;
  std::vector<View> views_;
  std::vector<Tile> tiles_;
  std::vector<std::uint32_t> arrays_;  // per slot: index into local_arrays_
  std::vector<LocalArray> local_arrays_;
  std::vector<Frame> frames_;
  Frame* frame_ = nullptr;
  std::vector<Loop> loops_;
  Slots slots_;
  const pto::Function* function_ = nullptr;  // the current operation's
  const Instruction* current_ = nullptr;
  const std::vector<std::int64_t>* queued_loop_indices_ = nullptr;  // of a queued operation
  std::optional<std::uint64_t> undefined_at_;  // Pipes::here of a fault "undefined-bytes"
  UndefinedRead undefined_read_;
  bool stopped_ = false;                                            // the tracer asked for it

  std::vector<Storage> storages_;            // of the block, dead ones are reused
  std::vector<std::int32_t> live_storages_;  // in order of allocation
  // Out of scope, but operations issued up to then may still use it.
  struct Retired {
    std::int32_t storage;
    std::uint64_t last_issued;
  };
  std::vector<Retired> retired_storages_;
  std::array<std::int64_t, pto::kSpaceCount> private_end_{};
  std::int64_t private_bytes_ = 0;
  const pto::Operation* scratch_clobbered_by_ = nullptr;
  std::array<std::vector<std::byte>, 4> stages_;
};

}  // namespace assay::sim

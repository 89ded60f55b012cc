// The state of one lowering: registers, instructions, memory regions. Each operation family has its own source file.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "harness/device/tileops/lowered.h"
#include "harness/pto/pipe.h"

namespace assay::device {

// Fields of a tile descriptor that its type fixes; address, base and limit are 0.
using TileImage = std::array<std::int64_t, abi::kTileSlots>;
// `infinite_pads`: floats pad with infinities, else with the largest finite values.
TileImage tile_image(const pto::TileType& type, bool infinite_pads);
// Bytes the physical tile covers.
std::int64_t tile_bytes(const pto::TileType& type);
std::int32_t element_bytes(DType dtype);
// Element types whose values the device computes with; others it only moves.
bool computes(DType element);

class Lowering {
 public:
  Lowering(const Launch& launch, const RunOptions& options) : launch_(launch), options_(options) {}
  Result<LoweredProgram> run();

 private:
  using Register = std::int32_t;
  // A call in progress: where the values of the function live.
  struct Frame {
    const pto::Function* function = nullptr;
    std::vector<Register> registers;     // by ValueId, kNone while undefined
    std::vector<std::int32_t> loops;     // of the enclosing loops, calls included
    std::vector<pto::ValueId> returned;  // operands of the function's return
  };
  struct Word {
    abi::InstructionWord index;
    std::int64_t value;
  };

  // Registers and instructions (lower.cpp). Everything returning bool: false after refuse().
  bool refuse(const pto::Operation& operation, std::string_view what = {});
  Register fresh(std::int64_t count);
  std::optional<std::int64_t> slots_of(const pto::Type& type) const;
  bool define(const pto::Operation& operation, pto::ValueId value);
  Register reg(pto::ValueId value) const { return frame_->registers[value]; }
  const pto::Type& type(pto::ValueId value) const { return frame_->function->type(value); }
  Instruction& emit(abi::DeviceOp op, std::initializer_list<Word> words);
  std::int32_t here() const { return static_cast<std::int32_t>(program_.code.size()); }
  void set_immediate(Instruction& instruction, std::int64_t value);
  bool copy(const pto::Operation& operation, std::span<const Register> to, std::span<const Register> from,
            std::span<const std::int64_t> counts);
  bool lower_arguments();
  bool lower_region(const pto::Region& region);
  bool lower_operation(const pto::Operation& operation);

  // lower_control.cpp
  bool lower_control(const pto::Operation& operation);
  bool lower_for(const pto::Operation& operation);
  bool lower_if(const pto::Operation& operation);
  bool lower_while(const pto::Operation& operation);
  bool lower_call(const pto::Operation& operation);
  bool lower_order(const pto::Operation& operation);
  bool copy_values(const pto::Operation& operation, std::span<const Register> to, std::span<const pto::ValueId> from);

  // lower_arith.cpp
  bool lower_arith(const pto::Operation& operation);
  bool lower_constant(const pto::Operation& operation);
  bool lower_cast(const pto::Operation& operation);

  // lower_view.cpp
  bool lower_view(const pto::Operation& operation);
  bool lower_query(const pto::Operation& operation);
  bool lower_make_view(const pto::Operation& operation);
  bool lower_partition(const pto::Operation& operation);
  bool lower_addptr(const pto::Operation& operation);
  bool lower_alloc(const pto::Operation& operation);
  bool lower_alias(const pto::Operation& operation);
  bool lower_scalar_memory(const pto::Operation& operation);
  bool lower_local_array(const pto::Operation& operation);
  bool place_tile(const pto::Operation& operation, Register tile, const pto::TileType& type, bool is_private);
  bool region_of(const pto::Operation& operation, pto::Space space, std::int64_t& base, std::int64_t& bytes);
  std::int64_t unset_extent(std::int64_t physical);
  std::int64_t alignment_of(pto::Space space) const;

  // lower_tile.cpp
  bool lower_tile(const pto::Operation& operation);
  bool lower_load(const pto::Operation& operation);
  bool lower_store(const pto::Operation& operation);
  bool lower_binary(const pto::Operation& operation, abi::BinarySub sub, abi::SourceMode first, abi::SourceMode second);
  bool lower_unary(const pto::Operation& operation, abi::UnarySub sub);
  bool lower_convert(const pto::Operation& operation);
  bool lower_move(const pto::Operation& operation, abi::SourceMode mode);
  bool lower_reduction(const pto::Operation& operation, abi::ReduceSub sub, bool of_columns);
  bool lower_gather(const pto::Operation& operation);
  bool lower_iota(const pto::Operation& operation);
  bool lower_pair(const pto::Operation& operation, abi::DeviceOp op);
  bool lower_ternary(const pto::Operation& operation, abi::TernarySub sub, std::array<std::int8_t, 3> order);
  bool lower_partial(const pto::Operation& operation, abi::BinarySub sub);
  bool same_elements(const pto::Operation& operation);
  bool scalar_operand(const pto::Operation& operation, pto::ValueId value, DType element, Register& result);
  void fuse_products();

  // lower_lists.cpp
  bool lower_compare(const pto::Operation& operation);
  bool lower_select(const pto::Operation& operation);
  bool lower_gather_pattern(const pto::Operation& operation);
  bool lower_sort(const pto::Operation& operation);
  bool lower_merge(const pto::Operation& operation);

  // lower_comm.cpp
  void find_cores();
  bool on_cores(pto::CoreKind kind, const std::function<bool()>& lower_body);
  bool lower_flag(const pto::Operation& operation);
  bool lower_signal(const pto::Operation& operation);
  bool lower_comm(const pto::Operation& operation);

  // lower_ring.cpp
  bool lower_pipe(const pto::Operation& operation);
  bool lower_reserve(const pto::Operation& operation);
  bool lower_initialize(const pto::Operation& operation);
  bool lower_entry(const pto::Operation& operation);

  // lower_cube.cpp
  struct Fixpipe {
    bool exists = true;  // else the target has no such mode
    bool relu = false;
    abi::FixpipeMode mode = abi::kFixNone;
    abi::ParameterKind kind = abi::kParameterNone;
    Register parameter = abi::kNone;
  };
  bool lower_fixpipe(const pto::Operation& operation, DType from, DType to, std::size_t first, Fixpipe& fixpipe);
  bool lower_product(const pto::Operation& operation);
  bool lower_part(const pto::Operation& operation);

  const Launch& launch_;
  const RunOptions& options_;
  LoweredProgram program_;
  Frame* frame_ = nullptr;
  int depth_ = 0;
  std::optional<pto::CoreKind> kind_;  // of the launch's cores, when they are of one
  std::int32_t site_ = 0;
  std::string reason_;
  struct MemoryRegion {
    std::int64_t base = 0, bytes = 0;
  };
  std::map<pto::Space, MemoryRegion> regions_;
  // One direction of a pipe. `storage`: of the consumer's slots where no memory space holds them.
  struct Ring {
    std::int64_t number = 0, slots = 0, bytes = 0, offset = 0, stride = 0, local = 0;
    Register base = abi::kNone;
    MemoryRegion storage;
  };
  std::map<std::pair<std::int64_t, abi::RingDirection>, Ring> rings_;
  std::map<Register, MemoryRegion> reserved_;
  std::int64_t stage_bytes_ = 0;
  std::uint64_t unset_count_ = 0;
  std::vector<std::int32_t> block_starts_;  // instructions that jumps lead to
};

}  // namespace assay::device

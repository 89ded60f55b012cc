// The scalar stream of an agent: executes decoded instructions one after the other, within the instruction budget.
#pragma once

#include <vector>

#include "harness/sim/machine.h"

namespace assay::sim {

// How far a stream came.
enum class Stream : std::uint8_t {
  running,   // it can go on
  blocked,   // its next instruction waits
  finished,  // the entry returned
  stopped,   // a broken rule, the budget or the tracer; the report says why
};

class Interpreter {
 public:
  explicit Interpreter(Machine& machine) : m_(machine) {}

  // At the machine's entry. `at_once`: operations run when they are issued, if they can; else every issue ends a run.
  void start(bool at_once, std::uint64_t& sequence);
  // At most `steps` instructions.
  Stream run(std::uint64_t steps);
  // Why it is blocked; the machine's current operation becomes the blocked one.
  Wait explain();
  std::uint64_t position() const { return executed_; }  // grows with every counted instruction

 private:
  static constexpr std::size_t kMaxCallDepth = 64;
  enum class Next : std::uint8_t { proceed, issued, blocked, finished, stopped };

  Next step(const Instruction& i);
  Next queue(const Instruction& i);
  Next wrong_core(const Instruction& i);
  void copy(std::span<const Ref> from, std::span<const Ref> to);
  void load(std::span<const Ref> refs);
  void store(std::span<const Ref> refs);
  bool begin_loop(const Instruction& i);
  bool next_iteration(const Instruction& i);  // false when the loop is over
  void end_loop(std::span<const Ref> keep);
  bool call(const Instruction& i);
  bool check_narrowing(const Instruction& i, const FunctionCode& callee);
  bool leave(const Instruction& i);  // true when the entry returned

  Machine& m_;
  bool at_once_ = true;
  std::uint64_t* sequence_ = nullptr;  // of issue, shared by the agents that run together
  std::uint64_t executed_ = 0;
  bool issued_ = false;  // the gated instruction that blocks the stream has been issued
  std::uint8_t cores_ = kWholeCore;
  // Registers' worth of values copied at once, all read before any is written.
  std::vector<std::uint64_t> scalars_;
  std::vector<Pointer> pointers_;
  std::vector<View> views_;
  std::vector<Tile> tiles_;
  std::vector<std::uint32_t> arrays_;
};

}  // namespace assay::sim

// Control: executes decoded instructions one after the other, within the instruction budget.
#include "harness/sim/interpreter.h"

#include <vector>

#include "harness/sim/machine.h"

namespace assay::sim {

// Registers' worth of values copied at once, all read before any is written.
class Interpreter {
 public:
  explicit Interpreter(Machine& machine) : m_(machine) {}
  bool run();  // false: the report says why

 private:
  static constexpr std::size_t kMaxCallDepth = 64;
  enum class Next : std::uint8_t { proceed, finished, stopped };

  Next step(const Instruction& i);
  void copy(std::span<const Ref> from, std::span<const Ref> to);
  void load(std::span<const Ref> refs);
  void store(std::span<const Ref> refs);
  bool begin_loop(const Instruction& i);
  bool next_iteration(const Instruction& i);  // false when the loop is over
  void end_loop(std::span<const Ref> keep);
  bool call(const Instruction& i);
  bool leave(const Instruction& i);  // true when the entry returned

  Machine& m_;
  std::vector<std::uint64_t> scalars_;
  std::vector<Pointer> pointers_;
  std::vector<View> views_;
  std::vector<Tile> tiles_;
  std::vector<std::uint32_t> arrays_;
};

void Interpreter::load(std::span<const Ref> refs) {
  scalars_.clear(), pointers_.clear(), views_.clear(), tiles_.clear(), arrays_.clear();
  for (Ref ref : refs) switch (ref.kind) {
      case Kind::scalar:
        scalars_.push_back(m_.scalar(ref));
        break;
      case Kind::pointer:
        pointers_.push_back(m_.pointer(ref));
        break;
      case Kind::view:
        views_.push_back(m_.view(ref));
        break;
      case Kind::tile:
        tiles_.push_back(m_.tile(ref));
        break;
      case Kind::array:
        arrays_.push_back(m_.array_slot(ref));
        break;
    }
}

void Interpreter::store(std::span<const Ref> refs) {
  std::array<std::size_t, 5> at{};
  for (Ref ref : refs) {
    const std::size_t index = at[static_cast<std::size_t>(ref.kind)]++;
    switch (ref.kind) {
      case Kind::scalar:
        m_.scalar(ref) = scalars_[index];
        break;
      case Kind::pointer:
        m_.pointer(ref) = pointers_[index];
        break;
      case Kind::view:
        m_.view(ref) = views_[index];
        break;
      case Kind::tile:
        m_.tile(ref) = tiles_[index];
        break;
      case Kind::array:
        m_.array_slot(ref) = arrays_[index];
        break;
    }
  }
}

void Interpreter::copy(std::span<const Ref> from, std::span<const Ref> to) {
  if (from.empty()) return;
  load(from);
  store(to);
}

bool Interpreter::begin_loop(const Instruction& i) {
  const std::int64_t step = m_.integer(i.operands[2]);
  if (step <= 0) return m_.fault_at_operand("loop-step", fmt::format("scf.for with step {}", step), 2);
  m_.scalar(i.operands[0]) = m_.scalar(i.operands[1]);
  m_.loops_.push_back({m_.frame_->base[0] + i.operands[0].index, true, m_.live_storages_.size()});
  return true;
}

bool Interpreter::next_iteration(const Instruction& i) {
  m_.release_storage(m_.loops_.back().storage_mark, i.results);
  if (i.step == Step::while_next) return true;
  std::int64_t next = 0;
  // Past the type's end the loop is over, whatever its bound.
  if (__builtin_add_overflow(m_.integer(i.operands[0]), m_.integer(i.operands[1]), &next)) return false;
  m_.scalar(i.operands[0]) = static_cast<std::uint64_t>(next);
  return true;
}

void Interpreter::end_loop(std::span<const Ref> keep) {
  m_.release_storage(m_.loops_.back().storage_mark, keep);
  m_.loops_.pop_back();
}

bool Interpreter::call(const Instruction& i) {
  if (m_.frames_.size() >= kMaxCallDepth) {
    const FunctionCode& callee = m_.program_.functions[i.target];
    return m_.fault("call-depth",
                    fmt::format("call of @{} in {} calls inside one another", callee.function->name, m_.frames_.size()),
                    callee.function->location);
  }
  load(i.operands);
  const FunctionCode& callee = m_.program_.functions[i.target];
  m_.push_frame(callee);
  std::vector<Ref> arguments;
  for (pto::ValueId argument : callee.function->arguments) arguments.push_back(callee.values[argument]);
  store(arguments);
  return true;
}

bool Interpreter::leave(const Instruction& i) {
  const Frame left = m_.frames_.back();
  m_.loops_.resize(left.loop_mark);
  m_.release_storage(left.storage_mark, i.operands);
  if (m_.frames_.size() == 1) return true;
  load(i.operands);
  m_.local_arrays_.resize(left.array_mark);
  m_.frames_.pop_back();
  m_.frame_ = &m_.frames_.back();
  store(m_.frame_->code->code[m_.frame_->pc - 1].results);
  return false;
}

Interpreter::Next Interpreter::step(const Instruction& i) {
  const auto faulted = [](bool ok) { return ok ? Next::proceed : Next::stopped; };
  std::uint32_t& pc = m_.frame_->pc;
  switch (i.step) {
    case Step::body:
      return faulted(i.body(m_, i));
    case Step::moves:
      copy(i.operands, i.results);
      pc = i.target;
      return Next::proceed;
    case Step::branch:
      if (m_.scalar(i.operands[0]) == 0) pc = i.target;
      return Next::proceed;
    case Step::for_begin:
      return faulted(begin_loop(i));
    case Step::for_test:
      if (m_.integer(i.operands[0]) >= m_.integer(i.operands[1])) pc = i.target;
      return Next::proceed;
    case Step::for_next:
    case Step::while_next:
      if (next_iteration(i)) pc = i.target;  // else the loop's end follows
      return Next::proceed;
    case Step::while_begin:
      m_.loops_.push_back({0, false, m_.live_storages_.size()});
      return Next::proceed;
    case Step::for_end:
      copy(i.operands, i.results);
      end_loop(i.results);
      return Next::proceed;
    case Step::while_end:
      end_loop(i.results);
      return Next::proceed;
    case Step::call:
      return faulted(call(i));
    case Step::leave:
      return leave(i) ? Next::finished : Next::proceed;
  }
  return Next::stopped;
}

bool Interpreter::run() {
  const std::uint64_t budget = m_.options_.instruction_budget;
  for (std::uint64_t executed = 0;;) {
    const Instruction& i = m_.frame_->code->code[m_.frame_->pc++];
    m_.current_ = &i;
    if (i.counted) {
      if (executed++ >= budget) {
        m_.report_.status = device::RunStatus::budget;
        m_.report_.reason =
            fmt::format("block {} executed {} operations, line {}", m_.block_, budget, i.source->location.line);
        return false;
      }
      ++m_.report_.instructions;
    }
    const Next next = step(i);
    if (next == Next::finished) return true;
    if (next == Next::stopped || m_.stopped_) return false;
  }
}

void execute(Memories& memories, const Program& program, const device::Launch& launch,
             const device::RunOptions& options, device::RunReport& report) {
  Machine machine(memories, program, launch, options, report);
  Interpreter interpreter(machine);
  for (std::int64_t block = 0; block < launch.blocks; ++block) {
    machine.start_block(block);
    if (!interpreter.run()) return;
  }
}

}  // namespace assay::sim

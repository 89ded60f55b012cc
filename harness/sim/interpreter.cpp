// Control: executes decoded instructions one after the other, within the instruction budget.
#include "harness/sim/interpreter.h"

#include "harness/sim/pipes.h"
#include "harness/sim/scalar.h"

namespace assay::sim {

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
  m_.loops_.push_back({i.source, m_.frame_->base[0] + i.operands[0].index, true, m_.live_storages_.size()});
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
  if (i.immediate == kNarrows && !check_narrowing(i, callee)) return false;
  m_.push_frame(callee);
  std::vector<Ref> arguments;
  for (pto::ValueId argument : callee.function->arguments) arguments.push_back(callee.values[argument]);
  store(arguments);
  if (i.immediate != kNarrows) return true;
  for (std::size_t at = 0; at < arguments.size(); ++at) {
    const auto* type = std::get_if<pto::ScalarType>(&callee.function->type(callee.function->arguments[at]));
    if (type && !is_float(type->kind)) m_.scalar(arguments[at]) = canonical(m_.scalar(arguments[at]), type->kind);
  }
  return true;
}

// An argument of a narrower type than the value passed for it (seed bug B06).
bool Interpreter::check_narrowing(const Instruction& i, const FunctionCode& callee) {
  for (std::size_t at = 0; at < i.operands.size(); ++at) {
    const pto::ValueId argument = callee.function->arguments[at];
    const auto* type = std::get_if<pto::ScalarType>(&callee.function->type(argument));
    if (!type || is_float(type->kind)) continue;
    const std::int64_t value = m_.integer(i.operands[at]);
    if (!holds(type->kind, value))
      return m_.fault_at_operand(
          "narrowing",
          fmt::format("{} passed for %{} of @{} does not fit {} bits", value, callee.function->values[argument].name,
                      callee.function->name, pto::bits_of(type->kind)),
          at);
  }
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
  m_.use_frame();
  store(m_.frame_->code->code[m_.frame_->pc - 1].results);
  return false;
}

Interpreter::Next Interpreter::queue(const Instruction& i) {
  switch (m_.pipes_->issue(i, at_once_, *sequence_)) {
    case Issued::executed:
      // A flag it set may let queued operations go.
      if (!m_.pipes_->idle() && !m_.pipes_->drain()) return Next::stopped;
      return Next::proceed;
    case Issued::queued:
      return at_once_ ? Next::proceed : Next::issued;
    case Issued::full:
      return Next::blocked;
    case Issued::stopped:
      return Next::stopped;
  }
  return Next::stopped;
}

Interpreter::Next Interpreter::step(const Instruction& i) {
  const auto faulted = [](bool ok) { return ok ? Next::proceed : Next::stopped; };
  std::uint32_t& pc = m_.frame_->pc;
  switch (i.step) {
    case Step::body:
      if ((i.cores & cores_) == 0) return wrong_core(i);
      return faulted(i.body(m_, i));
    case Step::gated:
      if ((i.cores & cores_) == 0) return wrong_core(i);
      if (i.issue && !issued_ && !i.issue(m_, i)) return Next::stopped;
      issued_ = true;
      if (i.ready && !i.ready(m_, i)) return Next::blocked;
      issued_ = false;
      if (i.body && !i.body(m_, i)) return Next::stopped;
      if (at_once_ && m_.pipes_ && !m_.pipes_->idle()) return faulted(m_.pipes_->drain());
      return Next::proceed;
    case Step::queued:
      if ((i.cores & cores_) == 0) return wrong_core(i);
      return queue(i);
    case Step::drain:
      if (m_.pipes_ && !m_.pipes_->drained()) return Next::blocked;
      return i.body ? faulted(i.body(m_, i)) : Next::proceed;
    case Step::section:
      if ((i.cores & cores_) == 0) pc = i.target;
      return Next::proceed;
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
      m_.loops_.push_back({i.source, 0, false, m_.live_storages_.size()});
      return Next::proceed;
    case Step::for_end:
      copy(i.operands, i.results);
      end_loop(i.results);
      return Next::proceed;
    case Step::while_end:
      end_loop(i.results);
      return Next::proceed;
    case Step::call:
      return (i.cores & cores_) == 0 ? Next::proceed : faulted(call(i));
    case Step::leave:
      return leave(i) ? Next::finished : Next::proceed;
  }
  return Next::stopped;
}

Interpreter::Next Interpreter::wrong_core(const Instruction& i) {
  m_.fault("wrong-core",
           fmt::format("{} uses memories that {} does not have", pto::mnemonic(i.code), describe(m_.who_)),
           m_.function_->location);
  return Next::stopped;
}

void Interpreter::start(bool at_once, std::uint64_t& sequence) {
  at_once_ = at_once;
  sequence_ = &sequence;
  executed_ = 0;
  issued_ = false;
  cores_ = m_.who_.kind ? core_bit(*m_.who_.kind) : kWholeCore;
}

Stream Interpreter::run(std::uint64_t steps) {
  const std::uint64_t budget = m_.options_.instruction_budget;
  for (;; --steps) {
    if (steps == 0) return Stream::running;
    const Instruction& i = m_.frame_->code->code[m_.frame_->pc++];
    m_.current_ = &i;
    if (i.counted) {
      if (executed_++ >= budget) {
        const std::string spent = fmt::format("{} executed {} operations", describe(m_.who_), budget);
        m_.report_.status = device::RunStatus::budget;
        m_.report_.reason = fmt::format("{}, line {}", spent, i.source->location.line);
        m_.report_.diagnostics.push_back(m_.diagnostic("budget", spent + " and has not ended"));
        // Where it went round, and in which loop.
        if (!m_.loops_.empty()) m_.report_.diagnostics.back().related = m_.loops_.back().op->location;
        return Stream::stopped;
      }
      ++m_.report_.instructions;
    }
    switch (step(i)) {
      case Next::proceed:
        if (m_.stopped_) return Stream::stopped;
        continue;
      case Next::issued:
        return Stream::running;
      case Next::finished:
        return Stream::finished;
      case Next::stopped:
        return Stream::stopped;
      case Next::blocked:
        --m_.frame_->pc;
        if (i.counted) --executed_, --m_.report_.instructions;
        return Stream::blocked;
    }
  }
}

Wait Interpreter::explain() {
  const Instruction& i = m_.frame_->code->code[m_.frame_->pc];
  m_.current_ = &i;
  if (i.step == Step::gated) return i.explain(m_, i);
  for (std::size_t at = 0; at < pto::kPipes; ++at) {
    const auto pipe = static_cast<pto::Pipe>(at);
    const Queued* head = m_.pipes_->head(pipe);
    if (!head || (i.step == Step::queued ? pipe != i.pipe : pipe == pto::Pipe::sdma)) continue;
    const pto::Location where = head->instruction.source->location;
    return {i.step == Step::queued ? "room in a queue" : "all pipes of the core to run dry",
            fmt::format("{}, at line {}", pto::pipe_name(pipe), where.line), where};
  }
  return {"its pipes", "nobody"};
}

}  // namespace assay::sim

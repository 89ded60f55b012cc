// Bodies of asynchronous put and get (pto-format 1.1 family D, pto-isa 2.5): an engine beside the core copies from
// global memory to global memory and says so through an event. Nothing else orders it: neither flags nor barriers reach
// it.
//
// Decided where the ISA leaves it open:
// - An event is waited for together with all transfers of its session that were issued before the wait (the library
//   drains the queue), so a transfer counts as waited for once any later wait of its session is over.
// - Transfers of one core start in the order of issue and complete in any; two of them that write the same bytes race.
// - The session's scratch tile belongs to the engine from the issue to the wait.
#include "harness/sim/global_rectangle.h"
#include "harness/sim/machine.h"
#include "harness/sim/shared.h"

namespace assay::sim {
namespace {

using pto::OpCode;

AsyncEngine& engine(Machine& m) { return m.shared().engines[key_of(m.who())]; }

// Handles are numbers from 1; 0 is a value nobody has made.
bool build_session(Machine& m, const Instruction& i) {
  const Tile& scratch = m.tile(i.operands[0]);
  if (!m.check_alignment(scratch)) return false;
  std::vector<AsyncSession>& sessions = engine(m).sessions;
  sessions.push_back({scratch});
  m.scalar(i.results[0]) = sessions.size();
  return true;
}

AsyncSession* session_of(Machine& m, Ref ref) {
  const std::uint64_t handle = m.scalar(ref);
  std::vector<AsyncSession>& sessions = engine(m).sessions;
  if (handle > 0 && handle <= sessions.size()) return &sessions[handle - 1];
  m.fault("async-handle", "the session was never built", m.function().location);
  return nullptr;
}

bool submit(Machine& m, const Instruction& i) {
  if (!session_of(m, i.operands[2])) return false;
  std::vector<AsyncTransfer>& transfers = engine(m).transfers;
  transfers.push_back({{i.source, &m.function()}, m.scalar(i.operands[2]), false, false, {}});
  m.scalar(i.results[0]) = transfers.size();
  return true;
}

// A run of elements without gaps.
bool check_row(Machine& m, const View& view) {
  const RectangleShape shape = shape_of(view);
  const std::size_t last = view.rank - 1;
  if (shape.rows == 1 && (view.strides[last] == 1 || shape.cols == 1)) return check_extent(m, view);
  return m.fault("transfer-shape",
                 fmt::format("an asynchronous transfer moves one row without gaps, not {}x{} elements with stride {}",
                             shape.rows, shape.cols, view.strides[last]),
                 view.made_by ? view.made_by->location : m.function().location);
}

bool transfer(Machine& m, const Instruction& i) {
  const View &to = m.view(i.operands[0]), &from = m.view(i.operands[1]);
  if (!check_row(m, to) || !check_row(m, from)) return false;
  if (shape_of(to).cols != shape_of(from).cols)
    return m.fault("transfer-shape", fmt::format("{} elements for {}", shape_of(from).cols, shape_of(to).cols),
                   to.made_by ? to.made_by->location : m.function().location);
  Cargo cargo;
  if (!load_rectangle(m, from, cargo) || !store_rectangle(m, to, cargo, false)) return false;
  AsyncEngine& own = engine(m);
  AsyncTransfer& done = own.transfers[m.scalar(i.results[0]) - 1];
  // The engine's own bookkeeping: its transfers do not disturb one another there, anybody else does.
  const Tile& scratch = own.sessions[done.session - 1].scratch;
  m.clobber(scratch, scratch.rows, scratch.cols, AccessKind::atomic);
  m.release(done.clock);
  done.done = true;
  return true;
}

AsyncTransfer* event_of(Machine& m, const Instruction& i) {
  const std::uint64_t handle = m.scalar(i.operands[0]);
  std::vector<AsyncTransfer>& transfers = engine(m).transfers;
  if (handle == 0 || handle > transfers.size()) {
    m.fault("async-handle", "the event belongs to no transfer", m.function().location);
    return nullptr;
  }
  AsyncTransfer& found = transfers[handle - 1];
  if (found.session == m.scalar(i.operands[1])) return &found;
  m.fault("async-handle", "the event belongs to another session", found.origin.op->location);
  return nullptr;
}

bool check_event(Machine& m, const Instruction& i) { return session_of(m, i.operands[1]) && event_of(m, i); }

bool is_complete(Machine& m, const Instruction& i) {
  const std::uint64_t session = m.scalar(i.operands[1]);
  for (const AsyncTransfer& one : engine(m).transfers)
    if (one.session == session && !one.done) return false;
  return true;
}

void complete(Machine& m, const Instruction& i) {
  const std::uint64_t session = m.scalar(i.operands[1]);
  for (AsyncTransfer& one : engine(m).transfers) {
    if (one.session != session || one.waited) continue;
    m.acquire(one.clock);
    one.clock = Clock();
    one.waited = true;
  }
}

void give(Machine& m, const Instruction& i, bool value) {
  if (i.results.empty()) return;
  m.scalar(i.results[0]) = value ? 1 : 0;
  m.trace_scalar(DType::u8, value ? 1 : 0);
}

bool wait(Machine& m, const Instruction& i) {
  complete(m, i);
  give(m, i, true);
  return true;
}

Wait explain_wait(Machine& m, const Instruction& i) {
  const AsyncTransfer& one = engine(m).transfers[m.scalar(i.operands[0]) - 1];
  return {"the transfers of a session",
          fmt::format("PIPE_SDMA, which has not come to {}", pto::mnemonic(one.origin.op->code)),
          one.origin.op->location};
}

bool test(Machine& m, const Instruction& i) {
  if (!check_event(m, i)) return false;
  const bool over = is_complete(m, i);
  if (over) complete(m, i);
  give(m, i, over);
  return true;
}

constexpr Part kBuild[] = {{pto::Pipe::s, false, nullptr, build_session, nullptr, nullptr}};
constexpr Part kTransfer[] = {{pto::Pipe::sdma, false, submit, transfer, nullptr, nullptr}};
constexpr Part kWait[] = {{pto::Pipe::s, false, check_event, wait, is_complete, explain_wait}};
constexpr Part kTest[] = {{pto::Pipe::s, false, nullptr, test, nullptr, nullptr}};

}  // namespace

std::span<const Part> async_parts(OpCode code) {
  switch (code) {
    case OpCode::comm_build_async_session:
      return kBuild;
    case OpCode::comm_tput_async:
    case OpCode::comm_tget_async:
      return kTransfer;
    case OpCode::comm_wait_async_event:
      return kWait;
    case OpCode::comm_test_async_event:
      return kTest;
    default:
      return {};
  }
}

}  // namespace assay::sim

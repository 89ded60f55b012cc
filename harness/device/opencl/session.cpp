#include "harness/device/opencl/session.h"

#include <algorithm>
#include <map>

#include "harness/device/opencl/fault.h"
#include "harness/device/opencl/trace.h"

namespace assay::device {
namespace {

constexpr std::int64_t kTensorAlignment = 256;

std::int64_t aligned(std::int64_t bytes) {
  return (bytes + kTensorAlignment - 1) / kTensorAlignment * kTensorAlignment;
}

template <class T>
std::span<const std::byte> bytes_of(const std::vector<T>& values) {
  return std::as_bytes(std::span(values));
}

using Status = Result<void>;

// A task on the device: which of its blocks are there, as agents first_agent and following.
struct Residence {
  bool started = false, done = false;
  std::int64_t first_agent = 0;
  std::int64_t room = 0;                         // blocks that may be there at once
  std::int64_t first_block = 0, last_block = 0;  // those that are; half-open
};

class Session {
 public:
  Session(OpenclDevice& device, std::span<const LoweredProgram> programs, std::span<const Task> tasks,
          const RunOptions& options)
      : device_(device), programs_(programs), tasks_(tasks), options_(options), residences_(tasks.size()) {}

  RunReport run() {
    if (fits()) {
      if (auto done = execute(); !done) fail(RunStatus::error, done.error().message);
    }
    return std::move(report_);
  }

 private:
  // Space (bytes, agents) and tensors.
  void number_tensors();
  bool fits();
  Status upload();
  Status download();

  // Tasks and their blocks.
  Status start_tasks(bool& any);
  Status start_blocks(std::size_t task);
  std::optional<std::int64_t> free_agents(std::int64_t count) const;
  Status finish_blocks(bool& any);

  // Launches.
  Status execute();
  Status run_together();
  Status run_in_turn();
  Status run_agent(std::int64_t agent);
  Status step(std::int64_t first_agent, std::int64_t agents, std::int64_t budget);
  Status launch_kernel(cl_kernel kernel, const std::array<std::size_t, 2>& global,
                       const std::array<std::size_t, 2>& local);
  Status read_states(std::int64_t first_agent, std::int64_t agents);
  Status write_state(std::int64_t agent, abi::StateSlot slot, std::int64_t value);
  Status read_registers(std::int64_t agent);
  Status release_barriers(bool& any);
  Status settle();
  Status trace(std::int64_t agent);
  void report_deadlock();
  void fail(RunStatus status, std::string reason) {
    report_.status = status;
    report_.reason = std::move(reason);
  }

  bool tracing() const { return static_cast<bool>(options_.tracer); }
  std::int64_t state(std::int64_t agent, abi::StateSlot slot) const {
    return states_[static_cast<std::size_t>(agent * abi::kStateSlots + slot)];
  }
  bool is_live(std::int64_t agent) const {
    return owner_[static_cast<std::size_t>(agent)] >= 0 && state(agent, abi::kStateStatus) == abi::kRunning;
  }
  std::size_t task_of(std::int64_t agent) const {
    return static_cast<std::size_t>(owner_[static_cast<std::size_t>(agent)]);
  }
  std::int64_t agents_of(std::size_t task) const {
    const Residence& residence = residences_[task];
    return (residence.last_block - residence.first_block) * programs_[task].cores;
  }
  AgentName name_of(std::int64_t agent) const;
  std::int64_t executed() const;

  OpenclDevice& device_;
  std::span<const LoweredProgram> programs_;
  std::span<const Task> tasks_;
  const RunOptions& options_;
  const BuiltProgram* built_ = nullptr;
  RunReport report_;
  std::vector<Tensor*> tensors_;                    // of all tasks, each once
  std::vector<std::vector<std::int64_t>> numbers_;  // by task: of the launch's tensors in `tensors_`
  std::vector<std::int64_t> tensor_base_, tensor_table_, states_, registers_, code_begin_;
  std::vector<Residence> residences_;
  std::vector<std::int64_t> owner_;  // by agent: its task, or -1
  std::int64_t global_bytes_ = 0, register_count_ = 1, arena_bytes_ = 0, executed_before_ = 0;
  bool in_turn_ = false;  // one agent at a time
  bool stopped_ = false;  // by the tracer
};

void Session::number_tensors() {
  std::map<const Tensor*, std::int64_t> known;
  for (const Task& task : tasks_) {
    std::vector<std::int64_t>& numbers = numbers_.emplace_back();
    for (Tensor* tensor : task.launch.tensors) {
      const auto [found, is_new] = known.try_emplace(tensor, static_cast<std::int64_t>(tensors_.size()));
      numbers.push_back(found->second);
      if (!is_new) continue;
      tensors_.push_back(tensor);
      tensor_base_.push_back(global_bytes_);
      global_bytes_ += aligned(static_cast<std::int64_t>(tensor->bytes().size()));
    }
  }
}

// What the device cannot hold is unsupported, with the numbers.
bool Session::fits() {
  number_tensors();
  const auto most = static_cast<std::int64_t>(device_.facts().max_allocation);
  for (std::size_t i = 0; i < tasks_.size(); ++i) {
    in_turn_ = in_turn_ || programs_[i].adds_to_global;
    register_count_ = std::max(register_count_, static_cast<std::int64_t>(programs_[i].registers.size()));
    arena_bytes_ = std::max(arena_bytes_, programs_[i].arena_bytes);
  }
  in_turn_ = in_turn_ || tracing();
  const std::int64_t each =
      std::max({arena_bytes_, register_count_ * 8, static_cast<std::int64_t>(abi::kStateSlots) * 8});
  const std::int64_t limit = most / each;
  const auto enough = static_cast<std::int64_t>(std::max<std::size_t>(8, 4 * device_.facts().compute_units));
  std::int64_t waiting = 0, largest = 0;
  for (std::size_t i = 0; i < tasks_.size(); ++i) {
    const LoweredProgram& program = programs_[i];
    const std::int64_t blocks = tasks_[i].launch.blocks;
    const std::int64_t wave = in_turn_ ? 1 : std::max<std::int64_t>(1, std::min(enough, limit) / program.cores);
    residences_[i].room = program.waits_for_others ? blocks : std::min(blocks, wave);
    const std::int64_t agents = residences_[i].room * program.cores;
    (program.waits_for_others ? waiting : largest) =
        program.waits_for_others ? waiting + agents : std::max(largest, agents);
  }
  const std::int64_t agents = std::max<std::int64_t>(waiting + largest, 1);
  const std::int64_t arenas = agents * arena_bytes_;
  owner_.assign(static_cast<std::size_t>(agents), -1);
  states_.assign(static_cast<std::size_t>(agents * abi::kStateSlots), 0);
  for (std::size_t i = abi::kStateStatus; i < states_.size(); i += abi::kStateSlots) states_[i] = abi::kDone;
  if (global_bytes_ <= most && agents <= std::max<std::int64_t>(limit, 1) && arenas <= most &&
      global_bytes_ + arenas <= static_cast<std::int64_t>(device_.facts().global_memory))
    return true;
  fail(RunStatus::unsupported,
       fmt::format(
           "device memory: {} bytes of tensors and {} bytes of tile memory of {} cores that run at once, the device "
           "allows {} in one buffer and {} in all",
           global_bytes_, arenas, agents, most, device_.facts().global_memory));
  return false;
}

Status Session::upload() {
  OpenclDevice::Buffers& buffers = device_.buffers();
  const cl_context context = device_.context();
  const cl_command_queue queue = device_.queue();
  const auto agents = static_cast<std::uint64_t>(owner_.size());
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    const DTypeInfo& element = info(tensors_[i]->dtype());
    const std::int64_t width = std::max(element.bits / 8, 1);
    tensor_table_.insert(tensor_table_.end(),
                         {tensor_base_[i], static_cast<std::int64_t>(tensors_[i]->bytes().size()) / width, width, 0});
  }
  std::vector<Instruction> code;
  for (const LoweredProgram& program : programs_) {
    code_begin_.push_back(static_cast<std::int64_t>(code.size()));
    code.insert(code.end(), program.code.begin(), program.code.end());
  }
  const auto reserve = [&](DeviceBuffer& buffer, std::uint64_t bytes) { return buffer.reserve(context, bytes); };
  Status done = reserve(buffers.code, std::max<std::size_t>(code.size(), 1) * sizeof(Instruction));
  if (done) done = reserve(buffers.image, static_cast<std::uint64_t>(register_count_) * 8);
  if (done) done = reserve(buffers.registers, static_cast<std::uint64_t>(register_count_) * 8 * agents);
  if (done) done = reserve(buffers.states, abi::kStateSlots * 8 * agents);
  if (done) done = reserve(buffers.arenas, static_cast<std::uint64_t>(arena_bytes_) * agents);
  if (done) done = reserve(buffers.global, static_cast<std::uint64_t>(global_bytes_));
  if (done) done = reserve(buffers.tensors, tensor_table_.size() * 8);
  if (done) done = buffers.code.write(queue, 0, bytes_of(code));
  if (done) done = buffers.states.write(queue, 0, bytes_of(states_));
  if (done) done = buffers.tensors.write(queue, 0, bytes_of(tensor_table_));
  for (std::size_t i = 0; done && i < tensors_.size(); ++i)
    done = buffers.global.write(queue, static_cast<std::uint64_t>(tensor_base_[i]), tensors_[i]->bytes());
  return done;
}

Status Session::download() {
  OpenclDevice::Buffers& buffers = device_.buffers();
  Status done = buffers.tensors.read(device_.queue(), 0, std::as_writable_bytes(std::span(tensor_table_)));
  for (std::size_t i = 0; done && i < tensors_.size(); ++i)
    if (tensor_table_[i * abi::kTensorSlots + abi::kTensorWritten])
      done = buffers.global.read(device_.queue(), static_cast<std::uint64_t>(tensor_base_[i]), tensors_[i]->bytes());
  return done;
}

template <class... Values>
Result<void> set_arguments(cl_kernel kernel, const Values&... values) {
  cl_uint index = 0;
  cl_int status = CL_SUCCESS;
  ((status = status == CL_SUCCESS ? clSetKernelArg(kernel, index++, sizeof values, &values) : status), ...);
  return check(status, "clSetKernelArg");
}

// Waits for the kernel and adds the device's clock between its start and its end.
Status Session::launch_kernel(cl_kernel kernel, const std::array<std::size_t, 2>& global,
                              const std::array<std::size_t, 2>& local) {
  cl_event raw = nullptr;
  Status done =
      check(clEnqueueNDRangeKernel(device_.queue(), kernel, 2, nullptr, global.data(), local.data(), 0, nullptr, &raw),
            "clEnqueueNDRangeKernel");
  const ClEvent event(raw);
  if (!done) return done;
  done = check(clWaitForEvents(1, &raw), "clWaitForEvents");
  cl_ulong begin = 0, end = 0;
  if (done)
    done = check(clGetEventProfilingInfo(raw, CL_PROFILING_COMMAND_START, sizeof begin, &begin, nullptr), "profiling");
  if (done)
    done = check(clGetEventProfilingInfo(raw, CL_PROFILING_COMMAND_END, sizeof end, &end, nullptr), "profiling");
  if (done) report_.device_seconds += static_cast<double>(end - begin) * 1e-9;
  return done;
}

// The first agent of `count` neighbours that are free.
std::optional<std::int64_t> Session::free_agents(std::int64_t count) const {
  std::int64_t run = 0;
  for (std::size_t agent = 0; agent < owner_.size(); ++agent) {
    run = owner_[agent] < 0 ? run + 1 : 0;
    if (run == count) return static_cast<std::int64_t>(agent) + 1 - count;
  }
  return std::nullopt;
}

// Starts every task that follows completed ones alone and has room.
Status Session::start_tasks(bool& any) {
  for (std::size_t i = 0; i < tasks_.size(); ++i) {
    Residence& residence = residences_[i];
    const bool ready = std::ranges::all_of(tasks_[i].after, [&](std::size_t task) { return residences_[task].done; });
    if (residence.started || !ready) continue;
    const std::int64_t agents = residence.room * programs_[i].cores;
    const auto first = free_agents(std::max<std::int64_t>(agents, 1));
    if (!first) continue;
    residence.started = any = true;
    residence.first_agent = *first;
    residence.done = tasks_[i].launch.blocks == 0;
    std::fill_n(owner_.begin() + *first, agents, static_cast<std::int64_t>(i));
    if (residence.done) continue;
    if (auto started = start_blocks(i); !started) return started;
  }
  return {};
}

// The task's next blocks.
Status Session::start_blocks(std::size_t task) {
  OpenclDevice::Buffers& buffers = device_.buffers();
  const LoweredProgram& program = programs_[task];
  Residence& residence = residences_[task];
  residence.first_block = residence.last_block;
  residence.last_block = std::min(residence.first_block + residence.room, tasks_[task].launch.blocks);
  const std::int64_t agents = agents_of(task), first = residence.first_agent;
  std::vector<std::int64_t> state(abi::kStateSlots, 0);
  state[abi::kStateCode] = code_begin_[task];
  state[abi::kStateStage] = program.stage_offset;
  state[abi::kStateFuse] = program.fuse_offset;
  state[abi::kStateFirst] = first;
  state[abi::kStateAgents] = agents;
  state[abi::kStateCores] = program.cores;
  std::vector<std::int64_t> image = program.registers;
  for (const std::int32_t pointer : program.pointers) {
    std::int64_t& tensor = image[static_cast<std::size_t>(pointer)];
    tensor = numbers_[task][static_cast<std::size_t>(tensor)];
  }
  Status done = buffers.image.write(device_.queue(), 0, bytes_of(image));
  if (done)
    done = buffers.states.write(device_.queue(), static_cast<std::uint64_t>(first * abi::kStateSlots * 8),
                                bytes_of(state));
  const std::size_t lanes = device_.facts().is_cpu ? 1 : device_.work_items();
  const cl_mem image_buffer = buffers.image.get(), registers = buffers.registers.get(), states = buffers.states.get(),
               arenas = buffers.arenas.get();
  const std::int64_t count = static_cast<std::int64_t>(image.size()), words = arena_bytes_ / 8, cores = program.cores,
                     block = residence.first_block, number = block * cores + (tasks_[task].launch.rank << 20);
  const std::uint64_t seed = options_.poison_seed;
  if (done)
    done = set_arguments(built_->start.get(), image_buffer, registers, states, arenas, count, register_count_, words,
                         first, block, cores, number, seed);
  if (done) done = launch_kernel(built_->start.get(), {lanes, static_cast<std::size_t>(agents)}, {lanes, 1});
  return done ? read_states(first, agents) : done;
}

// Tasks whose blocks have all ended get their next ones, or are done.
Status Session::finish_blocks(bool& any) {
  for (std::size_t i = 0; i < tasks_.size(); ++i) {
    Residence& residence = residences_[i];
    if (!residence.started || residence.done) continue;
    const std::int64_t first = residence.first_agent, last = first + agents_of(i);
    bool ended = true;
    for (std::int64_t agent = first; agent < last; ++agent)
      ended = ended && state(agent, abi::kStateStatus) == abi::kDone;
    if (!ended) continue;
    any = true;
    for (std::int64_t agent = first; agent < last; ++agent) executed_before_ += state(agent, abi::kStateExecuted);
    if (residence.last_block < tasks_[i].launch.blocks) {
      if (auto started = start_blocks(i); !started) return started;
      continue;
    }
    residence.done = true;
    std::fill_n(owner_.begin() + first, residence.room * programs_[i].cores, -1);
  }
  return {};
}

Status Session::step(std::int64_t first_agent, std::int64_t agents, std::int64_t budget) {
  OpenclDevice::Buffers& buffers = device_.buffers();
  const cl_mem code = buffers.code.get(), registers = buffers.registers.get(), states = buffers.states.get(),
               arenas = buffers.arenas.get(), global = buffers.global.get(), tensors = buffers.tensors.get();
  const cl_int traced = tracing();
  Status done = set_arguments(built_->run.get(), code, registers, states, arenas, global, tensors, register_count_,
                              arena_bytes_, first_agent, budget, traced);
  const std::size_t items = device_.work_items();
  if (done) done = launch_kernel(built_->run.get(), {items * static_cast<std::size_t>(agents), 1}, {items, 1});
  return done ? read_states(first_agent, agents) : done;
}

Status Session::read_states(std::int64_t first_agent, std::int64_t agents) {
  const auto slots = static_cast<std::size_t>(abi::kStateSlots), first = static_cast<std::size_t>(first_agent);
  return device_.buffers().states.read(
      device_.queue(), first * slots * 8,
      std::as_writable_bytes(std::span(states_).subspan(first * slots, static_cast<std::size_t>(agents) * slots)));
}

Status Session::write_state(std::int64_t agent, abi::StateSlot slot, std::int64_t value) {
  const auto at = static_cast<std::size_t>(agent * abi::kStateSlots + slot);
  states_[at] = value;
  return device_.buffers().states.write(device_.queue(), at * 8, std::as_bytes(std::span(states_).subspan(at, 1)));
}

Status Session::read_registers(std::int64_t agent) {
  registers_.resize(programs_[task_of(agent)].registers.size());
  return device_.buffers().registers.read(device_.queue(), static_cast<std::uint64_t>(agent * register_count_ * 8),
                                          std::as_writable_bytes(std::span(registers_)));
}

AgentName Session::name_of(std::int64_t agent) const {
  const std::size_t task = task_of(agent);
  const Residence& residence = residences_[task];
  const std::int64_t index = agent - residence.first_agent, cores = programs_[task].cores;
  AgentName name{tasks_[task].launch.rank, residence.first_block + index / cores, {}};
  if (cores == 1) return name;
  name.core = index % cores == 0 ? "cube" : cores == 2 ? "vector" : fmt::format("vector {}", index % cores - 1);
  return name;
}

std::int64_t Session::executed() const {
  std::int64_t sum = executed_before_;
  for (std::size_t agent = 0; agent < owner_.size(); ++agent)
    if (owner_[agent] >= 0) sum += state(static_cast<std::int64_t>(agent), abi::kStateExecuted);
  return sum;
}

Status Session::trace(std::int64_t agent) {
  const LoweredProgram& program = programs_[task_of(agent)];
  const std::int64_t last = state(agent, abi::kStateLast);
  if (state(agent, abi::kStateStatus) == abi::kFaulted || state(agent, abi::kStateTurn) == abi::kTurnBlocked ||
      !program.code[static_cast<std::size_t>(last)][abi::kWordObservable])
    return {};
  if (auto read = read_registers(agent); !read) return read;
  auto event = read_event(device_, program, last, registers_, {agent * arena_bytes_, tensor_base_});
  if (!event) return tl::unexpected(event.error());
  if (event->writes == pto::Writes::global) {  // as the launch counts its tensors
    const auto& numbers = numbers_[task_of(agent)];
    event->tensor = static_cast<std::size_t>(std::ranges::find(numbers, static_cast<std::int64_t>(event->tensor)) -
                                             numbers.begin());
  }
  stopped_ = !options_.tracer(*event);
  return {};
}

// The first agent that broke a rule decides.
Status Session::settle() {
  for (std::size_t i = 0; i < owner_.size(); ++i) {
    const auto agent = static_cast<std::int64_t>(i);
    if (owner_[i] < 0 || state(agent, abi::kStateStatus) != abi::kFaulted) continue;
    if (state(agent, abi::kStateRule) == abi::kFaultUnsupported) {
      const LoweredProgram& program = programs_[task_of(agent)];
      const auto pc = static_cast<std::size_t>(state(agent, abi::kStateLast));
      const Site& site = program.sites[static_cast<std::size_t>(program.code[pc][abi::kWordSite])];
      fail(RunStatus::unsupported, fmt::format("{} of an entry that is not split by vector core 1, line {}",
                                               pto::mnemonic(site.operation->code), site.operation->location.line));
      return {};
    }
    if (auto read = read_registers(agent); !read) return read;
    report_.status = RunStatus::fault;
    report_.diagnostics.push_back(explain_fault(programs_[task_of(agent)],
                                                std::span(states_).subspan(i * abi::kStateSlots, abi::kStateSlots),
                                                registers_, name_of(agent)));
    return {};
  }
  return {};
}

// Cores at a syncall go on when all of the task's that take part stand at one; those that have ended never will.
Status Session::release_barriers(bool& any) {
  for (std::size_t task = 0; task < tasks_.size(); ++task) {
    const Residence& residence = residences_[task];
    if (!residence.started || residence.done) continue;
    const std::int64_t first = residence.first_agent, last = first + agents_of(task), cores = programs_[task].cores;
    for (const int kind : {abi::kCoresAll, abi::kCoresCube, abi::kCoresVector}) {
      bool all = true;
      std::vector<std::int64_t> standing;
      for (std::int64_t agent = first; agent < last; ++agent) {
        const bool is_cube = (agent - first) % cores == 0;
        if (cores > 1 && kind != abi::kCoresAll && is_cube != (kind == abi::kCoresCube)) continue;
        if (state(agent, abi::kStateBarrier) != kind + 1 || state(agent, abi::kStateStatus) != abi::kRunning)
          all = false;
        else
          standing.push_back(agent);
      }
      if (!all) continue;
      for (const std::int64_t agent : standing) {
        any = true;
        if (auto done = write_state(agent, abi::kStateBarrier, abi::kBarrierReleased); !done) return done;
      }
    }
  }
  return {};
}

// All agents at once, each its share.
Status Session::run_together() {
  std::int64_t furthest = 0, first = -1, last = 0;
  for (std::size_t i = 0; i < owner_.size(); ++i) {
    const auto agent = static_cast<std::int64_t>(i);
    if (!is_live(agent)) continue;
    furthest = std::max(furthest, state(agent, abi::kStateExecuted));
    if (first < 0) first = agent;
    last = agent + 1;
  }
  if (first < 0) return {};
  const auto left = static_cast<std::int64_t>(options_.instruction_budget) - furthest;
  const std::int64_t share = std::min(device_.options().instructions, left);
  if (share <= 0) {
    report_.status = RunStatus::budget;
    return {};
  }
  return step(first, last - first, share);
}

// One agent after the other, each as far as it can go.
Status Session::run_in_turn() {
  for (std::size_t i = 0; i < owner_.size(); ++i) {
    const auto agent = static_cast<std::int64_t>(i);
    while (is_live(agent) && report_.status == RunStatus::completed && !stopped_) {
      const std::int64_t before = state(agent, abi::kStateExecuted);
      const auto left = static_cast<std::int64_t>(options_.instruction_budget) - before;
      const std::int64_t share = std::min(device_.options().instructions, left);
      if (share <= 0) {
        report_.status = RunStatus::budget;
        return {};
      }
      Status done = step(agent, 1, share);
      if (done && tracing()) done = trace(agent);
      if (!done) return done;
      const bool spent = state(agent, abi::kStateExecuted) - before >= device_.options().instructions;
      if (state(agent, abi::kStateTurn) == abi::kTurnBlocked || (spent && owner_.size() > 1)) break;
    }
  }
  return {};
}

// Nobody moved: who waits where.
void Session::report_deadlock() {
  report_.status = RunStatus::deadlock;
  for (std::size_t i = 0; i < owner_.size(); ++i) {
    const auto agent = static_cast<std::int64_t>(i);
    if (!is_live(agent)) continue;
    const LoweredProgram& program = programs_[task_of(agent)];
    const auto pc = static_cast<std::size_t>(state(agent, abi::kStatePc));
    const Site& site = program.sites[static_cast<std::size_t>(program.code[pc][abi::kWordSite])];
    const AgentName name = name_of(agent);
    Diagnostic diagnostic;
    diagnostic.rule = "deadlock";
    diagnostic.message = fmt::format("rank {} block {}{}{} waits here, and nobody moves", name.rank, name.block,
                                     name.core.empty() ? "" : " ", name.core);
    diagnostic.function = site.function->name;
    diagnostic.op_id = site.operation->id;
    diagnostic.location = site.operation->location;
    diagnostic.block = name.block;
    diagnostic.rank = name.rank;
    diagnostic.core = name.core;
    report_.diagnostics.push_back(std::move(diagnostic));
  }
  if (!report_.diagnostics.empty()) report_.reason = report_.diagnostics.front().message;
}

Status Session::execute() {
  auto built = device_.program(options_.contract_fma);
  if (!built) return tl::unexpected(built.error());
  built_ = *built;
  Status done = upload();
  std::int64_t moved = 0;
  while (done && report_.status == RunStatus::completed && !stopped_) {
    bool any = false;
    done = start_tasks(any);
    if (!done) break;
    if (std::ranges::all_of(residences_, &Residence::done)) break;
    if (std::ranges::any_of(owner_, [](std::int64_t task) { return task >= 0; }))
      done = in_turn_ ? run_in_turn() : run_together();
    if (done) done = settle();
    if (!done || report_.status != RunStatus::completed || stopped_) break;
    const std::int64_t now = executed();
    done = release_barriers(any);
    if (done) done = finish_blocks(any);
    if (done && now == moved && !any) {
      report_deadlock();
      break;
    }
    moved = now;
  }
  report_.instructions = static_cast<std::uint64_t>(executed());
  return done ? download() : done;
}

}  // namespace

RunReport run_session(OpenclDevice& device, std::span<const LoweredProgram> programs, std::span<const Task> tasks,
                      const RunOptions& options) {
  return Session(device, programs, tasks, options).run();
}

}  // namespace assay::device

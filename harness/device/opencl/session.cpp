#include "harness/device/opencl/session.h"

#include <algorithm>

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

class Session {
 public:
  Session(OpenclDevice& device, const LoweredProgram& program, const Launch& launch, const RunOptions& options)
      : device_(device), program_(program), launch_(launch), options_(options) {}

  RunReport run() {
    if (fits()) {
      if (auto done = execute(); !done) {
        report_.status = RunStatus::error;
        report_.reason = done.error().message;
      }
    }
    return std::move(report_);
  }

 private:
  using Status = Result<void>;

  bool fits();
  Status execute();
  Status upload();
  Status download();
  Status run_wave(std::int64_t first, std::int64_t agents);
  Status start(std::int64_t first, std::int64_t agents);
  Status step(std::int64_t agents, std::int64_t budget);
  Status launch_kernel(cl_kernel kernel, const std::array<std::size_t, 2>& global,
                       const std::array<std::size_t, 2>& local);
  Status read_states(std::int64_t agents);
  Status read_registers(std::int64_t agent);
  Status settle(std::int64_t agents);
  Status trace(bool& stop);
  std::int64_t wave_size() const;
  bool tracing() const { return static_cast<bool>(options_.tracer); }
  std::int64_t state(std::int64_t agent, abi::StateSlot slot) const {
    return states_[static_cast<std::size_t>(agent * abi::kStateSlots + slot)];
  }
  std::int64_t register_count() const { return static_cast<std::int64_t>(program_.registers.size()); }

  OpenclDevice& device_;
  const LoweredProgram& program_;
  const Launch& launch_;
  const RunOptions& options_;
  const BuiltProgram* built_ = nullptr;
  RunReport report_;
  std::vector<std::int64_t> tensor_base_, tensor_table_, states_, registers_;
  std::int64_t global_bytes_ = 0;
  bool stopped_ = false;  // by the tracer
};

std::int64_t Session::wave_size() const {
  if (tracing() || program_.adds_to_global) return 1;
  const auto most = static_cast<std::int64_t>(std::max<std::size_t>(8, 4 * device_.facts().compute_units));
  const std::int64_t each = std::max({program_.arena_bytes, register_count() * 8, std::int64_t{1}});
  const auto limit = static_cast<std::int64_t>(device_.facts().max_allocation) / each;
  return std::max<std::int64_t>(1, std::min({launch_.blocks, most, limit}));
}

// What the device cannot hold is unsupported, with the numbers.
bool Session::fits() {
  for (const Tensor* tensor : launch_.tensors) {
    tensor_base_.push_back(global_bytes_);
    global_bytes_ += aligned(static_cast<std::int64_t>(tensor->bytes().size()));
  }
  const auto most = static_cast<std::int64_t>(device_.facts().max_allocation);
  const std::int64_t arenas = program_.arena_bytes * wave_size();
  const std::int64_t needed = std::max(global_bytes_, arenas);
  const std::int64_t together = global_bytes_ + arenas;
  if (needed <= most && together <= static_cast<std::int64_t>(device_.facts().global_memory)) return true;
  report_.status = RunStatus::unsupported;
  report_.reason = fmt::format(
      "device memory: {} bytes of tensors and {} bytes of tile memory, the device allows {} in one buffer and {} in "
      "all",
      global_bytes_, arenas, most, device_.facts().global_memory);
  return false;
}

Session::Status Session::upload() {
  OpenclDevice::Buffers& buffers = device_.buffers();
  const cl_context context = device_.context();
  const cl_command_queue queue = device_.queue();
  const auto agents = static_cast<std::uint64_t>(wave_size());
  for (std::size_t i = 0; i < launch_.tensors.size(); ++i) {
    const DTypeInfo& element = info(launch_.tensors[i]->dtype());
    const std::int64_t width = std::max(element.bits / 8, 1);
    tensor_table_.insert(
        tensor_table_.end(),
        {tensor_base_[i], static_cast<std::int64_t>(launch_.tensors[i]->bytes().size()) / width, width, 0});
  }
  const auto reserve = [&](DeviceBuffer& buffer, std::uint64_t bytes) { return buffer.reserve(context, bytes); };
  Status done = reserve(buffers.code, program_.code.size() * sizeof(Instruction));
  if (done) done = reserve(buffers.image, program_.registers.size() * 8);
  if (done) done = reserve(buffers.registers, program_.registers.size() * 8 * agents);
  if (done) done = reserve(buffers.states, abi::kStateSlots * 8 * agents);
  if (done) done = reserve(buffers.arenas, static_cast<std::uint64_t>(program_.arena_bytes) * agents);
  if (done) done = reserve(buffers.global, static_cast<std::uint64_t>(global_bytes_));
  if (done) done = reserve(buffers.tensors, tensor_table_.size() * 8);
  if (done) done = buffers.code.write(queue, 0, bytes_of(program_.code));
  if (done) done = buffers.image.write(queue, 0, bytes_of(program_.registers));
  if (done) done = buffers.tensors.write(queue, 0, bytes_of(tensor_table_));
  for (std::size_t i = 0; done && i < launch_.tensors.size(); ++i)
    done = buffers.global.write(queue, static_cast<std::uint64_t>(tensor_base_[i]), launch_.tensors[i]->bytes());
  return done;
}

Session::Status Session::download() {
  OpenclDevice::Buffers& buffers = device_.buffers();
  Status done = buffers.tensors.read(device_.queue(), 0, std::as_writable_bytes(std::span(tensor_table_)));
  for (std::size_t i = 0; done && i < launch_.tensors.size(); ++i)
    if (tensor_table_[i * abi::kTensorSlots + abi::kTensorWritten])
      done = buffers.global.read(device_.queue(), static_cast<std::uint64_t>(tensor_base_[i]),
                                 launch_.tensors[i]->bytes());
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
Session::Status Session::launch_kernel(cl_kernel kernel, const std::array<std::size_t, 2>& global,
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

Session::Status Session::start(std::int64_t first, std::int64_t agents) {
  OpenclDevice::Buffers& buffers = device_.buffers();
  const std::size_t lanes = device_.facts().is_cpu ? 1 : device_.work_items();
  const cl_mem image = buffers.image.get(), registers = buffers.registers.get(), states = buffers.states.get(),
               arenas = buffers.arenas.get();
  const std::int64_t count = register_count(), words = program_.arena_bytes / 8, blocks = launch_.blocks;
  const std::uint64_t seed = options_.poison_seed;
  Status done = set_arguments(built_->start.get(), image, registers, states, arenas, count, words, first, blocks, seed);
  return done ? launch_kernel(built_->start.get(), {lanes, static_cast<std::size_t>(agents)}, {lanes, 1}) : done;
}

Session::Status Session::step(std::int64_t agents, std::int64_t budget) {
  OpenclDevice::Buffers& buffers = device_.buffers();
  const cl_mem code = buffers.code.get(), registers = buffers.registers.get(), states = buffers.states.get(),
               arenas = buffers.arenas.get(), global = buffers.global.get(), tensors = buffers.tensors.get();
  const std::int64_t count = register_count(), arena = program_.arena_bytes, stage = program_.stage_offset,
                     fuse = program_.fuse_offset;
  const cl_int traced = tracing();
  Status done = set_arguments(built_->run.get(), code, registers, states, arenas, global, tensors, count, arena, stage,
                              fuse, budget, traced);
  const std::size_t items = device_.work_items();
  return done ? launch_kernel(built_->run.get(), {items * static_cast<std::size_t>(agents), 1}, {items, 1}) : done;
}

Session::Status Session::read_states(std::int64_t agents) {
  states_.resize(static_cast<std::size_t>(agents * abi::kStateSlots));
  return device_.buffers().states.read(device_.queue(), 0, std::as_writable_bytes(std::span(states_)));
}

Session::Status Session::read_registers(std::int64_t agent) {
  registers_.resize(program_.registers.size());
  return device_.buffers().registers.read(device_.queue(), static_cast<std::uint64_t>(agent * register_count() * 8),
                                          std::as_writable_bytes(std::span(registers_)));
}

Session::Status Session::trace(bool& stop) {
  const std::int64_t last = state(0, abi::kStateLast);
  if (state(0, abi::kStateStatus) == abi::kFaulted ||
      !program_.code[static_cast<std::size_t>(last)][abi::kWordObservable])
    return {};
  if (auto read = read_registers(0); !read) return read;
  auto event = read_event(device_, program_, last, registers_, tensor_base_);
  if (!event) return tl::unexpected(event.error());
  stop = !options_.tracer(*event);
  return {};
}

// Totals of a wave that has stopped; the first block that broke a rule decides.
Session::Status Session::settle(std::int64_t agents) {
  for (std::int64_t agent = 0; agent < agents; ++agent)
    report_.instructions += static_cast<std::uint64_t>(state(agent, abi::kStateExecuted));
  for (std::int64_t agent = 0; agent < agents; ++agent) {
    if (state(agent, abi::kStateStatus) != abi::kFaulted) continue;
    if (auto read = read_registers(agent); !read) return read;
    const auto offset = static_cast<std::size_t>(agent * abi::kStateSlots);
    report_.status = RunStatus::fault;
    report_.diagnostics.push_back(
        explain_fault(program_, std::span(states_).subspan(offset, abi::kStateSlots), registers_));
    return {};
  }
  return {};
}

// Launches until no agent of the wave runs. Each launch gives every agent the same share, so all that still run have
// executed the same number of instructions.
Session::Status Session::run_wave(std::int64_t first, std::int64_t agents) {
  if (auto started = start(first, agents); !started) return started;
  std::uint64_t spent = 0;
  std::int64_t moved_before = 0;
  while (true) {
    const auto share = static_cast<std::int64_t>(std::min<std::uint64_t>(
        static_cast<std::uint64_t>(device_.options().instructions), options_.instruction_budget - spent));
    if (share <= 0) {
      report_.status = RunStatus::budget;
      break;
    }
    Status done = step(agents, share);
    if (done) done = read_states(agents);
    if (!done) return done;
    if (tracing())
      if (auto traced = trace(stopped_); !traced) return traced;
    std::int64_t moved = 0, running = 0, furthest = 0;
    for (std::int64_t agent = 0; agent < agents; ++agent) {
      moved += state(agent, abi::kStateExecuted);
      furthest = std::max(furthest, state(agent, abi::kStateExecuted));
      running += state(agent, abi::kStateStatus) == abi::kRunning;
    }
    if (running == 0 || stopped_) break;
    if (moved == moved_before) {
      report_.status = RunStatus::deadlock;
      break;
    }
    moved_before = moved;
    spent = static_cast<std::uint64_t>(furthest);
  }
  return settle(agents);
}

Session::Status Session::execute() {
  auto built = device_.program(options_.contract_fma);
  if (!built) return tl::unexpected(built.error());
  built_ = *built;
  if (auto done = upload(); !done) return done;
  const std::int64_t wave = wave_size();
  for (std::int64_t first = 0; first < launch_.blocks; first += wave) {
    if (auto done = run_wave(first, std::min(wave, launch_.blocks - first)); !done) return done;
    if (report_.status != RunStatus::completed || stopped_) break;
  }
  return download();
}

}  // namespace

RunReport run_session(OpenclDevice& device, const LoweredProgram& program, const Launch& launch,
                      const RunOptions& options) {
  return Session(device, program, launch, options).run();
}

}  // namespace assay::device

// The simulator's speed with all checks on. Every figure stands beside something measured in the same run: the INT8
// task beside oneDNN on the same plain layouts, and each kernel beside itself without definedness and bounds.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <oneapi/dnnl/dnnl.hpp>
#include <sstream>

#include "harness/core/fill.h"
#include "harness/core/profile/profile.h"
#include "harness/pto/reader.h"
#include "harness/sim/backend.h"

namespace assay {
namespace {

// Wall time, and the processor time of all threads: on a machine with other work only the latter is the program's own.
struct Took {
  double wall = 1e9, cpu = 1e9;
};
Took least(Took a, Took b) { return {std::min(a.wall, b.wall), std::min(a.cpu, b.cpu)}; }
class Watch {
 public:
  Took stop() const {
    const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - begin_;
    return {wall.count(), static_cast<double>(std::clock() - cpu_) / CLOCKS_PER_SEC};
  }

 private:
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  std::clock_t cpu_ = std::clock();
};

[[noreturn]] void fail(const std::string& why) {
  fmt::print(stderr, "{}\n", why);
  std::exit(1);
}
template <class T>
T need(Result<T> result) {
  if (!result) fail(to_string(result.error()));
  return *std::move(result);
}

std::string kernel_text(std::string_view path) {
  std::ifstream file(fmt::format("{}/{}", ASSAY_SOURCE_DIR, path));
  std::stringstream text;
  text << file.rdbuf();
  if (!file) fail(fmt::format("cannot read {}", path));
  return text.str();
}

// A kernel, its tensors and scalars, launched again and again on one backend.
class Run {
 public:
  Run(std::string text, std::vector<Tensor*> tensors, std::vector<std::int64_t> scalars, std::int64_t blocks)
      : module_(need(pto::parse(std::move(text), "kernel.pto"))),
        tensors_(std::move(tensors)),
        backend_(need(sim::kSimRecord.create(""))) {
    launch_.module = &module_;
    launch_.function = &module_.functions.front();
    launch_.blocks = blocks;
    launch_.tensors = tensors_;
    for (std::size_t t = 0; t < tensors_.size(); ++t) launch_.arguments.emplace_back(device::PointerArgument{t, 0});
    for (std::int64_t scalar : scalars) launch_.arguments.emplace_back(scalar);
    options_.profile = &profile_;
  }

  Took measure(bool checks, device::Order order = device::Order::automatic) {
    options_.check_accesses = checks;
    options_.order = order;
    const Watch watch;
    const device::RunReport report = backend_->run(launch_, options_);
    const Took took = watch.stop();
    if (report.status != device::RunStatus::completed)
      fail(report.diagnostics.empty() ? report.reason : to_string(report.diagnostics.front(), "kernel.pto"));
    return took;
  }

 private:
  Profile profile_ = need(load_profile("a2a3"));
  pto::Module module_;
  std::vector<Tensor*> tensors_;
  std::unique_ptr<device::Backend> backend_;
  device::Launch launch_;
  device::RunOptions options_;
};

// ---- INT8 matmul task of the chain's shared expert (dsv4-chain 1): 16 x 4096 x 4096, weights [N, K]

constexpr std::int64_t kM = 16, kK = 4096, kN = 4096;
constexpr double kOps = 2.0 * kM * kK * kN;

// oneDNN on the tensors as they lie: no reordering of the weights beforehand.
class PlainMatmul {
 public:
  PlainMatmul(Tensor& x, Tensor& w, Tensor& y) : stream_(engine_) {
    using dnnl::memory;
    const memory::desc a({kM, kK}, memory::data_type::s8, memory::format_tag::ab);
    const memory::desc b({kK, kN}, memory::data_type::s8, memory::format_tag::ba);
    const memory::desc c({kM, kN}, memory::data_type::s32, memory::format_tag::ab);
    const dnnl::matmul::desc task(a, b, c);
    primitive_ = dnnl::matmul(dnnl::matmul::primitive_desc(task, engine_));
    arguments_ = {{DNNL_ARG_SRC, memory(a, engine_, x.bytes().data())},
                  {DNNL_ARG_WEIGHTS, memory(b, engine_, w.bytes().data())},
                  {DNNL_ARG_DST, memory(c, engine_, y.bytes().data())}};
  }
  Took measure() {
    const Watch watch;
    primitive_.execute(stream_, arguments_);
    stream_.wait();
    return watch.stop();
  }

 private:
  dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream_;
  dnnl::matmul primitive_;
  std::unordered_map<int, dnnl::memory> arguments_;
};

Tensor int8_codes(Shape shape, std::string_view stream) {
  Tensor tensor(DType::i8, std::move(shape));
  if (auto done = fill(tensor, "normal:scale=31", 20260513, stream); !done) fail(to_string(done.error()));
  return tensor;
}

// Range 0: blocks, of which as many run at once as the machine has cores. Counters: Gop/s of the simulator, of oneDNN,
// and the first over the second, all best of the repetitions; what the checks cost.
void int8_task(benchmark::State& state, const char* file) {
  Tensor x = int8_codes({kM, kK}, "x"), w = int8_codes({kN, kK}, "w");
  Tensor y(DType::i32, {kM, kN}), reference(DType::i32, {kM, kN});
  Run run(kernel_text(file), {&x, &w, &y}, {kM, kK, kN}, state.range(0));
  PlainMatmul peer(x, w, reference);
  peer.measure();
  run.measure(true);
  if (std::memcmp(y.bytes().data(), reference.bytes().data(), y.bytes().size()) != 0)
    fail("the simulator and oneDNN disagree");
  Took best, best_peer, best_unchecked, best_program;
  for (auto _ : state) {
    const Took took = run.measure(true);
    state.SetIterationTime(took.wall);
    best = least(best, took);
    best_peer = least(best_peer, peer.measure());
    best_unchecked = least(best_unchecked, run.measure(false));
    best_program = least(best_program, run.measure(true, device::Order::program));
  }
  state.counters["Gops"] = kOps / best.wall / 1e9;
  state.counters["oneDNN_Gops"] = kOps / best_peer.wall / 1e9;
  state.counters["of_oneDNN_%"] = 100 * best_peer.wall / best.wall;
  state.counters["cpu_ms"] = 1e3 * best.cpu;
  state.counters["cpu_of_oneDNN_%"] = 100 * best_peer.cpu / best.cpu;  // with OMP_WAIT_POLICY=passive
  state.counters["checks_cpu_%"] = 100 * (best.cpu / best_unchecked.cpu - 1);
  // What flags, queues and the record of every access cost over the same kernel in program order.
  state.counters["order_cpu_%"] = 100 * (best.cpu / best_program.cpu - 1);
}
BENCHMARK_CAPTURE(int8_task, program_order, "kernels/int8_matmul/int8_matmul.pto")
    ->Arg(1)
    ->Arg(2)
    ->Arg(8)
    ->UseManualTime()
    ->Iterations(30)
    ->Unit(benchmark::kMillisecond);

BENCHMARK_CAPTURE(int8_task, synchronised, "kernels/int8_matmul/int8_matmul_sync.pto")
    ->Arg(2)
    ->UseManualTime()
    ->Iterations(30)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace assay

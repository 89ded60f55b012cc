// Golden and enclosures of the whole P772 chain at production shape (dsv4-chain 2, 3 and 8): 2 ranks, T = 16, D = I =
// 4096, 8 experts per rank, K = 2, every stage on the golden's own outputs. Inputs are in memory; filling the weights
// is a benchmark of its own. Counters: the peak of the process's resident memory, and per bf16 output the median width
// of the enclosure in units of its last place.
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>

#include "goldens/enclosure/width.h"
#include "goldens/quantize/int8.h"
#include "goldens/stages/stage.h"
#include "harness/core/fill.h"

namespace assay::goldens {
namespace {

constexpr std::int64_t kRanks = 2, kTokens = 16, kStreams = 4, kHidden = 4096, kIntermediate = 4096, kExperts = 8,
                       kSlots = 32;
constexpr std::int64_t kMixes = 2 * kStreams + kStreams * kStreams;

template <class T>
T need(Result<T> result) {
  if (!result) {
    fmt::print(stderr, "{}\n", to_string(result.error()));
    std::exit(1);
  }
  return *std::move(result);
}

Tensor filled(DType dtype, Shape shape, std::string_view spec, std::string_view stream) {
  Tensor tensor(dtype, std::move(shape));
  if (auto done = fill(tensor, spec, 20260513, stream); !done) std::exit(1);
  return tensor;
}

// Codes as those of normal weights quantised per channel, whose largest of 4096 lies near 4 standard deviations; scales
// to go with weights of N(0, 1 / columns).
void add_matrix(TensorMap& inputs, const std::string& weight, const std::string& scale, Shape lead,
                std::int64_t outputs, std::int64_t columns, const std::string& stream) {
  Shape matrix = lead, vector = lead;
  matrix.insert(matrix.end(), {outputs, columns});
  vector.push_back(outputs);
  inputs.emplace(weight, filled(DType::i8, matrix, "normal:scale=31", stream + weight));
  const double unit = 4.0 / 127 / std::sqrt(static_cast<double>(columns));
  inputs.emplace(
      scale, filled(DType::f32, vector, fmt::format("uniform:lo={},hi={}", 0.9 * unit, 1.1 * unit), stream + scale));
}

TensorMap expert_weights(const Shape& lead, const std::string& stream) {
  TensorMap weights;
  add_matrix(weights, "w1", "s1", lead, kIntermediate, kHidden, stream);
  add_matrix(weights, "w3", "s3", lead, kIntermediate, kHidden, stream);
  add_matrix(weights, "w2", "s2", lead, kHidden, kIntermediate, stream);
  return weights;
}

struct RankInputs {
  TensorMap hc_pre, gate, routed, shared;
};

RankInputs rank_inputs(std::int64_t rank) {
  const std::string stream = fmt::format("rank{}", rank);
  const double flat = static_cast<double>(kStreams * kHidden);
  RankInputs inputs;
  inputs.hc_pre = {{"x_hc", filled(DType::bf16, {kTokens, kStreams, kHidden}, "normal:scale=0.1", stream + "x_hc")},
                   {"fn", filled(DType::f32, {kMixes, kStreams * kHidden},
                                 fmt::format("normal:scale={}", 1 / std::sqrt(flat)), "fn")},
                   {"scale", filled(DType::f32, {3}, "constant:0.5", "scale")},
                   {"base", Tensor(DType::f32, {kMixes})}};
  inputs.gate = {
      {"norm_w", filled(DType::f32, {kHidden}, "constant:1", "norm_w")},
      {"gate_w", filled(DType::f32, {kExperts, kHidden},
                        fmt::format("normal:scale={}", 1 / std::sqrt(static_cast<double>(kHidden))), "gate_w")},
      {"gate_bias", Tensor(DType::f32, {kExperts})}};
  inputs.routed = expert_weights({kExperts}, stream + "routed");
  inputs.shared = expert_weights({}, stream + "shared");
  return inputs;
}

const std::vector<RankInputs>& production() {
  static const std::vector<RankInputs> inputs{rank_inputs(0), rank_inputs(1)};
  return inputs;
}

using Named = std::map<std::string, const Tensor*, std::less<>>;

GoldenMap run_stage(std::string_view stage, const TensorMap& own, const Named& received, const Profile& machine,
                    const Parameters& parameters = {}) {
  InputMap inputs(received.begin(), received.end());
  for (const auto& [name, tensor] : own) inputs[name] = &tensor;
  static const Options options{{"profile", "p772"}, {"config", "demo"}}, profile_alone{{"profile", "p772"}}, none{};
  const Stage& found = *need(find_stage(stage));
  const bool configured = std::ranges::count(found.options, "config"),
             profiled = std::ranges::count(found.options, "profile");
  return need(evaluate(found, {inputs, parameters, configured ? options : profiled ? profile_alone : none, machine}));
}

// The ranks' tensors one after another, and back.
Tensor stacked(const Tensor& first, const Tensor& second) {
  Shape shape = first.shape();
  shape.insert(shape.begin(), kRanks);
  Tensor result(first.dtype(), shape);
  std::ranges::copy(first.bytes(), result.bytes().begin());
  std::ranges::copy(second.bytes(), result.bytes().begin() + static_cast<std::ptrdiff_t>(first.bytes().size()));
  return result;
}
Tensor of_rank(const Tensor& all, std::int64_t rank) {
  Tensor result(all.dtype(), Shape(all.shape().begin() + 1, all.shape().end()));
  std::ranges::copy(all.bytes().subspan(static_cast<std::size_t>(rank) * result.bytes().size(), result.bytes().size()),
                    result.bytes().begin());
  return result;
}

using Outputs = std::map<std::string, std::vector<GoldenOutput>>;  // by name, of each rank

void keep(Outputs& all, GoldenMap outputs) {
  for (auto& [name, output] : outputs) all[name].push_back(std::move(output));
}

void run_chain(const Profile& machine, Outputs& all) {
  const auto& ranks = production();
  const auto value = [&](const char* name, std::size_t rank) { return &all.at(name)[rank].value; };
  for (const RankInputs& rank : ranks) keep(all, run_stage("hc_pre", rank.hc_pre, {}, machine));
  for (std::size_t r = 0; r < kRanks; ++r)
    keep(all, run_stage("gate", ranks[r].gate, {{"x_mixed", value("x_mixed", r)}}, machine));
  const auto both = [&](const char* name) { return stacked(*value(name, 0), *value(name, 1)); };
  const Tensor x_norm = both("x_norm"), weights = both("weights"), indices = both("indices");
  keep(all, run_stage("dispatch", {}, {{"x_norm", &x_norm}, {"weights", &weights}, {"indices", &indices}}, machine,
                      {{"L", kExperts}, {"R", kSlots}}));
  for (std::int64_t r = 0; r < kRanks; ++r) {
    const auto part = [&](const char* name) { return of_rank(*value(name, 0), r); };
    const Tensor x = part("recv_x"), w = part("recv_w"), count = part("recv_count");
    const RankInputs& rank = ranks[static_cast<std::size_t>(r)];
    keep(all,
         run_stage("routed_expert", rank.routed, {{"recv_x", &x}, {"recv_w", &w}, {"recv_count", &count}}, machine));
    keep(all,
         run_stage("shared_expert", rank.shared, {{"x_norm", value("x_norm", static_cast<std::size_t>(r))}}, machine));
  }
  const Tensor recv_y = both("recv_y");
  keep(all, run_stage("combine", {},
                      {{"recv_y", &recv_y},
                       {"recv_idx", value("recv_idx", 0)},
                       {"recv_count", value("recv_count", 0)},
                       {"indices", &indices}},
                      machine));
  for (std::size_t r = 0; r < kRanks; ++r) {
    const Tensor routed_y = of_rank(*value("routed_y", 0), static_cast<std::int64_t>(r));
    keep(all, run_stage("ffn_add", {}, {{"routed_y", &routed_y}, {"sh", value("sh", r)}}, machine));
    keep(all, run_stage("hc_post", {},
                        {{"ffn_out", value("ffn_out", r)},
                         {"x_hc", &ranks[r].hc_pre.at("x_hc")},
                         {"post", value("post", r)},
                         {"comb", value("comb", r)}},
                        machine));
  }
}

double peak_gib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / (1 << 20);
}

void p772_chain(benchmark::State& state, SumOrder order) {
  Profile machine = need(load_profile("a2a3"));
  machine.sum_order = order;
  production();
  Outputs outputs;
  for (auto _ : state) {
    outputs.clear();
    run_chain(machine, outputs);
  }
  state.counters["peak_GiB"] = peak_gib();
  for (const auto& [name, ranks] : outputs) {
    if (ranks.front().value.dtype() != DType::bf16) continue;
    double median = 0;
    for (const GoldenOutput& output : ranks) median = std::max(median, widths(output).median_ulp);
    state.counters[name + "_ulp"] = median;
  }
}
BENCHMARK_CAPTURE(p772_chain, a2a3, SumOrder::chunked)->Unit(benchmark::kSecond)->UseRealTime();
BENCHMARK_CAPTURE(p772_chain, any_order, SumOrder::any)->Unit(benchmark::kSecond)->UseRealTime();

void p772_weights(benchmark::State& state) {
  std::int64_t elements = 0;
  for (auto _ : state) {
    const TensorMap weights = expert_weights({kExperts}, "again");
    for (const auto& [name, tensor] : weights) elements += tensor.size();
  }
  state.SetItemsProcessed(elements);
}
BENCHMARK(p772_weights)->Unit(benchmark::kSecond)->UseRealTime()->Iterations(1);

// [128, 7168] f32 quantised by rows into memory that is there, by one thread and by all.
void int8_amax_quantise(benchmark::State& state, bool one_thread) {
  constexpr std::size_t rows = 128, columns = 7168;
  const Tensor x = filled(DType::f32, {rows, columns}, "normal", "x");
  std::vector<std::int8_t> q(rows * columns);
  std::vector<Int8Scale> scales(rows);
  for (auto _ : state) {
    if (one_thread)
      for (std::size_t r = 0; r < rows; ++r)
        scales[r] = quantize_int8_row(x.as<float>().subspan(r * columns, columns), Rounding::rint,
                                      std::span(q).subspan(r * columns, columns));
    else
      quantize_int8_rows(x.as<float>(), columns, Rounding::rint, q, scales);
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * x.size());
}
BENCHMARK_CAPTURE(int8_amax_quantise, one_thread, true)->UseRealTime();
BENCHMARK_CAPTURE(int8_amax_quantise, all_threads, false)->UseRealTime();

}  // namespace
}  // namespace assay::goldens

// Test support: the chain's fixtures (dsv4-chain 8), subjects held against goldens, and widths of enclosures.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>

#include "goldens/enclosure/width.h"
#include "goldens/stages/chain_reference.h"
#include "harness/core/fill.h"

namespace assay::goldens {

inline Tensor filled(DType dtype, Shape shape, const std::string& spec, std::uint64_t seed, std::string_view name) {
  Tensor result(dtype, std::move(shape));
  EXPECT_TRUE(fill(result, spec, seed, name)) << spec;
  return result;
}

inline Profile machine(std::string_view name) { return load_profile(name).value(); }
// Nothing is free: every operation correctly rounded, sums from left to right.
inline Profile no_freedom() {
  Profile profile;
  profile.sum_order = SumOrder::sequential;
  return profile;
}
// One of those that the properties hold under; a2a3 without its functions' freedom, with contraction, in any order.
inline Profile some_machine(FloatSamples& samples) {
  Profile profile = machine("a2a3");
  if (samples.coin()) profile.ulp.clear();
  if (samples.coin()) profile.contraction = Contraction::allowed;
  if (samples.below(3) == 0) profile.sum_order = SumOrder::any;
  if (samples.below(4) == 0) profile.sum_order = SumOrder::sequential;
  return profile;
}

// Whether the profile's freedom leaves room for the roundings between two operations, so that a value computed without
// them must lie inside too.
inline bool admits_exact_value(const Profile& profile) {
  return profile.sum_order != SumOrder::sequential && !profile.ulp.empty();
}

// The fixture of hc_pre in the chain profile's own data.
inline StageCall hc_pre_call(const std::string& profile, std::int64_t tokens, std::int64_t streams,
                             std::int64_t channels, std::uint64_t seed) {
  const bool head = profile == "head";
  const std::int64_t mixes = 2 * streams + streams * streams, flat = streams * channels;
  const auto normal = [](double scale) { return fmt::format("normal:scale={}", scale); };
  StageCall call{.stage = "hc_pre",
                 .inputs = {{"x_hc", filled(head ? DType::f32 : DType::bf16, {tokens, streams, channels}, normal(0.1),
                                            seed, "x_hc")},
                            {"fn", filled(DType::f32, {mixes, flat}, normal(1 / std::sqrt(static_cast<double>(flat))),
                                          seed, "fn")},
                            {"scale", f32_tensor({3}, {0.5F, 0.5F, 0.5F})},
                            {"base", Tensor(DType::f32, {mixes})}},
                 .options = {{"profile", profile}},
                 .profile = machine("a2a3")};
  if (head) {
    call.inputs.at("scale") = f32_tensor({3}, {0.076099F, 0.032597F, 0.226994F});
    call.inputs.at("base") = filled(DType::f32, {mixes}, normal(1), seed, "base");
  }
  return call;
}

inline StageCall gate_call(const std::string& profile, const std::string& config, std::int64_t tokens,
                           std::int64_t channels, std::int64_t experts, std::uint64_t seed) {
  const bool head = profile == "head";
  const std::string gate_w = fmt::format("normal:scale={}", 1 / std::sqrt(static_cast<double>(channels)));
  return {.stage = "gate",
          .inputs = {{"x_mixed", filled(DType::bf16, {tokens, channels}, "normal", seed, "x_mixed")},
                     {"norm_w",
                      filled(head ? DType::bf16 : DType::f32, {channels}, "normal:mean=1,scale=0.1", seed, "norm_w")},
                     {"gate_w", filled(DType::f32, {experts, channels}, gate_w, seed, "gate_w")},
                     {"gate_bias", filled(DType::f32, {experts}, "normal:scale=0.1", seed, "gate_bias")}},
          .options = {{"profile", profile}, {"config", config}},
          .profile = machine("a2a3")};
}

inline GoldenMap outputs_of(const StageCall& call) { return call.run().value(); }

// Code or value, as a number.
inline float number_at(const Tensor& tensor, std::int64_t i) {
  if (tensor.dtype() == DType::i8) return static_cast<float>(tensor.as<std::int8_t>()[static_cast<std::size_t>(i)]);
  if (tensor.dtype() == DType::i32) return static_cast<float>(tensor.as<std::int32_t>()[static_cast<std::size_t>(i)]);
  return at(tensor, i);
}

// How many of the values lie outside the golden's enclosure; exact ones count as the float32 they round to. Open
// elements admit everything.
template <class Real>
std::int64_t outside(const GoldenOutput& golden, const std::vector<Real>& values) {
  EXPECT_EQ(golden.value.size(), static_cast<std::int64_t>(values.size()));
  std::int64_t count = 0;
  for (std::int64_t i = 0; i < golden.value.size(); ++i) {
    if (golden.open[static_cast<std::size_t>(i)]) continue;
    const auto value = static_cast<float>(values[static_cast<std::size_t>(i)]);
    const float lo = number_at(golden.lo, i), hi = number_at(golden.hi, i);
    count += std::isnan(value) ? !std::isnan(lo) : !(lo <= value && value <= hi);
  }
  return count;
}
inline std::int64_t open_elements(const GoldenOutput& golden) { return std::ranges::count(golden.open, 1); }

// Runs the call under a2a3 and with sums in any order; records times and the widths of the outputs,
// and expects the median width of bf16 outputs under a2a3 to be at most two steps.
inline void record_production(StageCall call, const std::string& name) {
  const auto record = [&](const std::string& key, auto value) {
    ::testing::Test::RecordProperty(name + "_" + key, fmt::format("{}", value));
  };
  const auto timed = [&](const std::string& key) {
    const auto start = std::chrono::steady_clock::now();
    GoldenMap golden = call.run().value();
    record(key, std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
    return golden;
  };
  const GoldenMap chunked = timed("a2a3_ms");
  call.profile.sum_order = SumOrder::any;
  const GoldenMap any = timed("any_order_ms");
  for (const auto& [output, golden] : chunked) {
    const bool is_bf16 = golden.value.dtype() == DType::bf16;
    if (!is_bf16 && golden.value.dtype() != DType::f32) continue;
    const Widths ours = widths(golden), free = widths(any.at(output));
    record(output + "_median", ours.median_ulp);
    record(output + "_greatest", ours.max_ulp);
    record(output + "_median_any_order", free.median_ulp);
    record(output + "_greatest_any_order", free.max_ulp);
    record(output + "_open", open_elements(golden));
    if (is_bf16) {
      EXPECT_LE(ours.median_ulp, 2) << name << " " << output;
    }
  }
}

}  // namespace assay::goldens

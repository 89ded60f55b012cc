// Test support: the ratio-128 compressor written a second time, straight from dsv4-chain 5 on whole rows, over the
// numbers of free_float.h; with the faults that must not pass for it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "goldens/stages/free_float.h"
#include "goldens/stages/stage_test_support.h"

namespace assay::goldens {

enum class CompressorFault {
  none,
  ape_omitted,
  slot_off_by_one,
  next_token_enters_pool,
  rescale_missing,
  rope_in_halves,
  norm_before_rounding,
  cache_row_off_by_one,
  poisoned_next,       // seed bug B20
  last_token_dropped,  // seed bug B10
  one_slot_missing,
};

struct CompressorSizes {
  std::int64_t batch = 2, tokens = 2, depth = 24, channels = 16, slots = 8, pairs = 4, rows = 3;
};

// About normal, standard deviation 1.
inline float normal_sample(FloatSamples& samples) {
  double sum = -6;
  for (int i = 0; i < 12; ++i) sum += std::ldexp(static_cast<double>(samples.below(1 << 20)), -20);
  return static_cast<float>(sum);
}
inline Tensor normal_tensor(DType dtype, Shape shape, FloatSamples& samples, float scale = 1, float mean = 0) {
  std::vector<float> values(static_cast<std::size_t>(element_count(shape)));
  for (float& value : values) value = mean + scale * normal_sample(samples);
  return dtype == DType::f32 ? f32_tensor(std::move(shape), values) : bf16_tensor(std::move(shape), values);
}

// Orthogonal: a power of two gives Sylvester's matrix.
inline Tensor hadamard_tensor(std::int64_t n) {
  std::vector<float> values(static_cast<std::size_t>(n * n));
  const float scale = 1 / std::sqrt(static_cast<float>(n));
  for (std::int64_t i = 0; i < n * n; ++i)
    values[static_cast<std::size_t>(i)] =
        __builtin_parityll(static_cast<unsigned long long>((i / n) & (i % n))) ? -scale : scale;
  return bf16_tensor({n, n}, values);
}

// Random non-zero states: against a zero state the softmax would be a copy of the newest slot (dsv4-chain 5).
inline StageCall compressor_call(FloatSamples& samples, const CompressorSizes& n, std::int64_t start_pos, bool rotate,
                                 bool head) {
  const float scale = 1 / std::sqrt(static_cast<float>(n.depth));
  std::vector<float> cos, sin;
  for (std::int64_t j = 0; j < n.pairs; ++j) {
    const float t = normal_sample(samples);
    cos.push_back((1 - t * t) / (1 + t * t));
    sin.push_back(2 * t / (1 + t * t));
  }
  const Shape weights = head ? Shape{n.channels, n.depth} : Shape{n.depth, n.channels};
  const Shape state{n.batch, n.slots, n.channels};
  return {.stage = "compressor",
          .inputs = {{"x", normal_tensor(DType::bf16, {n.batch, n.tokens, n.depth}, samples)},
                     {"wkv", normal_tensor(DType::bf16, weights, samples, scale)},
                     {"wgate", normal_tensor(DType::bf16, weights, samples, scale)},
                     {"ape", normal_tensor(DType::f32, {n.slots, n.channels}, samples, 0.5F)},
                     {"norm_w", normal_tensor(head ? DType::bf16 : DType::f32, {n.channels}, samples, 0.1F, 1)},
                     {"cos", f32_tensor({1, n.pairs}, cos)},
                     {"sin", f32_tensor({1, n.pairs}, sin)},
                     {"hadamard", hadamard_tensor(n.channels)},
                     {"kv_state", normal_tensor(DType::f32, state, samples)},
                     {"score_state", normal_tensor(DType::f32, state, samples, 2)},
                     {"kv", normal_tensor(DType::f32, {n.batch, n.tokens, n.channels}, samples)},
                     {"kv_cache", normal_tensor(DType::bf16, {n.batch, n.rows, n.channels}, samples)}},
          .parameters = {{"start_pos", start_pos}, {"rotate", rotate}},
          .options = {{"profile", head ? "head" : "mid"}}};
}

template <class Ops>
class CompressorModel {
 public:
  using Real = typename Ops::Real;
  using Row = std::vector<Real>;

  CompressorModel(const StageCall& call, Ops& ops, CompressorFault fault = CompressorFault::none)
      : call_(call), ops_(ops), fault_(fault), head_(call.options.at("profile") == "head") {
    for (const char* name : {"kv", "kv_state", "score_state", "kv_cache"}) {
      const Tensor& tensor = call.inputs.at(name);
      std::vector<float>& values = outputs_[name];
      for (std::int64_t i = 0; i < tensor.size(); ++i) values.push_back(at(tensor, i));
    }
    run();
  }
  const std::map<std::string, std::vector<float>>& outputs() const { return outputs_; }

 private:
  std::int64_t extent(const char* name, std::size_t axis) const { return call_.inputs.at(name).shape()[axis]; }
  float in(const char* name, std::int64_t i) const { return at(call_.inputs.at(name), i); }
  Real settle(const Real& x) { return head_ ? x : Ops::round(kBf16, x); }

  Row project(const char* weights, std::int64_t b, std::int64_t s) {
    const std::int64_t depth = extent("x", 2), tokens = extent("x", 1);
    Row result, x, w(static_cast<std::size_t>(depth));
    for (std::int64_t d = 0; d < depth; ++d) x.push_back(Ops::of(in("x", (b * tokens + s) * depth + d)));
    for (std::int64_t n = 0; n < channels_; ++n) {
      for (std::int64_t d = 0; d < depth; ++d)
        w[static_cast<std::size_t>(d)] = Ops::of(in(weights, head_ ? n * depth + d : d * channels_ + n));
      result.push_back(ops_.dot(x, w));
    }
    return result;
  }

  void scatter(std::int64_t b, std::int64_t s, const Row& kv, const Row& score) {
    std::int64_t slot = (start_ + s) % slots_;
    if (fault_ == CompressorFault::slot_off_by_one) slot = (slot + 1) % slots_;
    for (std::int64_t n = 0; n < channels_; ++n) {
      const Real ape = Ops::of(fault_ == CompressorFault::ape_omitted ? 0 : in("ape", slot * channels_ + n));
      const Real zero = fault_ == CompressorFault::poisoned_next && s >= slots_ - start_ % slots_
                            ? Real(final_[static_cast<std::size_t>(n)] - final_[static_cast<std::size_t>(n)])
                            : Ops::of(0);
      const auto i = static_cast<std::size_t>(n);
      ring_kv_[static_cast<std::size_t>(slot)][i] = kv[i] + zero;
      ring_score_[static_cast<std::size_t>(slot)][i] = score[i] + ape;
      const auto element = static_cast<std::size_t>((b * slots_ + slot) * channels_ + n);
      outputs_["kv_state"][element] = Ops::to_float(ring_kv_[static_cast<std::size_t>(slot)][i]);
      outputs_["score_state"][element] = Ops::to_float(ring_score_[static_cast<std::size_t>(slot)][i]);
    }
  }

  Real pool(std::size_t n) {
    std::vector<Real> scores, values;
    for (std::size_t slot = 0; slot < ring_kv_.size(); ++slot) {
      if (fault_ == CompressorFault::one_slot_missing && slot == 1) continue;
      scores.push_back(ring_score_[slot][n]);
      values.push_back(ring_kv_[slot][n]);
    }
    return fault_ == CompressorFault::rescale_missing || ops_.coin() ? online(scores, values) : twice(scores, values);
  }
  Real online(const std::vector<Real>& scores, const std::vector<Real>& values) {
    Real m = scores.back(), l = Ops::of(1), o = values.back();
    for (std::size_t i = 0; i + 1 < scores.size(); ++i) {
      const Real next = scores[i] > m ? scores[i] : m;
      const Real a = fault_ == CompressorFault::rescale_missing ? Ops::of(1) : ops_.exp(m - next);
      const Real b = ops_.exp(scores[i] - next);
      l = ops_.multiply_add(a, l, b);
      o = ops_.coin() ? ops_.multiply_add(o, a, values[i] * b) : ops_.multiply_add(values[i], b, o * a);
      m = next;
    }
    return ops_.divide(o, l);
  }
  Real twice(const std::vector<Real>& scores, const std::vector<Real>& values) {
    Real m = scores.front();
    for (const Real& score : scores) m = score > m ? score : m;
    std::vector<Real> weights;
    for (const Real& score : scores) weights.push_back(ops_.exp(score - m));
    const Real scale = ops_.reciprocal(ops_.sum(weights));
    for (Real& weight : weights) weight = weight * scale;
    return ops_.dot(weights, values);
  }

  Row norm_and_rope(const Row& pooled) {
    Row row;
    for (const Real& x : pooled) row.push_back(fault_ == CompressorFault::norm_before_rounding ? x : settle(x));
    const Real squares = ops_.dot(row, row);
    const Real inverse = ops_.inverse_root(squares * Ops::of(1 / static_cast<float>(channels_)) + Ops::of(1e-6F));
    for (std::size_t n = 0; n < row.size(); ++n)
      row[n] = settle(Real(row[n] * inverse) * Ops::of(in("norm_w", static_cast<std::int64_t>(n))));
    const std::int64_t pairs = extent("cos", 1);
    for (std::int64_t j = 0; j < pairs; ++j) {
      const std::int64_t first = channels_ - 2 * pairs;
      const bool halves = fault_ == CompressorFault::rope_in_halves;
      Real& x0 = row[static_cast<std::size_t>(first + (halves ? j : 2 * j))];
      Real& x1 = row[static_cast<std::size_t>(first + (halves ? pairs + j : 2 * j + 1))];
      const Real cos = Ops::of(in("cos", j)), sin = Ops::of(in("sin", j));
      const Real y0 = ops_.multiply_add(x0, cos, -Real(x1 * sin));
      x1 = settle(ops_.multiply_add(x0, sin, x1 * cos));
      x0 = settle(y0);
    }
    return row;
  }

  Row rotated(const Row& row) {
    if (!call_.parameters.at("rotate")) return row;
    Row result, column(row.size());
    for (std::int64_t n = 0; n < channels_; ++n) {
      for (std::int64_t k = 0; k < channels_; ++k)
        column[static_cast<std::size_t>(k)] = Ops::of(in("hadamard", k * channels_ + n));
      result.push_back(ops_.dot(row, column));
    }
    return result;
  }

  void write(std::int64_t b) {
    const std::int64_t rows = extent("kv_cache", 1), tokens = extent("kv", 1);
    std::int64_t row = start_ / slots_;
    if (fault_ == CompressorFault::cache_row_off_by_one) row = (row + 1) % rows;
    for (std::int64_t n = 0; n < channels_; ++n) {
      const Real& x = final_[static_cast<std::size_t>(n)];
      outputs_["kv"][static_cast<std::size_t>(b * tokens * channels_ + n)] = Ops::to_float(x);
      outputs_["kv_cache"][static_cast<std::size_t>((b * rows + row) * channels_ + n)] =
          Ops::to_float(Ops::round(kBf16, x));
    }
  }

  void run() {
    channels_ = extent("ape", 1);
    slots_ = extent("ape", 0);
    start_ = call_.parameters.at("start_pos");
    const std::int64_t tokens = extent("x", 1), batch = extent("x", 0), before = slots_ - start_ % slots_;
    for (std::int64_t b = 0; b < batch; ++b) {
      load(b);
      std::vector<Row> kv, score;
      for (std::int64_t s = 0; s < tokens; ++s) {
        kv.push_back(project("wkv", b, s));
        score.push_back(project("wgate", b, s));
      }
      const bool dropped = fault_ == CompressorFault::last_token_dropped && b == batch - 1;
      const std::int64_t written = dropped ? tokens - 1 : tokens;
      const auto scatter_tokens = [&](std::int64_t from, std::int64_t to) {
        for (std::int64_t s = from; s < to && s < written; ++s)
          scatter(b, s, kv[static_cast<std::size_t>(s)], score[static_cast<std::size_t>(s)]);
      };
      scatter_tokens(0, fault_ == CompressorFault::next_token_enters_pool ? tokens : before);
      if (start_ % slots_ + tokens < slots_) continue;
      Row pooled;
      for (std::size_t n = 0; n < static_cast<std::size_t>(channels_); ++n) pooled.push_back(pool(n));
      final_ = rotated(norm_and_rope(pooled));
      write(b);
      scatter_tokens(before, tokens);
    }
  }
  void load(std::int64_t b) {
    ring_kv_.assign(static_cast<std::size_t>(slots_), Row(static_cast<std::size_t>(channels_)));
    ring_score_ = ring_kv_;
    for (std::int64_t i = 0; i < slots_ * channels_; ++i) {
      const auto slot = static_cast<std::size_t>(i / channels_), n = static_cast<std::size_t>(i % channels_);
      ring_kv_[slot][n] = Ops::of(in("kv_state", b * slots_ * channels_ + i));
      ring_score_[slot][n] = Ops::of(in("score_state", b * slots_ * channels_ + i));
    }
  }

  const StageCall& call_;
  Ops& ops_;
  CompressorFault fault_;
  bool head_;
  std::int64_t channels_ = 0, slots_ = 0, start_ = 0;
  std::vector<Row> ring_kv_, ring_score_;  // [slot][channel] of one batch entry
  Row final_;
  std::map<std::string, std::vector<float>> outputs_;
};

// A value that the golden's element admits.
inline bool admits(const GoldenOutput& output, std::int64_t i, float value) {
  if (output.open[static_cast<std::size_t>(i)]) return true;
  const float lo = at(output.lo, i), hi = at(output.hi, i);
  return std::isnan(value) ? std::isnan(lo) : lo <= value && value <= hi;
}
// Elements outside, by output; empty where everything is inside.
inline std::map<std::string, std::int64_t> outside(const GoldenMap& golden,
                                                   const std::map<std::string, std::vector<float>>& outputs) {
  std::map<std::string, std::int64_t> result;
  for (const auto& [name, values] : outputs)
    for (std::size_t i = 0; i < values.size(); ++i)
      if (!admits(golden.at(name), static_cast<std::int64_t>(i), values[i])) ++result[name];
  return result;
}

}  // namespace assay::goldens

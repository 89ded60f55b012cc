// Test support: random experts, and the expert's pipeline once more from dsv4-chain 1, 3.4 and 3.5: plain loops over
// integers and float32, with what a correct implementation may do otherwise and with faults.
#pragma once

#include <mpfr.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <vector>

#include "goldens/exact/float_ops.h"
#include "goldens/exact/rounding.h"
#include "goldens/stages/stage_test_support.h"

namespace assay::goldens {

inline Tensor i8_tensor(Shape shape, FloatSamples& samples) {
  Tensor result(DType::i8, std::move(shape));
  for (auto& code : result.as<std::int8_t>())
    code = static_cast<std::int8_t>(static_cast<int>(samples.below(255)) - 127);
  return result;
}
inline Tensor i32_tensor(Shape shape, const std::vector<std::int32_t>& values) {
  Tensor result(DType::i32, std::move(shape));
  std::ranges::copy(values, result.as<std::int32_t>().begin());
  return result;
}
// Around `middle`, all within a factor of two of it.
inline Tensor scales(Shape shape, float middle, FloatSamples& samples) {
  Tensor result(DType::f32, std::move(shape));
  for (float& value : result.as<float>())
    value = middle * (0.75f + static_cast<float>(samples.below(1 << 20)) * 0x1p-21f);
  return result;
}

// e^x rounded once, and one division.
inline float exact_exp(float x) {
  mpfr_t value;
  mpfr_init2(value, 24);
  mpfr_set_flt(value, x, MPFR_RNDN);
  mpfr_exp(value, value, MPFR_RNDN);
  const float result = mpfr_get_flt(value, MPFR_RNDN);
  mpfr_clear(value);
  return result;
}

// How an implementation computes. Changed members are either freedoms of the profile or faults.
struct ExpertModel {
  std::function<float(float, float)> multiply = [](float a, float b) { return a * b; };
  std::function<float(float, float)> add = [](float a, float b) { return a + b; };
  std::function<float(float, float)> divide = [](float a, float b) { return a / b; };
  std::function<float(float)> exponential = exact_exp;
  std::function<float(float)> reciprocal = [](float x) { return 1.0f / x; };
  std::function<int(float)> to_code = [](float z) {  // half away from zero
    return static_cast<int>(std::trunc(static_cast<double>(z) + (z < 0 ? -0.5 : 0.5)));
  };
  float greatest_code = 127, floor = 1e-4f, limit = 0;
  bool scale_by_reciprocal = false;  // fl(fl(1 / amax) * 127): seed bug B19
  bool float_products = false;       // both operands dequantised first
  bool swapped = false;              // gate and up
  bool gate_clamped_below = false;
  enum class Weight { none, hidden, row_scale } weight = Weight::none;
  Rounding store = Rounding::rint;
};
inline int code_to_even(float z) { return static_cast<int>(std::nearbyint(z)); }
inline int code_truncated(float z) { return static_cast<int>(std::trunc(z)); }

// One expert's matrices as the stages take them.
struct ModelWeights {
  const std::int8_t *w1, *w3, *w2;
  const float *s1, *s3, *s2;
  std::size_t hidden, intermediate;
};
inline ModelWeights model_weights(const TensorMap& inputs, std::size_t expert = 0) {
  const Shape& shape = inputs.at("w1").shape();
  const auto intermediate = static_cast<std::size_t>(shape[shape.size() - 2]);
  const auto hidden = static_cast<std::size_t>(shape.back());
  const auto codes = [&](const char* name) {
    return inputs.at(name).as<std::int8_t>().data() + expert * hidden * intermediate;
  };
  const auto scale = [&](const char* name, std::size_t size) {
    return inputs.at(name).as<float>().data() + expert * size;
  };
  return {codes("w1"),         codes("w3"), codes("w2"), scale("s1", intermediate), scale("s3", intermediate),
          scale("s2", hidden), hidden,      intermediate};
}

struct ModelRow {
  std::vector<int> codes;
  float scale = 0;
};
inline ModelRow model_quantise(const ExpertModel& model, const std::vector<float>& x) {
  float amax = model.floor;
  for (const float value : x) amax = std::max(amax, std::fabs(value));
  const float s_q = model.scale_by_reciprocal ? model.multiply(model.divide(1, amax), model.greatest_code)
                                              : model.divide(model.greatest_code, amax);
  ModelRow row{{}, model.divide(1, s_q)};
  for (const float value : x) row.codes.push_back(std::clamp(model.to_code(model.multiply(value, s_q)), -128, 127));
  return row;
}

// dequant(q * w^T; s_row, s_channel) for one row.
inline std::vector<float> model_linear(const ExpertModel& model, const ModelRow& row, const std::int8_t* w,
                                       const float* channel, std::size_t outputs, float row_scale) {
  std::vector<float> y;
  const std::size_t columns = row.codes.size();
  for (std::size_t n = 0; n < outputs; ++n) {
    if (model.float_products) {
      float sum = 0;
      for (std::size_t k = 0; k < columns; ++k)
        sum += (static_cast<float>(row.codes[k]) * row_scale) * (static_cast<float>(w[n * columns + k]) * channel[n]);
      y.push_back(sum);
      continue;
    }
    std::int64_t sum = 0;
    for (std::size_t k = 0; k < columns; ++k) sum += std::int64_t{row.codes[k]} * w[n * columns + k];
    y.push_back(model.multiply(model.multiply(static_cast<float>(sum), row_scale), channel[n]));
  }
  return y;
}

// h of one row.
inline std::vector<float> model_hidden(const ExpertModel& model, const ModelWeights& w, const ModelRow& x,
                                       float route_weight) {
  std::vector<float> g = model_linear(model, x, w.w1, w.s1, w.intermediate, x.scale);
  std::vector<float> u = model_linear(model, x, w.w3, w.s3, w.intermediate, x.scale);
  if (model.swapped) std::swap(g, u);
  std::vector<float> h;
  for (std::size_t i = 0; i < w.intermediate; ++i) {
    if (model.limit > 0) {
      g[i] = std::min(g[i], model.limit);
      if (model.gate_clamped_below) g[i] = std::max(g[i], -model.limit);
      u[i] = std::clamp(u[i], -model.limit, model.limit);
    }
    const float sigmoid = model.reciprocal(model.add(model.exponential(-g[i]), 1));
    h.push_back(model.multiply(model.multiply(g[i], sigmoid), u[i]));
    if (model.weight == ExpertModel::Weight::hidden) h.back() = model.multiply(h.back(), route_weight);
  }
  return h;
}

// y of one row, as bf16 decoded. `x` are codes with their scale, or numbers that are quantised here.
inline std::vector<float> model_expert(const ExpertModel& model, const ModelWeights& w, const ModelRow& x,
                                       float route_weight = 1) {
  const ModelRow q = model_quantise(model, model_hidden(model, w, x, route_weight));
  const bool scaled = model.weight == ExpertModel::Weight::row_scale;
  std::vector<float> y =
      model_linear(model, q, w.w2, w.s2, w.hidden, scaled ? model.multiply(q.scale, route_weight) : q.scale);
  for (float& value : y) value = decode_bf16(static_cast<std::uint16_t>(round_exact(kBf16, value, model.store)));
  return y;
}

// A model of P772, and with every operation evaluated exactly and rounded once.
inline ExpertModel p772_model(ExpertModel::Weight weight) {
  ExpertModel model;
  model.weight = weight;
  return model;
}
inline ExpertModel exactly(ExpertModel model, Rounding rounding) {
  model.multiply = exact::multiply;
  model.add = exact::add;
  model.divide = exact::divide;
  model.reciprocal = [](float x) { return exact::divide(1, x); };
  model.to_code = [rounding](float z) { return static_cast<int>(round_to_integer(exact_value(z), rounding)); };
  return model;
}

// x moved by up to `steps` floats within its binade, so by less than steps + 1/2 ulp from what x was rounded from.
inline float nudged(float x, unsigned steps, FloatSamples& samples) {
  float result = x;
  const float toward = samples.coin() ? INFINITY : -INFINITY;
  for (auto n = samples.below(steps + 1); n-- > 0;) {
    const float next = std::nextafterf(result, toward);
    if (std::isfinite(next) && std::ilogbf(next) == std::ilogbf(x)) result = next;
  }
  return result;
}

// How many of the values lie outside the enclosure of the elements from `first` on.
inline int outside(const GoldenOutput& golden, const std::vector<float>& values, std::size_t first = 0) {
  int count = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto at_i = static_cast<std::int64_t>(first + i);
    if (golden.open[first + i]) continue;
    count += !(at(golden.lo, at_i) <= values[i] && values[i] <= at(golden.hi, at_i));
  }
  return count;
}
inline int different(const GoldenOutput& golden, const std::vector<float>& values, std::size_t first = 0) {
  int count = 0;
  for (std::size_t i = 0; i < values.size(); ++i)
    count += !same_float(at(golden.value, static_cast<std::int64_t>(first + i)), values[i]);
  return count;
}

// A bf16 amax and the elements below it whose codes differ between one division and reciprocal times 127 (seed bug
// B19); of all amax the one that has most of them.
inline std::vector<float> reciprocal_sensitive_row() {
  std::vector<float> best;
  ExpertModel once, twice;
  twice.scale_by_reciprocal = true;
  for (int fraction = 0; fraction < 128; ++fraction) {
    const float amax = 1 + static_cast<float>(fraction) / 128;
    std::vector<float> row{amax}, sensitive{amax};
    for (float x = 0x1p-6f; x < amax;
         x = decode_bf16(static_cast<std::uint16_t>((std::bit_cast<std::uint32_t>(x) >> 16) + 1)))
      row.push_back(x);
    const ModelRow a = model_quantise(once, row), b = model_quantise(twice, row);
    for (std::size_t j = 0; j < row.size(); ++j)
      if (a.codes[j] != b.codes[j]) sensitive.push_back(row[j]);
    if (sensitive.size() > best.size()) best = sensitive;
  }
  return best;
}

// w1, s1, w3, s3, w2, s2 for `lead` = {} or {L}; scales that keep g, u and y of order 1 for rows of order 1.
inline TensorMap random_experts(Shape lead, std::int64_t hidden, std::int64_t intermediate, FloatSamples& samples) {
  const auto with = [&](std::initializer_list<std::int64_t> rest) {
    Shape shape = lead;
    shape.insert(shape.end(), rest);
    return shape;
  };
  const auto spread = [](std::int64_t n) { return 1.0f / (64 * std::sqrt(static_cast<float>(n))); };
  TensorMap inputs;
  for (const char* name : {"w1", "w3"}) inputs.emplace(name, i8_tensor(with({intermediate, hidden}), samples));
  for (const char* name : {"s1", "s3"}) inputs.emplace(name, scales(with({intermediate}), spread(hidden), samples));
  inputs.emplace("w2", i8_tensor(with({hidden, intermediate}), samples));
  inputs.emplace("s2", scales(with({hidden}), spread(intermediate), samples));
  return inputs;
}

// [1, rows, row.size()] or [rows, row.size()]: the row with changing signs.
inline Tensor signed_rows(Shape shape, const std::vector<float>& row, FloatSamples& samples) {
  std::vector<float> values;
  for (std::int64_t i = 0; i < element_count(shape); ++i) {
    const float x = row[static_cast<std::size_t>(i) % row.size()];
    values.push_back(samples.coin() ? x : -x);
  }
  return bf16_tensor(std::move(shape), values);
}

// Makes the second half of the hidden channels repeat the first, and w2 nearly cancel it: what is left of large sums
// keeps the rounding errors of float32 products, whereas integers have none.
inline void make_sums_cancel(TensorMap& inputs, FloatSamples& samples) {
  const ModelWeights w = model_weights(inputs);
  const std::size_t half = w.intermediate / 2;
  for (const char* name : {"w1", "w3"}) {
    const auto codes = inputs.at(name).as<std::int8_t>();
    std::copy_n(codes.begin(), half * w.hidden, codes.begin() + static_cast<std::ptrdiff_t>(half * w.hidden));
  }
  for (const char* name : {"s1", "s3"}) {
    const auto scale = inputs.at(name).as<float>();
    std::copy_n(scale.begin(), half, scale.begin() + static_cast<std::ptrdiff_t>(half));
  }
  const auto w2 = inputs.at("w2").as<std::int8_t>();
  for (std::size_t d = 0; d < w.hidden; ++d)
    for (std::size_t i = 0; i < half; ++i) {
      std::int8_t& first = w2[d * w.intermediate + i];
      w2[d * w.intermediate + half + i] = static_cast<std::int8_t>(-first);
      if (samples.below(8) == 0 && first < 127) ++first;
    }
}

// Row r of a tensor of `columns` columns, and its codes with a scale.
inline std::vector<float> row_of(const Tensor& tensor, std::size_t r, std::size_t columns) {
  std::vector<float> row;
  for (std::size_t j = 0; j < columns; ++j) row.push_back(at(tensor, static_cast<std::int64_t>(r * columns + j)));
  return row;
}
inline ModelRow codes_of(const Tensor& tensor, const Tensor& scale, std::size_t r, std::size_t columns) {
  const auto codes = tensor.as<std::int8_t>().subspan(r * columns, columns);
  return {{codes.begin(), codes.end()}, at(scale, static_cast<std::int64_t>(r))};
}

}  // namespace assay::goldens

// Test support: stages evaluated on literal and random tensors.
#pragma once

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <numeric>
#include <string>
#include <vector>

#include "goldens/exact/float_samples.h"
#include "goldens/formats/bf16.h"
#include "goldens/stages/binding.h"
#include "goldens/stages/stage.h"

namespace assay::goldens {

inline Tensor f32_tensor(Shape shape, std::span<const float> values) {
  Tensor result(DType::f32, std::move(shape));
  std::copy(values.begin(), values.end(), result.as<float>().begin());
  return result;
}
inline Tensor f32_tensor(Shape shape, std::initializer_list<float> values) {
  return f32_tensor(std::move(shape), std::span(values.begin(), values.size()));
}
// Values that bf16 represents.
inline Tensor bf16_tensor(Shape shape, std::span<const float> values) {
  Tensor result(DType::bf16, std::move(shape));
  encode_bf16(values, Rounding::trunc, false, result.as<std::uint16_t>());
  return result;
}
inline Tensor bf16_tensor(Shape shape, std::initializer_list<float> values) {
  return bf16_tensor(std::move(shape), std::span(values.begin(), values.size()));
}

// Elements drawn by a member of FloatSamples; bf16 takes their upper half.
inline Tensor random_tensor(DType dtype, Shape shape, FloatSamples& samples,
                            float (FloatSamples::*draw)() = &FloatSamples::moderate) {
  std::vector<float> values(static_cast<std::size_t>(element_count(shape)));
  for (float& value : values) value = (samples.*draw)();
  return dtype == DType::bf16 ? bf16_tensor(std::move(shape), values) : f32_tensor(std::move(shape), values);
}

// The elements of an f32 or bf16 tensor.
inline float at(const Tensor& tensor, std::int64_t index) {
  const auto bits = static_cast<std::uint32_t>(tensor.bits(index));
  return tensor.dtype() == DType::bf16 ? decode_bf16(static_cast<std::uint16_t>(bits)) : std::bit_cast<float>(bits);
}

struct StageCall {
  std::string stage;
  TensorMap inputs;
  Parameters parameters = {};
  Options options = {};
  Profile profile = {};

  Result<GoldenMap> run() const {
    InputMap map;
    for (const auto& [name, tensor] : inputs) map[name] = &tensor;
    const auto found = find_stage(stage);
    if (!found) return tl::unexpected(found.error());
    return evaluate(**found, {map, parameters, options, profile});
  }
  GoldenOutput output(const std::string& name) const { return run().value().at(name); }
};

inline Profile contracting() {
  Profile profile;
  profile.contraction = Contraction::allowed;
  return profile;
}
inline Profile flushing() {
  Profile profile;
  profile.flush_subnormals = true;
  return profile;
}

// The chosen slices of the leading axis, in that order.
inline Tensor take_rows(const Tensor& tensor, std::span<const std::int64_t> rows) {
  Shape shape = tensor.shape();
  const std::int64_t row_elements = shape[0] == 0 ? 0 : tensor.size() / shape[0];
  shape[0] = static_cast<std::int64_t>(rows.size());
  Tensor result(tensor.dtype(), shape);
  for (std::size_t i = 0; i < rows.size(); ++i)
    for (std::int64_t j = 0; j < row_elements; ++j)
      result.set_bits(static_cast<std::int64_t>(i) * row_elements + j, tensor.bits(rows[i] * row_elements + j));
  return result;
}

// Whether evaluating the chosen rows gives the chosen rows of the whole: permutation, duplication and splitting a batch
// are all choices of rows. `per_row`: the inputs whose leading axis is the token's.
inline bool commutes_with_rows(const StageCall& call, const std::vector<std::string>& per_row,
                               std::span<const std::int64_t> rows) {
  StageCall chosen = call;
  for (const std::string& name : per_row) chosen.inputs.at(name) = take_rows(call.inputs.at(name), rows);
  const GoldenMap whole = call.run().value(), part = chosen.run().value();
  for (const auto& [name, output] : whole) {
    const GoldenOutput& other = part.at(name);
    if (!(take_rows(output.value, rows) == other.value)) return false;
    if (!(take_rows(output.lo, rows) == other.lo) || !(take_rows(output.hi, rows) == other.hi)) return false;
  }
  return true;
}
inline bool commutes_with_rows(const StageCall& call, const std::vector<std::string>& per_row) {
  using Rows = std::vector<std::int64_t>;
  const std::int64_t tokens = call.inputs.at(per_row.front()).shape()[0];
  Rows reversed(static_cast<std::size_t>(tokens));
  std::iota(reversed.rbegin(), reversed.rend(), 0);
  const Rows front{0, 1}, back{2, 3}, twice{1, 1, 0, 1};
  for (const Rows& rows : {reversed, front, back, twice})
    if (!commutes_with_rows(call, per_row, rows)) return false;
  return true;
}

// Every element of an f32 or bf16 tensor times 2^k; the caller keeps away from overflow and subnormals.
inline Tensor times_power_of_two(const Tensor& tensor, int k) {
  Tensor result = tensor;
  for (std::int64_t i = 0; i < tensor.size(); ++i) {
    const auto bits = std::bit_cast<std::uint32_t>(std::ldexp(at(tensor, i), k));
    result.set_bits(i, tensor.dtype() == DType::bf16 ? bits >> 16 : bits);
  }
  return result;
}

// value within [lo, hi] where not open, ends ordered; and all equal to value where the profile leaves no freedom.
inline bool is_enclosed(const GoldenOutput& output) {
  for (std::int64_t i = 0; i < output.value.size(); ++i) {
    const float value = at(output.value, i), lo = at(output.lo, i), hi = at(output.hi, i);
    if (output.open[static_cast<std::size_t>(i)]) continue;
    if (std::isnan(value) ? !(std::isnan(lo) && std::isnan(hi)) : !(lo <= value && value <= hi)) return false;
  }
  return true;
}
inline bool is_determined(const GoldenOutput& output) {
  for (const std::uint8_t open : output.open)
    if (open) return false;
  return output.lo == output.value && output.hi == output.value;
}

// The first way in which the call's outputs are not what the stage's ports promise; empty: none. Every output has a
// port of its name, a legal dtype, the extents that the inputs bind its symbols to (one extent for a symbol that no
// input has), and lo, hi and open of the same size. Every port that is not optional has its output.
inline std::string broken_port(const StageCall& call) {
  const Stage& stage = *find_stage(call.stage).value();
  InputMap inputs;
  for (const auto& [name, tensor] : call.inputs) inputs[name] = &tensor;
  Extents extents = bind_inputs(stage, inputs).value();
  const GoldenMap outputs = call.run().value();
  for (const auto& [name, output] : outputs)
    if (std::ranges::count(stage.outputs, std::string_view(name), &Port::name) != 1) return name + " has no port";
  for (const Port& port : stage.outputs) {
    const auto found = outputs.find(port.name);
    if (found == outputs.end()) {
      if (!port.optional) return std::string(port.name) + " is missing";
      continue;
    }
    const GoldenOutput& output = found->second;
    Shape shape;
    for (std::size_t axis = 0; axis < port.shape.size() && axis < output.value.shape().size(); ++axis)
      shape.push_back(port.shape[axis] == "1"
                          ? 1
                          : extents.try_emplace(port.shape[axis], output.value.shape()[axis]).first->second);
    for (const Tensor* tensor : {&output.value, &output.lo, &output.hi})
      if (tensor->shape() != shape || tensor->dtype() != output.value.dtype() ||
          !std::ranges::count(port.dtypes, tensor->dtype()))
        return std::string(port.name) + " is " + to_string(tensor->shape());
    if (static_cast<std::int64_t>(output.open.size()) != output.value.size()) return std::string(port.name) + ": open";
  }
  return "";
}

}  // namespace assay::goldens

// Test support: whether a golden accepts what a subject returned, element by element.
#pragma once

#include <string>

#include "goldens/intranode/naive_formats.h"
#include "goldens/stages/stage_test_support.h"

namespace assay::goldens::intranode {

// -0 lies below +0.
inline bool at_most(double a, double b) { return a == 0 && b == 0 ? std::signbit(a) || !std::signbit(b) : a <= b; }

inline bool element_accepted(const GoldenOutput& golden, const Tensor& actual, std::int64_t i, bool bytes) {
  const DType dtype = actual.dtype();
  if (bytes || !info(dtype).is_float) {
    if (dtype != DType::i32) return actual.bits(i) == golden.value.bits(i);
    const auto signed_at = [&](const Tensor& tensor) { return static_cast<std::int32_t>(tensor.bits(i)); };
    return signed_at(golden.lo) <= signed_at(actual) && signed_at(actual) <= signed_at(golden.hi);
  }
  if (naive_is_nan(dtype, golden.value.bits(i)) || naive_is_nan(dtype, actual.bits(i)))
    return naive_is_nan(dtype, golden.value.bits(i)) && naive_is_nan(dtype, actual.bits(i));
  const auto value = [&](const Tensor& tensor) { return naive_widen(dtype, tensor.bits(i)); };
  return at_most(value(golden.lo), value(actual)) && at_most(value(actual), value(golden.hi));
}

// Empty where every output is accepted; else the first element that is not. `bytes`: NaN payloads and the sign of zero
// count, as for rows that are only moved.
inline std::string first_mismatch(const GoldenMap& golden, const TensorMap& actual, bool bytes) {
  for (const auto& [name, output] : golden) {
    const auto found = actual.find(name);
    if (found == actual.end()) return name + " is missing";
    if (found->second.shape() != output.value.shape() || found->second.dtype() != output.value.dtype())
      return name + " has another shape";
    for (std::int64_t i = 0; i < output.value.size(); ++i)
      if (!output.open[static_cast<std::size_t>(i)] && !element_accepted(output, found->second, i, bytes))
        return fmt::format("{}[{}] is 0x{:x}, expected 0x{:x}", name, i, found->second.bits(i), output.value.bits(i));
  }
  return "";
}

inline Result<GoldenMap> evaluate_observed(const StageCall& call, const TensorMap* observed) {
  InputMap inputs, seen;
  for (const auto& [name, tensor] : call.inputs) inputs[name] = &tensor;
  if (observed != nullptr)
    for (const auto& [name, tensor] : *observed) seen[name] = &tensor;
  return evaluate(*find_stage(call.stage).value(),
                  {inputs, call.parameters, call.options, call.profile, observed == nullptr ? nullptr : &seen});
}

inline std::int64_t open_elements(const GoldenOutput& output) {
  return std::count(output.open.begin(), output.open.end(), std::uint8_t{1});
}

}  // namespace assay::goldens::intranode

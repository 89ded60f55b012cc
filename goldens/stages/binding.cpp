#include "goldens/stages/binding.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

namespace assay::goldens {
namespace {

// "1" in a port's shape is that extent; anything else is a symbol.
std::optional<std::int64_t> literal(std::string_view extent) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(extent.data(), extent.data() + extent.size(), value);
  if (error != std::errc() || end != extent.data() + extent.size()) return std::nullopt;
  return value;
}

template <class Range>
std::string joined(const Range& names) {
  return fmt::format("{}", fmt::join(names, ", "));
}

std::vector<std::string_view> names(std::span<const Port> ports) {
  std::vector<std::string_view> result;
  for (const Port& port : ports) result.push_back(port.name);
  return result;
}

Result<void> check_dtype(const Stage& stage, const Port& port, const Tensor& tensor) {
  if (std::ranges::count(port.dtypes, tensor.dtype())) return {};
  std::vector<std::string_view> legal;
  for (const DType dtype : port.dtypes) legal.push_back(name(dtype));
  return bad_input("stage {}: input '{}' is {}, expected {}", stage.name, port.name, name(tensor.dtype()),
                   fmt::join(legal, " or "));
}

Result<void> bind_shape(const Stage& stage, const Port& port, const Shape& shape, Extents& extents) {
  if (shape.size() != port.shape.size())
    return bad_input("stage {}: input '{}' has shape {}, expected [{}]", stage.name, port.name, to_string(shape),
                     joined(port.shape));
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    const std::string_view symbol = port.shape[axis];
    const auto fixed = literal(symbol);
    const std::int64_t expected = fixed ? *fixed : extents.try_emplace(symbol, shape[axis]).first->second;
    if (expected != shape[axis])
      return bad_input("stage {}: input '{}' has shape {} for [{}], expected {} along axis {}", stage.name, port.name,
                       to_string(shape), joined(port.shape),
                       fixed ? fmt::format("{}", expected) : fmt::format("{} = {}", symbol, expected), axis);
  }
  return {};
}

}  // namespace

Result<Extents> bind_inputs(const Stage& stage, const InputMap& inputs) {
  for (const auto& [given, tensor] : inputs)
    if (!std::ranges::count(stage.inputs, std::string_view(given), &Port::name))
      return bad_input("stage {}: unknown input '{}', expected {}", stage.name, given, joined(names(stage.inputs)));
  Extents extents;
  for (const Port& port : stage.inputs) {
    const auto found = inputs.find(port.name);
    if (found == inputs.end() || found->second == nullptr) {
      if (port.optional) continue;
      return bad_input("stage {}: input '{}' is missing, expected {}", stage.name, port.name,
                       joined(names(stage.inputs)));
    }
    const Tensor& tensor = *found->second;
    if (auto checked = check_dtype(stage, port, tensor); !checked) return tl::unexpected(checked.error());
    if (auto bound = bind_shape(stage, port, tensor.shape(), extents); !bound) return tl::unexpected(bound.error());
  }
  return extents;
}

Result<void> check_options(const Stage& stage, const StageRequest& request) {
  for (const auto& [given, value] : request.options)
    if (!std::ranges::count(stage.options, std::string_view(given)))
      return bad_input("stage {}: unknown option '{}={}', expected {}", stage.name, given, value,
                       stage.options.empty() ? "none" : joined(stage.options));
  for (const StageParameter& needed : stage.parameters)
    if (!needed.fallback && request.parameters.find(needed.name) == request.parameters.end())
      return bad_input("stage {}: parameter '{}' is missing", stage.name, needed.name);
  return {};
}

}  // namespace assay::goldens

// A case's values over a pipeline's defaults, and what follows from them: tensors and their sizes.
#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "harness/device/schedule.h"
#include "harness/pipeline/suggest.h"
#include "harness/run/execute.h"
#include "harness/run/substitute.h"

namespace assay::run {
namespace {

constexpr std::array<std::string_view, 12> kCaseKeys = {"pipeline", "fill", "seed",    "profile", "policy", "backends",
                                                        "expect",   "tags", "timeout", "offset",  "order",  "schedule"};
constexpr std::int64_t kMostBytes = std::int64_t{1} << 48;

bool is_case_key(std::string_view key) { return std::find(kCaseKeys.begin(), kCaseKeys.end(), key) != kCaseKeys.end(); }

Result<void> bind_integer(const pipeline::Parameter& parameter, std::string_view text, Bindings& bindings) {
  std::int64_t value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size())
    return bad_input("parameter {} is '{}'; expected an integer", parameter.name, text);
  if (parameter.min && value < *parameter.min)
    return bad_input("parameter {} is {}; expected at least {}", parameter.name, value, *parameter.min);
  if (parameter.max && value > *parameter.max)
    return bad_input("parameter {} is {}; expected at most {}", parameter.name, value, *parameter.max);
  bindings.integers[parameter.name] = value;
  return {};
}

Result<void> bind_offset(const Case& c, Bindings& bindings) {
  const std::string_view text = c.get("offset", "0");
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), bindings.offset);
  if (code != std::errc() || end != text.data() + text.size() || bindings.offset < 0 || bindings.offset > kMostOffset)
    return bad_input("offset is '{}'; expected an integer from 0 to {}", text, kMostOffset);
  return {};
}

Result<void> bind_word(const pipeline::Parameter& parameter, std::string_view text, Bindings& bindings) {
  if (std::find(parameter.choices.begin(), parameter.choices.end(), text) == parameter.choices.end())
    return bad_input("parameter {} is '{}'{}", parameter.name, text, pipeline::suggestion(text, parameter.choices));
  bindings.words[parameter.name] = text;
  return {};
}

Result<void> check_known(const pipeline::Pipeline& pipeline, const Case& c) {
  for (const auto& [key, value] : c.values) {
    const auto named = [&key = key](const pipeline::Parameter& parameter) { return parameter.name == key; };
    if (is_case_key(key) || std::any_of(pipeline.parameters.begin(), pipeline.parameters.end(), named)) continue;
    std::vector<std::string> known(kCaseKeys.begin(), kCaseKeys.end());
    for (const pipeline::Parameter& parameter : pipeline.parameters) known.push_back(parameter.name);
    return bad_input("pipeline '{}' has no parameter '{}'{}", pipeline.name, key, pipeline::suggestion(key, known));
  }
  return {};
}

Result<void> bind_schedule(const Case& c, Bindings& bindings) {
  const auto order = device::parse_order_of_case(c.get("order", "auto"));
  if (!order) return tl::unexpected(order.error());
  const auto schedule = device::parse_schedule(c.get("schedule", "canonical"));
  if (!schedule) return tl::unexpected(schedule.error());
  bindings.order = order->order;
  bindings.inserts_sync = order->inserts_sync;
  bindings.schedule = *schedule;
  return {};
}

}  // namespace

Result<std::int64_t> evaluate(const Expression& expression, const Bindings& bindings) {
  return expression.evaluate([&](std::string_view name) -> const std::int64_t* {
    const auto found = bindings.integers.find(name);
    if (found != bindings.integers.end()) return &found->second;
    static constexpr std::int64_t kFlags[] = {0, 1};
    for (const auto& [word, value] : bindings.words) {
      const std::string prefix = word + std::string(pipeline::kIs);
      if (name.starts_with(prefix)) return &kFlags[name.substr(prefix.size()) == value ? 1 : 0];
    }
    return nullptr;
  });
}

Result<std::string> substitute(std::string_view text, const Bindings& bindings) {
  std::string result;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t close = text[at] == '{' ? text.find('}', at) : std::string_view::npos;
    if (close == std::string_view::npos) {
      result += text[at++];
      continue;
    }
    const std::string_view name = text.substr(at + 1, close - at - 1);
    if (const auto word = bindings.words.find(name); word != bindings.words.end()) {
      result += word->second;
    } else if (const auto integer = bindings.integers.find(name); integer != bindings.integers.end()) {
      result += std::to_string(integer->second);
    } else {
      return bad_input("'{}' names the unknown parameter '{}'", text, name);
    }
    at = close + 1;
  }
  return result;
}

Result<Bindings> bind(const pipeline::Pipeline& pipeline, const Case& c) {
  if (const auto known = check_known(pipeline, c); !known) return tl::unexpected(known.error());
  Bindings bindings;
  if (const auto bound = bind_offset(c, bindings); !bound) return tl::unexpected(bound.error());
  if (const auto bound = bind_schedule(c, bindings); !bound) return tl::unexpected(bound.error());
  for (const pipeline::Parameter& parameter : pipeline.parameters) {
    const auto given = c.values.find(parameter.name);
    const bool is_word = !parameter.choices.empty();
    if (given == c.values.end()) {
      if (is_word)
        bindings.words[parameter.name] = std::get<std::string>(parameter.default_value);
      else
        bindings.integers[parameter.name] = std::get<std::int64_t>(parameter.default_value);
      continue;
    }
    const auto bound =
        is_word ? bind_word(parameter, given->second, bindings) : bind_integer(parameter, given->second, bindings);
    if (!bound) return tl::unexpected(bound.error());
  }
  for (const Expression& constraint : pipeline.constraints) {
    const auto holds = evaluate(constraint, bindings);
    if (!holds)
      return bad_input("constraint '{}' of pipeline '{}': {}", constraint.text(), pipeline.name, holds.error().message);
    if (*holds == 0) return bad_input("the case contradicts '{}' of pipeline '{}'", constraint.text(), pipeline.name);
  }
  return bindings;
}

Result<std::vector<ResolvedTensor>> resolve_tensors(const pipeline::Pipeline& pipeline, const Bindings& bindings) {
  std::vector<ResolvedTensor> tensors;
  for (const pipeline::TensorSpec& spec : pipeline.tensors) {
    const auto dtype_name = substitute(spec.dtype, bindings);
    if (!dtype_name) return tl::unexpected(dtype_name.error());
    const auto dtype = parse_dtype(*dtype_name);
    if (!dtype) return bad_input("tensor '{}' has the unknown dtype '{}'", spec.name, *dtype_name);
    ResolvedTensor tensor{spec.name, *dtype, {}, spec.role};
    std::int64_t count = 1;
    for (const Expression& expression : spec.shape) {
      const auto extent = evaluate(expression, bindings);
      if (!extent)
        return bad_input("tensor '{}', dimension '{}': {}", spec.name, expression.text(), extent.error().message);
      if (*extent < 0) return bad_input("tensor '{}', dimension '{}' is {}", spec.name, expression.text(), *extent);
      if (*extent != 0 && count > kMostBytes / *extent)
        return bad_input("tensor '{}' has more than 2^48 elements", spec.name);
      count *= *extent;
      tensor.shape.push_back(*extent);
    }
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

Result<std::int64_t> bytes_needed(const pipeline::Pipeline& pipeline, const Case& c) {
  const auto bindings = bind(pipeline, c);
  if (!bindings) return tl::unexpected(bindings.error());
  const auto tensors = resolve_tensors(pipeline, *bindings);
  if (!tensors) return tl::unexpected(tensors.error());
  std::int64_t bytes = 0;  // at most 256 tensors of 2^51 bytes
  for (const ResolvedTensor& tensor : *tensors) bytes += bytes_of(tensor.dtype, element_count(tensor.shape));
  return bytes;
}

}  // namespace assay::run

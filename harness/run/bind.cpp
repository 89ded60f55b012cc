// A case's values over a pipeline's defaults, and what follows from them: tensors and their sizes.
#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "harness/compare/peer.h"
#include "harness/device/schedule.h"
#include "harness/pipeline/suggest.h"
#include "harness/run/captured.h"
#include "harness/run/execute.h"
#include "harness/run/substitute.h"

namespace assay::run {
namespace {

constexpr std::array<std::string_view, 13> kCaseKeys = {"pipeline", "fill",   "seed",    "profile", "policy",
                                                        "backends", "expect", "tags",    "timeout", "offset",
                                                        "order",    "schedule", "inputs"};
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
    return name == "invocation" ? &bindings.invocation : nullptr;
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
      const auto expression = Expression::parse(name);
      const auto value = expression ? evaluate(*expression, bindings) : Result<std::int64_t>(0);
      if (!expression || !value) return bad_input("'{}' names the unknown parameter '{}'", text, name);
      result += std::to_string(*value);
    }
    at = close + 1;
  }
  return result;
}

// "none" is for words of a parameter that the peers have no check for.
Result<void> bind_peer(const pipeline::Pipeline& pipeline, Bindings& bindings) {
  if (pipeline.peer.empty()) return {};
  auto set = substitute(pipeline.peer, bindings);
  if (!set) return tl::unexpected(set.error());
  if (*set == "none") return {};
  if (!compare::is_peer_set(*set))
    return bad_input("peer of pipeline '{}' is '{}'; expected p772, mid, head, head_pro, exdc, ffng or none",
                     pipeline.name, *set);
  bindings.peer_set = std::move(*set);
  return {};
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
  const auto captured = captured_manifest(c);
  if (!captured) return tl::unexpected(captured.error());
  if (*captured)
    if (const auto bound = bind_captured(pipeline, c, **captured, bindings); !bound)
      return tl::unexpected(bound.error());
  for (const Expression& constraint : pipeline.constraints) {
    const auto holds = evaluate(constraint, bindings);
    if (!holds)
      return bad_input("constraint '{}' of pipeline '{}': {}", constraint.text(), pipeline.name, holds.error().message);
    if (*holds == 0) return bad_input("the case contradicts '{}' of pipeline '{}'", constraint.text(), pipeline.name);
  }
  if (const auto bound = bind_peer(pipeline, bindings); !bound) return tl::unexpected(bound.error());
  return bindings;
}

namespace {

// Appends the extents to `shape`; their product may not leave what any memory holds.
Result<void> resolve_shape(const std::vector<Expression>& extents, const std::string& what, const Bindings& bindings,
                           Shape& shape) {
  std::int64_t count = element_count(shape);
  for (const Expression& expression : extents) {
    const auto extent = evaluate(expression, bindings);
    if (!extent) return bad_input("{}, dimension '{}': {}", what, expression.text(), extent.error().message);
    if (*extent < 0) return bad_input("{}, dimension '{}' is {}", what, expression.text(), *extent);
    if (*extent != 0 && count > kMostBytes / *extent) return bad_input("{} has more than 2^48 elements", what);
    count *= *extent;
    shape.push_back(*extent);
  }
  return {};
}

Result<DType> resolve_dtype(const std::string& text, const std::string& what, const Bindings& bindings) {
  const auto name = substitute(text, bindings);
  if (!name) return tl::unexpected(name.error());
  const auto dtype = parse_dtype(*name);
  if (!dtype) return bad_input("{} has the unknown dtype '{}'", what, *name);
  return *dtype;
}

Result<std::int64_t> resolve_ranks(const Expression& expression, const std::string& what, const Bindings& bindings) {
  const auto ranks = evaluate(expression, bindings);
  if (!ranks) return bad_input("{}, ranks '{}': {}", what, expression.text(), ranks.error().message);
  if (*ranks < 1 || *ranks > kMaxRanks)
    return bad_input("{}, ranks '{}' is {}; expected 1 to {}", what, expression.text(), *ranks, kMaxRanks);
  return *ranks;
}

// `end`: where the field before it ends.
Result<ResolvedField> resolve_field(const pipeline::FieldSpec& spec, const std::string& window, std::int64_t end,
                                    const Bindings& bindings) {
  const std::string what = fmt::format("field '{}' of window '{}'", spec.name, window);
  ResolvedField field;
  field.name = spec.name;
  field.zero = spec.zero;
  const auto dtype = resolve_dtype(spec.dtype, what, bindings);
  if (!dtype) return tl::unexpected(dtype.error());
  field.dtype = *dtype;
  Shape shape;
  if (const auto done = resolve_shape(spec.shape, what, bindings, shape); !done) return tl::unexpected(done.error());
  field.bytes = bytes_of(*dtype, element_count(shape));
  field.at = (end + pipeline::kFieldAlignment - 1) / pipeline::kFieldAlignment * pipeline::kFieldAlignment;
  if (spec.has_at) {
    const auto at = evaluate(spec.at, bindings);
    if (!at) return bad_input("{}, at '{}': {}", what, spec.at.text(), at.error().message);
    if (*at < end || *at > kMostBytes)
      return bad_input("{} is at {}; expected at least {}, where the field before it ends", what, *at, end);
    field.at = *at;
  }
  if (const std::int64_t width = std::max<std::int64_t>(1, info(*dtype).bits / 8); field.at % width != 0)
    return bad_input("{} is at {}, which is no multiple of the {} bytes of {}", what, field.at, width, name(*dtype));
  return field;
}

}  // namespace

Result<std::vector<ResolvedTensor>> resolve_tensors(const pipeline::Pipeline& pipeline, const Bindings& bindings) {
  std::vector<ResolvedTensor> tensors;
  for (const pipeline::TensorSpec& spec : pipeline.tensors) {
    const std::string what = fmt::format("tensor '{}'", spec.name);
    const auto dtype = resolve_dtype(spec.dtype, what, bindings);
    if (!dtype) return tl::unexpected(dtype.error());
    ResolvedTensor tensor{spec.name, *dtype, {}, spec.role, 0};
    if (spec.has_ranks) {
      const auto ranks = resolve_ranks(spec.ranks, what, bindings);
      if (!ranks) return tl::unexpected(ranks.error());
      tensor.ranks = *ranks;
      tensor.shape.push_back(*ranks);
    }
    if (const auto done = resolve_shape(spec.shape, what, bindings, tensor.shape); !done)
      return tl::unexpected(done.error());
    if (tensor.ranks > 0 && element_count(tensor.shape) / tensor.ranks * info(tensor.dtype).bits % 8 != 0)
      return bad_input("{} has no whole number of bytes on each rank", what);
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

const ResolvedField* ResolvedWindow::find(std::string_view field) const {
  const auto found = std::find_if(fields.begin(), fields.end(), [&](const ResolvedField& f) { return f.name == field; });
  return found == fields.end() ? nullptr : &*found;
}

Result<std::vector<ResolvedWindow>> resolve_windows(const pipeline::Pipeline& pipeline, const Bindings& bindings) {
  std::vector<ResolvedWindow> windows;
  for (const pipeline::WindowSpec& spec : pipeline.windows) {
    const std::string what = fmt::format("window '{}'", spec.name);
    ResolvedWindow window;
    window.name = spec.name;
    const auto ranks = resolve_ranks(spec.ranks, what, bindings);
    if (!ranks) return tl::unexpected(ranks.error());
    window.ranks = *ranks;
    std::int64_t end = 0, width = 1;
    for (const pipeline::FieldSpec& field : spec.fields) {
      auto resolved = resolve_field(field, spec.name, end, bindings);
      if (!resolved) return tl::unexpected(resolved.error());
      end = resolved->at + resolved->bytes;
      width = std::max<std::int64_t>(width, info(resolved->dtype).bits / 8);
      window.fields.push_back(std::move(*resolved));
    }
    window.bytes = (end + pipeline::kFieldAlignment - 1) / pipeline::kFieldAlignment * pipeline::kFieldAlignment;
    if (spec.has_bytes) {
      const auto bytes = evaluate(spec.bytes, bindings);
      if (!bytes) return bad_input("{}, bytes '{}': {}", what, spec.bytes.text(), bytes.error().message);
      if (*bytes < end || *bytes > kMostBytes)
        return bad_input("{} has {} bytes; its fields need {}", what, *bytes, end);
      window.bytes = *bytes;
    }
    // The next rank's fields are as aligned as these.
    if (window.bytes % width != 0)
      return bad_input("{} has {} bytes, no multiple of the {} of its widest element", what, window.bytes, width);
    windows.push_back(std::move(window));
  }
  return windows;
}

Result<std::int64_t> invocations_of(const pipeline::Pipeline& pipeline, const Bindings& bindings) {
  if (!pipeline.has_invocations) return 1;
  const auto count = evaluate(pipeline.invocations, bindings);
  if (!count) return bad_input("invocations '{}': {}", pipeline.invocations.text(), count.error().message);
  if (*count < 1 || *count > kMaxInvocations)
    return bad_input("invocations '{}' is {}; expected 1 to {}", pipeline.invocations.text(), *count, kMaxInvocations);
  return *count;
}

std::int64_t bytes_of_all(const std::vector<ResolvedTensor>& tensors, const std::vector<ResolvedWindow>& windows) {
  std::int64_t bytes = 0;  // at most 256 tensors of 2^51 bytes
  for (const ResolvedTensor& tensor : tensors) bytes += bytes_of(tensor.dtype, element_count(tensor.shape));
  for (const ResolvedWindow& window : windows) bytes += window.ranks * window.bytes;
  return bytes;
}

Result<std::int64_t> bytes_needed(const pipeline::Pipeline& pipeline, const Case& c) {
  const auto bindings = bind(pipeline, c);
  if (!bindings) return tl::unexpected(bindings.error());
  const auto tensors = resolve_tensors(pipeline, *bindings);
  if (!tensors) return tl::unexpected(tensors.error());
  const auto windows = resolve_windows(pipeline, *bindings);
  if (!windows) return tl::unexpected(windows.error());
  return bytes_of_all(*tensors, *windows);
}

}  // namespace assay::run

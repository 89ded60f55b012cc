// Inputs of a case from its fill and seed.
#include <charconv>

#include "harness/core/fill.h"
#include "harness/run/captured.h"
#include "harness/run/execute.h"
#include "harness/run/substitute.h"

namespace assay::run {
namespace {

constexpr std::string_view kDefaultFill = "normal";

Result<std::uint64_t> seed_of(const Case& c) {
  const std::string_view text = c.get("seed", "1");
  std::uint64_t seed = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), seed);
  if (code != std::errc() || end != text.data() + text.size())
    return bad_input("seed is '{}'; expected a non-negative integer", text);
  return seed;
}

// The composition's text for this tensor, then the composition's "*", then the fill itself.
std::string_view specification(const pipeline::Pipeline& pipeline, std::string_view fill, std::string_view tensor) {
  const auto composition = pipeline.fills.find(fill);
  if (composition == pipeline.fills.end()) return fill;
  for (const std::string_view key : {tensor, std::string_view("*")})
    if (const auto found = composition->second.find(key); found != composition->second.end()) return found->second;
  return fill;
}

Error in_context(Error error, std::string_view tensor, std::string_view text) {
  error.message = fmt::format("fill '{}' of tensor '{}': {}", text, tensor, error.message);
  return error;
}

}  // namespace

Result<TensorMap> make_inputs(const pipeline::Pipeline& pipeline, const Case& c, const Bindings& bindings) {
  const auto tensors = resolve_tensors(pipeline, bindings);
  if (!tensors) return tl::unexpected(tensors.error());
  auto seed = seed_of(c);
  if (!seed) return tl::unexpected(seed.error());
  // Far from the seeds that people write.
  *seed += static_cast<std::uint64_t>(bindings.invocation - 1) << 32;
  const auto manifest = captured_manifest(c);
  if (!manifest) return tl::unexpected(manifest.error());
  auto captured = *manifest ? captured_inputs(*tensors, c, **manifest) : Result<TensorMap>(TensorMap());
  if (!captured) return captured;
  TensorMap inputs = std::move(*captured);
  for (const ResolvedTensor& spec : *tensors) {
    if (inputs.contains(spec.name)) continue;
    if (spec.role != pipeline::Role::input && spec.role != pipeline::Role::inout) continue;
    const auto text = substitute(specification(pipeline, c.get("fill", kDefaultFill), spec.name), bindings);
    if (!text) return tl::unexpected(text.error());
    Tensor tensor(spec.dtype, spec.shape);
    if (const auto filled = fill(tensor, *text, *seed, spec.name); !filled)
      return tl::unexpected(in_context(filled.error(), spec.name, *text));
    inputs.emplace(spec.name, std::move(tensor));
  }
  return inputs;
}

}  // namespace assay::run

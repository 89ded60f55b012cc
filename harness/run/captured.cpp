#include "harness/run/captured.h"

#include <algorithm>

#include "harness/pipeline/suggest.h"

namespace assay::run {
namespace {

bool is_input(pipeline::Role role) { return role == pipeline::Role::input || role == pipeline::Role::inout; }
bool is_given(const ManifestEntry& entry) { return entry.role == "input" || entry.role == "inout"; }

std::string where(const Case& c) { return std::string(c.get("inputs")); }

// An integer parameter that the case leaves open takes the extent; one that an earlier tensor gave must agree.
Result<void> bind_extent(const Expression& expression, std::int64_t extent, const ManifestEntry& entry,
                         const pipeline::Pipeline& pipeline, const Case& c, std::map<std::string, std::string>& givers,
                         Bindings& bindings) {
  const std::string& name = expression.text();
  const auto parameter = std::find_if(pipeline.parameters.begin(), pipeline.parameters.end(),
                                      [&](const pipeline::Parameter& p) { return p.name == name && p.choices.empty(); });
  if (parameter == pipeline.parameters.end() || c.values.contains(name)) return {};
  const auto [giver, fresh] = givers.emplace(name, entry.name);
  if (!fresh && bindings.integers[name] != extent)
    return bad_input("{}: {} is {} by the shape of '{}', but {} by that of '{}'", where(c), name,
                     bindings.integers[name], giver->second, extent, entry.name);
  if ((parameter->min && extent < *parameter->min) || (parameter->max && extent > *parameter->max))
    return bad_input("{}: '{}' has {} = {}, which the pipeline does not allow", where(c), entry.name, name, extent);
  bindings.integers[name] = extent;
  return {};
}

void bind_dtype(const pipeline::TensorSpec& spec, const ManifestEntry& entry, const pipeline::Pipeline& pipeline,
                const Case& c, Bindings& bindings) {
  for (const pipeline::Parameter& parameter : pipeline.parameters) {
    if (spec.dtype != "{" + parameter.name + "}" || c.values.contains(parameter.name)) continue;
    const std::string found(name(entry.dtype));
    if (std::find(parameter.choices.begin(), parameter.choices.end(), found) != parameter.choices.end())
      bindings.words[parameter.name] = found;
  }
}

}  // namespace

Result<std::optional<Manifest>> captured_manifest(const Case& c) {
  const std::string_view folder = c.get("inputs");
  if (folder.empty()) return std::optional<Manifest>();
  auto manifest = read_manifest(std::filesystem::path(folder));
  if (!manifest) return tl::unexpected(manifest.error());
  return std::optional<Manifest>(std::move(*manifest));
}

Result<void> bind_captured(const pipeline::Pipeline& pipeline, const Case& c, const Manifest& manifest,
                           Bindings& bindings) {
  std::map<std::string, std::string> givers;  // of a parameter: the tensor whose shape it follows
  for (const ManifestEntry& entry : manifest.tensors) {
    const pipeline::TensorSpec* spec = pipeline.find_tensor(entry.name);
    if (!is_given(entry) || !spec || !is_input(spec->role)) continue;
    bind_dtype(*spec, entry, pipeline, c, bindings);
    // A tensor of every rank has the ranks in front.
    const std::size_t front = entry.shape.size() - std::min(entry.shape.size(), spec->shape.size());
    for (std::size_t d = 0; d < spec->shape.size() && front + d < entry.shape.size(); ++d)
      if (auto bound = bind_extent(spec->shape[d], entry.shape[front + d], entry, pipeline, c, givers, bindings); !bound)
        return bound;
  }
  return {};
}

Result<TensorMap> captured_inputs(const std::vector<ResolvedTensor>& tensors, const Case& c, const Manifest& manifest) {
  std::vector<std::string> names;
  for (const ResolvedTensor& tensor : tensors)
    if (is_input(tensor.role)) names.push_back(tensor.name);
  TensorMap inputs;
  for (const ManifestEntry& entry : manifest.tensors) {
    if (!is_given(entry)) continue;
    const auto spec = std::find_if(tensors.begin(), tensors.end(), [&](const ResolvedTensor& tensor) {
      return tensor.name == entry.name && is_input(tensor.role);
    });
    if (spec == tensors.end())
      return bad_input("{}: '{}' is no input of the pipeline{}", where(c), entry.name,
                       pipeline::suggestion(entry.name, names));
    if (entry.dtype != spec->dtype || entry.shape != spec->shape)
      return bad_input("{}: '{}' is {} {}; expected {} {}", where(c), entry.name, name(entry.dtype),
                       to_string(entry.shape), name(spec->dtype), to_string(spec->shape));
    auto tensor = read_tensor(std::filesystem::path(where(c)), entry);
    if (!tensor) return tl::unexpected(tensor.error());
    inputs.emplace(entry.name, std::move(*tensor));
  }
  std::vector<std::string> missing;
  for (const std::string& name : names)
    if (!inputs.contains(name)) missing.push_back(name);
  if (!missing.empty() && c.get("fill").empty())
    return bad_input("{}: no {}; expected every input of the pipeline, or a case with a fill for the rest", where(c),
                     fmt::join(missing, ", "));
  return inputs;
}

}  // namespace assay::run

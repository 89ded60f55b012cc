// The golden of a stage: a built-in one, .npy files, or a command.
#include <algorithm>
#include <chrono>
#include <cmath>

#include "harness/core/command.h"
#include "harness/core/manifest.h"
#include "harness/core/npy.h"
#include "harness/core/scratch_directory.h"
#include "harness/run/execute.h"
#include "harness/run/golden_binding.h"
#include "harness/run/substitute.h"

namespace assay::run {
namespace {

namespace fs = std::filesystem;

bool contains(const std::vector<std::string>& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

struct Context {
  const pipeline::StageSpec& stage;
  const Bindings& bindings;
  const std::vector<ResolvedTensor>& tensors;
  const TensorMap& inputs;

  const ResolvedTensor* find(std::string_view name) const {
    for (const ResolvedTensor& tensor : tensors)
      if (tensor.name == name) return &tensor;
    return nullptr;
  }
};

}  // namespace

std::string tensor_of(const pipeline::BuiltinGolden& golden, std::string_view port) {
  const auto mapped = golden.ports.find(port);
  return mapped == golden.ports.end() ? std::string(port) : mapped->second;
}

Result<goldens::Parameters> builtin_parameters(const pipeline::BuiltinGolden& golden, const goldens::Stage& stage,
                                               const Bindings& bindings) {
  goldens::Parameters parameters;
  for (const auto& [name, fallback] : stage.parameters) {
    if (const auto given = golden.parameters.find(name); given != golden.parameters.end()) {
      const auto value = evaluate(given->second, bindings);
      if (!value) return bad_input("golden parameter '{}': {}", name, value.error().message);
      parameters.emplace(name, *value);
    } else if (const auto bound = bindings.integers.find(name); bound != bindings.integers.end()) {
      parameters.emplace(name, bound->second);
    } else if (!fallback) {
      return bad_input("golden '{}' needs the parameter '{}'", stage.name, name);
    }
  }
  return parameters;
}

namespace {

// The stage's outputs under the names of its tensors; ports that the pipeline does not bind are left out.
Result<goldens::GoldenMap> bound_outputs(goldens::GoldenMap outputs, const pipeline::BuiltinGolden& golden,
                                         const goldens::Stage& stage, const Context& context) {
  goldens::GoldenMap bound;
  for (const goldens::Port& port : stage.outputs) {
    const std::string tensor = tensor_of(golden, port.name);
    if (!contains(context.stage.outputs, tensor)) continue;
    const auto given = outputs.find(port.name);
    if (given == outputs.end())
      return bad_input("golden '{}' gives no '{}' under these options; stage '{}' expects it as output '{}'",
                       golden.stage, port.name, context.stage.name, tensor);
    bound.emplace(tensor, std::move(given->second));
  }
  return bound;
}

Result<goldens::GoldenMap> applied_golden(const pipeline::BuiltinGolden& golden, const Context& context,
                                          const Profile& profile, const TensorMap* observed) {
  const auto stage = goldens::find_stage(golden.stage);
  if (!stage) return tl::unexpected(stage.error());
  const auto parameters = builtin_parameters(golden, **stage, context.bindings);
  if (!parameters) return tl::unexpected(parameters.error());
  goldens::Options options;
  for (const auto& [name, text] : golden.options) {
    auto value = substitute(text, context.bindings);
    if (!value) return tl::unexpected(value.error());
    options.emplace(name, std::move(*value));
  }
  goldens::InputMap inputs;
  for (const goldens::Port& port : (*stage)->inputs) {
    const auto given = context.inputs.find(tensor_of(golden, port.name));
    if (given == context.inputs.end() && port.optional) continue;
    if (given == context.inputs.end())
      return internal_error("golden '{}' misses its input '{}'", golden.stage, port.name);
    inputs.emplace(port.name, &given->second);
  }
  goldens::InputMap answers;
  if (observed && (*stage)->set_valued)
    for (const goldens::Port& port : (*stage)->outputs)
      if (const auto given = observed->find(tensor_of(golden, port.name)); given != observed->end())
        answers.emplace(port.name, &given->second);
  auto outputs =
      goldens::evaluate(**stage, {inputs, *parameters, options, profile, answers.empty() ? nullptr : &answers});
  if (!outputs) return outputs;
  return bound_outputs(std::move(*outputs), golden, **stage, context);
}

// One rank's part of each tensor that has ranks.
TensorMap part_of(const TensorMap& tensors, const Context& context, std::int64_t rank) {
  TensorMap parts;
  for (const auto& [name, tensor] : tensors) {
    const ResolvedTensor* spec = context.find(name);
    if (!spec || spec->ranks == 0) {
      parts.emplace(name, tensor);
      continue;
    }
    Tensor part(tensor.dtype(), Shape(tensor.shape().begin() + 1, tensor.shape().end()));
    const std::size_t bytes = part.bytes().size();
    std::ranges::copy(tensor.bytes().subspan(static_cast<std::size_t>(rank) * bytes, bytes), part.bytes().begin());
    parts.emplace(name, std::move(part));
  }
  return parts;
}

void append(Tensor& all, const Tensor& part, std::int64_t rank) {
  std::ranges::copy(part.bytes(), all.bytes().begin() + rank * static_cast<std::ptrdiff_t>(part.bytes().size()));
}

// The golden of every rank by itself, its outputs one after the other.
Result<goldens::GoldenMap> golden_of_ranks(const pipeline::BuiltinGolden& golden, const Context& context,
                                           const Profile& profile, const TensorMap* observed) {
  std::int64_t ranks = 0;
  for (const std::string& name : context.stage.outputs) {
    const ResolvedTensor* spec = context.find(name);
    if (!spec || spec->ranks == 0)
      return bad_input("the golden of stage '{}' is per_rank, but its output '{}' has no ranks", context.stage.name,
                       name);
    ranks = spec->ranks;
  }
  for (const std::string& name : context.stage.inputs)
    if (const ResolvedTensor* spec = context.find(name); spec && spec->ranks != 0 && spec->ranks != ranks)
      return bad_input("tensors of stage '{}' have {} and {} ranks", context.stage.name, spec->ranks, ranks);
  goldens::GoldenMap all;
  for (std::int64_t rank = 0; rank < ranks; ++rank) {
    Bindings bindings = context.bindings;
    bindings.integers["rank"] = rank;
    const TensorMap inputs = part_of(context.inputs, context, rank);
    TensorMap answers;
    if (observed) answers = part_of(*observed, context, rank);
    const auto one = applied_golden(golden, {context.stage, bindings, context.tensors, inputs}, profile,
                                    observed ? &answers : nullptr);
    if (!one) return tl::unexpected(one.error());
    for (const auto& [name, part] : *one) {
      goldens::GoldenOutput& output = all[name];
      if (rank == 0) {
        const ResolvedTensor& spec = *context.find(name);
        output.value = output.lo = output.hi = Tensor(spec.dtype, spec.shape);
      }
      append(output.value, part.value, rank);
      append(output.lo, part.lo, rank);
      append(output.hi, part.hi, rank);
      output.open.resize(static_cast<std::size_t>(rank * part.value.size()), 0);
      output.open.insert(output.open.end(), part.open.begin(), part.open.end());
      if (!output.open.empty()) output.open.resize(static_cast<std::size_t>((rank + 1) * part.value.size()), 0);
    }
  }
  return all;
}

Result<goldens::GoldenMap> builtin_golden(const pipeline::BuiltinGolden& golden, const Context& context,
                                          const Profile& profile, const TensorMap* observed) {
  return golden.per_rank ? golden_of_ranks(golden, context, profile, observed)
                         : applied_golden(golden, context, profile, observed);
}

// Reads a .npy of the expected dtype and shape; looks at the header before it reads any data.
Result<Tensor> read_expected(const fs::path& file, const ResolvedTensor& expected) {
  const auto header = read_npy_header(file);
  if (!header) return tl::unexpected(header.error());
  Shape stored = expected.shape;
  if (expected.dtype == DType::e2m1 && !stored.empty()) stored.back() = (stored.back() + 1) / 2;
  if (header->shape != stored)
    return bad_input("{}: the shape is {}; expected {}", file.string(), to_string(header->shape), to_string(stored));
  return read_npy(file, expected.dtype);
}

Result<goldens::GoldenOutput> read_output(const fs::path& directory, const ResolvedTensor& expected) {
  goldens::GoldenOutput output;
  auto value = read_expected(directory / (expected.name + ".npy"), expected);
  if (!value) return tl::unexpected(value.error());
  output.lo = output.hi = output.value = std::move(*value);
  for (const auto& [suffix, bound] : {std::pair{".lo.npy", &output.lo}, std::pair{".hi.npy", &output.hi}}) {
    const fs::path file = directory / (expected.name + suffix);
    std::error_code code;
    if (!fs::exists(file, code)) continue;
    auto read = read_expected(file, expected);
    if (!read) return tl::unexpected(read.error());
    *bound = std::move(*read);
  }
  return output;
}

Result<goldens::GoldenMap> read_outputs(const fs::path& directory, const Context& context) {
  goldens::GoldenMap outputs;
  for (const std::string& name : context.stage.outputs) {
    const ResolvedTensor* expected = context.find(name);
    if (!expected) return internal_error("output '{}' is not resolved", name);
    auto output = read_output(directory, *expected);
    if (!output) return tl::unexpected(output.error());
    outputs.emplace(name, std::move(*output));
  }
  return outputs;
}

Metadata metadata_of(const Context& context) {
  Metadata metadata{{"stage", context.stage.name}};
  for (const auto& [name, value] : context.bindings.integers) metadata["parameter." + name] = std::to_string(value);
  for (const auto& [name, value] : context.bindings.words) metadata["parameter." + name] = value;
  return metadata;
}

// ": " and the last line a command wrote, if any.
std::string last_words(std::string_view output) {
  while (!output.empty() && output.back() == '\n') output.remove_suffix(1);
  if (const auto newline = output.rfind('\n'); newline != std::string_view::npos) output.remove_prefix(newline + 1);
  return output.empty() ? "" : fmt::format(": {}", output.substr(0, 500));
}

Result<goldens::GoldenMap> command_golden(const pipeline::CommandGolden& golden, const fs::path& pipeline_file,
                                          const Context& context) {
  const auto scratch = ScratchDirectory::make();
  if (!scratch) return tl::unexpected(scratch.error());
  const fs::path inputs = scratch->path() / "inputs", outputs = scratch->path() / "outputs";
  std::error_code code;
  fs::create_directory(outputs, code);
  if (code) return unavailable("cannot make {}: {}", outputs.string(), code.message());
  TensorMap given;
  for (const std::string& name : context.stage.inputs) given.emplace(name, context.inputs.find(name)->second);
  if (const auto written = write_tensors(inputs, given, {}, metadata_of(context)); !written)
    return tl::unexpected(written.error());
  const std::string folder = fs::absolute(pipeline_file).parent_path().string();
  std::string command = with_placeholder(golden.command, "inputs", inputs.string());
  command = with_placeholder(command, "outputs", outputs.string());
  const auto limit = std::chrono::milliseconds(std::llround(golden.timeout * 1000));
  const auto outcome = run_command("cd " + shell_quoted(folder) + " && " + command, limit);
  if (!outcome) return tl::unexpected(outcome.error());
  if (!outcome->succeeded())
    return bad_input("golden command of stage '{}': {}{}", context.stage.name, describe(*outcome, limit),
                     last_words(outcome->output));
  auto read = read_outputs(outputs, context);
  if (!read)
    read.error().message = fmt::format("golden command of stage '{}': {}", context.stage.name, read.error().message);
  return read;
}

}  // namespace

bool is_set_valued(const pipeline::StageSpec& stage) {
  const auto* golden = std::get_if<pipeline::BuiltinGolden>(&stage.golden);
  const auto builtin = golden ? goldens::find_stage(golden->stage) : Result<const goldens::Stage*>(nullptr);
  return builtin && *builtin && (*builtin)->set_valued;
}

Result<goldens::GoldenMap> stage_golden(const pipeline::Pipeline& pipeline, const pipeline::StageSpec& stage,
                                        const Bindings& bindings, const std::vector<ResolvedTensor>& tensors,
                                        const TensorMap& inputs, const Profile& profile, const TensorMap* observed) {
  const Context context{stage, bindings, tensors, inputs};
  if (const auto* golden = std::get_if<pipeline::BuiltinGolden>(&stage.golden))
    return builtin_golden(*golden, context, profile, observed);
  if (const auto* golden = std::get_if<pipeline::CommandGolden>(&stage.golden))
    return command_golden(*golden, pipeline.file, context);
  if (const auto* golden = std::get_if<pipeline::NpyGolden>(&stage.golden)) {
    const auto directory = substitute(golden->directory.string(), bindings);
    if (!directory) return tl::unexpected(directory.error());
    return read_outputs(*directory, context);
  }
  return goldens::GoldenMap{};
}

}  // namespace assay::run

// assay golden: a built-in golden and its enclosure for given .npy files; needs no pipeline, kernel or backend.
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <iostream>

#include "goldens/enclosure/width.h"
#include "goldens/stages/stage.h"
#include "harness/cli/command.h"
#include "harness/cli/stage_table.h"
#include "harness/cli/tensor_folder.h"
#include "harness/core/manifest.h"
#include "harness/core/npy.h"
#include "harness/run/assumed.h"

namespace assay::cli {
namespace {

namespace fs = std::filesystem;

struct GoldenOptions {
  std::string stage, inputs, observed, out, profile = "a2a3";
  std::vector<std::string> parameters, options, dtypes;
  bool list = false;
};

// KEY=VALUE texts, each key once.
Result<goldens::Options> parse_pairs(const std::vector<std::string>& texts, std::string_view flag) {
  goldens::Options pairs;
  for (const std::string& text : texts) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0) return bad_input("{} '{}': expected KEY=VALUE", flag, text);
    if (!pairs.emplace(text.substr(0, equals), text.substr(equals + 1)).second)
      return bad_input("{} '{}': '{}' stands twice", flag, text, text.substr(0, equals));
  }
  return pairs;
}

Result<goldens::Parameters> parameters_of(const goldens::Stage& stage, const std::vector<std::string>& texts) {
  const auto pairs = parse_pairs(texts, "--param");
  if (!pairs) return tl::unexpected(pairs.error());
  goldens::Parameters parameters;
  for (const auto& [key, text] : *pairs) {
    if (!std::ranges::count(stage.parameters, std::string_view(key), &goldens::StageParameter::name)) {
      std::vector<std::string_view> known;
      for (const goldens::StageParameter& one : stage.parameters) known.push_back(one.name);
      return bad_input("--param '{}={}': stage {} has no parameter '{}', expected {}", key, text, stage.name, key,
                       known.empty() ? "none" : fmt::format("{}", fmt::join(known, ", ")));
    }
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size())
      return bad_input("--param '{}={}': expected a 64-bit integer", key, text);
    parameters.emplace(key, value);
  }
  return parameters;
}

// The dtype as which the port reads a raw file: as --dtype says, as the file says, or the only legal one of its width.
Result<DType> dtype_of(const goldens::Port& port, const fs::path& file, const DTypes& given) {
  const auto header = read_npy_header(file);
  if (!header) {
    Error error = header.error();
    error.message += fmt::format("; the stage reads {}", describe(port));
    return tl::unexpected(std::move(error));
  }
  if (const auto named = given.find(port.name); named != given.end()) return named->second;
  if (std::ranges::count(port.dtypes, header->dtype)) return header->dtype;
  std::vector<DType> fitting;
  for (const DType dtype : port.dtypes)
    if (info(dtype).npy == info(header->dtype).npy) fitting.push_back(dtype);
  if (fitting.size() == 1) return fitting.front();
  if (fitting.empty())
    return bad_input("{}: the elements are {}, expected {}", file.string(), name(header->dtype), describe(port));
  std::vector<std::string> choices;
  for (const DType dtype : fitting) choices.push_back(fmt::format("--dtype {}={}", port.name, name(dtype)));
  return bad_input("{}: the elements are {}, which could be several formats; expected {}", file.string(),
                   name(header->dtype), fmt::join(choices, " or "));
}

// The ports' tensors of a folder with a manifest or of raw .npy files. `all_needed`: ports that are not optional must
// be there; otherwise one of them must.
Result<TensorMap> read_ports(const goldens::Stage& stage, const std::vector<goldens::Port>& ports,
                             const fs::path& directory, const DTypes& dtypes, bool all_needed) {
  std::error_code error;
  if (!fs::is_directory(directory, error)) return bad_input("{}: is no folder", directory.string());
  const auto files = npy_files(directory);
  std::optional<Manifest> manifest;
  if (has_manifest(directory)) {
    auto read = read_manifest(directory);
    if (!read) return tl::unexpected(read.error());
    manifest = std::move(*read);
  }
  TensorMap tensors;
  std::vector<std::string> absent;
  for (const goldens::Port& port : ports) {
    const ManifestEntry* entry = manifest ? manifest->find(port.name) : nullptr;
    const auto file = files.find(std::string(port.name));
    if (manifest ? entry == nullptr : file == files.end()) {
      if (port.optional || !all_needed)
        absent.emplace_back(port.name);
      else
        return bad_input("{}: found no '{}' for stage {}, expected {}", directory.string(), port.name, stage.name,
                         describe(port));
      continue;
    }
    const auto dtype = entry ? Result<DType>(entry->dtype) : dtype_of(port, file->second, dtypes);
    if (!dtype) return tl::unexpected(dtype.error());
    auto tensor = entry ? read_tensor(directory, *entry) : read_npy(file->second, *dtype);
    if (!tensor) return tl::unexpected(tensor.error());
    tensors.emplace(port.name, std::move(*tensor));
  }
  // What is there under another name may be a misspelt optional input.
  std::vector<std::string> others;
  const auto note = [&](const std::string& name) {
    if (!tensors.contains(name)) others.push_back(name);
  };
  if (manifest)
    for (const ManifestEntry& entry : manifest->tensors) note(entry.name);
  else
    for (const auto& [name, file] : files) note(name);
  if (!others.empty() && !absent.empty() && all_needed)
    return bad_input("{}: found '{}', which stage {} does not read, while of its optional inputs '{}' {} absent",
                     directory.string(), fmt::join(others, "', '"), stage.name, fmt::join(absent, "', '"),
                     absent.size() == 1 ? "is" : "are");
  if (tensors.empty() && !all_needed)
    return bad_input("{}: found {}, expected outputs of stage {}: {}", directory.string(),
                     others.empty() ? "no .npy file" : fmt::format("'{}'", fmt::join(others, "', '")), stage.name,
                     fmt::join(absent, ", "));
  if (!others.empty()) std::cout << fmt::format("{}: not read: {}\n", directory.string(), fmt::join(others, ", "));
  return tensors;
}

goldens::InputMap pointers(const TensorMap& tensors) {
  goldens::InputMap map;
  for (const auto& [name, tensor] : tensors) map.emplace(name, &tensor);
  return map;
}

std::string oracle_kind(const goldens::GoldenOutput& output, const goldens::Widths& widths, const Profile& profile) {
  if (widths.open == widths.elements) return "nothing is determined";
  if (widths.max_ulp == 0 && output.lo == output.hi) return "exact";
  return run::arithmetic_is_assumed(profile) ? "bound(assumed)" : "enclosure";
}

std::string summary_line(const std::string& name, const goldens::GoldenOutput& output, const Profile& profile) {
  const goldens::Widths widths = goldens::widths(output);
  return fmt::format("{}: {} {}, {} elements, {} open, width median {} at most {} ulp, {}\n", name,
                     assay::name(output.value.dtype()), to_string(output.value.shape()), output.value.size(),
                     widths.open, widths.median_ulp, widths.max_ulp, oracle_kind(output, widths, profile));
}

// What may lie in --out: neither the inputs, whose files and manifest would be replaced, nor the observed outputs.
Result<void> check_out(const GoldenOptions& options) {
  for (const auto& [flag, directory] :
       {std::pair("--inputs", options.inputs), std::pair("--observed", options.observed)}) {
    std::error_code error;
    if (!directory.empty() && fs::equivalent(options.out, directory, error))
      return bad_input("--out {}: is the folder of {}, expected another one", options.out, flag);
  }
  return {};
}

bool has_open(const goldens::GoldenOutput& output) { return std::ranges::count(output.open, std::uint8_t{1}) > 0; }

// Outputs of a set-valued stage that are open, at least in part, while no subject's answer to them was held.
std::string unheld(const goldens::Stage& stage, const goldens::GoldenMap& golden, const TensorMap& observed) {
  std::vector<std::string> names;
  for (const auto& [name, output] : golden)
    if (stage.set_valued && has_open(output) && !observed.contains(name)) names.push_back(name);
  return fmt::format("{}", fmt::join(names, ","));
}

Result<void> write(const goldens::GoldenMap& golden, const GoldenOptions& options, const goldens::Stage& stage,
                   const std::string& without_answer) {
  TensorMap tensors;
  Roles roles;
  const auto add = [&](const std::string& name, const Tensor& tensor, const char* role) {
    tensors.emplace(name, tensor);
    roles[name] = role;
  };
  for (const auto& [name, output] : golden) {
    add(name, output.value, "golden");
    add(name + ".lo", output.lo, "lo");
    add(name + ".hi", output.hi, "hi");
    if (!has_open(output)) {
      // Of an earlier golden in the same folder: it would open elements of this one.
      std::error_code error;
      fs::remove(fs::path(options.out) / (name + ".open.npy"), error);
      continue;
    }
    Tensor open(DType::u8, output.value.shape());
    std::ranges::copy(output.open, open.as<std::uint8_t>().begin());
    add(name + ".open", open, "open");
  }
  Metadata metadata{
      {"stage", std::string(stage.name)}, {"clause", std::string(stage.clause)}, {"profile", options.profile}};
  if (!without_answer.empty()) metadata["unheld"] = without_answer;
  for (const std::string& text : options.parameters)
    metadata["parameter." + text.substr(0, text.find('='))] = text.substr(text.find('=') + 1);
  for (const std::string& text : options.options)
    metadata["option." + text.substr(0, text.find('='))] = text.substr(text.find('=') + 1);
  const auto written = write_tensors(options.out, tensors, roles, metadata);
  return written ? Result<void>() : tl::unexpected(written.error());
}

Result<void> golden(const GoldenOptions& options) {
  const auto stage = goldens::find_stage(options.stage);
  if (!stage) return tl::unexpected(stage.error());
  if (options.inputs.empty() || options.out.empty())
    return bad_input("golden {}: found no {}, expected the folder of {}", options.stage,
                     options.inputs.empty() ? "--inputs" : "--out",
                     options.inputs.empty() ? "the stage's inputs" : "what is written");
  if (!options.observed.empty() && !(*stage)->set_valued)
    return bad_input("--observed: stage {} has one answer; it is not set-valued", options.stage);
  if (auto checked = check_out(options); !checked) return checked;
  const auto parameters = parameters_of(**stage, options.parameters);
  if (!parameters) return tl::unexpected(parameters.error());
  const auto stage_options = parse_pairs(options.options, "--option");
  if (!stage_options) return tl::unexpected(stage_options.error());
  const auto profile = load_profile(options.profile);
  if (!profile) return tl::unexpected(profile.error());
  const auto dtypes = parse_dtypes(options.dtypes);
  if (!dtypes) return tl::unexpected(dtypes.error());
  for (const auto& [name, dtype] : *dtypes)
    if (!std::ranges::count((*stage)->inputs, std::string_view(name), &goldens::Port::name) &&
        !std::ranges::count((*stage)->outputs, std::string_view(name), &goldens::Port::name))
      return bad_input("--dtype '{}={}': stage {} has no port '{}'", name, assay::name(dtype), options.stage, name);
  const auto inputs = read_ports(**stage, (*stage)->inputs, options.inputs, *dtypes, true);
  if (!inputs) return tl::unexpected(inputs.error());
  const goldens::InputMap input_map = pointers(*inputs);
  TensorMap observed;
  goldens::InputMap observed_map;
  if (!options.observed.empty()) {
    auto read = read_ports(**stage, (*stage)->outputs, options.observed, *dtypes, false);
    if (!read) return tl::unexpected(read.error());
    observed = std::move(*read);
    observed_map = pointers(observed);
  }
  const auto outputs = goldens::evaluate(
      **stage, {input_map, *parameters, *stage_options, *profile, options.observed.empty() ? nullptr : &observed_map});
  if (!outputs) return tl::unexpected(outputs.error());
  const std::string without_answer = unheld(**stage, *outputs, observed);
  if (const auto written = write(*outputs, options, **stage, without_answer); !written) return written;
  for (const auto& [name, output] : *outputs) std::cout << summary_line(name, output, *profile);
  if (!without_answer.empty())
    std::cout << fmt::format("stage {} admits several answers; --observed DIR holds those that a subject gave: {}\n",
                             (*stage)->name, without_answer);
  return {};
}

int run_golden(const GoldenOptions& options) {
  if (options.list || options.stage.empty()) {
    std::cout << stage_table();
    return 0;
  }
  const auto done = golden(options);
  return done ? 0 : report_error(done.error());
}

}  // namespace

void register_golden_command(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "golden", "A stage's golden and its enclosure for given .npy inputs; without a stage: the list");
  auto options = std::make_shared<GoldenOptions>();
  command->add_option("STAGE", options->stage, "A built-in stage; see --list");
  command->add_flag("--list", options->list, "Stages with their ports, parameters, options and relations");
  command->add_option("--inputs", options->inputs,
                      "Folder of the stage's inputs: INPUT.npy, with or without manifest.json");
  command->add_option("--out", options->out,
                      "Folder for OUTPUT.npy, OUTPUT.lo.npy, OUTPUT.hi.npy, OUTPUT.open.npy and manifest.json");
  command->add_option("--param", options->parameters, "KEY=INTEGER (repeatable)")->allow_extra_args(false);
  command->add_option("--option", options->options, "KEY=WORD (repeatable)")->allow_extra_args(false);
  command->add_option("--profile", options->profile, "Machine whose freedom the enclosure covers (default a2a3)");
  command->add_option("--observed", options->observed,
                      "Folder of a subject's outputs, for a stage that admits several answers");
  command->add_option("--dtype", options->dtypes, "PORT=DTYPE of a raw file without a manifest (repeatable)")
      ->allow_extra_args(false);
  command->callback([=, &exit_code] { exit_code = run_golden(*options); });
}

}  // namespace assay::cli

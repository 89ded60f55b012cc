#include "harness/device/process/bundle.h"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>
#include <set>

#include "harness/core/file.h"
#include "harness/core/manifest.h"
#include "harness/core/npy.h"
#include "harness/pto/inference.h"
#include "harness/pto/printer.h"
#include "harness/pto/reader.h"
#include "harness/pto/verifier.h"

namespace assay::device {
namespace {

using nlohmann::json;
constexpr std::uintmax_t kLargestDescription = 16 << 20;

std::string argument_name(const pto::Function& function, std::size_t argument) {
  const std::string& name = function.values[function.arguments[argument]].name;
  return name.empty() ? "arg" + std::to_string(argument) : name;
}

// A name the manifest takes: SSA names may hold $ and -.
std::string file_name(std::string name) {
  for (char& c : name)
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '_') c = '_';
  return name;
}

json argument_json(const Argument& argument, const std::vector<std::string>& names) {
  if (const auto* pointer = std::get_if<PointerArgument>(&argument))
    return {{"tensor", names[pointer->tensor]}, {"element_offset", pointer->element_offset}};
  if (const auto* integer = std::get_if<std::int64_t>(&argument)) return {{"integer", *integer}};
  return {{"float", std::get<double>(argument)}};
}

Roles roles_of(const Launch& launch, const std::vector<std::string>& names) {
  Roles roles;
  const auto directions = pto::argument_directions(*launch.module, *launch.function);
  for (std::size_t i = 0; i < launch.arguments.size(); ++i) {
    const auto* pointer = std::get_if<PointerArgument>(&launch.arguments[i]);
    if (!pointer) continue;
    using enum pto::Direction;
    const bool reads = directions[i] == in || directions[i] == inout;
    const bool writes = directions[i] == out || directions[i] == inout;
    std::string& role = roles[names[pointer->tensor]];
    const bool was_read = role == "input" || role == "inout", was_written = role == "output" || role == "inout";
    const bool r = reads || was_read, w = writes || was_written;
    role = r && w ? "inout" : w ? "output" : "input";
  }
  return roles;
}

Result<json> read_json(const std::filesystem::path& file) {
  auto text = read_text(file, kLargestDescription);
  if (!text) return tl::unexpected(text.error());
  json parsed = json::parse(*text, nullptr, false);
  if (parsed.is_discarded() || !parsed.is_object()) return bad_input("{}: not a JSON object", file.string());
  return parsed;
}

// One member of the type asked for.
template <class T>
Result<T> member(const json& object, const char* key, const std::filesystem::path& file) {
  const auto found = object.find(key);
  if (found == object.end()) return bad_input("{}: '{}' is missing", file.string(), key);
  try {
    return found->template get<T>();
  } catch (const json::exception&) {
    return bad_input("{}: '{}' is {}, of the wrong type", file.string(), key, found->dump().substr(0, 80));
  }
}

Result<Argument> read_argument(const json& object, const std::vector<std::string>& names,
                               const std::filesystem::path& file) {
  if (!object.is_object()) return bad_input("{}: an argument is not an object", file.string());
  if (object.contains("integer")) {
    auto value = member<std::int64_t>(object, "integer", file);
    if (!value) return tl::unexpected(value.error());
    return Argument{*value};
  }
  if (object.contains("float")) {
    auto value = member<double>(object, "float", file);
    if (!value) return tl::unexpected(value.error());
    return Argument{*value};
  }
  auto name = member<std::string>(object, "tensor", file);
  auto offset = member<std::int64_t>(object, "element_offset", file);
  if (!name) return tl::unexpected(name.error());
  if (!offset) return tl::unexpected(offset.error());
  const auto at = std::find(names.begin(), names.end(), *name);
  if (at == names.end()) return bad_input("{}: argument tensor '{}' is not in the manifest", file.string(), *name);
  return Argument{PointerArgument{static_cast<std::size_t>(at - names.begin()), *offset}};
}

Result<void> read_launch(const std::filesystem::path& file, Bundle& bundle) {
  auto launch = read_json(file);
  if (!launch) return tl::unexpected(launch.error());
  auto function = member<std::string>(*launch, "function", file);
  auto blocks = member<std::int64_t>(*launch, "blocks", file);
  auto profile = member<std::string>(*launch, "profile", file);
  auto seed = member<std::uint64_t>(*launch, "poison_seed", file);
  auto budget = member<std::uint64_t>(*launch, "instruction_budget", file);
  auto contract = member<bool>(*launch, "contract_fma", file);
  auto arguments = member<std::vector<json>>(*launch, "arguments", file);
  for (const Error* error :
       {function ? nullptr : &function.error(), blocks ? nullptr : &blocks.error(),
        profile ? nullptr : &profile.error(), seed ? nullptr : &seed.error(), budget ? nullptr : &budget.error(),
        contract ? nullptr : &contract.error(), arguments ? nullptr : &arguments.error()})
    if (error) return tl::unexpected(*error);
  if (*blocks < 1 || *blocks > 65'536) return bad_input("{}: blocks is {}, expected 1..65536", file.string(), *blocks);
  bundle.function = *function;
  bundle.blocks = *blocks;
  bundle.profile = *profile;
  bundle.poison_seed = *seed;
  bundle.instruction_budget = *budget;
  bundle.contract_fma = *contract;
  for (const json& object : *arguments) {
    auto argument = read_argument(object, bundle.names, file);
    if (!argument) return tl::unexpected(argument.error());
    bundle.arguments.push_back(*argument);
  }
  return {};
}

Result<void> check_signature(const std::filesystem::path& directory, const Bundle& bundle) {
  const pto::Function* function = bundle.module.find_function(bundle.function);
  if (!function) return bad_input("{}: kernel.pto has no function '{}'", directory.string(), bundle.function);
  if (function->arguments.size() != bundle.arguments.size())
    return bad_input("{}: launch.json gives {} arguments, @{} takes {}", directory.string(), bundle.arguments.size(),
                     bundle.function, function->arguments.size());
  return {};
}

json diagnostic_json(const Diagnostic& diagnostic) {
  json object = {{"rule", diagnostic.rule},          {"message", diagnostic.message},
                 {"function", diagnostic.function},  {"op_id", diagnostic.op_id},
                 {"line", diagnostic.location.line}, {"column", diagnostic.location.column},
                 {"block", diagnostic.block},        {"loop_indices", diagnostic.loop_indices}};
  if (diagnostic.related) object["related"] = {diagnostic.related->line, diagnostic.related->column};
  return object;
}

Diagnostic diagnostic_from(const json& object) {
  Diagnostic diagnostic;
  diagnostic.rule = object.value("rule", "");
  diagnostic.message = object.value("message", "");
  diagnostic.function = object.value("function", "");
  diagnostic.op_id = object.value("op_id", 0U);
  diagnostic.location = {object.value("line", 0), object.value("column", 0)};
  diagnostic.block = object.value("block", std::int64_t{0});
  diagnostic.loop_indices = object.value("loop_indices", std::vector<std::int64_t>{});
  return diagnostic;
}

Result<RunReport> read_report(const std::filesystem::path& file) {
  RunReport report;
  if (!std::filesystem::exists(file)) return report;
  auto object = read_json(file);
  if (!object) return tl::unexpected(object.error());
  try {
    const std::string status = object->value("status", "completed");
    const auto known = parse_run_status(status);
    if (!known) return bad_input("{}: unknown status '{}'", file.string(), status);
    report.status = *known;
    report.reason = object->value("reason", "");
    report.instructions = object->value("instructions", std::uint64_t{0});
    report.device_seconds = object->value("device_seconds", 0.0);
    for (const json& diagnostic : object->value("diagnostics", json::array()))
      report.diagnostics.push_back(diagnostic_from(diagnostic));
  } catch (const json::exception& error) {
    return bad_input("{}: {}", file.string(), error.what());
  }
  return report;
}

Result<Tensor> read_output(const std::filesystem::path& file, const Tensor& expected, const std::string& name) {
  auto tensor = read_npy(file, expected.dtype());
  if (!tensor) return bad_input("output '{}': {}", name, to_string(tensor.error()));
  if (tensor->dtype() != expected.dtype() || tensor->shape() != expected.shape())
    return bad_input("output '{}': {} is {} {}, expected {} {}", name, file.string(), assay::name(tensor->dtype()),
                     assay::to_string(tensor->shape()), assay::name(expected.dtype()),
                     assay::to_string(expected.shape()));
  return tensor;
}

}  // namespace

std::vector<std::string> tensor_names(const Launch& launch) {
  std::vector<std::string> names(launch.tensors.size());
  std::set<std::string> taken;
  for (std::size_t i = 0; i < launch.arguments.size(); ++i) {
    const auto* pointer = std::get_if<PointerArgument>(&launch.arguments[i]);
    if (!pointer || !names[pointer->tensor].empty()) continue;
    const std::string base = file_name(argument_name(*launch.function, i));
    std::string name = base;
    for (int copy = 2; taken.contains(name); ++copy) name = fmt::format("{}_{}", base, copy);
    taken.insert(name);
    names[pointer->tensor] = name;
  }
  return names;
}

Result<void> write_bundle(const std::filesystem::path& directory, const Launch& launch, const RunOptions& options) {
  const std::vector<std::string> names = tensor_names(launch);
  TensorMap tensors;
  for (std::size_t i = 0; i < names.size(); ++i)
    if (!names[i].empty()) tensors[names[i]] = *launch.tensors[i];
  auto written = write_tensors(directory / "inputs", tensors, roles_of(launch, names));
  if (!written) return tl::unexpected(written.error());
  if (auto kernel = write_text(directory / "kernel.pto", pto::print(*launch.module)); !kernel) return kernel;
  json description = {{"function", launch.function->name},
                      {"blocks", launch.blocks},
                      {"profile", options.profile->name},
                      {"poison_seed", options.poison_seed},
                      {"instruction_budget", options.instruction_budget},
                      {"contract_fma", options.contract_fma},
                      {"arguments", json::array()}};
  for (const Argument& argument : launch.arguments) description["arguments"].push_back(argument_json(argument, names));
  return write_text(directory / "launch.json", description.dump(2) + "\n");
}

Result<Bundle> read_bundle(const std::filesystem::path& directory) {
  Bundle bundle;
  auto module = pto::read_file(directory / "kernel.pto");
  if (!module) return tl::unexpected(module.error());
  if (auto legal = pto::verify(*module); !legal) return tl::unexpected(legal.error());
  bundle.module = std::move(*module);
  auto tensors = read_tensors(directory / "inputs");
  if (!tensors) return tl::unexpected(tensors.error());
  for (auto& [name, tensor] : *tensors) {
    bundle.names.push_back(name);
    bundle.tensors.push_back(std::move(tensor));
  }
  if (auto read = read_launch(directory / "launch.json", bundle); !read) return tl::unexpected(read.error());
  if (auto fits = check_signature(directory, bundle); !fits) return tl::unexpected(fits.error());
  return bundle;
}

Result<void> write_outputs(const std::filesystem::path& directory, const Bundle& bundle, const RunReport& report) {
  auto manifest = read_manifest(directory / "inputs");
  if (!manifest) return tl::unexpected(manifest.error());
  TensorMap outputs;
  Roles roles;
  for (std::size_t i = 0; i < bundle.names.size(); ++i) {
    const ManifestEntry* entry = manifest->find(bundle.names[i]);
    if (!entry || entry->role == "input") continue;
    outputs[bundle.names[i]] = bundle.tensors[i];
    roles[bundle.names[i]] = "output";
  }
  auto written = write_tensors(directory / "outputs", outputs, roles);
  if (!written) return tl::unexpected(written.error());
  json object = {{"status", name(report.status)},
                 {"reason", report.reason},
                 {"instructions", report.instructions},
                 {"device_seconds", report.device_seconds},
                 {"diagnostics", json::array()}};
  for (const Diagnostic& diagnostic : report.diagnostics) object["diagnostics"].push_back(diagnostic_json(diagnostic));
  return write_text(directory / "outputs" / "report.json", object.dump(2) + "\n");
}

Result<RunReport> read_outputs(const std::filesystem::path& directory, const Launch& launch) {
  const std::filesystem::path folder = directory / "outputs";
  auto report = read_report(folder / "report.json");
  if (!report || report->status != RunStatus::completed) return report;
  const std::vector<std::string> names = tensor_names(launch);
  const Roles roles = roles_of(launch, names);
  std::map<std::size_t, Tensor> read;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i].empty() || roles.at(names[i]) == "input") continue;
    auto tensor = read_output(folder / (names[i] + ".npy"), *launch.tensors[i], names[i]);
    if (!tensor) return tl::unexpected(tensor.error());
    read.emplace(i, std::move(*tensor));
  }
  for (auto& [index, tensor] : read) *launch.tensors[index] = std::move(tensor);
  return report;
}

}  // namespace assay::device

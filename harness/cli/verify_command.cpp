#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <set>

#include "harness/cli/command.h"
#include "harness/compare/policy.h"
#include "harness/core/manifest.h"
#include "harness/core/npy.h"

namespace assay::cli {
namespace {

struct VerifyOptions {
  std::string actual, reference, policy = "bits";
  std::vector<std::string> dtypes;
};

using DTypes = std::map<std::string, DType, std::less<>>;

// "y=bf16": what a raw .npy without a manifest holds.
Result<DTypes> parse_dtypes(const std::vector<std::string>& texts) {
  DTypes dtypes;
  for (const std::string& text : texts) {
    const std::size_t equals = text.find('=');
    const auto dtype = equals == std::string::npos ? std::nullopt : parse_dtype(text.substr(equals + 1));
    if (!dtype) return bad_input("--dtype '{}': expected NAME=DTYPE with a known dtype", text);
    dtypes[text.substr(0, equals)] = *dtype;
  }
  return dtypes;
}

bool has_manifest(const std::filesystem::path& directory) { return std::filesystem::exists(directory / kManifestFile); }

// What the manifests of the two folders say, over which --dtype goes.
Result<DTypes> known_dtypes(const VerifyOptions& options) {
  auto given = parse_dtypes(options.dtypes);
  if (!given) return given;
  for (const std::string& directory : {options.reference, options.actual}) {
    if (!has_manifest(directory)) continue;
    auto manifest = read_manifest(directory);
    if (!manifest) return tl::unexpected(manifest.error());
    for (const ManifestEntry& entry : manifest->tensors) given->try_emplace(entry.name, entry.dtype);
  }
  return given;
}

// A folder with a manifest, or simply of .npy files.
Result<TensorMap> read_folder(const std::filesystem::path& directory, const DTypes& dtypes) {
  std::error_code error;
  if (!std::filesystem::is_directory(directory, error)) return bad_input("{}: is no folder", directory.string());
  if (has_manifest(directory)) return read_tensors(directory);
  TensorMap tensors;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (entry.path().extension() != ".npy") continue;
    const std::string name = entry.path().stem().string();
    const auto dtype = dtypes.find(name);
    auto tensor = read_npy(entry.path(), dtype == dtypes.end() ? std::nullopt : std::optional(dtype->second));
    if (!tensor) return tl::unexpected(tensor.error());
    tensors.emplace(name, std::move(*tensor));
  }
  if (tensors.empty()) return bad_input("{}: found no .npy file", directory.string());
  return tensors;
}

const Tensor* find(const TensorMap& tensors, const std::string& name) {
  const auto found = tensors.find(name);
  return found == tensors.end() ? nullptr : &found->second;
}

bool is_bound(const std::string& name) { return name.ends_with(".lo") || name.ends_with(".hi"); }

// One line; whether the tensor matches.
bool verify_tensor(const std::string& name, const TensorMap& actual, const TensorMap& reference,
                   const compare::Policy& policy) {
  const Tensor *a = find(actual, name), *r = find(reference, name);
  if (!a || !r) {
    std::cout << fmt::format("{}: failed: only in the {} folder\n", name, a ? "first" : "second");
    return false;
  }
  const compare::Reference against{r, find(reference, name + ".lo"), find(reference, name + ".hi"), {}};
  const auto result = compare::compare(*a, against, policy);
  if (!result) {
    std::cout << fmt::format("{}: failed: {}\n", name, result.error().message);
    return false;
  }
  std::cout << fmt::format(
      "{}: {}: {} {}, {} of {} compared, {} differ under {}, worst {} ulp, |a-b| {:g}, passes with "
      "rtol={} or atol={}\n",
      name, result->passed ? "passed" : "failed", assay::name(a->dtype()), to_string(a->shape()), result->compared,
      result->elements, result->mismatches, result->rule, result->max_ulps, result->max_abs, result->smallest_rtol,
      result->smallest_atol);
  if (!result->passed) {
    const int digits = std::max(info(a->dtype()).bits / 4, 1);
    std::cout << fmt::format("  {}\n", compare::describe_pattern(*a, against, *result));
    for (std::size_t i = 0; i < std::min<std::size_t>(result->first.size(), 5); ++i) {
      const compare::ElementMismatch& m = result->first[i];
      std::cout << fmt::format("  [{}] found 0x{:0{}x} ({:.9g}), expected 0x{:0{}x} ({:.9g})\n", m.index, m.actual,
                               digits, compare::to_double(a->dtype(), m.actual), m.expected, digits,
                               compare::to_double(r->dtype(), m.expected));
    }
  }
  return result->passed;
}

int verify(const VerifyOptions& options) {
  auto policy = compare::parse_policy(options.policy);
  if (!policy) return report_error(policy.error());
  auto dtypes = known_dtypes(options);
  if (!dtypes) return report_error(dtypes.error());
  auto actual = read_folder(options.actual, *dtypes);
  if (!actual) return report_error(actual.error());
  auto reference = read_folder(options.reference, *dtypes);
  if (!reference) return report_error(reference.error());
  std::set<std::string> names;
  for (const TensorMap* tensors : {&*actual, &*reference})
    for (const auto& [name, tensor] : *tensors)
      if (!is_bound(name)) names.insert(name);
  for (const std::string& given : options.dtypes)
    if (const std::string name = given.substr(0, given.find('='));
        !actual->contains(name) && !reference->contains(name))
      return report_error(bad_input("--dtype '{}': neither folder has a tensor '{}'", given, name).value());
  if (std::holds_alternative<compare::Bound>(policy->rule))
    for (const std::string& name : names)
      if (reference->contains(name) && (!find(*reference, name + ".lo") || !find(*reference, name + ".hi")))
        return report_error(
            bad_input("--policy bound: {} holds no {}.lo and {}.hi", options.reference, name, name).value());
  int failed = 0;
  for (const std::string& name : names) failed += !verify_tensor(name, *actual, *reference, *policy);
  std::cout << fmt::format("{} tensor{} compared, {} failed\n", names.size(), names.size() == 1 ? "" : "s", failed);
  return failed > 0 || names.empty() ? 1 : 0;
}

}  // namespace

void register_verify_command(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("verify", "Compare two folders of .npy files");
  auto options = std::make_shared<VerifyOptions>();
  command->add_option("DIR_A", options->actual, "What was computed")->required();
  command->add_option("DIR_B", options->reference, "What it is held against; NAME.lo and NAME.hi bound NAME")
      ->required();
  command->add_option("--policy", options->policy, "bits (default), ulp(N), allclose(rtol=R,atol=A), bound");
  command->add_option("--dtype", options->dtypes, "NAME=DTYPE of a raw file without a manifest (repeatable)");
  command->callback([=, &exit_code] { exit_code = verify(*options); });
}

}  // namespace assay::cli

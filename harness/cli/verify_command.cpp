#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <set>
#include <span>

#include "harness/cli/command.h"
#include "harness/cli/tensor_folder.h"
#include "harness/compare/policy.h"
#include "harness/core/manifest.h"
#include "harness/core/profile/profile.h"
#include "harness/run/assumed.h"

namespace assay::cli {
namespace {

struct VerifyOptions {
  std::string actual, reference, policy = "bits";
  std::vector<std::string> dtypes, only;
};

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

const Tensor* find(const TensorMap& tensors, const std::string& name) {
  const auto found = tensors.find(name);
  return found == tensors.end() ? nullptr : &found->second;
}

// A companion of a tensor and no tensor of its own, where its tensor is there.
bool is_companion(const std::string& name, const TensorMap& tensors) {
  for (const std::string_view suffix : {".lo", ".hi", ".open", ".unwritten"})
    if (name.ends_with(suffix) && tensors.contains(name.substr(0, name.size() - suffix.size()))) return true;
  return false;
}

// The mask NAME.SUFFIX beside a tensor; empty where there is none. Error: not u8, or of another size.
Result<std::span<const std::uint8_t>> mask_of(const TensorMap& tensors, const std::string& name,
                                              const std::string& suffix) {
  const Tensor *mask = find(tensors, name + suffix), *tensor = find(tensors, name);
  if (!mask || !tensor) return std::span<const std::uint8_t>();
  if (mask->dtype() != DType::u8 || mask->size() != tensor->size())
    return bad_input("{}{} is {} {}, expected u8 with the {} elements of {}", name, suffix, assay::name(mask->dtype()),
                     to_string(mask->shape()), tensor->size(), name);
  return mask->as<std::uint8_t>();
}

struct Masks {
  std::span<const std::uint8_t> open, unwritten;
};
Result<Masks> masks_of(const std::string& name, const TensorMap& actual, const TensorMap& reference) {
  const auto open = mask_of(reference, name, ".open");
  if (!open) return tl::unexpected(open.error());
  const auto unwritten = mask_of(actual, name, ".unwritten");
  if (!unwritten) return tl::unexpected(unwritten.error());
  return Masks{*open, *unwritten};
}

// `assumed`: widths rest on numbers that only silicon could confirm.
std::string figures(const compare::Comparison& result, bool assumed) {
  std::string rule = result.rule;
  if (assumed && result.max_width > 0 && rule.starts_with("bound")) rule.insert(5, "(assumed)");
  std::string text =
      fmt::format("{} differ under {}, worst {} ulp, |a-b| {:g}, passes with rtol={} or atol={}", result.mismatches,
                  rule, result.max_ulps, result.max_abs, result.smallest_rtol, result.smallest_atol);
  if (result.unwritten > 0) text += fmt::format(", {} never written", result.unwritten);
  if (!result.rule.starts_with("bound")) return text;
  text += fmt::format(", slack {:.4g}", result.slack);
  if (result.slack_index >= 0) text += fmt::format(" at [{}]", result.slack_index);
  return text + fmt::format(", width median {} at most {} ulp", result.median_width, result.max_width);
}

// One line, more where it fails.
struct TensorVerdict {
  bool failed = false;
  std::int64_t compared = 0;
};
// Error: the reference is no enclosure.
Result<TensorVerdict> verify_tensor(const std::string& name, const TensorMap& actual, const TensorMap& reference,
                                    const compare::Policy& policy, const Masks& masks, bool assumed) {
  const Tensor *a = find(actual, name), *r = find(reference, name);
  if (!a || !r) {
    std::cout << fmt::format("{}: failed: only in the {} folder\n", name, a ? "first" : "second");
    return TensorVerdict{true, 0};
  }
  if (a->dtype() != r->dtype() || a->shape() != r->shape()) {
    std::cout << fmt::format("{}: failed: found {} {}, expected {} {}\n", name, assay::name(a->dtype()),
                             to_string(a->shape()), assay::name(r->dtype()), to_string(r->shape()));
    return TensorVerdict{true, 0};
  }
  const compare::Reference against{r, find(reference, name + ".lo"), find(reference, name + ".hi"), masks.open};
  const auto result = compare::compare(*a, against, policy, masks.unwritten);
  if (!result) return bad_input("{}: {}", name, result.error().message);
  const bool unverified = result->passed && result->compared == 0;
  std::cout << fmt::format("{}: {}: {} {}, {} of {} compared, {}{}\n", name,
                           unverified       ? "unverified"
                           : result->passed ? "passed"
                                            : "failed",
                           assay::name(a->dtype()), to_string(a->shape()), result->compared, result->elements,
                           result->unconstrained > 0 ? fmt::format("{} open, ", result->unconstrained) : "",
                           figures(*result, assumed));
  if (!result->passed) {
    const int digits = std::max(info(a->dtype()).bits / 4, 1);
    std::cout << fmt::format("  {}\n", compare::describe_pattern(*a, against, *result, masks.unwritten));
    for (std::size_t i = 0; i < std::min<std::size_t>(result->first.size(), 5); ++i) {
      const compare::ElementMismatch& m = result->first[i];
      const auto value = [&](std::uint64_t bits) { return compare::to_double(a->dtype(), bits); };
      std::cout << fmt::format("  [{}] found 0x{:0{}x} ({:.9g}), expected 0x{:0{}x} ({:.9g}){}\n", m.index, m.actual,
                               digits, value(m.actual), m.expected, digits, value(m.expected),
                               m.lo == m.hi ? "" : fmt::format(", {:.9g} to {:.9g}", value(m.lo), value(m.hi)));
    }
  }
  return TensorVerdict{!result->passed, result->compared};
}

// What the manifest says of a folder that `assay golden` wrote; empty of any other.
struct GoldenFolder {
  bool is = false;       // the outputs of one stage, beside which the other folder may hold more
  bool assumed = false;  // its machine's arithmetic is
  std::string unheld;    // outputs of a set-valued stage to which no subject's answer was held, behind commas
};
GoldenFolder golden_folder(const std::filesystem::path& directory) {
  if (!has_manifest(directory)) return {};
  const auto manifest = read_manifest(directory);
  if (!manifest || !manifest->metadata.contains("stage") ||
      std::ranges::none_of(manifest->tensors, [](const ManifestEntry& entry) { return entry.role == "golden"; }))
    return {};
  GoldenFolder folder;
  folder.is = true;
  if (const auto found = manifest->metadata.find("unheld"); found != manifest->metadata.end())
    folder.unheld = found->second;
  if (const auto found = manifest->metadata.find("profile"); found != manifest->metadata.end())
    if (const auto profile = load_profile(found->second)) folder.assumed = run::arithmetic_is_assumed(*profile);
  return folder;
}

// The tensors to compare, in order.
Result<std::set<std::string>> names_of(const VerifyOptions& options, const TensorMap& actual,
                                       const TensorMap& reference, bool only_reference) {
  std::set<std::string> names;
  for (const TensorMap* tensors : {&actual, &reference})
    for (const auto& [name, tensor] : *tensors)
      if (!is_companion(name, *tensors) && !(only_reference && !reference.contains(name))) names.insert(name);
  if (options.only.empty()) return names;
  for (const std::string& name : options.only)
    if (!names.contains(name))
      return bad_input("--only '{}': found no such tensor, expected one of {}", name, fmt::join(names, ", "));
  return std::set<std::string>(options.only.begin(), options.only.end());
}

Result<int> verify(const VerifyOptions& options) {
  const auto policy = compare::parse_policy(options.policy);
  if (!policy) return tl::unexpected(policy.error());
  if (std::holds_alternative<compare::Relations>(policy->rule))
    return bad_input("--policy relations needs a subject that can run: assay run with policy=relations");
  if (std::holds_alternative<compare::Peer>(policy->rule))
    return bad_input("--policy peer needs a pipeline that names the peers' tolerances: assay run with policy=peer");
  const auto dtypes = known_dtypes(options);
  if (!dtypes) return tl::unexpected(dtypes.error());
  const auto actual = read_folder(options.actual, *dtypes);
  if (!actual) return tl::unexpected(actual.error());
  const auto reference = read_folder(options.reference, *dtypes);
  if (!reference) return tl::unexpected(reference.error());
  for (const std::string& given : options.dtypes)
    if (const std::string name = given.substr(0, given.find('='));
        !actual->contains(name) && !reference->contains(name))
      return bad_input("--dtype '{}': neither folder has a tensor '{}'", given, name);
  const GoldenFolder golden = golden_folder(options.reference);
  const auto names = names_of(options, *actual, *reference, golden.is);
  if (!names) return tl::unexpected(names.error());
  std::map<std::string, Masks> masks;
  for (const std::string& name : *names) {
    if (std::holds_alternative<compare::Bound>(policy->rule) && reference->contains(name) &&
        (!find(*reference, name + ".lo") || !find(*reference, name + ".hi")))
      return bad_input("--policy bound: {} holds no {}.lo and {}.hi", options.reference, name, name);
    const auto both = masks_of(name, *actual, *reference);
    if (!both) return tl::unexpected(both.error());
    masks.emplace(name, *both);
  }
  int failed = 0, unverified = 0;
  std::int64_t compared = 0;
  bool unheld = false;
  for (const std::string& name : *names) {
    const auto verdict = verify_tensor(name, *actual, *reference, *policy, masks.at(name), golden.assumed);
    if (!verdict) return tl::unexpected(verdict.error());
    failed += verdict->failed;
    const bool open = !verdict->failed && verdict->compared == 0;
    unverified += open;
    unheld |= open && ("," + golden.unheld + ",").find("," + name + ",") != std::string::npos;
    compared += verdict->compared;
  }
  std::cout << fmt::format("{} tensor{} compared, {} failed{}{}\n", names->size(), names->size() == 1 ? "" : "s",
                           failed, unverified > 0 ? fmt::format(", {} unverified", unverified) : "",
                           compared == 0 ? "; no element was compared: unverified" : "");
  // An output that stays open as a whole because nobody held the subject's answer is nobody's pass.
  if (unheld)
    std::cout << fmt::format("{} was made without a subject's answer: assay golden --observed {} holds it\n",
                             options.reference, options.actual);
  return failed > 0 || compared == 0 || unheld ? 1 : 0;
}

}  // namespace

void register_verify_command(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("verify", "Compare two folders of .npy files");
  auto options = std::make_shared<VerifyOptions>();
  command->add_option("DIR_A", options->actual, "What was computed")->required();
  command
      ->add_option("DIR_B", options->reference,
                   "What it is held against; NAME.lo and NAME.hi bound NAME, NAME.open marks what is not compared")
      ->required();
  command->add_option(
      "--policy", options->policy,
      "bits (default), ulp(N), allclose(rtol=R,atol=A) or bound (inside NAME.lo..NAME.hi); behind commas "
      "nan=any_nan|same_bits|never, inf=same_sign|max_finite_too, zero=sign_matters|sign_ignored");
  command->add_option("--only", options->only, "Compare this tensor alone (repeatable)")->allow_extra_args(false);
  command->add_option("--dtype", options->dtypes, "NAME=DTYPE of a raw file without a manifest (repeatable)")
      ->allow_extra_args(false);
  command->callback([=, &exit_code] {
    const auto code = verify(*options);
    exit_code = code ? *code : report_error(code.error());
  });
}

}  // namespace assay::cli

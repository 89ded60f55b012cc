// What one case's result means: per backend, as a place of failure, and for the exit code.
#include <algorithm>

#include "reports/facts.h"
#include "reports/summary.h"

namespace assay::reports {

using compare::Verdict;

namespace {

// Words of device::RunStatus and "skipped", as they stand in BackendResult::status.
Verdict verdict_of_status(std::string_view status) {
  if (status == "skipped") return Verdict::skipped;
  if (status == "unsupported") return Verdict::unsupported;
  if (status == "deadlock" || status == "budget" || status == "hang") return Verdict::hang;
  if (status == "crash") return Verdict::crash;
  if (status == "fault") return Verdict::failed;
  return status == "completed" ? Verdict::passed : Verdict::error;
}

bool is_oracle(const run::OutputResult& output) { return output.reference == "golden" || output.oracle == "relation"; }

// From the comparisons of a backend's outputs with a golden or by relations: any failure fails, no comparison at all is
// unverified.
Verdict verdict_of_outputs(const run::CaseResult& result, std::string_view backend) {
  bool compared = false;
  for (const run::StageResult& stage : result.stages)
    for (const run::OutputResult& output : stage.outputs) {
      if (output.subject != backend) continue;
      if (!output.comparison.passed && is_oracle(output)) return Verdict::failed;
      compared = compared || (is_oracle(output) && output.comparison.compared > 0);
    }
  return compared ? Verdict::passed : Verdict::unverified;
}

bool wrote_astray(const run::BackendResult& backend) {
  return std::any_of(backend.diagnostics.begin(), backend.diagnostics.end(),
                     [](const std::string& diagnostic) { return diagnostic.starts_with(run::kStrayWrite); });
}

Verdict own_verdict(const run::CaseResult& result, const run::BackendResult& backend) {
  if (backend.status == "completed" && wrote_astray(backend)) return Verdict::failed;
  const Verdict verdict = verdict_of_status(backend.status);
  return verdict == Verdict::passed ? verdict_of_outputs(result, backend.backend) : verdict;
}

bool went_wrong(Verdict verdict) {
  return verdict == Verdict::failed || verdict == Verdict::crash || verdict == Verdict::hang ||
         verdict == Verdict::error;
}

std::string_view first_word(std::string_view text) { return text.substr(0, text.find(':')); }

std::vector<std::string> split_plus(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    // A process backend's command may hold '+'; it is the last one of a list then.
    const std::size_t end = text.starts_with("process:") ? text.size() : std::min(text.find('+'), text.size());
    if (end > 0) parts.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

// The first output that does not match; null when all do.
const run::OutputResult* first_mismatch(const run::StageResult& stage) {
  for (const run::OutputResult& output : stage.outputs)
    if (!output.comparison.passed) return &output;
  return nullptr;
}

std::string_view short_blame(const run::StageResult& stage) {
  const std::string_view text = blame_text(stage);
  return text.substr(0, text.find(';'));
}

}  // namespace

Verdict backend_verdict(const run::CaseResult& result, std::string_view backend) {
  const auto found = std::find_if(result.backends.begin(), result.backends.end(),
                                  [&](const run::BackendResult& b) { return b.backend == backend; });
  if (found == result.backends.end() || result.verdict == Verdict::skipped) return result.verdict;
  const Verdict verdict = own_verdict(result, *found);
  if (result.verdict == Verdict::xfail && went_wrong(verdict)) return Verdict::xfail;
  if (result.verdict == Verdict::xpass && verdict == Verdict::passed) return Verdict::xpass;
  // A failure that no backend's own results show (backends that differ from each other) is everybody's.
  const bool unexplained =
      result.verdict == Verdict::failed &&
      std::none_of(result.backends.begin(), result.backends.end(),
                   [&](const run::BackendResult& b) { return went_wrong(own_verdict(result, b)); });
  return unexplained && found->status == "completed" ? Verdict::failed : verdict;
}

std::vector<std::string> backends_of(const run::CaseResult& result) {
  std::vector<std::string> names;
  for (const run::BackendResult& backend : result.backends) names.push_back(backend.backend);
  return names.empty() ? split_plus(result.c.get("backends", "none")) : names;
}

bool unverified_is_expected(const run::CaseResult& result) {
  return !result.judged || first_word(result.c.get("expect")) == "unverified";
}

bool needs_attention(const run::CaseResult& result) {
  switch (result.verdict) {
    case Verdict::failed:
    case Verdict::crash:
    case Verdict::hang:
    case Verdict::error:
    case Verdict::xpass:
      return true;
    case Verdict::unverified:
      return !unverified_is_expected(result);
    default:
      return false;
  }
}

std::string failure_place(const run::CaseResult& result) {
  if (!needs_attention(result)) return {};
  if (result.verdict != Verdict::failed) return std::string(compare::name(result.verdict));
  for (const run::StageResult& stage : result.stages)
    if (const run::OutputResult* output = first_mismatch(stage))
      return fmt::format("stage {}, output {}: {}", stage.stage, output->output, short_blame(stage));
  for (const run::BackendResult& backend : result.backends)
    if (backend.status != "completed" && backend.status != "skipped")
      return fmt::format("{}: {}", backend.backend, backend.status);
  for (const run::BackendResult& backend : result.backends)
    if (wrote_astray(backend)) return backend.backend + ": stray-write";
  return "failed outside the comparisons";
}

}  // namespace assay::reports

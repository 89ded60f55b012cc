#include "harness/run/verdict.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "harness/run/case_run.h"

namespace assay::run {
namespace {

using compare::Blame;
using compare::Verdict;

bool is_machine_readable(std::string_view cause) {
  return std::all_of(cause.begin(), cause.end(), [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

const OutputResult* find(const StageResult& stage, const std::string& output, std::string_view subject,
                         std::string_view reference) {
  for (const OutputResult& one : stage.outputs)
    if (one.output == output && one.subject == subject && one.reference == reference) return &one;
  return nullptr;
}

bool has_relation(const StageResult& stage, const std::string& output, std::string_view subject) {
  return std::any_of(stage.outputs.begin(), stage.outputs.end(), [&](const OutputResult& one) {
    return one.oracle == "relation" && one.output == output && one.subject == subject && one.comparison.compared > 0;
  });
}

// Whether every relation of the output holds; nothing where none was tried.
std::optional<bool> relations_hold(const StageResult& stage, const std::string& output, std::string_view subject) {
  std::optional<bool> hold;
  for (const OutputResult& one : stage.outputs)
    if (one.oracle == "relation" && one.output == output && one.subject == subject)
      hold = hold.value_or(true) && one.comparison.passed;
  return hold;
}

std::optional<bool> passed(const OutputResult* output) {
  return output ? std::optional(output->comparison.passed) : std::nullopt;
}

std::string describe(const StageResult& stage, const OutputResult& output) {
  const compare::Comparison& comparison = output.comparison;
  std::vector<std::string> facts;
  if (comparison.mismatches > 0)
    facts.push_back(fmt::format("{} of {} elements differ, up to {} ulp", comparison.mismatches, comparison.compared,
                                comparison.max_ulps));
  if (comparison.unwritten > 0) facts.push_back(fmt::format("{} elements never written", comparison.unwritten));
  if (!output.pattern.empty()) facts.push_back(output.pattern);
  std::string text = fmt::format("stage {}, output {}: {} against {}, {}", output.stage, output.output, output.subject,
                                 output.reference, fmt::join(facts, ", "));
  // A broken relation speaks of its subject alone.
  if (output.oracle != "relation") text += fmt::format(" ({})", compare::describe(stage.blame));
  return text;
}

class Decision {
 public:
  Decision(CaseResult& result, const pipeline::Pipeline& pipeline) : result_(result), pipeline_(pipeline) {}

  std::vector<std::string> decide() {
    look_at_backends();
    look_at_outputs();
    if (error_) {
      set(Verdict::error, *error_);
    } else if (crash_ && !failed_) {
      set(Verdict::crash, *crash_);
    } else if (hang_ && !failed_) {
      set(Verdict::hang, *hang_);
    } else if (failed_) {
      set(Verdict::failed, *failed_);
    } else if (completed_ == 0) {
      set(unsupported_ ? Verdict::unsupported : Verdict::skipped,
          unsupported_.value_or(skipped_.value_or("no backend")));
    } else if (const std::string missing = unverified(); !missing.empty()) {
      set(Verdict::unverified, missing);
    } else {
      set(Verdict::passed, "");
    }
    return {causes_.begin(), causes_.end()};
  }

 private:
  void set(Verdict verdict, const std::string& reason) {
    result_.verdict = verdict;
    result_.reason = reason;
    std::replace(result_.reason.begin(), result_.reason.end(), '\n', ' ');
  }

  static void keep_first(std::optional<std::string>& slot, std::string text) {
    if (!slot) slot = std::move(text);
  }

  void look_at_backends() {
    for (const BackendResult& backend : result_.backends) {
      const std::string why = fmt::format("{}: {}{}{}", backend.backend, backend.status,
                                          backend.reason.empty() ? "" : ": ", backend.reason);
      if (backend.status == "completed") {
        ++completed_;
      } else if (backend.status == "skipped") {
        keep_first(skipped_, fmt::format("{}: {}", backend.backend, backend.reason));
      } else if (backend.status == "unsupported") {
        keep_first(unsupported_, fmt::format("{}: {}", backend.backend, backend.reason));
      } else if (backend.status == "crash") {
        causes_.insert("crash");
        keep_first(crash_, why);
      } else if (backend.status == "budget" || backend.status == "deadlock" || backend.status == "hang") {
        causes_.insert(backend.status);
        keep_first(hang_, why);
      } else if (backend.status == "fault") {
        causes_.insert("fault");
        keep_first(failed_, why);
      } else {
        keep_first(error_, why);
      }
      look_at_diagnostics(backend);
    }
  }

  void look_at_diagnostics(const BackendResult& backend) {
    for (const std::string& diagnostic : backend.diagnostics) {
      if (!diagnostic.starts_with(kStrayWrite)) continue;
      causes_.emplace("stray-write");
      keep_first(failed_, fmt::format("{}: {}", backend.backend, diagnostic));
    }
  }

  // A comparison with a peer decides only where the output has no golden.
  void look_at_outputs() {
    for (const StageResult& stage : result_.stages) {
      if (stage.blame != Blame::none) causes_.emplace(kBlameNames[static_cast<std::size_t>(stage.blame)]);
      for (const OutputResult& output : stage.outputs) {
        if (output.oracle == "peer" && (find(stage, output.output, output.subject, "golden") ||
                                        has_relation(stage, output.output, output.subject)))
          continue;
        const compare::Comparison& comparison = output.comparison;
        result_.compared += comparison.compared;
        result_.unconstrained += comparison.unconstrained;
        result_.unwritten += comparison.unwritten;
        if (comparison.passed) continue;
        if (comparison.mismatches > 0) causes_.emplace("mismatch");
        if (comparison.unwritten > 0) causes_.emplace("unwritten");
        if (output.oracle == "relation") causes_.emplace("relation");
        keep_first(failed_, describe(stage, output));
      }
    }
  }

  // What keeps a run without failures from being verified.
  std::string unverified() const {
    for (const pipeline::StageSpec& spec : pipeline_.stages) {
      bool was_run = false;
      for (const StageResult& stage : result_.stages) {
        if (std::string_view(stage.stage).substr(0, stage.stage.find(kInvocationMark)) != spec.name) continue;
        was_run = true;
        if (std::string missing = without_oracle(stage, spec.outputs); !missing.empty()) return missing;
      }
      if (!was_run) return fmt::format("stage {} was not run", spec.name);
    }
    if (result_.compared > 0) return "";
    return fmt::format("no element was compared; {} are left open by the specification", result_.unconstrained);
  }

  std::string without_oracle(const StageResult& stage, const std::vector<std::string>& outputs) const {
    for (const std::string& output : outputs)
      for (const BackendResult& backend : result_.backends)
        if (backend.status == "completed" && !has_oracle(stage, output, backend.backend))
          return stage.by_relations ? fmt::format("stage {}, output {}: no relation was tried on {}: {}", stage.stage,
                                                  output, backend.backend, fmt::join(stage.inapplicable, "; "))
                                    : fmt::format("stage {}, output {}: nothing to compare {} with", stage.stage,
                                                  output, backend.backend);
    return "";
  }

  // A golden, or a peer on either side; of a stage by relations, one of them that compared something.
  static bool has_oracle(const StageResult& stage, const std::string& output, const std::string& backend) {
    if (stage.by_relations) return has_relation(stage, output, backend);
    return std::any_of(stage.outputs.begin(), stage.outputs.end(), [&](const OutputResult& one) {
      return one.output == output && (one.subject == backend || one.reference == backend);
    });
  }

  CaseResult& result_;
  const pipeline::Pipeline& pipeline_;
  int completed_ = 0;
  std::optional<std::string> error_, crash_, hang_, failed_, unsupported_, skipped_;
  std::set<std::string> causes_;
};

}  // namespace

Blame blame_of(const StageResult& stage) {
  std::set<std::string> outputs, devices;
  for (const OutputResult& one : stage.outputs) {
    outputs.insert(one.output);
    if (one.subject != kSimulator) devices.insert(one.subject);
  }
  if (devices.empty()) devices.insert("");  // the simulator alone
  for (const std::string& output : outputs)
    for (const std::string& device : devices) {
      const auto matches = [&](std::string_view subject) {
        return stage.by_relations ? relations_hold(stage, output, subject)
                                  : passed(find(stage, output, subject, "golden"));
      };
      const Blame blame =
          compare::assign_blame(matches(device), matches(kSimulator), passed(find(stage, output, device, kSimulator)));
      if (blame != Blame::none) return blame;
    }
  return Blame::none;
}

std::vector<std::string> decide(CaseResult& result, const pipeline::Pipeline& pipeline) {
  return Decision(result, pipeline).decide();
}

Result<void> check_expectation(std::string_view expect) {
  if (expect.empty() || expect == "pass") return {};
  for (const std::string_view prefix : {"fail:", "skip:", "unverified:"})
    if (expect.starts_with(prefix) && expect.size() > prefix.size()) return {};
  return bad_input("expect is '{}'; expected pass, fail:CAUSE, skip:REASON or unverified:REASON", expect);
}

Result<void> apply_expectation(CaseResult& result, std::span<const std::string> observed) {
  const std::string_view expect = result.c.get("expect", "pass");
  if (const auto checked = check_expectation(expect); !checked) return checked;
  const bool may_stay_unverified = expect.starts_with("unverified:");
  if (!expect.starts_with("fail:") && !may_stay_unverified) return {};
  const std::string cause(expect.substr(expect.find(':') + 1));
  switch (result.verdict) {
    case Verdict::passed:
      result.verdict = Verdict::xpass;
      result.reason = fmt::format("passed, but '{}' was expected: remove the expectation", cause);
      return {};
    case Verdict::failed:
    case Verdict::crash:
    case Verdict::hang:
      break;
    default:
      return {};
  }
  if (may_stay_unverified) return {};
  if (is_machine_readable(cause) && std::find(observed.begin(), observed.end(), cause) == observed.end()) {
    result.reason = fmt::format("failed for another reason than the expected '{}': {}", cause, result.reason);
    return {};
  }
  result.verdict = Verdict::xfail;
  result.reason = fmt::format("expected ({}): {}", cause, result.reason);
  return {};
}

}  // namespace assay::run

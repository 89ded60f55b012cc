#include "harness/cli/lint.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <iostream>
#include <map>

#include "harness/cli/kernel_arguments.h"
#include "harness/cli/kernel_run.h"
#include "harness/device/schedule.h"
#include "harness/pto/verifier.h"

namespace assay::cli {
namespace {

using device::RunStatus;

Severity severity_of(std::string_view rule) {
  const Rule* row = find_rule(rule);
  return row ? row->severity : Severity::error;
}

// Rule and places. Who waits is part of a deadlock; findings about whole tensors stand at their function and differ in
// their message only.
std::string key(const Finding& f) {
  const pto::Location related = f.related.value_or(pto::Location{});
  const bool whole_tensor = f.rule.ends_with("-output") || f.rule == "schedule-dependent" || f.location.line == 0;
  // Two operations that race do so once, whichever of their bytes a schedule shows first.
  const bool is_race = f.rule == "race-raw" || f.rule == "race-war" || f.rule == "race-waw";
  std::string text = fmt::format("{} {} {}:{} {}:{}", is_race ? "race" : f.rule, f.function, f.location.line,
                                 f.location.column, related.line, related.column);
  if (f.rule == "deadlock") text += fmt::format(" {} {} {}", f.rank, f.block, f.core);
  if (whole_tensor) text += " " + f.message;
  return text;
}

// Each finding once, with the schedules that showed it.
class Collection {
 public:
  void add(Finding finding, const std::string& schedule) {
    const auto [known, fresh] = index_.try_emplace(key(finding), findings_.size());
    if (fresh) findings_.push_back(std::move(finding));
    Finding& kept = findings_[known->second];
    if (!schedule.empty() && (kept.schedules.empty() || kept.schedules.back() != schedule))
      kept.schedules.push_back(schedule);
  }
  bool has(std::string_view rule) const {
    return std::ranges::find(findings_, rule, &Finding::rule) != findings_.end();
  }
  std::vector<Finding> take() {
    std::ranges::stable_sort(findings_, std::ranges::greater(), &Finding::severity);
    return std::move(findings_);
  }

 private:
  std::vector<Finding> findings_;
  std::map<std::string, std::size_t> index_;  // by key
};

Finding finding_of(const device::Diagnostic& diagnostic) {
  Finding finding;
  finding.rule = diagnostic.rule;
  finding.severity = severity_of(diagnostic.rule);
  finding.message = diagnostic.message;
  finding.location = diagnostic.location;
  finding.function = diagnostic.function;
  finding.related = diagnostic.related;
  finding.related_function = diagnostic.related_function;
  finding.block = diagnostic.block;
  finding.rank = diagnostic.rank;
  finding.core = diagnostic.core;
  return finding;
}

Finding finding_at(const pto::Function& function, std::string_view rule, std::string message) {
  Finding finding;
  finding.rule = rule;
  finding.severity = severity_of(rule);
  finding.message = std::move(message);
  finding.location = function.location;
  finding.function = function.name;
  return finding;
}

// Error: the simulator itself failed.
Result<void> add_report(const KernelPlan& plan, const KernelOutcome& outcome, const std::string& schedule,
                        Collection& all) {
  const device::RunReport& report = outcome.report;
  const pto::Function& function = *plan.tasks[0].function;
  for (const device::Diagnostic& diagnostic : report.diagnostics) all.add(finding_of(diagnostic), schedule);
  switch (report.status) {
    case RunStatus::completed:
    case RunStatus::fault:
      break;
    case RunStatus::unsupported:
      if (!all.has("absent-op"))  // which says why
        all.add(finding_at(function, "unsupported", report.reason), schedule);
      break;
    case RunStatus::budget:
      if (std::ranges::find(report.diagnostics, "budget", &device::Diagnostic::rule) == report.diagnostics.end())
        all.add(finding_at(function, "budget", report.reason.empty() ? "instruction budget spent" : report.reason),
                schedule);
      break;
    case RunStatus::deadlock:
      if (report.diagnostics.empty()) all.add(finding_at(function, "deadlock", report.reason), schedule);
      break;
    case RunStatus::error:
    case RunStatus::crash:
    case RunStatus::hang:
      return internal_error("@{}, schedule {}: the simulator ended with {}: {}", function.name, schedule,
                            device::name(report.status), report.reason);
  }
  if (report.status == RunStatus::fault && report.diagnostics.empty())
    return internal_error("@{}, schedule {}: a fault without a diagnostic: {}", function.name, schedule, report.reason);
  if (!outcome.stray_write.empty()) all.add(finding_at(function, "stray-write", outcome.stray_write), schedule);
  return {};
}

// What only whole tensors show: outputs that were not written, or hold what nobody wrote.
void add_outputs(const KernelPlan& plan, const KernelOutcome& outcome, const std::string& schedule, Collection& all) {
  const pto::Function& function = *plan.tasks[0].function;
  for (const auto& [tensor, count] : outcome.undefined)
    all.add(finding_at(function, "undefined-output",
                       fmt::format("{} elements of {} depend on memory that nothing has written", count, tensor)),
            schedule);
  for (const PlannedTensor& planned : tensors_of(plan)) {
    const auto mask = outcome.unwritten.find(planned.name);
    if (mask == outcome.unwritten.end() || plan.arguments[planned.argument].direction != pto::Direction::out) continue;
    const auto count = std::ranges::count(mask->second, std::uint8_t{1});
    if (count == 0) continue;
    const bool none = count == static_cast<std::ptrdiff_t>(mask->second.size());
    all.add(finding_at(function, none ? "unwritten-output" : "partly-written-output",
                       fmt::format("{} of the {} elements of {} were never written", count, mask->second.size(),
                                   planned.name)),
            schedule);
  }
}

bool has_atomics(const pto::Module& module) {
  for (const pto::Function& function : module.functions)
    for (const pto::Operation* operation : pto::preorder(function))
      for (const char* key : {"atomicType", "notifyOp"})
        if (pto::word(operation->attributes, key).find("atomic") != std::string_view::npos) return true;
  return false;
}

// A difference that no other rule explains. Floating-point atomics may add in any order.
void compare_schedules(const KernelPlan& plan, const KernelOutcome& first, const std::string& first_schedule,
                       const KernelOutcome& other, const std::string& schedule, Collection& all) {
  for (const auto& [name, tensor] : first.tensors)
    if (!std::ranges::equal(tensor.bytes(), other.tensors.find(name)->second.bytes()))
      all.add(finding_at(*plan.tasks[0].function, "schedule-dependent",
                         fmt::format("{} differs from what schedule {} leaves", name, first_schedule)),
              schedule);
}

Result<void> run_schedules(const KernelPlan& plan, const LintOptions& options, const Profile& profile,
                           device::Backend& backend, Collection& all) {
  device::RunOptions run_options;
  run_options.profile = &profile;
  run_options.order = options.order;
  run_options.instruction_budget = options.instruction_budget;
  std::optional<KernelOutcome> first;
  const bool atomics = has_atomics(*plan.module);
  for (const device::Schedule& schedule : options.schedules) {
    run_options.schedule = schedule;
    const std::string name = device::to_string(schedule);
    KernelOutcome outcome =
        first ? run_once(plan, backend, run_options) : run_kernel(plan, backend, run_options, "sim");
    if (auto added = add_report(plan, outcome, name, all); !added) return added;
    const RunStatus status = outcome.report.status;
    if (status == RunStatus::unsupported || status == RunStatus::budget) break;
    if (!first) {
      if (status == RunStatus::completed) add_outputs(plan, outcome, name, all);
      first = std::move(outcome);
    } else if (status == RunStatus::completed && first->report.status == RunStatus::completed && !atomics) {
      compare_schedules(plan, *first, device::to_string(options.schedules[0]), outcome, name, all);
    }
  }
  return {};
}

// What each run launches: the tasks the user or the file names, the function asked for, the entry, or else every
// function that nobody calls, one after the other with memory of its own.
std::vector<KernelRequest> requests_for(const pto::Module& module, const KernelRequest& request) {
  std::vector<KernelRequest> requests;
  const auto roots = root_functions(module);
  const auto is_entry = [](const pto::Function* function) {
    return pto::find(function->attributes, "pto.entry") != nullptr;
  };
  if (!request.tasks.empty() || !request.function.empty() || !declared_tasks(module).empty() || roots.size() < 2 ||
      std::ranges::count_if(roots, is_entry) == 1)
    return {request};
  for (const pto::Function* root : roots) {
    requests.push_back(request);
    requests.back().function = root->name;
    std::erase_if(requests.back().arguments, [&](const std::string& text) {
      const std::string_view name = std::string_view(text).substr(0, text.find('='));
      const auto takes = [&](const pto::Function* function) {
        return std::ranges::any_of(function->arguments,
                                   [&](pto::ValueId id) { return function->values[id].name == name; });
      };
      return !takes(root) && std::ranges::any_of(roots, takes);
    });
  }
  return requests;
}

// "a3" is another name of a2a3 (format 1.3).
bool has_unknown_target(const pto::Module& module) {
  const std::string_view target = pto::word(module.attributes, "pto.target_arch");
  const std::vector<std::string> names = profile_names();
  return !target.empty() && target != "a3" && std::ranges::find(names, target) == names.end();
}

Finding unknown_target(const pto::Module& module) {
  Finding finding;
  finding.rule = "unknown-target";
  finding.severity = severity_of(finding.rule);
  finding.message = fmt::format("pto.target_arch is \"{}\", of which there is no machine profile ({}); checked as a2a3",
                                pto::word(module.attributes, "pto.target_arch"), fmt::join(profile_names(), ", "));
  if (!module.functions.empty()) finding.function = module.functions.front().name;
  return finding;
}

Finding violation(const Error& error) {
  Finding finding;
  finding.rule = "verify";
  finding.severity = severity_of("verify");
  finding.message = error.message;
  if (error.where) finding.location = {error.where->line, error.where->column};
  return finding;
}

// "rows = 16, n = 16": scalars that nobody gave.
std::string list_chosen(const KernelPlan& plan) {
  std::vector<std::string> scalars;
  for (const KernelArgument& argument : plan.arguments)
    if (!argument.is_pointer && argument.chosen && argument.source == KernelArgument::Source::value)
      scalars.push_back(fmt::format("{} = {}", argument.name, argument.given));
  return fmt::format("{}", fmt::join(scalars, ", "));
}

std::string list_tasks(const KernelPlan& plan) {
  std::vector<std::string> names;
  for (const KernelTask& task : plan.tasks) names.push_back("@" + task.function->name);
  return fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace

std::string profile_of(const pto::Module& module) {
  const std::string_view target = pto::word(module.attributes, "pto.target_arch");
  return target.empty() || target == "a3" || has_unknown_target(module) ? "a2a3" : std::string(target);
}

std::vector<device::Schedule> default_schedules() {
  std::vector<device::Schedule> schedules{{device::Schedule::Kind::canonical, 0}, {device::Schedule::Kind::worst, 0}};
  for (std::uint64_t seed = 1; seed <= 8; ++seed) schedules.push_back({device::Schedule::Kind::seeded, seed});
  return schedules;
}

Result<std::vector<std::filesystem::path>> files_to_lint(std::span<const std::string> named) {
  std::vector<std::filesystem::path> files;
  for (const std::string& name : named) {
    std::error_code error;
    if (!std::filesystem::is_directory(name, error)) {
      files.emplace_back(name);
      continue;
    }
    const auto begin = static_cast<std::ptrdiff_t>(files.size());
    for (std::filesystem::recursive_directory_iterator each(name, error), end; !error && each != end;
         each.increment(error))
      if (each->path().extension() == ".pto" && each->is_regular_file()) files.push_back(each->path());
    if (error) return bad_input("{}: {}", name, error.message());
    if (static_cast<std::ptrdiff_t>(files.size()) == begin) return bad_input("{}: no .pto file in this folder", name);
    std::sort(files.begin() + begin, files.end());
  }
  return files;
}

namespace {

Result<pto::Module> read_standard_input() {
  const std::string text((std::istreambuf_iterator<char>(std::cin)), std::istreambuf_iterator<char>());
  return pto::parse(text, "<stdin>");
}

}  // namespace

Result<LintedFile> lint(const std::filesystem::path& file, const LintOptions& options, device::Backend& backend) {
  LintedFile linted;
  linted.file = file == "-" ? "<stdin>" : file.string();
  auto read = file == "-" ? read_standard_input() : pto::read_file(file);
  if (!read) return tl::unexpected(std::move(read.error()));
  const std::vector<Error> violations = pto::violations(*read);
  if (violations.empty()) launch_ring_ends_together(*read);
  const auto module = std::make_shared<const pto::Module>(std::move(*read));
  linted.source = module->source;
  linted.profile = options.profile.empty() ? profile_of(*module) : options.profile;
  const auto profile = load_profile(linted.profile);
  if (!profile) return tl::unexpected(profile.error());

  Collection all;
  if (options.profile.empty() && has_unknown_target(*module)) all.add(unknown_target(*module), "");
  for (const Error& error : violations) all.add(violation(error), "");
  if (violations.empty()) {
    for (Finding& finding : static_findings(*module, *profile)) all.add(std::move(finding), "");
    for (const KernelRequest& request : requests_for(*module, options.request)) {
      if (root_functions(*module).empty()) break;  // declarations only: nothing to run
      const auto plan = plan_kernel(module, request);
      if (!plan) return tl::unexpected(plan.error());
      if (auto run = run_schedules(*plan, options, *profile, backend, all); !run)
        return tl::unexpected(std::move(run.error()));
      linted.runs.push_back({list_tasks(*plan), describe(*plan), list_chosen(*plan)});
    }
  }
  linted.findings = all.take();
  std::erase_if(linted.findings, [&](const Finding& finding) { return finding.severity < options.least; });
  return linted;
}

}  // namespace assay::cli

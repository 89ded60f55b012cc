// The `assay kernel` command from plan to exit code; see kernel_run.h.
#include <algorithm>
#include <ostream>

#include "harness/cli/kernel_run.h"
#include "harness/core/manifest.h"
#include "harness/pto/lexer.h"

namespace assay::cli {
namespace {

using device::RunStatus;

struct Opened {
  std::string name;
  std::unique_ptr<device::Backend> backend;
};

// "process:./run.sh {bundle}" keeps its folder short and its command out of it.
std::string folder_of(std::string_view specification) {
  return std::string(specification.substr(0, specification.find(':')));
}

// A backend that is not here is skipped unless it was asked for; a broken one is an error.
Result<std::vector<Opened>> open_backends(const KernelOptions& options, const BackendFactory& create,
                                          std::ostream& out) {
  std::vector<Opened> opened;
  for (const std::string& specification : options.backends) {
    const std::string name = folder_of(specification);
    if (std::any_of(opened.begin(), opened.end(), [&](const Opened& o) { return o.name == name; }))
      return bad_input("backend '{}' is given twice", name);
    auto backend = create(specification);
    if (backend) {
      opened.push_back({name, std::move(*backend)});
      continue;
    }
    if (backend.error().kind != ErrorKind::unavailable || options.backends_required)
      return tl::unexpected(std::move(backend.error()));
    out << fmt::format("{}: skipped: {}\n", name, backend.error().message);
  }
  return opened;
}

void print_excerpt(const KernelPlan& plan, pto::Location location, std::ostream& out) {
  if (plan.module->source) out << pto::excerpt(*plan.module->source, location) << "\n";
}

void print_outcome(const KernelPlan& plan, const KernelOutcome& outcome, std::ostream& out) {
  out << fmt::format("{}: {}", outcome.backend, device::name(outcome.report.status));
  if (!outcome.report.reason.empty()) out << ": " << outcome.report.reason;
  out << fmt::format(", {} operations, {:.3f} s", outcome.report.instructions, outcome.seconds);
  if (outcome.report.device_seconds > 0) out << fmt::format(", {:.6f} s on the device", outcome.report.device_seconds);
  out << "\n";
  for (const device::Diagnostic& diagnostic : outcome.report.diagnostics) {
    device::Diagnostic own = diagnostic;
    own.related.reset();
    out << "  " << device::to_string(own, plan.module->file) << "\n";
    print_excerpt(plan, diagnostic.location, out);
    if (!diagnostic.related || *diagnostic.related == diagnostic.location) continue;
    out << fmt::format("  {}:{}:{}: related location\n", plan.module->file, diagnostic.related->line,
                       diagnostic.related->column);
    print_excerpt(plan, *diagnostic.related, out);
  }
  if (!outcome.stray_write.empty()) out << "  stray write: " << outcome.stray_write << "\n";
  for (const auto& [argument, count] : outcome.undefined)
    out << fmt::format("  {}: {} elements depend on undefined memory\n", argument, count);
  for (const auto& [argument, mask] : outcome.unwritten) {
    const auto count = std::count(mask.begin(), mask.end(), 1);
    if (count > 0) out << fmt::format("  {}: {} of {} elements were never written\n", argument, count, mask.size());
  }
}

std::string coordinates(std::int64_t index, const Shape& shape) {
  std::string text;
  for (std::size_t i = shape.size(); i-- > 0;) {
    text = fmt::format("{}{}{}", index % std::max<std::int64_t>(shape[i], 1), text.empty() ? "" : ", ", text);
    index /= std::max<std::int64_t>(shape[i], 1);
  }
  return "[" + text + "]";
}

void print_comparison(const KernelOutcome& a, const KernelOutcome& b, const KernelComparison& result,
                      std::ostream& out) {
  constexpr std::size_t kShown = 5;
  const compare::Comparison& comparison = result.comparison;
  const Tensor& tensor = a.tensors.find(result.argument)->second;
  if (comparison.passed) {
    out << fmt::format("{}: {} and {} agree on {} elements ({})\n", result.argument, a.backend, b.backend,
                       comparison.compared, comparison.rule);
    return;
  }
  out << fmt::format("{}: {} and {} differ in {} of {} elements ({}): {}; largest distance {} ulp\n", result.argument,
                     a.backend, b.backend, comparison.mismatches + comparison.unwritten,
                     comparison.compared + comparison.unwritten, comparison.rule, result.pattern, comparison.max_ulps);
  const int digits = std::max(info(tensor.dtype()).bits / 4, 1);
  for (std::size_t i = 0; i < std::min(comparison.first.size(), kShown); ++i) {
    const compare::ElementMismatch& mismatch = comparison.first[i];
    out << fmt::format("  {} {} 0x{:0{}x} ({}), {} 0x{:0{}x} ({})\n", coordinates(mismatch.index, tensor.shape()),
                       a.backend, mismatch.actual, digits, compare::to_double(tensor.dtype(), mismatch.actual),
                       b.backend, mismatch.expected, digits, compare::to_double(tensor.dtype(), mismatch.expected));
  }
}

// Names of SSA values may hold '$', names of tensors may not.
std::string file_name(std::string name) {
  std::replace(name.begin(), name.end(), '$', '_');
  return name.starts_with('.') ? "_" + name : name;
}

Result<void> write_outcome(const KernelPlan& plan, const KernelOutcome& outcome, const std::filesystem::path& out) {
  TensorMap tensors;
  Roles roles;
  for (const PlannedTensor& planned : tensors_of(plan)) {
    std::string name = file_name(planned.name);
    while (tensors.contains(name)) name += "_";
    roles[name] = std::string(pto::name(plan.arguments[planned.argument].direction));
    tensors.emplace(name, outcome.tensors.find(planned.name)->second);
  }
  std::string functions;
  for (const KernelTask& task : plan.tasks) functions += (functions.empty() ? "" : ",") + task.function->name;
  Metadata metadata{{"kernel", plan.module->file},
                    {"function", functions},
                    {"blocks", fmt::format("{}", plan.blocks)},
                    {"backend", outcome.backend},
                    {"status", std::string(device::name(outcome.report.status))}};
  for (const KernelArgument& argument : plan.arguments)
    metadata["argument." + argument.name] = argument.given + (argument.chosen ? " (chosen)" : "");
  const auto written = write_tensors(out / outcome.backend, tensors, roles, metadata);
  return written ? Result<void>{} : tl::unexpected(written.error());
}

int fail(const Error& error, std::ostream& err) {
  err << to_string(error) << "\n";
  return exit_code(error);
}

bool has_fault(const KernelOutcome& outcome) {
  const RunStatus status = outcome.report.status;
  return (status != RunStatus::completed && status != RunStatus::unsupported) || !outcome.report.diagnostics.empty() ||
         !outcome.stray_write.empty() || !outcome.undefined.empty();
}

struct Verdict {
  bool diverged = false;
  std::int64_t compared = 0;  // elements of arguments that the kernel stores to
};

bool is_stored(const KernelPlan& plan, std::string_view tensor) {
  const std::vector<PlannedTensor> tensors = tensors_of(plan);
  return std::any_of(tensors.begin(), tensors.end(), [&](const PlannedTensor& candidate) {
    const pto::Direction direction = plan.arguments[candidate.argument].direction;
    return candidate.name == tensor && (direction == pto::Direction::out || direction == pto::Direction::inout);
  });
}

Result<void> compare_pair(const KernelPlan& plan, const KernelOutcome& a, const KernelOutcome& b,
                          const compare::Policy& policy, Verdict& verdict, std::ostream& out) {
  if (a.report.status != RunStatus::completed || b.report.status != RunStatus::completed) return {};
  const auto comparisons = compare_outcomes(a, b, policy);
  if (!comparisons) return tl::unexpected(comparisons.error());
  for (const KernelComparison& result : *comparisons) {
    const bool stored = is_stored(plan, result.argument);
    if (stored || !result.comparison.passed) print_comparison(a, b, result, out);
    verdict.diverged = verdict.diverged || !result.comparison.passed;
    if (stored) verdict.compared += result.comparison.compared;
  }
  return {};
}

Result<Verdict> compare_all(const KernelPlan& plan, const std::vector<KernelOutcome>& outcomes,
                            const compare::Policy& policy, std::ostream& out) {
  Verdict verdict;
  for (std::size_t i = 0; i < outcomes.size(); ++i)
    for (std::size_t j = i + 1; j < outcomes.size(); ++j)
      if (const auto done = compare_pair(plan, outcomes[i], outcomes[j], policy, verdict, out); !done)
        return tl::unexpected(done.error());
  return verdict;
}

int exit_code_of(const KernelOptions& options, const std::vector<KernelOutcome>& outcomes, const Verdict& verdict,
                 std::ostream& out) {
  const auto completed = std::count_if(outcomes.begin(), outcomes.end(), [](const KernelOutcome& outcome) {
    return outcome.report.status == RunStatus::completed;
  });
  const bool alone = options.backends.size() == 1 && completed == 1;
  if (verdict.compared == 0)
    out << "unverified: "
        << (alone            ? "one backend alone, nothing to compare with"
            : completed >= 2 ? "the kernel wrote nothing"
                             : "no two backends completed")
        << "\n";
  const auto broken = [](const KernelOutcome& outcome) { return outcome.report.status == RunStatus::error; };
  if (std::any_of(outcomes.begin(), outcomes.end(), broken)) return 3;
  if (verdict.diverged || std::any_of(outcomes.begin(), outcomes.end(), has_fault)) return 1;
  return verdict.compared > 0 || alone ? 0 : 1;
}

}  // namespace

int execute_kernel(const KernelRequest& request, const KernelOptions& options, const BackendFactory& create,
                   std::ostream& out, std::ostream& err) {
  const auto profile = load_profile(options.profile);
  if (!profile) return fail(profile.error(), err);
  const auto plan = plan_kernel(request);
  if (!plan) return fail(plan.error(), err);
  auto backends = open_backends(options, create, out);
  if (!backends) return fail(backends.error(), err);
  if (backends->empty()) return fail(unavailable("none of the backends is available here").value(), err);

  for (const pto::Warning& warning : plan->warnings)
    err << fmt::format("{}:{}:{}: warning: {}\n", plan->module->file, warning.location.line, warning.location.column,
                       warning.message);
  out << describe(*plan);
  device::RunOptions run_options;
  run_options.profile = &*profile;
  run_options.contract_fma = options.contract_fma;
  run_options.order = options.order;
  run_options.schedule = options.schedule;
  std::vector<KernelOutcome> outcomes;
  for (Opened& opened : *backends) {
    outcomes.push_back(run_kernel(*plan, *opened.backend, run_options, opened.name));
    print_outcome(*plan, outcomes.back(), out);
    if (options.out.empty()) continue;
    if (const auto written = write_outcome(*plan, outcomes.back(), options.out); !written)
      return fail(written.error(), err);
  }
  const auto verdict = compare_all(*plan, outcomes, options.policy, out);
  if (!verdict) return fail(verdict.error(), err);
  return exit_code_of(options, outcomes, *verdict, out);
}

}  // namespace assay::cli

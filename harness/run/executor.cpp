#include <algorithm>
#include <chrono>

#include "harness/run/executor_state.h"

namespace assay::run {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

CaseResult result_without_run(const Case& c, compare::Verdict verdict, std::string reason) {
  CaseResult result;
  result.c = c;
  result.id = case_id(c);
  result.verdict = verdict;
  result.reason = std::move(reason);
  return result;
}

// Where the function of a diagnostic stands.
std::string file_of(const ResolvedStage& stage, const std::string& function) {
  for (const ResolvedTask& task : stage.tasks)
    if (task.module->find_function(function)) return task.module->file;
  return stage.tasks.empty() ? "" : stage.tasks.front().module->file;
}

bool deserves_folder(compare::Verdict verdict) {
  using compare::Verdict;
  return verdict == Verdict::failed || verdict == Verdict::hang || verdict == Verdict::error ||
         verdict == Verdict::xfail;
}

// The first window that holds something and lies otherwise in `after` than in `before`; empty when there is none.
std::string moved_window(const std::vector<ResolvedWindow>& before, const std::vector<ResolvedWindow>& after,
                         const WindowContents& contents) {
  const auto same_field = [](const ResolvedField& a, const ResolvedField& b) {
    return a.dtype == b.dtype && a.at == b.at && a.bytes == b.bytes;
  };
  for (std::size_t i = 0; i < before.size(); ++i)
    if (contents.contains(before[i].name) &&
        (before[i].ranks != after[i].ranks || before[i].bytes != after[i].bytes ||
         !std::ranges::equal(before[i].fields, after[i].fields, same_field)))
      return before[i].name;
  return "";
}

}  // namespace

Result<const pipeline::Pipeline*> Executor::State::find_pipeline(std::string_view name) {
  if (const auto found = pipelines.find(name); found != pipelines.end()) return found->second.get();
  auto pipeline = pipeline::find_pipeline(name, options.pipeline_directories);
  if (!pipeline) return tl::unexpected(pipeline.error());
  auto& slot = pipelines[std::string(name)];
  slot = std::make_unique<pipeline::Pipeline>(std::move(*pipeline));
  return slot.get();
}

const Result<std::unique_ptr<device::Backend>>& Executor::State::find_backend(const std::string& name) {
  if (const auto found = backends.find(name); found != backends.end()) return found->second;
  auto made = options.create_backend ? options.create_backend(name) : device::create_backend(name);
  return backends.emplace(name, std::move(made)).first->second;
}

Result<PreparedCase> Executor::State::prepare(const Case& c) {
  PreparedCase prepared;
  prepared.c = c;
  const auto pipeline = find_pipeline(c.get("pipeline"));
  if (!pipeline) return tl::unexpected(pipeline.error());
  prepared.pipeline = *pipeline;
  auto bindings = bind(**pipeline, c);
  if (!bindings) return tl::unexpected(bindings.error());
  prepared.bindings = std::move(*bindings);
  auto tensors = resolve_tensors(**pipeline, prepared.bindings);
  if (!tensors) return tl::unexpected(tensors.error());
  prepared.tensors = std::move(*tensors);
  auto windows = resolve_windows(**pipeline, prepared.bindings);
  if (!windows) return tl::unexpected(windows.error());
  prepared.windows = std::move(*windows);
  const auto invocations = invocations_of(**pipeline, prepared.bindings);
  if (!invocations) return tl::unexpected(invocations.error());
  prepared.invocations = *invocations;
  auto profile = load_profile(c.get("profile", (*pipeline)->profile));
  if (!profile) return tl::unexpected(profile.error());
  prepared.profile = std::move(*profile);
  if (const std::string_view policy = c.get("policy"); !policy.empty()) {
    auto parsed = compare::parse_policy(policy);
    if (!parsed) return tl::unexpected(parsed.error());
    prepared.policy = std::move(*parsed);
  }
  if (const auto expect = check_expectation(c.get("expect", "pass")); !expect) return tl::unexpected(expect.error());
  return prepared;
}

std::vector<std::string> Executor::State::backend_names(const Case& c) const {
  if (!options.backends.empty()) return options.backends;
  std::vector<std::string> names;
  std::string_view rest = c.get("backends", kSimulator);
  while (!rest.empty()) {
    // A process backend's command may hold '+'; it is the last one of a list then.
    const std::size_t end = rest.starts_with("process:") ? std::string_view::npos : rest.find('+');
    std::string name(rest.substr(0, end));
    rest = end == std::string_view::npos ? "" : rest.substr(end + 1);
    if (!name.empty() && std::find(names.begin(), names.end(), name) == names.end()) names.push_back(std::move(name));
  }
  return names;
}

Result<void> Executor::State::add_backends(const PreparedCase& prepared, TensorMap inputs, CaseRun& run) {
  const std::vector<std::string> names = backend_names(prepared.c);
  for (const std::string& name : names) {
    const auto& backend = find_backend(name);
    if (backend) {
      run.add_subject(std::string((*backend)->name()), backend->get(),
                      &name == &names.back() ? std::move(inputs) : inputs);
    } else if (backend.error().kind == ErrorKind::unavailable && !options.backends_required) {
      run.add_skipped(name, backend.error().message);
    } else {
      return tl::unexpected(backend.error());
    }
  }
  return {};
}

device::RunOptions Executor::State::run_options(const PreparedCase& prepared) const {
  device::RunOptions result;
  result.profile = &prepared.profile;
  result.instruction_budget = options.instruction_budget;
  result.contract_fma = options.contract_fma;
  result.order = prepared.bindings.order;
  result.schedule = prepared.bindings.schedule;
  return result;
}

Result<StageOutcome> Executor::State::run_on_backend(const PreparedCase& prepared, const ResolvedStage& stage,
                                                     const TensorMap& inputs, Subject& subject) const {
  subject.windows_before = subject.windows;
  auto outcome =
      run::run_stage(stage, prepared.tensors, inputs, *subject.backend, run_options(prepared), &subject.windows);
  if (!outcome) return outcome;
  for (const device::Diagnostic& diagnostic : outcome->report.diagnostics)
    subject.result.diagnostics.push_back(device::to_string(diagnostic, file_of(stage, diagnostic.function)));
  return outcome;
}

Result<void> Executor::State::run_stages(const PreparedCase& prepared, CaseRun& run) {
  for (const pipeline::StageSpec& stage : prepared.pipeline->stages) {
    const auto resolved = resolve_stage(*prepared.pipeline, stage, prepared.bindings, &kernels);
    if (!resolved) return tl::unexpected(resolved.error());
    const auto source = [&](const pipeline::StageSpec&, const TensorMap& inputs, Subject& subject) {
      return run_on_backend(prepared, *resolved, inputs, subject);
    };
    const auto related = [&](const TensorMap& inputs, const Bindings& bindings,
                             const std::vector<ResolvedTensor>& tensors, Subject& subject) -> Result<StageOutcome> {
      const auto again = resolve_stage(*prepared.pipeline, stage, bindings, &kernels);
      if (!again) return tl::unexpected(again.error());
      WindowContents windows = subject.windows_before;
      if (const std::string moved = moved_window(prepared.windows, again->windows, windows); !moved.empty()) {
        StageOutcome outcome;
        outcome.report.status = device::RunStatus::unsupported;
        outcome.report.reason =
            fmt::format("window '{}', which an earlier stage filled, would be laid out otherwise", moved);
        return outcome;
      }
      return run::run_stage(*again, tensors, inputs, *subject.backend, run_options(prepared), &windows);
    };
    if (const auto done = run.run_stage(stage, source, related); !done) return done;
  }
  return {};
}

Result<void> Executor::State::run_without_golden(const PreparedCase& prepared, Subject& subject,
                                                 std::map<std::string, std::vector<std::uint8_t>>& unwritten) {
  for (const pipeline::StageSpec& stage : prepared.pipeline->stages) {
    const auto resolved = resolve_stage(*prepared.pipeline, stage, prepared.bindings, &kernels);
    if (!resolved) return tl::unexpected(resolved.error());
    const auto outcome = run_on_backend(prepared, *resolved, inputs_of(stage, subject.values), subject);
    if (!outcome) return tl::unexpected(outcome.error());
    record(subject, *outcome);
    for (const auto& [output, mask] : outcome->unwritten) unwritten[output] = mask;
    if (!subject.alive) break;
  }
  return {};
}

std::string Executor::State::too_large(const PreparedCase& prepared) const {
  const std::int64_t bytes = bytes_of_all(prepared.tensors, prepared.windows);
  if (bytes <= options.memory_limit) return "";
  return fmt::format("the tensors need {} bytes; the limit is {}", bytes, options.memory_limit);
}

Executor::Executor(ExecuteOptions options) : state_(std::make_unique<State>()) { state_->options = std::move(options); }
Executor::~Executor() = default;

Result<CaseResult> Executor::execute(const Case& c) {
  const auto begin = Clock::now();
  auto prepared = state_->prepare(c);
  if (!prepared) return tl::unexpected(prepared.error());
  if (const std::string_view expect = c.get("expect", "pass"); expect.starts_with("skip:"))
    return result_without_run(c, compare::Verdict::skipped, std::string(expect.substr(5)));
  if (std::string reason = state_->too_large(*prepared); !reason.empty())
    return result_without_run(c, compare::Verdict::skipped, std::move(reason));
  auto inputs = make_inputs(*prepared->pipeline, c, prepared->bindings);
  if (!inputs) return tl::unexpected(inputs.error());
  CaseRun run(*prepared, state_->options.contract_fma);
  if (const auto added = state_->add_backends(*prepared, std::move(*inputs), run); !added)
    return tl::unexpected(added.error());
  if (const auto done = state_->run_stages(*prepared, run); !done) return tl::unexpected(done.error());
  for (std::int64_t invocation = 2; invocation <= prepared->invocations; ++invocation) {
    prepared->bindings.invocation = invocation;
    const auto again = make_inputs(*prepared->pipeline, c, prepared->bindings);
    if (!again) return tl::unexpected(again.error());
    run.begin_invocation(*again);
    if (const auto done = state_->run_stages(*prepared, run); !done) return tl::unexpected(done.error());
  }
  auto result = run.finish();
  if (!result) return result;
  result->seconds = seconds_since(begin);
  if (!state_->options.failures.empty() && deserves_folder(result->verdict)) {
    const auto written = reports::write_failure(state_->options.failures, *result, run.failure_tensors());
    if (!written) return tl::unexpected(written.error());
  }
  return result;
}

}  // namespace assay::run

#include "harness/run/sweep.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <ostream>
#include <set>
#include <thread>

#include "harness/core/manifest.h"
#include "harness/run/execute.h"
#include "harness/run/out_directory.h"
#include "harness/run/run_facts.h"
#include "harness/run/stop_signals.h"
#include "harness/run/store.h"
#include "harness/run/version.h"
#include "harness/run/worker_pool.h"
#include "reports/reporter.h"

namespace assay::run {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// Backends that the cases name; a case that names none runs on the simulator.
std::vector<std::string> backends_named(const Plan& plan) {
  std::set<std::string> named;
  for (const MatrixRow& row : plan.matrix().rows)
    for (const std::string& backend : split_words(row.treatment.backends.empty() ? "sim" : row.treatment.backends))
      named.insert(backend);
  return {named.begin(), named.end()};
}

std::string_view skip_reason(const Case& c) {
  const std::string_view expect = c.get("expect");
  return expect.starts_with("skip:") ? expect.substr(5) : std::string_view();
}

class Sweep {
 public:
  Sweep(const SweepOptions& options, std::ostream& console) : options_(options), console_(console) {}

  Result<SweepOutcome> run() {
    auto cases = expand_cases(options_.cases, options_.mode, options_.exchange);
    if (!cases) return tl::unexpected(cases.error());
    plan_ = &cases->plan;
    for (const std::string& notice : plan_->notices()) console_ << "note: " << notice << '\n';
    if (plan_->entries().empty()) {
      console_ << "no case is left to run: the filter or the shard excludes all\n";
      return std::move(outcome_);
    }
    const StopSignals signals;
    auto done = prepare().and_then([&] { return execute(signals); }).and_then([&] { return finish(); });
    if (!done) return tl::unexpected(done.error());
    return std::move(outcome_);
  }

 private:
  // Everything that can be refused is refused here, before the first file is written.
  Result<void> prepare() {
    auto info = describe_run();
    if (!info) return tl::unexpected(info.error());
    if (options_.mode == Mode::inputs) {
      std::error_code code;
      std::filesystem::create_directories(options_.exchange, code);
      if (code) return bad_input("{}: cannot be created: {}", options_.exchange.string(), code.message());
    }
    if (!options_.out.empty()) {
      auto out = OutDirectory::open(options_.out, options_.resume, fingerprint());
      if (!out) return tl::unexpected(out.error());
      out_.emplace(std::move(*out));
    }
    started_ = Clock::now();
    reporters_.add(reports::console_reporter(console_, reports::console_options(STDOUT_FILENO)));
    if (auto done = reporters_.run_started(*info); !done) return done;
    if (!out_) return {};
    StoreFacts facts = facts_of(*info);
    for (const auto& directory : options_.cases.pipeline_directories)
      facts[std::string(kPipelineDirectoriesFact)] += directory.string() + '\n';
    if (auto done = out_->store().put_facts(facts); !done) return done;
    auto files = reports::file_reporters(options_.out);
    if (!files) return tl::unexpected(files.error());
    if (auto done = (*files)->run_started(*info); !done) return done;
    if (auto done = take_over(**files); !done) return done;
    reporters_.add(std::move(*files));
    return {};
  }

  StoreFacts fingerprint() const {
    const auto mode = options_.mode == Mode::check    ? "check"
                      : options_.mode == Mode::run    ? "run"
                      : options_.mode == Mode::inputs ? "inputs"
                                                      : "verify";
    return {{"version", std::string(version())},
            {"backends", fmt::format("{}", fmt::join(options_.backends, "+"))},
            {"fp-contract", options_.contract_fma ? "on" : "off"},
            {"mode", mode}};
  }

  Result<reports::RunInfo> describe_run() {
    reports::RunInfo info;
    info.command_line = options_.command_line;
    info.replay_options = options_.replay_options;
    info.seed = static_cast<std::uint64_t>(options_.cases.plan.seed.value_or(0));
    info.machine = machine_description();
    info.started = utc_now();
    info.cases = static_cast<std::int64_t>(plan_->entries().size());
    info.versions["assay"] = version();
    if (options_.mode == Mode::inputs || options_.mode == Mode::verify) return info;  // neither needs a backend
    auto ready = probe_worker(pool_options(true));
    if (!ready) return tl::unexpected(ready.error());
    info.backends = ready->backends;
    for (const reports::BackendInfo& backend : info.backends) {
      if (backend.missing.empty()) continue;
      if (!options_.backends.empty())
        return unavailable("backend '{}' was asked for: {}", backend.name, backend.missing);
      console_ << fmt::format("note: backend '{}' is skipped: {}\n", backend.name, backend.missing);
    }
    return info;
  }

  PoolOptions pool_options(bool probe) const {
    PoolOptions pool;
    pool.command = options_.worker_command;
    pool.setup.mode = options_.mode;
    pool.setup.exchange = options_.exchange;
    pool.setup.pipeline_directories = options_.cases.pipeline_directories;
    pool.setup.backends = options_.backends;
    pool.setup.backends_required = !options_.backends.empty();
    if (!options_.out.empty()) pool.setup.failures = options_.out / "failures";
    pool.setup.contract_fma = options_.contract_fma;
    pool.setup.case_memory = options_.case_memory;
    pool.timeout = options_.timeout;
    pool.memory = options_.memory;
    pool.jobs = static_cast<int>(
        std::min<std::size_t>(static_cast<std::size_t>(std::max(options_.jobs, 1)), plan_->entries().size()));
    // Workers share the processors: jobs * threads is at most their number, as far as one thread each allows.
    const int processors = std::max(static_cast<int>(std::thread::hardware_concurrency()), 1);
    pool.setup.threads = std::max(processors / std::max(pool.jobs, 1), 1);
    if (probe) pool.setup.probe = options_.backends.empty() ? backends_named(*plan_) : options_.backends;
    return pool;
  }

  // Results of the run that is resumed: into the new reports and the summary.
  Result<void> take_over(reports::Reporter& reporter) {
    auto keys = out_->store().keys();
    if (!keys) return tl::unexpected(keys.error());
    auto finished = out_->store().finished_ids();
    if (!finished) return tl::unexpected(finished.error());
    std::unordered_set<std::uint64_t> planned;
    for (const PlanEntry& entry : plan_->entries()) planned.insert(entry.id);
    for (const StoredKey& key : *keys) {
      if (!finished->contains(key.entry.id) || !planned.contains(key.entry.id)) continue;
      auto stored = out_->store().get(key.entry.id);
      if (!stored) return tl::unexpected(stored.error());
      finished_.insert(key.entry.id);
      summary_.add(stored->result);
      ++outcome_.resumed;
      if (auto done = reporter.case_finished(stored->result); !done) return done;
    }
    return {};
  }

  Result<void> execute(const StopSignals& signals) {
    PoolOptions pool = pool_options(false);
    pool.stop_descriptor = signals.descriptor();
    PoolEvents events;
    events.next = [this] { return next_job(); };
    events.finished = [this](const Job& job, Outcome outcome) { return finished(job, std::move(outcome)); };
    auto complete = run_pool(pool, events);
    if (!failure_) return tl::unexpected(failure_.error());
    if (!complete) return tl::unexpected(complete.error());
    if (!*complete) problems_.interrupted_by = const_cast<StopSignals&>(signals).take();
    return {};
  }

  // Cases to be skipped have their result at once and never reach a worker.
  std::optional<Job> next_job() {
    for (; failure_ && next_ < plan_->entries().size(); ++next_) {
      if (finished_.contains(plan_->entries()[next_].id)) continue;
      Job job{next_, plan_->at(next_)};
      const std::string_view reason = skip_reason(job.c);
      if (reason.empty()) {
        ++next_;
        return job;
      }
      CaseResult skipped;
      skipped.c = job.c;
      skipped.id = case_id(job.c);
      skipped.verdict = compare::Verdict::skipped;
      skipped.reason = reason;
      failure_ = record({plan_->entries()[next_], std::move(skipped), {}});
    }
    return std::nullopt;
  }

  Result<void> finished(const Job& job, Outcome outcome) {
    StoredResult stored{plan_->entries()[job.sequence], {}, {}};
    if (auto* result = std::get_if<CaseResult>(&outcome)) {
      stored.result = std::move(*result);
      const auto verdict = stored.result.verdict;
      if (verdict == compare::Verdict::crash || verdict == compare::Verdict::hang) {
        const std::string observed[] = {std::string(compare::name(verdict))};
        if (auto applied = apply_expectation(stored.result, observed); !applied) return applied;
      }
      if (stored.result.verdict == compare::Verdict::error) stored.error = ErrorKind::internal;
    } else {
      const auto& error = std::get<Error>(outcome);
      stored.error = error.kind;
      stored.result.c = job.c;
      stored.result.id = case_id(job.c);
      stored.result.verdict = compare::Verdict::error;
      stored.result.reason = to_string(error);
    }
    // The worker sees neither of them: they say how the sweep treats the case.
    stored.result.c = job.c;
    return record(stored);
  }

  Result<void> record(const StoredResult& stored) {
    note_problem(stored.error);
    summary_.add(stored.result);
    if (out_)
      if (auto done = out_->store().put(stored, utc_now()); !done) return done;
    return reporters_.case_finished(stored.result);
  }

  void note_problem(const std::optional<ErrorKind>& error) {
    if (!error) return;
    (*error == ErrorKind::bad_input ? problems_.bad_input : problems_.harness_failure) = true;
  }

  Result<void> finish() {
    outcome_.summary = summary_.summary(seconds_since(started_));
    problems_.missing = static_cast<std::int64_t>(plan_->entries().size()) - outcome_.summary.cases();
    outcome_.summary.problems = problems_;
    if (out_) {
      if (auto done = out_->store().put_facts({{"seconds", fmt::format("{}", outcome_.summary.seconds)}}); !done)
        return done;
      outcome_.report = options_.out / "report.html";
    }
    return reporters_.run_finished(outcome_.summary);
  }

  const SweepOptions& options_;
  std::ostream& console_;
  const Plan* plan_ = nullptr;
  std::optional<OutDirectory> out_;
  reports::ReporterSet reporters_;
  reports::SummaryBuilder summary_;
  std::unordered_set<std::uint64_t> finished_;
  std::size_t next_ = 0;
  Result<void> failure_;
  Clock::time_point started_ = Clock::now();
  reports::RunProblems problems_;
  SweepOutcome outcome_;
};

}  // namespace

Result<SweepOutcome> sweep(const SweepOptions& options, std::ostream& console) { return Sweep(options, console).run(); }

}  // namespace assay::run

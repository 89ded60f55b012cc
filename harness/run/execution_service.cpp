#include <tbb/global_control.h>

#include <algorithm>
#include <filesystem>

#include "harness/device/backend.h"
#include "harness/run/execute.h"
#include "harness/run/worker_loop.h"

namespace assay::run {
namespace {

ExecuteOptions options_of(const WorkerSetup& setup) {
  ExecuteOptions options;
  options.pipeline_directories = setup.pipeline_directories;
  options.backends = setup.backends;
  options.backends_required = setup.backends_required;
  options.failures = setup.failures;
  options.contract_fma = setup.contract_fma;
  if (setup.case_memory > 0) options.memory_limit = setup.case_memory;
  return options;
}

CaseResult unjudged_result(const Case& c) {
  CaseResult result;
  result.c = c;
  result.id = case_id(c);
  result.judged = false;
  return result;
}

Result<CaseResult> write_inputs(Executor& executor, const Case& c, const std::filesystem::path& directory) {
  if (auto done = executor.write_inputs(c, directory); !done) return tl::unexpected(done.error());
  CaseResult result = unjudged_result(c);
  result.reason = fmt::format("inputs written to {}", directory.string());
  return result;
}

// Nothing is compared, so nothing can pass; a backend that does not complete is a failure all the same.
Result<CaseResult> run_only(Executor& executor, const Case& c, const std::filesystem::path& directory) {
  auto backends = executor.run_from(directory);
  if (!backends) return tl::unexpected(backends.error());
  CaseResult result = unjudged_result(c);
  result.backends = std::move(*backends);
  result.reason = fmt::format("outputs written to {}", directory.string());
  for (const BackendResult& backend : result.backends) {
    result.seconds += backend.seconds;
    if (backend.status == "completed" || backend.status == "skipped") continue;
    const bool unable = backend.status == "unsupported";
    result.verdict = unable ? compare::Verdict::unsupported : compare::Verdict::failed;
    result.reason = fmt::format("{}: {}: {}", backend.backend, backend.status, backend.reason);
  }
  return result;
}

}  // namespace

WorkerService execution_service() {
  WorkerService service;
  service.configure = [](const WorkerSetup& setup) -> Result<CaseHandler> {
    // Lives as long as the handler; results do not depend on the number (goldens/parallel.h).
    using Control = tbb::global_control;
    const auto threads = static_cast<std::size_t>(std::max(setup.threads, 0));
    const auto limit = threads == 0 ? nullptr : std::make_shared<Control>(Control::max_allowed_parallelism, threads);
    auto executor = std::make_shared<Executor>(options_of(setup));
    const auto folder = [root = setup.exchange](const Case& c) { return root / case_id(c); };
    switch (setup.mode) {
      case Mode::inputs:
        return [=](const Case& c) { return write_inputs(*executor, c, folder(c)); };
      case Mode::run:
        return [=](const Case& c) { return run_only(*executor, c, folder(c)); };
      case Mode::verify:
        return [=, hold = limit](const Case& c) { return executor->verify(folder(c)); };
      default:
        return [=, hold = limit](const Case& c) { return executor->execute(c); };
    }
  };
  service.probe = [](const std::string& name) {
    reports::BackendInfo info{name, {}, {}};
    auto backend = device::create_backend(name);
    if (backend) {
      info.description = (*backend)->description();
    } else {
      info.missing = backend.error().message;
    }
    return info;
  };
  return service;
}

}  // namespace assay::run

// The other side of the pool: reads requests, executes cases, answers.
#pragma once

#include <functional>

#include "harness/core/error.h"
#include "harness/run/protocol.h"

namespace assay::run {

using CaseHandler = std::function<Result<CaseResult>(const Case& c)>;
struct WorkerService {
  std::function<Result<CaseHandler>(const WorkerSetup& setup)> configure;
  std::function<reports::BackendInfo(const std::string& backend)> probe;
};

// The service of `assay worker`: an Executor.
WorkerService execution_service();

// Serves `descriptor` until the sweep closes it. Exit status: 0, or 3 when the descriptor is no channel or a request
// makes no sense. Exceptions of handlers become error replies.
int serve_worker(int descriptor, const WorkerService& service);

}  // namespace assay::run

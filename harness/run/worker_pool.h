// Runs jobs on persistent workers. A job whose worker crashes, hangs, grows too large or talks nonsense gets that as
// its verdict, the worker is replaced, and the other jobs notice nothing.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "harness/core/error.h"
#include "harness/run/protocol.h"

namespace assay::run {

struct PoolOptions {
  std::vector<std::string> command;  // program and arguments of a worker
  WorkerSetup setup;
  int jobs = 1;
  double timeout = 120;        // seconds for a case that names none
  double start_timeout = 120;  // seconds until a worker is ready
  std::int64_t memory = 0;     // resident bytes of a worker; 0: no limit
  int stop_descriptor = -1;    // readable: stop now; -1: none
};

struct Job {
  std::uint64_t sequence = 0;
  Case c;
};

// A result, or why there is none (bad input, or the harness failed).
using Outcome = std::variant<CaseResult, Error>;

struct PoolEvents {
  std::function<std::optional<Job>()> next;  // nothing: no more jobs
  std::function<Result<void>(const Job&, Outcome)> finished;
  std::function<void(const ReadyReply&)> ready;  // may be empty
};

// True: all jobs are done. False: stopped by the descriptor; jobs in flight have no outcome. Errors: workers cannot be
// started (three in a row end before they are ready), or an error of `finished`.
Result<bool> run_pool(const PoolOptions& options, const PoolEvents& events);

// Starts one worker, asks it for the backends of setup.probe and ends it.
Result<ReadyReply> probe_worker(const PoolOptions& options);

}  // namespace assay::run

#include "harness/run/worker_pool.h"

#include <poll.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <list>

#include "harness/run/plan.h"
#include "harness/run/worker_process.h"

namespace assay::run {
namespace {

using Clock = std::chrono::steady_clock;

Clock::time_point after(double seconds) {
  return Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}

// The last lines a subject printed, as one line.
std::string last_words(const std::string& printed) {
  std::string text = printed;
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  std::size_t start = text.size();
  for (int lines = 0; lines < 3 && start != std::string::npos && start > 0; ++lines)
    start = text.rfind('\n', start - 1);
  if (start != std::string::npos && start < text.size()) text.erase(0, start + (text[start] == '\n' ? 1 : 0));
  std::string line;
  for (const char c : text) line += c == '\n' ? std::string(" | ") : std::string(1, c == '\r' || c == '\t' ? ' ' : c);
  return line;
}

std::string with_last_words(std::string reason, const std::string& printed) {
  const std::string words = last_words(printed);
  return words.empty() ? reason : fmt::format("{}; last output: {}", reason, words);
}

struct Worker {
  WorkerProcess process;
  bool ready = false;
  std::optional<Job> job;
  Clock::time_point started = Clock::now(), deadline;
  double allowed = 0;  // seconds
};

class Pool {
 public:
  Pool(const PoolOptions& options, const PoolEvents& events) : options_(options), events_(events) {}

  Result<bool> run() {
    pending_ = events_.next();
    while (true) {
      if (auto grown = grow(); !grown) return tl::unexpected(grown.error());
      if (workers_.empty()) return true;
      if (auto stopped = poll_once(); !stopped || *stopped) return stopped.map([](bool) { return false; });
      if (auto served = serve(); !served) return tl::unexpected(served.error());
    }
  }

 private:
  // As many workers as there is work for; idle ones get a job or, when there is none left, end.
  Result<void> grow() {
    for (auto worker = workers_.begin(); worker != workers_.end();) {
      if (worker->ready && !worker->job) {
        if (!pending_) {
          worker = workers_.erase(worker);
          continue;
        }
        dispatch(*worker);
      }
      ++worker;
    }
    std::size_t starting = 0;
    for (const Worker& worker : workers_) starting += !worker.ready;
    while (pending_ && static_cast<int>(workers_.size()) < options_.jobs && starting == 0) {
      auto process = WorkerProcess::start(options_.command);
      if (!process) return tl::unexpected(process.error());
      Worker worker{std::move(*process),   false, {}, Clock::now(), after(options_.start_timeout),
                    options_.start_timeout};
      worker.process.send(encode(Request(options_.setup)));
      worker.process.flush();
      workers_.push_back(std::move(worker));
      // The first worker shows that workers can be started at all; then the others start together.
      if (!proven_) break;
    }
    return {};
  }

  void dispatch(Worker& worker) {
    worker.job = std::move(*pending_);
    pending_ = events_.next();
    worker.allowed = options_.timeout;
    const std::string_view text = worker.job->c.get("timeout");
    std::from_chars(text.data(), text.data() + text.size(), worker.allowed);
    worker.started = Clock::now();
    worker.deadline = after(worker.allowed);
    worker.process.drain_log();
    worker.process.clear_log();
    worker.process.send(encode(Request(CaseRequest{worker.job->sequence, worker.job->c})));
    worker.process.flush();
  }

  // Waits for the next event. True: stopped.
  Result<bool> poll_once() {
    std::vector<pollfd> descriptors{{options_.stop_descriptor, POLLIN, 0}};
    Clock::time_point wake = after(options_.memory > 0 ? 0.1 : 60);
    for (const Worker& worker : workers_) {
      const auto events = static_cast<short>(POLLIN | (worker.process.wants_to_send() ? POLLOUT : 0));
      descriptors.push_back({worker.process.channel(), events, 0});
      descriptors.push_back({worker.process.log(), POLLIN, 0});
      wake = std::min(wake, worker.deadline);
    }
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(wake - Clock::now()).count() + 1;
    if (poll(descriptors.data(), descriptors.size(), static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000))) < 0 &&
        errno != EINTR)
      return internal_error("poll failed with error {}", errno);
    return descriptors[0].revents != 0;
  }

  Result<void> serve() {
    for (auto worker = workers_.begin(); worker != workers_.end();) {
      auto alive = serve(*worker);
      if (!alive) return tl::unexpected(alive.error());
      worker = *alive ? std::next(worker) : workers_.erase(worker);
    }
    return {};
  }

  // False: the worker is done for.
  Result<bool> serve(Worker& worker) {
    worker.process.drain_log();
    const bool open = worker.process.flush() & worker.process.receive();
    while (auto line = worker.process.next_line()) {
      auto understood = take(worker, *line);
      if (!understood) return understood;
      if (!*understood) return false;
    }
    if (!open) return ended(worker);
    if (Clock::now() >= worker.deadline && (worker.job || !worker.ready)) return overdue(worker);
    if (options_.memory > 0) return check_memory(worker);
    return true;
  }

  Result<bool> take(Worker& worker, const std::string& line) {
    auto reply = decode_reply(line);
    if (!reply) return nonsense(worker, reply.error().message);
    if (const auto* ready = std::get_if<ReadyReply>(&*reply)) {
      if (ready->protocol != kProtocol)
        return internal_error("the worker speaks protocol {}, expected {}", ready->protocol, kProtocol);
      if (worker.ready) return nonsense(worker, "it was ready already");
      worker.ready = proven_ = true;
      failed_starts_ = 0;
      worker.deadline = Clock::time_point::max();
      if (events_.ready) events_.ready(*ready);
      return true;
    }
    auto* result = std::get_if<ResultReply>(&*reply);
    auto* error = std::get_if<ErrorReply>(&*reply);
    const std::uint64_t sequence = result ? result->sequence : error->sequence;
    if (!worker.ready && error) return tl::unexpected(error->error);
    if (!worker.job || worker.job->sequence != sequence)
      return nonsense(worker, fmt::format("it answered job {} that it was not given", sequence));
    auto done = result ? finish(worker, std::move(result->result)) : finish(worker, std::move(error->error));
    if (!done) return tl::unexpected(done.error());
    return true;
  }

  Result<void> finish(Worker& worker, Outcome outcome) {
    const Job job = std::move(*worker.job);
    worker.job.reset();
    worker.deadline = Clock::time_point::max();
    return events_.finished(job, std::move(outcome));
  }

  // Gives the worker's job, if it has one, a verdict that the worker could not give.
  Result<bool> verdict(Worker& worker, compare::Verdict verdict, std::string reason) {
    CaseResult result;
    result.c = worker.job->c;
    result.id = case_id(result.c);
    result.verdict = verdict;
    result.reason = std::move(reason);
    result.seconds = std::chrono::duration<double>(Clock::now() - worker.started).count();
    auto done = finish(worker, std::move(result));
    if (!done) return tl::unexpected(done.error());
    return false;
  }

  Result<bool> not_started(std::string reason) {
    if (++failed_starts_ < 3) return false;
    return internal_error("three workers in a row could not be started: {}", reason);
  }

  Result<bool> ended(Worker& worker) {
    const auto status = worker.process.finish();
    worker.process.drain_log();
    const std::string how = status ? describe(*status) : "it closed its channel and could not be ended";
    const std::string reason = with_last_words(how, worker.process.printed());
    if (!worker.ready) return not_started(reason);
    if (!worker.job) return false;
    return verdict(worker, compare::Verdict::crash, reason);
  }

  Result<bool> overdue(Worker& worker) {
    worker.process.kill();
    worker.process.drain_log();
    const std::string reason =
        with_last_words(fmt::format("no answer within {:g} s", worker.allowed), worker.process.printed());
    if (!worker.ready) return not_started(reason);
    return verdict(worker, compare::Verdict::hang, reason);
  }

  Result<bool> nonsense(Worker& worker, std::string_view what) {
    worker.process.kill();
    worker.process.drain_log();
    const std::string reason =
        with_last_words(fmt::format("the worker sent no valid answer: {}", what), worker.process.printed());
    if (!worker.ready) return not_started(reason);
    if (!worker.job) return false;
    return verdict(worker, compare::Verdict::error, reason);
  }

  Result<bool> check_memory(Worker& worker) {
    const std::int64_t resident = worker.process.resident_bytes();
    if (resident <= options_.memory) return true;
    worker.process.kill();
    const std::string reason =
        fmt::format("memory limit: {} MiB resident, {} MiB allowed", resident >> 20, options_.memory >> 20);
    if (!worker.ready) return not_started(reason);
    if (!worker.job) return false;  // it grew over several cases and is merely replaced
    return verdict(worker, compare::Verdict::crash, reason);
  }

  const PoolOptions& options_;
  const PoolEvents& events_;
  std::list<Worker> workers_;
  std::optional<Job> pending_;
  bool proven_ = false;
  int failed_starts_ = 0;
};

}  // namespace

Result<bool> run_pool(const PoolOptions& options, const PoolEvents& events) { return Pool(options, events).run(); }

Result<ReadyReply> probe_worker(const PoolOptions& options) {
  auto process = WorkerProcess::start(options.command);
  if (!process) return tl::unexpected(process.error());
  process->send(encode(Request(options.setup)));
  const Clock::time_point deadline = after(options.start_timeout);
  while (Clock::now() < deadline) {
    const bool open = process->flush() && process->receive();
    process->drain_log();
    if (auto line = process->next_line()) {
      auto reply = decode_reply(*line);
      if (!reply) return tl::unexpected(reply.error());
      if (auto* ready = std::get_if<ReadyReply>(&*reply)) return std::move(*ready);
      if (auto* error = std::get_if<ErrorReply>(&*reply)) return tl::unexpected(error->error);
      return internal_error("the worker answered before it was ready");
    }
    if (!open) {
      const auto status = process->finish();
      process->drain_log();
      return internal_error("the worker ended while it looked for backends: {}",
                            with_last_words(status ? describe(*status) : "no status", process->printed()));
    }
    pollfd descriptors[2] = {{process->channel(), POLLIN, 0}, {process->log(), POLLIN, 0}};
    poll(descriptors, 2, 100);
  }
  return internal_error("the worker did not start within {:g} s", options.start_timeout);
}

}  // namespace assay::run

// Reports from stores: shards merged, each case once, in the order of the matrix.
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <ostream>
#include <tuple>

#include "harness/run/run_facts.h"
#include "harness/run/store.h"
#include "harness/run/sweep.h"
#include "reports/reporter.h"

namespace assay::run {
namespace {

struct Located {
  StoredKey key;
  std::size_t store = 0;
};

Result<std::vector<std::filesystem::path>> stores_in(const std::vector<std::filesystem::path>& directories) {
  std::vector<std::filesystem::path> files;
  for (const auto& directory : directories) {
    std::error_code error;
    std::vector<std::filesystem::path> found;
    if (std::filesystem::exists(directory / kStoreFile, error)) found.push_back(directory / kStoreFile);
    for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
      const bool shard = entry.path().filename().string().starts_with("shard-");
      if (shard && std::filesystem::exists(entry.path() / kStoreFile)) found.push_back(entry.path() / kStoreFile);
    }
    if (error) return bad_input("{}: {}", directory.string(), error.message());
    if (found.empty())
      return bad_input("{}: found no results, expected {} or shard-*/{}", directory.string(), kStoreFile, kStoreFile);
    files.insert(files.end(), found.begin(), found.end());
  }
  std::sort(files.begin(), files.end());
  files.erase(std::unique(files.begin(), files.end()), files.end());
  return files;
}

// Of each case the result that finished last; in matrix order, which no sharding changes.
std::vector<Located> merged(std::vector<Located> all) {
  const auto newer_first = [](const Located& a, const Located& b) {
    return std::tie(a.key.entry.id, b.key.finished, b.store) < std::tie(b.key.entry.id, a.key.finished, a.store);
  };
  std::sort(all.begin(), all.end(), newer_first);
  all.erase(std::unique(all.begin(), all.end(),
                        [](const Located& a, const Located& b) { return a.key.entry.id == b.key.entry.id; }),
            all.end());
  std::sort(all.begin(), all.end(), [](const Located& a, const Located& b) {
    const PlanEntry &x = a.key.entry, &y = b.key.entry;
    return std::tie(x.row, x.ordinal, x.repetition, x.id) < std::tie(y.row, y.ordinal, y.repetition, y.id);
  });
  return all;
}

double seconds_of(const StoreFacts& facts) {
  const auto found = facts.find("seconds");
  double seconds = 0;
  if (found != facts.end()) std::from_chars(found->second.data(), found->second.data() + found->second.size(), seconds);
  return seconds;
}

struct Planned {
  std::int64_t cases = 0, finished = 0;
};

// Planned cases that no store has a result of. Stores that share cases may fill each other's gaps, and a store does not
// say which cases it lacks: then only what the largest plan has beyond all results is certain.
std::int64_t missing_cases(const std::vector<Planned>& plans, std::int64_t merged) {
  std::int64_t planned = 0, finished = 0, largest = 0;
  for (const Planned& plan : plans) {
    planned += plan.cases;
    finished += plan.finished;
    largest = std::max(largest, plan.cases);
  }
  const bool disjoint = finished == merged;
  return std::max<std::int64_t>(0, (disjoint ? planned : largest) - merged);
}

}  // namespace

Result<SweepOutcome> report(const std::vector<std::filesystem::path>& directories, const std::filesystem::path& out,
                            std::ostream& console) {
  auto files = stores_in(directories);
  if (!files) return tl::unexpected(files.error());
  std::vector<Store> stores;
  std::vector<Located> all;
  reports::RunInfo info;
  std::vector<Planned> plans;
  double seconds = 0;
  for (const auto& file : *files) {
    auto store = Store::read(file);
    if (!store) return tl::unexpected(store.error());
    auto keys = store->keys();
    auto facts = store->facts();
    if (!keys || !facts) return tl::unexpected(keys ? facts.error() : keys.error());
    for (StoredKey& key : *keys) all.push_back({std::move(key), stores.size()});
    const reports::RunInfo own = info_of(*facts);
    plans.push_back({own.cases, static_cast<std::int64_t>(keys->size())});
    if (stores.empty()) info = own;
    seconds = std::max(seconds, seconds_of(*facts));
    stores.push_back(std::move(*store));
  }
  all = merged(std::move(all));
  info.cases = static_cast<std::int64_t>(all.size());
  reports::ReporterSet reporters;
  auto written = reports::file_reporters(out);
  if (!written) return tl::unexpected(written.error());
  reporters.add(std::move(*written));
  reporters.add(reports::console_reporter(console, reports::console_options(STDOUT_FILENO)));
  SweepOutcome outcome;
  reports::RunProblems problems;
  problems.missing = missing_cases(plans, info.cases);
  reports::SummaryBuilder summary;
  if (auto done = reporters.run_started(info); !done) return tl::unexpected(done.error());
  for (const Located& located : all) {
    auto stored = stores[located.store].get(located.key.entry.id);
    if (!stored) return tl::unexpected(stored.error());
    summary.add(stored->result);
    if (stored->error) (*stored->error == ErrorKind::bad_input ? problems.bad_input : problems.harness_failure) = true;
    if (auto done = reporters.case_finished(stored->result); !done) return tl::unexpected(done.error());
  }
  outcome.summary = summary.summary(seconds);
  outcome.summary.problems = problems;
  outcome.report = out / "report.html";
  if (auto done = reporters.run_finished(outcome.summary); !done) return tl::unexpected(done.error());
  return outcome;
}

}  // namespace assay::run

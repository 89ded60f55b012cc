// Results of a sweep on disk: one SQLite file with one writer. Every result is committed as it comes, so a killed sweep
// loses at most the cases in flight, and every report is derived from the store.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "harness/core/error.h"
#include "harness/run/case.h"
#include "harness/run/plan.h"
#include "harness/run/sqlite.h"

namespace assay::run {

inline constexpr std::string_view kStoreFile = "results.db";

struct StoredResult {
  PlanEntry entry;
  CaseResult result;
  std::optional<ErrorKind> error;  // the case could not be judged: why, as a kind; the text is result.reason
};

// Where a result stands in the whole matrix, whichever shard ran it.
struct StoredKey {
  PlanEntry entry;
  std::string finished;  // ISO 8601, UTC
};

// Key of the fact that holds the folders in which the run looked for pipelines, one a line.
inline constexpr std::string_view kPipelineDirectoriesFact = "pipeline_directories";
using StoreFacts = std::map<std::string, std::string, std::less<>>;

class Store {
 public:
  // A new, empty store. `fingerprint`: the arguments that decide results, for resume. Error: the file exists.
  static Result<Store> create(const std::filesystem::path& file, const StoreFacts& fingerprint);
  // Continues a store. Errors: not a store, a newer format, another fingerprint (what differs is named).
  static Result<Store> resume(const std::filesystem::path& file, const StoreFacts& fingerprint);
  // For reading. Errors: missing, not a store, a newer format, corrupt.
  static Result<Store> read(const std::filesystem::path& file);

  Result<void> put(const StoredResult& result, std::string_view finished);
  // Facts about the run for the reports: command line, machine, backends.
  Result<void> put_facts(const StoreFacts& facts);
  Result<StoreFacts> facts();

  // Without those that have an error: they are worth another try.
  Result<std::unordered_set<std::uint64_t>> finished_ids();
  Result<std::vector<StoredKey>> keys();
  // Error: no such result, or one that does not parse.
  Result<StoredResult> get(std::uint64_t id);

 private:
  Store(std::filesystem::path file, Database database) : file_(std::move(file)), database_(std::move(database)) {}
  static Result<Store> open(const std::filesystem::path& file, Database::Access access);
  Result<void> check_fingerprint(const StoreFacts& fingerprint);
  Result<StoreFacts> table(std::string_view name);
  Result<void> put_table(std::string_view name, const StoreFacts& rows);

  std::filesystem::path file_;
  Database database_;
  std::optional<Statement> insert_, select_;
};

// Whether the file is a store of any version; false also when it does not exist.
bool is_store(const std::filesystem::path& file);

}  // namespace assay::run

// What a sweep will run: the matrix expanded, filtered, sharded or covered, with duplicates merged. Entries are a few
// words each, so a million cases cost tens of megabytes; the case itself is made when it is needed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "harness/core/error.h"
#include "harness/run/filter.h"
#include "harness/run/matrix.h"
#include "harness/run/row_cursor.h"

namespace assay::run {

struct Shard {
  std::uint64_t index = 0, count = 1;  // 0 <= index < count
};
// "1/4" .. "4/4".
Result<Shard> parse_shard(std::string_view text);
// 0 for "all", 2 for "pairwise", N for "N-wise".
Result<int> parse_cover(std::string_view text);

struct PlanOptions {
  std::optional<Filter> filter;
  Shard shard;
  int cover = 0;                               // strength of the covering array per row; 0: the whole product
  std::optional<std::int64_t> seed;            // of cases that name none; also chooses the covering array
  std::int64_t repeat = 1;                     // repetition r of a case has seed + r * kRepetitionStride
  std::optional<std::string> backends;         // instead of the matrix's ("sim+opencl")
  std::optional<std::string> order, schedule;  // of cases that name none
};

inline constexpr std::int64_t kRepetitionStride = 1'000'003;

struct PlanEntry {
  std::uint64_t id = 0;  // case_id as a number
  std::int64_t ordinal = 0;
  std::uint32_t row = 0, repetition = 0;
};

// Of each row, in cases before repetition except `kept` and `merged`.
struct RowCount {
  std::int64_t combinations = 0, constrained = 0, uncovered = 0, filtered = 0, elsewhere = 0, merged = 0, kept = 0;
};

class Plan {
 public:
  // Errors: a row whose constraints leave nothing (named), two rows that name one case and expect different things, a
  // filter with an unknown key, more than kMaxCombinations in a row, kMaxCases in all.
  static Result<Plan> make(const Matrix& matrix, const PlanOptions& options);

  static constexpr std::int64_t kMaxCombinations = 200'000'000;
  static constexpr std::int64_t kMaxCases = 50'000'000;

  const std::vector<PlanEntry>& entries() const { return entries_; }
  const std::vector<RowCount>& row_counts() const { return counts_; }
  const std::vector<std::string>& notices() const { return notices_; }  // merged duplicates, in words
  const Matrix& matrix() const { return *matrix_; }

  // The case of an entry, complete: seed and backends as asked for.
  Case at(std::size_t index) const;

 private:
  friend class PlanBuilder;
  friend class PlanWalker;
  const Matrix* matrix_ = nullptr;
  PlanOptions options_;
  std::vector<PlanEntry> entries_;
  std::vector<RowCount> counts_;
  std::vector<std::string> notices_;
};

// Makes the cases of a plan one after the other; cheap when neighbours stand in one row.
class PlanWalker {
 public:
  explicit PlanWalker(const Plan& plan) : plan_(plan) {}
  // Valid until the next call.
  const Case& at(std::size_t index);

 private:
  const Plan& plan_;
  std::optional<RowCursor> cursor_;
  std::uint32_t row_ = 0;
  Case case_;
};

std::string id_text(std::uint64_t id);

}  // namespace assay::run

#include "harness/run/plan.h"

#include <algorithm>
#include <charconv>
#include <numeric>
#include <set>

#include "harness/run/covering.h"

namespace assay::run {
namespace {

// What --seed, --repeat and --backend change about a case.
void specialise(Case& c, const PlanOptions& options, std::uint32_t repetition) {
  if (options.backends) c.values["backends"] = *options.backends;
  if (options.order) c.values.emplace("order", *options.order);
  if (options.schedule) c.values.emplace("schedule", *options.schedule);
  if (!options.seed && repetition == 0) return;
  const auto given = c.values.find("seed");
  std::int64_t seed = options.seed.value_or(0);
  if (given != c.values.end()) parse_integer(given->second, seed);
  if (given != c.values.end() && repetition == 0) return;
  c.values["seed"] = std::to_string(seed + repetition * kRepetitionStride);
}

std::uint64_t numeric_id(const Case& c) {
  const std::string text = case_id(c);
  std::uint64_t id = 0;
  std::from_chars(text.data(), text.data() + text.size(), id, 16);
  return id;
}

// The text a filter key has in a case: its value, else the parameter's default.
class FilterValues {
 public:
  FilterValues(const Filter& filter, const MatrixRow& row) : filter_(filter) {
    for (const std::string& key : filter.keys()) {
      const auto* parameter = find_parameter(*row.pipeline, key);
      if (!parameter) {
        defaults_.emplace_back(key == "expect" ? "pass" : key == "profile" ? row.pipeline->profile : "");
      } else if (const auto* integer = std::get_if<std::int64_t>(&parameter->default_value)) {
        defaults_.push_back(std::to_string(*integer));
      } else {
        defaults_.push_back(std::get<std::string>(parameter->default_value));
      }
    }
  }

  bool matches(const Case& c) const {
    std::string id;
    return filter_.matches([&](std::size_t index) -> std::string_view {
      const std::string& key = filter_.keys()[index];
      if (key == "id") return id = case_id(c);
      return c.get(key, defaults_[index]);
    });
  }

 private:
  const Filter& filter_;
  std::vector<std::string> defaults_;
};

std::string describe(const TextPosition& where) {
  return where.file.empty() ? "the case" : fmt::format("{}:{}", where.file, where.line);
}

}  // namespace

class PlanBuilder {
 public:
  PlanBuilder(const Matrix& matrix, const PlanOptions& options) {
    plan_.matrix_ = &matrix;
    plan_.options_ = options;
    plan_.counts_.resize(matrix.rows.size());
  }

  Result<Plan> build() {
    if (auto error = check_filter_keys()) return tl::unexpected(std::move(*error));
    for (std::size_t i = 0; i < plan_.matrix_->rows.size(); ++i)
      if (auto done = expand(static_cast<std::uint32_t>(i)); !done) return tl::unexpected(done.error());
    if (auto done = merge_duplicates(); !done) return tl::unexpected(done.error());
    return std::move(plan_);
  }

 private:
  std::optional<Error> check_filter_keys() const {
    if (!plan_.options_.filter) return std::nullopt;
    std::vector<const pipeline::Pipeline*> pipelines;
    for (const MatrixRow& row : plan_.matrix_->rows) pipelines.push_back(row.pipeline);
    auto known = known_columns(pipelines);
    known.emplace_back("id");
    for (const std::string& key : plan_.options_.filter->keys())
      if (std::find(known.begin(), known.end(), key) == known.end())
        return Error{ErrorKind::bad_input,
                     fmt::format("--filter: unknown key '{}', expected one of {}", key, fmt::join(known, ", ")),
                     {},
                     {}};
    return std::nullopt;
  }

  Result<void> expand(std::uint32_t index) {
    const MatrixRow& row = plan_.matrix_->rows[index];
    RowCursor cursor(row);
    plan_.counts_[index].combinations = cursor.combinations();
    std::optional<FilterValues> filter;
    if (plan_.options_.filter) filter.emplace(*plan_.options_.filter, row);
    auto visited = plan_.options_.cover > 0 ? visit_cover(index, cursor, filter) : visit_all(index, cursor, filter);
    if (!visited) return tl::unexpected(visited.error());
    if (*visited == 0)
      return bad_input_at(row.where, "the row expands to nothing: its constraints leave none of {} combination{}",
                          cursor.combinations(), cursor.combinations() == 1 ? "" : "s");
    return {};
  }

  // Both visitors give the combinations that hold, before the filter.
  Result<std::int64_t> visit_all(std::uint32_t index, RowCursor& cursor, const std::optional<FilterValues>& filter) {
    if (cursor.combinations() > Plan::kMaxCombinations)
      return bad_input_at(plan_.matrix_->rows[index].where,
                          "the row has {} combinations, expected at most {}; --cover pairwise chooses among them",
                          cursor.combinations(), Plan::kMaxCombinations);
    std::int64_t visited = 0;
    auto more = cursor.first();
    for (; more && *more; more = cursor.next()) {
      ++visited;
      if (auto kept = keep(index, cursor, filter); !kept) return tl::unexpected(kept.error());
    }
    if (!more) return tl::unexpected(more.error());
    plan_.counts_[index].constrained = cursor.passed_over();
    return visited;
  }

  Result<std::int64_t> visit_cover(std::uint32_t index, RowCursor& cursor, const std::optional<FilterValues>& filter) {
    const TextPosition& where = plan_.matrix_->rows[index].where;
    if (cursor.combinations() == std::numeric_limits<std::int64_t>::max())
      return bad_input_at(where, "the row has more combinations than 64 bits count");
    CoverProblem problem;
    for (std::size_t i = 0; i < cursor.factor_count(); ++i) problem.sizes.push_back(cursor.factor_size(i));
    problem.constrained = cursor.constrained();
    problem.holds = [&cursor](const std::vector<std::int64_t>& digits, const std::vector<std::uint8_t>& assigned) {
      for (std::size_t i = 0; i < digits.size(); ++i)
        if (assigned[i] && cursor.digit(i) != digits[i]) cursor.set_digit(i, digits[i]);
      return cursor.holds_so_far(assigned);
    };
    const auto seed = static_cast<std::uint64_t>(plan_.options_.seed.value_or(0));
    auto array = cover(problem, plan_.options_.cover, seed);
    if (!array) {
      Error error = array.error();
      if (!error.where) error.where = where;
      return tl::unexpected(std::move(error));
    }
    for (const auto& digits : array->combinations) {
      for (std::size_t i = 0; i < digits.size(); ++i) cursor.set_digit(i, digits[i]);
      if (auto kept = keep(index, cursor, filter); !kept) return tl::unexpected(kept.error());
    }
    const auto chosen = static_cast<std::int64_t>(array->combinations.size());
    plan_.counts_[index].uncovered = cursor.combinations() - chosen;
    return chosen;
  }

  Result<void> keep(std::uint32_t row, const RowCursor& cursor, const std::optional<FilterValues>& filter) {
    RowCount& count = plan_.counts_[row];
    if (filter && !filter->matches(cursor.current())) {
      ++count.filtered;
      return {};
    }
    const bool plain = !plan_.options_.seed && !plan_.options_.order && !plan_.options_.schedule;
    for (std::uint32_t repetition = 0; repetition < plan_.options_.repeat; ++repetition) {
      std::uint64_t id = 0;
      if (plain && repetition == 0) {
        id = numeric_id(cursor.current());
      } else {
        Case c = cursor.current();
        specialise(c, plan_.options_, repetition);
        id = numeric_id(c);
      }
      if (id % plan_.options_.shard.count != plan_.options_.shard.index) {
        ++count.elsewhere;
        continue;
      }
      if (plan_.entries_.size() == static_cast<std::size_t>(Plan::kMaxCases))
        return bad_input_at(plan_.matrix_->rows[row].where, "the matrix has more than {} cases", Plan::kMaxCases);
      plan_.entries_.push_back({id, cursor.ordinal(), row, repetition});
      ++count.kept;
    }
    return {};
  }

  // Keeps the first of the entries with one id. Two rows may name one case only if they expect the same of it.
  Result<void> merge_duplicates() {
    auto& entries = plan_.entries_;
    std::vector<std::uint32_t> order(entries.size());
    std::iota(order.begin(), order.end(), 0u);
    std::stable_sort(order.begin(), order.end(),
                     [&](std::uint32_t a, std::uint32_t b) { return entries[a].id < entries[b].id; });
    std::vector<std::uint8_t> drop(entries.size(), 0);
    std::int64_t dropped = 0;
    std::set<std::pair<std::uint32_t, std::uint32_t>> repeats;  // row, and the row that names its cases first
    for (std::size_t i = 1, kept = 0; i < order.size(); ++i) {
      const PlanEntry &first = entries[order[kept]], &second = entries[order[i]];
      if (first.id != second.id) {
        kept = i;
        continue;
      }
      if (auto error = check_same_treatment(first, second)) return tl::unexpected(std::move(*error));
      drop[order[i]] = 1;
      ++dropped;
      RowCount& count = plan_.counts_[second.row];
      --count.kept;
      ++count.merged;
      repeats.insert({second.row, first.row});
    }
    for (const auto& [second, first] : repeats) plan_.notices_.push_back(notice_of(second, first));
    if (dropped == 0) return {};
    std::size_t to = 0;
    for (std::size_t i = 0; i < entries.size(); ++i)
      if (!drop[i]) entries[to++] = entries[i];
    entries.resize(to);
    return {};
  }

  std::string notice_of(std::uint32_t second, std::uint32_t first) const {
    const auto& rows = plan_.matrix_->rows;
    if (second == first) return fmt::format("{} names cases twice; each runs once", describe(rows[second].where));
    return fmt::format("{} repeats cases of {}; each runs once", describe(rows[second].where),
                       describe(rows[first].where));
  }

  std::optional<Error> check_same_treatment(const PlanEntry& first, const PlanEntry& second) const {
    const MatrixRow& a = plan_.matrix_->rows[first.row];
    const MatrixRow& b = plan_.matrix_->rows[second.row];
    const auto differ = [&](std::string_view what, const std::string& x, const std::string& y) {
      return Error{ErrorKind::bad_input,
                   fmt::format("the row repeats case {} of {} with {} '{}' instead of '{}'", id_text(first.id),
                               describe(a.where), what, y, x),
                   b.where,
                   {}};
    };
    const auto expectation = [](const MatrixRow& row) {
      return row.treatment.expect.empty() ? std::string("pass") : row.treatment.expect;
    };
    if (expectation(a) != expectation(b)) return differ("expect", expectation(a), expectation(b));
    if (!plan_.options_.backends && a.treatment.backends != b.treatment.backends)
      return differ("backends", a.treatment.backends, b.treatment.backends);
    return std::nullopt;
  }

  Plan plan_;
};

Result<Shard> parse_shard(std::string_view text) {
  const std::size_t slash = text.find('/');
  std::int64_t index = 0, count = 0;
  if (slash == std::string_view::npos || !parse_integer(text.substr(0, slash), index) ||
      !parse_integer(text.substr(slash + 1), count) || index < 1 || index > count)
    return bad_input("--shard '{}': expected I/N with 1 <= I <= N", text);
  return Shard{static_cast<std::uint64_t>(index - 1), static_cast<std::uint64_t>(count)};
}

Result<int> parse_cover(std::string_view text) {
  if (text == "all") return 0;
  if (text == "pairwise") return 2;
  std::int64_t strength = 0;
  if (text.ends_with("-wise") && parse_integer(text.substr(0, text.size() - 5), strength) && strength >= 1 &&
      strength <= 6)
    return static_cast<int>(strength);
  return bad_input("--cover '{}': expected all, pairwise or N-wise with N from 1 to 6", text);
}

std::string id_text(std::uint64_t id) { return fmt::format("{:016x}", id); }

Result<Plan> Plan::make(const Matrix& matrix, const PlanOptions& options) {
  return PlanBuilder(matrix, options).build();
}

Case Plan::at(std::size_t index) const { return PlanWalker(*this).at(index); }

const Case& PlanWalker::at(std::size_t index) {
  const PlanEntry& entry = plan_.entries()[index];
  if (!cursor_ || row_ != entry.row) {
    cursor_.emplace(plan_.matrix().rows[entry.row]);
    row_ = entry.row;
  }
  cursor_->seek(entry.ordinal);
  const PlanOptions& options = plan_.options_;
  if (!options.backends && !options.seed && !options.order && !options.schedule && entry.repetition == 0)
    return cursor_->current();
  case_ = cursor_->current();
  specialise(case_, options, entry.repetition);
  return case_;
}

}  // namespace assay::run

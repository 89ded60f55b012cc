#include "harness/run/row_reader.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <utility>

#include "harness/device/schedule.h"
#include "harness/run/case.h"

namespace assay::run {
namespace {

struct Spelling {
  std::string_view name, key;
  ColumnKind kind;
};
constexpr std::array<Spelling, 18> kSpellings{{{"pipeline", "pipeline", ColumnKind::pipeline},
                                               {"constraint", "constraint", ColumnKind::constraint},
                                               {"expect", "expect", ColumnKind::expect},
                                               {"backends", "backends", ColumnKind::backends},
                                               {"backend", "backends", ColumnKind::backends},
                                               {"tags", "tags", ColumnKind::tags},
                                               {"tag", "tags", ColumnKind::tags},
                                               {"timeout", "timeout", ColumnKind::timeout},
                                               {"fill", "fill", ColumnKind::fill},
                                               {"fills", "fill", ColumnKind::fill},
                                               {"seed", "seed", ColumnKind::seed},
                                               {"seeds", "seed", ColumnKind::seed},
                                               {"profile", "profile", ColumnKind::profile},
                                               {"policy", "policy", ColumnKind::policy},
                                               {"offset", "offset", ColumnKind::offset},
                                               {"order", "order", ColumnKind::order},
                                               {"schedule", "schedule", ColumnKind::schedule},
                                               {"inputs", "inputs", ColumnKind::inputs}}};

// Seeds leave room for --repeat to derive further ones.
constexpr std::int64_t kMaxSeed = std::int64_t{1} << 62;

// Applies `check` to every value of a cell; ranges are expanded only where they are short.
std::optional<std::string> check_each(const CellValues& values, const Vocabulary::Check& check) {
  for (std::int64_t i = 0; i < values.size(); ++i)
    if (auto complaint = check(values.at(i))) return complaint;
  return std::nullopt;
}

template <class T>
std::optional<std::string> complaint_of(const Result<T>& parsed) {
  return parsed ? std::nullopt : std::optional(parsed.error().message);
}

std::optional<std::string> check_integers(const CellValues& values, const std::string& key,
                                          std::optional<std::int64_t> least, std::optional<std::int64_t> greatest) {
  for (const std::string& word : values.words())
    if (std::int64_t ignored = 0; !parse_integer(word, ignored))
      return fmt::format("found '{}' for {}, expected an integer, A..B, A..B+STEP or A..B*FACTOR", word, key);
  if (least && values.minimum() < *least)
    return fmt::format("found {} for {}, expected at least {}", values.minimum(), key, *least);
  if (greatest && values.maximum() > *greatest)
    return fmt::format("found {} for {}, expected at most {}", values.maximum(), key, *greatest);
  return std::nullopt;
}

std::optional<std::string> check_parameter(const pipeline::Parameter& parameter, const CellValues& values) {
  if (std::holds_alternative<std::int64_t>(parameter.default_value))
    return check_integers(values, parameter.name, parameter.min, parameter.max);
  return check_each(values, [&](std::string_view word) -> std::optional<std::string> {
    if (std::find(parameter.choices.begin(), parameter.choices.end(), word) != parameter.choices.end())
      return std::nullopt;
    return fmt::format("found '{}' for {}, expected one of {}", word, parameter.name,
                       fmt::join(parameter.choices, ", "));
  });
}

std::optional<std::string> check_timeout(std::string_view text) {
  double seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error == std::errc{} && end == text.data() + text.size() && seconds > 0 && seconds <= 1e6) return std::nullopt;
  return fmt::format("found '{}' for timeout, expected seconds above 0", text);
}

std::optional<std::string> check_constraint(const Expression& constraint, const pipeline::Pipeline& pipeline) {
  for (const std::string& name : constraint.names()) {
    const pipeline::Parameter* parameter = find_parameter(pipeline, name);
    if (name == "seed" || (parameter && std::holds_alternative<std::int64_t>(parameter->default_value))) continue;
    std::vector<std::string> integers;
    for (const pipeline::Parameter& known : pipeline.parameters)
      if (std::holds_alternative<std::int64_t>(known.default_value)) integers.push_back(known.name);
    return fmt::format("constraint names '{}', expected integer parameters of pipeline '{}': {}", name, pipeline.name,
                       fmt::join(integers, ", "));
  }
  return std::nullopt;
}

class RowReader {
 public:
  // `name` is the pipeline as the row names it: its name or the path of its file.
  RowReader(const RowCells& cells, const Vocabulary& vocabulary, const pipeline::Pipeline& pipeline, std::string name)
      : cells_(cells), vocabulary_(vocabulary), name_(std::move(name)) {
    row_.where = cells.where;
    row_.pipeline = &pipeline;
  }

  Result<MatrixRow> read() {
    for (std::size_t i = 0; i < cells_.cells->size(); ++i) {
      const CsvCell& cell = (*cells_.cells)[i];
      if (cell.text.empty()) continue;
      if (auto complaint = take((*cells_.columns)[i], cell.text)) {
        TextPosition where = cells_.where;
        where.column = cell.column;
        return bad_input_at(where, "{}", *complaint);
      }
    }
    return std::move(row_);
  }

 private:
  std::optional<std::string> take(const Column& column, const std::string& text) {
    switch (column.kind) {
      case ColumnKind::pipeline:
        row_.factors.push_back({"pipeline", CellValues::single(name_)});
        return std::nullopt;
      case ColumnKind::constraint:
        return take_constraint(text);
      case ColumnKind::expect:
        row_.treatment.expect = text;
        return vocabulary_.expect(text);
      case ColumnKind::backends:
        return take_backends(text);
      case ColumnKind::tags:
        row_.treatment.tags = join_words(text);
        return std::nullopt;
      case ColumnKind::timeout:
        row_.treatment.timeout = text;
        return check_timeout(text);
      default:
        return take_factor(column, text);
    }
  }

  std::optional<std::string> take_constraint(const std::string& text) {
    auto expression = Expression::parse(text);
    if (!expression) return fmt::format("constraint '{}': {}", text, expression.error().message);
    row_.constraint = std::move(*expression);
    return check_constraint(*row_.constraint, *row_.pipeline);
  }

  std::optional<std::string> take_backends(const std::string& text) {
    row_.treatment.backends = join_words(text);
    for (const std::string& backend : split_words(text))
      if (auto complaint = vocabulary_.backend(backend)) return complaint;
    return std::nullopt;
  }

  std::optional<std::string> take_factor(const Column& column, const std::string& text) {
    auto values = CellValues::parse(text);
    if (!values) return fmt::format("{}: {}", column.key, values.error().message);
    if (auto complaint = check_factor(column, *values)) return complaint;
    row_.factors.push_back({column.key, std::move(*values)});
    return std::nullopt;
  }

  std::optional<std::string> check_factor(const Column& column, const CellValues& values) {
    switch (column.kind) {
      case ColumnKind::seed:
        return check_integers(values, "seed", 0, kMaxSeed);
      case ColumnKind::offset:
        return check_integers(values, "offset", 0, kMostOffset);
      case ColumnKind::order:
        return check_each(values, [](std::string_view word) { return complaint_of(device::parse_order_of_case(word)); });
      case ColumnKind::schedule:
        return check_each(values, [](std::string_view word) { return complaint_of(device::parse_schedule(word)); });
      case ColumnKind::inputs:  // read with the case
        return std::nullopt;
      case ColumnKind::profile:
        return check_each(values, vocabulary_.profile);
      case ColumnKind::policy:
        return check_each(values, vocabulary_.policy);
      case ColumnKind::fill:
        return check_each(values, [this](std::string_view fill) { return vocabulary_.fill(*row_.pipeline, fill); });
      default:
        break;
    }
    if (const auto* parameter = find_parameter(*row_.pipeline, column.key)) return check_parameter(*parameter, values);
    std::vector<std::string> known;
    for (const pipeline::Parameter& parameter : row_.pipeline->parameters) known.push_back(parameter.name);
    return fmt::format("pipeline '{}' has no parameter '{}', expected an empty cell or one of {}", row_.pipeline->name,
                       column.key, fmt::join(known, ", "));
  }

  const RowCells& cells_;
  const Vocabulary& vocabulary_;
  std::string name_;
  MatrixRow row_;
};

}  // namespace

Column column_of(std::string_view name) {
  for (const Spelling& spelling : kSpellings)
    if (spelling.name == name) return {spelling.kind, std::string(spelling.key)};
  return {ColumnKind::parameter, std::string(name)};
}

Result<std::vector<MatrixRow>> read_row(const RowCells& row, const Vocabulary& vocabulary) {
  const CsvCell* named = nullptr;
  for (std::size_t i = 0; i < row.cells->size(); ++i)
    if ((*row.columns)[i].kind == ColumnKind::pipeline) named = &(*row.cells)[i];
  if (!named || named->text.empty())
    return bad_input_at(row.where, "the row names no pipeline, expected one in the column 'pipeline'");
  const TextPosition where{row.where.file, row.where.line, named->column};
  auto names = CellValues::parse(named->text);
  if (!names) return bad_input_at(where, "pipeline: {}", names.error().message);
  std::vector<MatrixRow> rows;
  for (const std::string& name : names->words()) {
    auto pipeline = vocabulary.pipeline(name);
    if (!pipeline) {
      Error error = pipeline.error();
      if (!error.where) error.where = where;
      return tl::unexpected(std::move(error));
    }
    auto read = RowReader(row, vocabulary, **pipeline, name).read();
    if (!read) return tl::unexpected(read.error());
    rows.push_back(std::move(*read));
  }
  return rows;
}

}  // namespace assay::run

#include "harness/run/matrix.h"

#include <algorithm>
#include <array>
#include <set>

#include "harness/run/case.h"
#include "harness/run/row_reader.h"

namespace assay::run {
namespace {

constexpr std::array<std::string_view, 14> kCommonColumns{"pipeline", "constraint", "expect",   "policy", "fill",
                                                          "seed",     "profile",    "backends", "tags",   "timeout",
                                                          "offset",   "order",      "schedule", "inputs"};

Result<std::vector<Column>> read_header(const CsvRow& header, const std::string& file) {
  std::vector<Column> columns;
  for (const CsvCell& cell : header.cells) {
    const TextPosition where{file, header.line, cell.column};
    Column column = column_of(cell.text);
    for (const Column& earlier : columns)
      if (!column.key.empty() && earlier.key == column.key)
        return bad_input_at(where, "found column '{}' twice, expected each column once", column.key);
    columns.push_back(std::move(column));
  }
  for (const Column& column : columns)
    if (column.kind == ColumnKind::pipeline) return columns;
  return bad_input_at({file, header.line, 1}, "found no column 'pipeline' in the header, expected one");
}

// A parameter column must belong to one of the pipelines of the file.
std::optional<Error> check_columns(const CsvRow& header, const std::vector<Column>& columns, const std::string& file,
                                   const std::vector<MatrixRow>& rows) {
  std::vector<const pipeline::Pipeline*> pipelines;
  for (const MatrixRow& row : rows) pipelines.push_back(row.pipeline);
  const auto known = known_columns(pipelines);
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].kind != ColumnKind::parameter || columns[i].key.empty()) continue;
    if (std::find(known.begin(), known.end(), columns[i].key) != known.end()) continue;
    return Error{ErrorKind::bad_input,
                 fmt::format("unknown column '{}', expected one of {}", columns[i].key, fmt::join(known, ", ")),
                 TextPosition{file, header.line, header.cells[i].column},
                 {}};
  }
  return std::nullopt;
}

std::optional<Error> check_width(const CsvRow& row, const std::vector<Column>& columns, const std::string& file) {
  for (std::size_t i = 0; i < row.cells.size(); ++i) {
    if (row.cells[i].text.empty() || (i < columns.size() && !columns[i].key.empty())) continue;
    return Error{ErrorKind::bad_input,
                 fmt::format("found '{}' in a cell without a column name, expected {} columns", row.cells[i].text,
                             columns.size()),
                 TextPosition{file, row.line, row.cells[i].column},
                 {}};
  }
  return std::nullopt;
}

// The pipeline of every row, found before the cells are checked, so that a misspelt column is reported as that and not
// as a parameter that one pipeline lacks.
Result<std::vector<MatrixRow>> pipelines_of(const std::vector<CsvRow>& rows, const std::vector<Column>& columns,
                                            const std::string& file, const Vocabulary& vocabulary) {
  std::vector<MatrixRow> found;
  const std::vector<Column> only{Column{ColumnKind::pipeline, "pipeline"}};
  for (std::size_t i = 1; i < rows.size(); ++i) {
    std::vector<CsvCell> cell;
    for (std::size_t k = 0; k < std::min(columns.size(), rows[i].cells.size()); ++k)
      if (columns[k].kind == ColumnKind::pipeline) cell.push_back(rows[i].cells[k]);
    auto read = read_row({{file, rows[i].line, 1}, &only, &cell}, vocabulary);
    if (!read) return tl::unexpected(read.error());
    found.insert(found.end(), read->begin(), read->end());
  }
  return found;
}

Result<Matrix> matrix_of(const std::vector<CsvRow>& rows, const std::string& file, const Vocabulary& vocabulary) {
  if (rows.empty()) return bad_input("{}: found no header row", file);
  auto columns = read_header(rows.front(), file);
  if (!columns) return tl::unexpected(columns.error());
  if (rows.size() == 1) return bad_input("{}: found a header and no rows, the matrix expands to nothing", file);
  auto pipelines = pipelines_of(rows, *columns, file, vocabulary);
  if (!pipelines) return tl::unexpected(pipelines.error());
  if (auto error = check_columns(rows.front(), *columns, file, *pipelines)) return tl::unexpected(std::move(*error));
  Matrix matrix;
  for (std::size_t i = 1; i < rows.size(); ++i) {
    if (auto error = check_width(rows[i], *columns, file)) return tl::unexpected(std::move(*error));
    std::vector<CsvCell> cells = rows[i].cells;
    cells.resize(std::min(cells.size(), columns->size()));
    auto read = read_row({{file, rows[i].line, 1}, &*columns, &cells}, vocabulary);
    if (!read) return tl::unexpected(read.error());
    for (MatrixRow& row : *read) matrix.rows.push_back(std::move(row));
  }
  return matrix;
}

std::string escape_alternatives(const std::string& value) {
  std::string escaped;
  for (const char c : value) escaped += c == '|' ? "\\|" : std::string(1, c);
  return escaped;
}

}  // namespace

const pipeline::Parameter* find_parameter(const pipeline::Pipeline& pipeline, std::string_view name) {
  for (const pipeline::Parameter& parameter : pipeline.parameters)
    if (parameter.name == name) return &parameter;
  return nullptr;
}

std::vector<std::string> known_columns(const std::vector<const pipeline::Pipeline*>& pipelines) {
  std::vector<std::string> columns(kCommonColumns.begin(), kCommonColumns.end());
  std::set<std::string> parameters;
  for (const pipeline::Pipeline* pipeline : pipelines)
    for (const pipeline::Parameter& parameter : pipeline->parameters) parameters.insert(parameter.name);
  columns.insert(columns.end(), parameters.begin(), parameters.end());
  return columns;
}

std::vector<std::string> split_words(std::string_view list) {
  std::vector<std::string> words;
  std::string word;
  for (std::size_t i = 0; i < list.size(); ++i) {
    // A process backend carries a command, which may hold any of the separators, so it is the last word.
    if (word.empty() && list.substr(i).starts_with("process:")) {
      words.emplace_back(list.substr(i));
      return words;
    }
    const char c = list[i];
    if (c != '+' && c != '|' && c != ',' && c != ' ' && c != ';') {
      word += c;
    } else if (!word.empty()) {
      words.push_back(std::exchange(word, {}));
    }
  }
  if (!word.empty()) words.push_back(word);
  return words;
}

std::string join_words(std::string_view list) { return fmt::format("{}", fmt::join(split_words(list), "+")); }

Result<Matrix> parse_matrix(std::string_view text, const std::string& file, const Vocabulary& vocabulary) {
  auto rows = parse_csv(text, file);
  if (!rows) return tl::unexpected(rows.error());
  return matrix_of(*rows, file, vocabulary);
}

Result<Matrix> read_matrix(const std::vector<std::filesystem::path>& files, const Vocabulary& vocabulary) {
  Matrix all;
  for (const std::filesystem::path& file : files) {
    auto rows = read_csv(file);
    if (!rows) return tl::unexpected(rows.error());
    auto matrix = matrix_of(*rows, file.string(), vocabulary);
    if (!matrix) return tl::unexpected(matrix.error());
    for (MatrixRow& row : matrix->rows) all.rows.push_back(std::move(row));
  }
  return all;
}

Result<MatrixRow> row_of_case(const Case& c, const Vocabulary& vocabulary) {
  std::vector<Column> columns;
  std::vector<CsvCell> cells;
  for (const auto& [key, value] : c.values) {
    columns.push_back(column_of(key));
    cells.push_back({columns.back().kind == ColumnKind::backends ? value : escape_alternatives(value), 0});
  }
  auto rows = read_row({{}, &columns, &cells}, vocabulary);
  if (!rows) {
    Error error = rows.error();
    if (error.where && error.where->file.empty()) error.where.reset();
    return tl::unexpected(std::move(error));
  }
  const bool one = rows->size() == 1 && std::all_of(rows->front().factors.begin(), rows->front().factors.end(),
                                                    [](const Factor& factor) { return factor.values.size() == 1; });
  if (!one) return bad_input("a replay line names one case, found a list of values");
  return std::move(rows->front());
}

}  // namespace assay::run

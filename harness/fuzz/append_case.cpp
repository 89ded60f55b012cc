// Rows behind those of a matrix that somebody may have written by hand.
#include <fmt/format.h>

#include <algorithm>

#include "harness/core/file.h"
#include "harness/fuzz/fuzz.h"
#include "harness/run/csv.h"

namespace assay::fuzz {
namespace {

std::string csv_cell(std::string_view value) {
  std::string text;
  for (char c : value) {
    if (c == '"') text += '"';
    if (c == '|') text += '\\';
    text += c;
  }
  return value.find_first_of(",\"\n\r") == std::string_view::npos ? text : '"' + text + '"';
}

struct MatrixText {
  std::string text;                  // empty: there is no file, or nothing in it
  std::vector<std::string> columns;  // of its header, in order
  int header_line = 0;               // from 1
};

Result<MatrixText> read_matrix_text(const std::filesystem::path& csv) {
  MatrixText matrix;
  std::error_code ignored;
  if (!std::filesystem::exists(csv, ignored)) return matrix;
  auto text = read_text(csv, run::CsvLimits{}.bytes);
  if (!text) return tl::unexpected(text.error());
  const auto rows = run::parse_csv(*text, csv.string());
  if (!rows) return tl::unexpected(rows.error());
  matrix.text = std::move(*text);
  if (rows->empty()) return matrix;
  for (const run::CsvCell& cell : rows->front().cells) matrix.columns.push_back(cell.text);
  matrix.header_line = rows->front().line;
  if (std::find(matrix.columns.begin(), matrix.columns.end(), "pipeline") == matrix.columns.end())
    return bad_input_at({csv.string(), matrix.header_line, 1},
                        "found no column 'pipeline' in the header, expected a matrix of cases to append to");
  return matrix;
}

// The header gets the columns it lacks; rows that are shorter than it have empty cells there.
void add_columns(MatrixText& matrix, const run::Case& c) {
  std::string added;
  for (const auto& [key, value] : c.values) {
    if (std::find(matrix.columns.begin(), matrix.columns.end(), key) != matrix.columns.end()) continue;
    added += (matrix.columns.empty() ? "" : ",") + key;
    matrix.columns.push_back(key);
  }
  if (added.empty()) return;
  if (matrix.header_line == 0) {
    if (!matrix.text.empty() && matrix.text.back() != '\n') matrix.text += '\n';
    matrix.text += added + '\n';
    return;
  }
  std::size_t end = matrix.text.find('\n');
  for (int line = 1; line < matrix.header_line; ++line) end = matrix.text.find('\n', end + 1);
  end = std::min(end, matrix.text.size());
  if (end > 0 && matrix.text[end - 1] == '\r') --end;
  matrix.text.insert(end, added);
}

}  // namespace

Result<void> check_appendable(const std::filesystem::path& csv) {
  auto matrix = read_matrix_text(csv);
  return matrix ? Result<void>() : tl::unexpected(matrix.error());
}

Result<void> append_case(const std::filesystem::path& csv, const run::Case& c) {
  auto matrix = read_matrix_text(csv);
  if (!matrix) return tl::unexpected(matrix.error());
  add_columns(*matrix, c);
  if (!matrix->text.empty() && matrix->text.back() != '\n') matrix->text += '\n';
  for (std::size_t i = 0; i < matrix->columns.size(); ++i) {
    if (i > 0) matrix->text += ',';
    matrix->text += csv_cell(c.get(matrix->columns[i]));
  }
  matrix->text += '\n';
  std::error_code ignored;
  if (csv.has_parent_path()) std::filesystem::create_directories(csv.parent_path(), ignored);
  return write_text(csv, matrix->text);
}

}  // namespace assay::fuzz

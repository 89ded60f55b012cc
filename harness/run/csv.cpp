#include "harness/run/csv.h"

#include <libfccp/csv.h>

#include <algorithm>
#include <optional>

#include "harness/core/file.h"

namespace assay::run {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t'; }

// Splits one line into cells.
class LineSplitter {
 public:
  LineSplitter(std::string_view line, TextPosition where) : line_(line), where_(std::move(where)) {}

  Result<std::vector<CsvCell>> split(std::size_t cell_limit) {
    std::vector<CsvCell> cells;
    while (true) {
      if (cells.size() == cell_limit) return bad_input_at(here(), "more than {} cells in one row", cell_limit);
      auto cell = line_at_cell_start_is_quoted() ? quoted() : plain();
      if (!cell) return tl::unexpected(cell.error());
      cells.push_back(std::move(*cell));
      if (at_ == line_.size()) return cells;
      ++at_;  // the comma
    }
  }

 private:
  TextPosition here() const {
    TextPosition position = where_;
    position.column = static_cast<int>(at_) + 1;
    return position;
  }

  bool line_at_cell_start_is_quoted() {
    std::size_t first = at_;
    while (first < line_.size() && is_blank(line_[first])) ++first;
    if (first == line_.size() || line_[first] != '"') return false;
    at_ = first;
    return true;
  }

  Result<CsvCell> plain() {
    const std::size_t end = std::min(line_.find(',', at_), line_.size());
    std::size_t first = at_, last = end;
    while (first < last && is_blank(line_[first])) ++first;
    while (last > first && is_blank(line_[last - 1])) --last;
    CsvCell cell{std::string(line_.substr(first, last - first)), static_cast<int>(first) + 1};
    if (const std::size_t quote = cell.text.find('"'); quote != std::string::npos) {
      at_ = first + quote;
      return bad_input_at(here(), "found a quote inside an unquoted cell, expected the whole cell in quotes");
    }
    at_ = end;
    return cell;
  }

  Result<CsvCell> quoted() {
    const TextPosition opening = here();
    CsvCell cell{{}, static_cast<int>(at_) + 1};
    for (++at_; at_ < line_.size(); ++at_) {
      if (line_[at_] != '"') {
        cell.text += line_[at_];
      } else if (at_ + 1 < line_.size() && line_[at_ + 1] == '"') {
        cell.text += '"';
        ++at_;
      } else {
        return after_quote(std::move(cell));
      }
    }
    return bad_input_at(opening, "found no closing quote before the end of the line");
  }

  Result<CsvCell> after_quote(CsvCell cell) {
    for (++at_; at_ < line_.size() && is_blank(line_[at_]);) ++at_;
    if (at_ < line_.size() && line_[at_] != ',')
      return bad_input_at(here(), "found '{}' after a closing quote, expected a comma", line_[at_]);
    return cell;
  }

  std::string_view line_;
  TextPosition where_;
  std::size_t at_ = 0;
};

bool is_left_out(const std::vector<CsvCell>& cells) {
  if (cells.front().text.starts_with('#')) return true;
  for (const CsvCell& cell : cells)
    if (!cell.text.empty()) return false;
  return true;
}

// LineReader ends lines with NUL and takes the byte behind the text for a line end, so NUL must not occur and the text
// must end with a newline; the rest is refused because no spreadsheet writes it.
std::optional<Error> check_characters(std::string_view text, const std::string& file, const CsvLimits& limits) {
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF"))
    return Error{ErrorKind::bad_input, "found UTF-16 text, expected UTF-8", TextPosition{file, 1, 1}, {}};
  int line = 1;
  std::size_t start = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    const TextPosition where{file, line, static_cast<int>(i - start) + 1};
    if (i - start > limits.line_bytes)
      return Error{ErrorKind::bad_input, fmt::format("line longer than {} bytes", limits.line_bytes), where, {}};
    if (c == '\n') {
      ++line;
      start = i + 1;
    } else if ((c < 0x20 && c != '\t' && !(c == '\r' && text.substr(i + 1, 1) == "\n")) || c == 0x7F) {
      return Error{ErrorKind::bad_input, fmt::format("found control character 0x{:02x}", c), where, {}};
    }
  }
  return std::nullopt;
}

}  // namespace

Result<std::vector<CsvRow>> parse_csv(std::string_view text, const std::string& file, const CsvLimits& limits) {
  if (text.size() > limits.bytes) return bad_input("{}: longer than {} bytes", file, limits.bytes);
  if (auto error = check_characters(text, file, limits)) return tl::unexpected(std::move(*error));
  std::string ended(text);
  if (!ended.ends_with('\n')) ended += '\n';
  std::vector<CsvRow> rows;
  io::LineReader reader(file, ended.data(), ended.data() + ended.size());
  while (const char* line = reader.next_line()) {
    CsvRow row{static_cast<int>(reader.get_file_line()), {}};
    auto cells = LineSplitter(line, {file, row.line, 0}).split(limits.cells);
    if (!cells) return tl::unexpected(cells.error());
    if (is_left_out(*cells)) continue;
    if (rows.size() == limits.rows)
      return bad_input_at({file, row.line, 1}, "more than {} rows in one file", limits.rows);
    row.cells = std::move(*cells);
    rows.push_back(std::move(row));
  }
  return rows;
}

Result<std::vector<CsvRow>> read_csv(const std::filesystem::path& file, const CsvLimits& limits) {
  auto text = read_text(file, limits.bytes);
  if (!text) return tl::unexpected(text.error());
  return parse_csv(*text, file.string(), limits);
}

}  // namespace assay::run

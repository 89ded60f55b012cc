// Rows of a comma-separated file as a spreadsheet writes it: byte-order mark, CRLF, quoted commas and doubled quotes.
// Comment rows (first cell starts with '#') and rows whose cells are all empty are left out.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "harness/core/error.h"

namespace assay::run {

struct CsvCell {
  std::string text;  // without quotes, blanks around it removed unless quoted
  int column = 0;    // of its first character in the line, in bytes from 1
};

struct CsvRow {
  int line = 0;
  std::vector<CsvCell> cells;
};

struct CsvLimits {
  std::size_t bytes = 16u << 20;
  std::size_t line_bytes = 64u << 10;
  std::size_t rows = 100'000;
  std::size_t cells = 256;  // in one row
};

// Errors carry line and column: an unbalanced quote, text after a closing quote, a control character, a limit passed.
Result<std::vector<CsvRow>> parse_csv(std::string_view text, const std::string& file, const CsvLimits& limits = {});
// Errors: the file cannot be read or is longer than limits.bytes.
Result<std::vector<CsvRow>> read_csv(const std::filesystem::path& file, const CsvLimits& limits = {});

}  // namespace assay::run

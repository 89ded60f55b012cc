#include "harness/run/csv.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <filesystem>

namespace assay::run {
namespace {

std::vector<std::vector<std::string>> texts(std::string_view csv) {
  auto rows = parse_csv(csv, "t.csv");
  std::vector<std::vector<std::string>> texts;
  if (!rows) return {{"error: " + to_string(rows.error())}};
  for (const CsvRow& row : *rows) {
    texts.emplace_back();
    for (const CsvCell& cell : row.cells) texts.back().push_back(cell.text);
  }
  return texts;
}

std::string error_of(std::string_view csv, const CsvLimits& limits = {}) {
  auto rows = parse_csv(csv, "t.csv", limits);
  return rows ? "no error" : to_string(rows.error());
}

using Table = std::vector<std::vector<std::string>>;

TEST(Csv, AcceptsWhatSpreadsheetsWrite) {
  EXPECT_EQ(texts("\xEF\xBB\xBF"
                  "a,b\r\n1,2\r\n"),
            (Table{{"a", "b"}, {"1", "2"}}));
  EXPECT_EQ(texts("\"a,b\",\"say \"\"hi\"\"\""), (Table{{"a,b", "say \"hi\""}}));
  EXPECT_EQ(texts(" a , \" b \" ,\n"), (Table{{"a", " b ", ""}}));
  EXPECT_EQ(texts("# note\n\n,,\n\"# quoted, too\",\nx\n"), (Table{{"x"}}));
  EXPECT_EQ(texts(""), Table{});
}

TEST(Csv, KeepsLineAndColumn) {
  const auto rows = parse_csv("# c\na, \"b\"\n\n,  z", "t.csv");
  ASSERT_TRUE(rows);
  EXPECT_EQ((*rows)[0].line, 2);
  EXPECT_EQ((*rows)[0].cells[1].column, 4);
  EXPECT_EQ((*rows)[1].line, 4);
  EXPECT_EQ((*rows)[1].cells[1].column, 4);
}

TEST(Csv, NamesTheFault) {
  EXPECT_EQ(error_of("a,\"b\nc\n"), "t.csv:1:3: found no closing quote before the end of the line");
  EXPECT_EQ(error_of("ok\n\"a\"b,c\n"), "t.csv:2:4: found 'b' after a closing quote, expected a comma");
  EXPECT_EQ(error_of("a\"b\n"), "t.csv:1:2: found a quote inside an unquoted cell, expected the whole cell in quotes");
  EXPECT_EQ(error_of(std::string_view("a\n\0b", 4)), "t.csv:2:1: found control character 0x00");
  EXPECT_EQ(error_of("a\rb\n"), "t.csv:1:2: found control character 0x0d");
  EXPECT_EQ(error_of("\xFF\xFE"
                     "a"),
            "t.csv:1:1: found UTF-16 text, expected UTF-8");
}

TEST(Csv, IsBounded) {
  EXPECT_NE(error_of("aaaa\n", {.bytes = 3}).find("longer than 3 bytes"), std::string::npos);
  EXPECT_EQ(error_of("a\nbbbbb\n", {.line_bytes = 4}), "t.csv:2:6: line longer than 4 bytes");
  EXPECT_EQ(error_of("a\nb\nc\n", {.rows = 2}), "t.csv:3:1: more than 2 rows in one file");
  EXPECT_EQ(error_of("a,b,c\n", {.cells = 2}), "t.csv:1:5: more than 2 cells in one row");
  EXPECT_FALSE(read_csv("/nonexistent/x.csv"));
  EXPECT_FALSE(read_csv(std::filesystem::temp_directory_path()));
}

std::string quote(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + '"';
}

TEST(Csv, QuotedCellsRoundTrip) {
  EXPECT_TRUE(rc::check("any printable table survives", [](bool crlf, bool mark) {
    const auto cell = rc::gen::container<std::string>(rc::gen::inRange(' ', '~'));
    const auto row = rc::gen::nonEmpty(rc::gen::container<std::vector<std::string>>(cell));
    auto table = *rc::gen::container<Table>(row);
    std::string csv = mark ? "\xEF\xBB\xBF" : "";
    for (auto& cells : table) {
      cells.front() = "x" + cells.front();  // neither a comment nor an empty row
      for (std::size_t i = 0; i < cells.size(); ++i) csv += (i ? "," : "") + quote(cells[i]);
      csv += crlf ? "\r\n" : "\n";
    }
    RC_ASSERT(texts(csv) == table);
  }));
}

TEST(Csv, AnyBytesGiveRowsOrOneError) {
  EXPECT_TRUE(rc::check("random bytes", [](const std::string& bytes) {
    const auto rows = parse_csv(bytes, "t.csv");
    if (!rows) {
      RC_ASSERT(rows.error().kind == ErrorKind::bad_input);
      return;
    }
    for (const CsvRow& row : *rows) RC_ASSERT(!row.cells.empty());
  }));
  EXPECT_TRUE(rc::check("bytes that matter to CSV", [] {
    const auto bytes = *rc::gen::container<std::string>(rc::gen::element('"', ',', '\n', '\r', ' ', '#', 'a', '\0'));
    const auto rows = parse_csv(bytes, "t.csv");
    if (!rows) RC_ASSERT(rows.error().where.has_value());
  }));
}

}  // namespace
}  // namespace assay::run

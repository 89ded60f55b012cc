#include "harness/pipeline/document.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <fstream>
#include <sstream>

namespace assay::pipeline {
namespace {

std::string read(const std::string& path) {
  std::ifstream stream(path);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

TEST(Document, KeepsValuesAndPositions) {
  const auto root = parse_document("a = 1\n\n[t]\n  b = [\"x\", 2.5, true]\n", "f.toml");
  ASSERT_TRUE(root.has_value()) << to_string(root.error());
  EXPECT_EQ(root->find("a")->integer, 1);
  const Node* table = root->find("t");
  ASSERT_NE(table, nullptr);
  EXPECT_EQ(table->line, 3);
  const Node* array = table->find("b");
  ASSERT_EQ(array->items.size(), 3U);
  EXPECT_EQ(array->items[0].text, "x");
  EXPECT_EQ(array->items[1].floating, 2.5);
  EXPECT_TRUE(array->items[2].boolean);
  EXPECT_EQ(array->items[1].line, 4);
  EXPECT_EQ(array->items[1].column, 13);
  EXPECT_EQ(root->find("absent"), nullptr);
}

TEST(Document, ErrorsNameFileLineColumnAndText) {
  const auto root = parse_document("a = 1\nb = = 2\n", "f.toml");
  ASSERT_FALSE(root.has_value());
  const std::string text = to_string(root.error());
  EXPECT_EQ(root.error().where->file, "f.toml");
  EXPECT_EQ(root.error().where->line, 2);
  EXPECT_GT(root.error().where->column, 1);
  EXPECT_NE(text.find("b = = 2"), std::string::npos) << text;
  EXPECT_NE(text.find('^'), std::string::npos);
}

TEST(Document, RefusesWhatIsTooLargeOrTooDeep) {
  const std::string comment(kMaxDocumentBytes, '#');
  EXPECT_TRUE(parse_document(comment, "f").has_value());
  EXPECT_FALSE(parse_document(comment + "#", "f").has_value());
  const auto nested = [](std::size_t depth) { return "a = " + std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_TRUE(parse_document(nested(kMaxDocumentNesting), "f").has_value());
  EXPECT_FALSE(parse_document(nested(kMaxDocumentNesting + 1), "f").has_value());
  EXPECT_FALSE(parse_document("a = " + std::string(200000, '['), "f").has_value());
  std::string dotted = "a";
  for (int i = 0; i < 50000; ++i) dotted += ".a";
  EXPECT_FALSE(parse_document(dotted + " = 1", "f").has_value());
  EXPECT_FALSE(parse_document(std::string("a = \0", 5), "f").has_value());
}

TEST(Document, BracketsInStringsAndCommentsDoNotCount) {
  const std::string many(100, '[');
  for (const std::string& text : {"a = \"" + many + "\"", "a = '" + many + "'", "# " + many + "\na = 1",
                                  "a = \"\"\"\n" + many + "\n\"\"\"", "a = \"\\\"" + many + "\""}) {
    const auto root = parse_document(text, "f");
    EXPECT_TRUE(root.has_value()) << text << "\n" << to_string(root.error());
  }
}

// Truncations and random edits of a real file: an answer or an error, and never anything else.
TEST(Document, SurvivesDamagedText) {
  const std::string original = read(ASSAY_SOURCE_DIR "/kernels/quant_rows/pipeline.toml");
  ASSERT_FALSE(original.empty());
  EXPECT_TRUE(rc::check("damaged documents", [&] {
    std::string text = original.substr(0, *rc::gen::inRange<std::size_t>(0, original.size() + 1));
    for (int i = *rc::gen::inRange(0, 5); i > 0 && !text.empty(); --i)
      text[*rc::gen::inRange<std::size_t>(0, text.size())] = *rc::gen::arbitrary<char>();
    const auto root = parse_document(text, "f");
    if (!root) RC_ASSERT(exit_code(root.error()) == 2);
  }));
}

TEST(Document, SurvivesRandomText) {
  EXPECT_TRUE(rc::check("random documents", [](const std::string& text) {
    const auto root = parse_document(text, "f");
    if (!root) RC_ASSERT(!root.error().message.empty());
  }));
}

}  // namespace
}  // namespace assay::pipeline

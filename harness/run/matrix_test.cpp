#include "harness/run/matrix.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "harness/run/case.h"
#include "harness/run/test_vocabulary.h"

namespace assay::run {
namespace {

std::vector<std::string> values(std::string_view cell) {
  const auto parsed = CellValues::parse(cell);
  if (!parsed) return {"error: " + parsed.error().message};
  std::vector<std::string> texts;
  for (std::int64_t i = 0; i < parsed->size(); ++i) texts.push_back(parsed->at(i));
  return texts;
}

using Words = std::vector<std::string>;

TEST(Cell, HoldsListsAndRanges) {
  EXPECT_EQ(values("64"), Words{"64"});
  EXPECT_EQ(values("uniform| ties"), (Words{"uniform", "ties"}));
  EXPECT_EQ(values("1..4"), (Words{"1", "2", "3", "4"}));
  EXPECT_EQ(values("1..20+8"), (Words{"1", "9", "17"}));
  EXPECT_EQ(values("1..64*2"), (Words{"1", "2", "4", "8", "16", "32", "64"}));
  EXPECT_EQ(values("3..20*3|-2..-1|007"), (Words{"3", "9", "-2", "-1", "7"}));
  EXPECT_EQ(values("9223372036854775806..9223372036854775807"), (Words{"9223372036854775806", "9223372036854775807"}));
  EXPECT_EQ(values("choice:1\\|2|ties"), (Words{"choice:1|2", "ties"}));
}

TEST(Cell, RefusesWhatExpandsToNothingOrTooMuch) {
  EXPECT_EQ(values("4..1"), Words{"error: range '4..1' expands to nothing: 1 is below 4"});
  EXPECT_EQ(values("1..4+0"), Words{"error: range '1..4+0' has step 0, expected at least 1"});
  EXPECT_FALSE(CellValues::parse("1..4*1"));
  EXPECT_FALSE(CellValues::parse("0..4*2"));
  EXPECT_FALSE(CellValues::parse("a||b"));
  EXPECT_FALSE(CellValues::parse("1..x"));
  EXPECT_FALSE(CellValues::parse("-9223372036854775808..9223372036854775807"));
  EXPECT_FALSE(CellValues::parse("1..9223372036854775808"));
}

TEST(Cell, RangesAreArithmetic) {
  EXPECT_TRUE(rc::check("at(i) = first + i*step, all within the bounds", [] {
    const auto first = *rc::gen::inRange<std::int64_t>(-1000, 1000);
    const auto length = *rc::gen::inRange<std::int64_t>(0, 1000);
    const auto step = *rc::gen::inRange<std::int64_t>(1, 50);
    const auto cell = CellValues::parse(fmt::format("{}..{}+{}", first, first + length, step));
    RC_ASSERT(cell.has_value());
    RC_ASSERT(cell->size() == length / step + 1);
    for (std::int64_t i = 0; i < cell->size(); ++i) RC_ASSERT(cell->integer_at(i) == first + i * step);
    RC_ASSERT(cell->minimum() == first);
    RC_ASSERT(cell->maximum() == first + length / step * step);
  }));
}

class MatrixTest : public ::testing::Test {
 protected:
  std::string error_of(std::string_view csv) const {
    const auto matrix = parse_matrix(csv, "m.csv", vocabulary_);
    return matrix ? "no error" : to_string(matrix.error());
  }
  TestVocabulary words_;
  Vocabulary vocabulary_ = words_.make();
};

TEST_F(MatrixTest, ReadsRows) {
  const auto matrix = parse_matrix(
      "pipeline,T,D,x_dtype,fills,seeds,policy,constraint,expect,backend,tag,timeout\n"
      "quant,1..4,16|32,bf16|f32,ties,1..3,\"bits|allclose(rtol=1,atol=0)\",T*D<=64,fail:B03,sim|opencl,\"a, b\",2.5\n"
      "add,5,,,,,,,,,,\n",
      "m.csv", vocabulary_);
  ASSERT_TRUE(matrix) << to_string(matrix.error());
  const MatrixRow& row = matrix->rows[0];
  EXPECT_EQ(row.where.line, 2);
  EXPECT_EQ(row.factors.size(), 7u);
  EXPECT_EQ(row.factors[4].key, "fill");
  EXPECT_EQ(row.factors[6].values.at(1), "allclose(rtol=1,atol=0)");
  EXPECT_EQ(row.treatment.backends, "sim+opencl");
  EXPECT_EQ(row.treatment.tags, "a+b");
  EXPECT_EQ(row.treatment.timeout, "2.5");
  EXPECT_EQ(row.treatment.expect, "fail:B03");
  EXPECT_TRUE(row.constraint.has_value());
  EXPECT_EQ(matrix->rows[1].factors.size(), 2u);  // empty cells leave the defaults
}

TEST_F(MatrixTest, OneRowPerPipelineOfACell) {
  const auto matrix = parse_matrix("pipeline,T\nadd|quant,3\n", "m.csv", vocabulary_);
  ASSERT_TRUE(matrix);
  ASSERT_EQ(matrix->rows.size(), 2u);
  EXPECT_EQ(matrix->rows[1].pipeline->name, "quant");
}

TEST_F(MatrixTest, NamesLineColumnFoundAndExpected) {
  EXPECT_EQ(
      error_of("pipeline,Q\nadd,1\n"),
      "m.csv:1:10: unknown column 'Q', expected one of pipeline, constraint, expect, policy, fill, seed, profile, "
      "backends, tags, timeout, offset, order, schedule, inputs, D, T, blocks");
  EXPECT_EQ(error_of("pipeline\nsub\n"), "m.csv:2:1: unknown pipeline 'sub', expected one of add, quant");
  EXPECT_EQ(error_of("pipeline,T,x_dtype\nquant,1,f32\nadd,1,f32\n"),
            "m.csv:3:7: pipeline 'add' has no parameter 'x_dtype', expected an empty cell or one of T, D, blocks");
  EXPECT_EQ(error_of("pipeline,x_dtype\nquant,f64\n"), "m.csv:2:7: found 'f64' for x_dtype, expected one of bf16, f32");
  EXPECT_EQ(error_of("pipeline,T\nadd,4..0\n"), "m.csv:2:5: T: range '4..0' expands to nothing: 0 is below 4");
  EXPECT_EQ(error_of("pipeline,T\nadd,0..4\n"), "m.csv:2:5: found 0 for T, expected at least 1");
  EXPECT_EQ(error_of("pipeline,T\nadd,1|5000\n"), "m.csv:2:5: found 5000 for T, expected at most 4096");
  EXPECT_EQ(error_of("pipeline,T\nadd,4x\n"),
            "m.csv:2:5: found '4x' for T, expected an integer, A..B, A..B+STEP or A..B*FACTOR");
  EXPECT_EQ(error_of("pipeline,T,T\nadd,1,1\n"), "m.csv:1:12: found column 'T' twice, expected each column once");
  EXPECT_EQ(error_of("pipeline,seed,seeds\nadd,1,1\n"),
            "m.csv:1:15: found column 'seed' twice, expected each column once");
  EXPECT_EQ(error_of("T\n1\n"), "m.csv:1:1: found no column 'pipeline' in the header, expected one");
  EXPECT_EQ(error_of("pipeline,T\n,1\n"),
            "m.csv:2:1: the row names no pipeline, expected one in the column 'pipeline'");
  EXPECT_EQ(error_of("pipeline,T\nadd,1,2\n"),
            "m.csv:2:7: found '2' in a cell without a column name, expected 2 columns");
  EXPECT_EQ(error_of("pipeline,expect\nadd,fail\n"),
            "m.csv:2:5: unknown word 'fail', expected one of pass, fail:B01, fail:B03");
  EXPECT_EQ(error_of("pipeline,offset\nadd,0|5000\n"), "m.csv:2:5: found 5000 for offset, expected at most 4096");
  EXPECT_EQ(error_of("pipeline,timeout\nadd,-1\n"), "m.csv:2:5: found '-1' for timeout, expected seconds above 0");
  EXPECT_EQ(error_of("pipeline,backends\nadd,sim+gpu\n"), "m.csv:2:5: unknown word 'gpu', expected one of sim, opencl");
  EXPECT_EQ(error_of("pipeline,fill\nadd,tie\n"),
            "m.csv:2:5: unknown word 'tie', expected one of uniform, ties, specials");
  EXPECT_EQ(error_of("pipeline,constraint\nadd,Z>1\n"),
            "m.csv:2:5: constraint names 'Z', expected integer parameters of pipeline 'add': T, D, blocks");
  EXPECT_NE(error_of("pipeline,constraint\nadd,T>\n").find("m.csv:2:5: constraint 'T>'"), std::string::npos);
  EXPECT_EQ(error_of("pipeline\n"), "m.csv: found a header and no rows, the matrix expands to nothing");
  EXPECT_EQ(error_of("# only a note\n"), "m.csv: found no header row");
}

TEST_F(MatrixTest, ReplayLineIsARowOfOneCase) {
  const auto row = row_of_case(*parse_replay("pipeline=quant T=3 fill=ties seed=7 backends=sim"), vocabulary_);
  ASSERT_TRUE(row) << to_string(row.error());
  EXPECT_EQ(row->factors.size(), 4u);
  EXPECT_EQ(row->treatment.backends, "sim");
  EXPECT_FALSE(row_of_case(*parse_replay("pipeline=quant T=1..3"), vocabulary_));
  EXPECT_FALSE(row_of_case(*parse_replay("pipeline=quant Z=1"), vocabulary_));
  EXPECT_FALSE(row_of_case(*parse_replay("T=1"), vocabulary_));
}

TEST_F(MatrixTest, AnyBytesGiveAMatrixOrOneError) {
  EXPECT_TRUE(rc::check("random words in cells", [this] {
    const auto word = rc::gen::element<std::string>("add", "quant", "1..3", "|", "T>1", "\"", "1..9*2", "-1", "fail:x",
                                                    "..", "99999999999999999999", "f32", "#", " ");
    const auto rows =
        *rc::gen::container<std::vector<std::vector<std::string>>>(rc::gen::container<std::vector<std::string>>(word));
    std::string csv = "pipeline,T,x_dtype,constraint,expect,seed\n";
    for (const auto& row : rows) csv += fmt::format("add,{}\n", fmt::join(row, ","));
    const auto matrix = parse_matrix(csv, "m.csv", vocabulary_);
    if (!matrix) RC_ASSERT(matrix.error().kind == ErrorKind::bad_input);
  }));
}

TEST(Words, AProcessCommandKeepsWhatSeparatesOthers) {
  EXPECT_EQ(split_words("sim+opencl, process:run --a=b+c {bundle}"),
            (std::vector<std::string>{"sim", "opencl", "process:run --a=b+c {bundle}"}));
  EXPECT_EQ(split_words("process:a, b"), (std::vector<std::string>{"process:a, b"}));
  EXPECT_EQ(split_words("a|b;c"), (std::vector<std::string>{"a", "b", "c"}));
}

}  // namespace
}  // namespace assay::run

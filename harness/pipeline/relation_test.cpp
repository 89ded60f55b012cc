// relations = [...] in pipeline files.
#include <gtest/gtest.h>

#include <fstream>

#include "harness/core/scratch_directory.h"
#include "harness/pipeline/pipeline.h"

namespace assay::pipeline {
namespace {

class RelationsInFiles : public ::testing::Test {
 protected:
  RelationsInFiles() : scratch_(ScratchDirectory::make().value()) {
    std::ofstream(scratch_.path() / "k.pto") << "module {\n}\n";
  }

  Result<Pipeline> read(const std::string& lines) const {
    const auto file = scratch_.path() / "pipeline.toml";
    std::ofstream(file, std::ios::trunc) << R"toml(
[params]
T = 4
S = 8
[tensors.x]
shape = ["T", "S", "16"]
dtype = "f32"
[tensors.w]
shape = ["T"]
dtype = "f32"
[tensors.n]
shape = ["T"]
dtype = "i32"
[tensors.y]
shape = ["T", "S", 16]
dtype = "f32"
role = "output"
[tensors.c]
shape = ["T"]
dtype = "i32"
role = "output"
[[stages]]
name = "s"
inputs = ["x", "w", "n"]
outputs = ["y", "c"]
)toml" << lines << "\n[[stages.tasks]]\nkernel = \"k.pto\"\nargs = []\n";
    return read_pipeline(file);
  }
  void refuses(const std::string& lines, std::string_view part) const {
    const auto pipeline = read(lines);
    ASSERT_FALSE(pipeline) << lines;
    EXPECT_NE(pipeline.error().message.find(part), std::string::npos) << pipeline.error().message;
    EXPECT_EQ(pipeline.error().where.value().line, 26) << lines;
  }

  ScratchDirectory scratch_;
};

TEST_F(RelationsInFiles, OfEveryKind) {
  const auto pipeline =
      read(R"(relations = [{ rows = "T" }, { scaled = { x = 1, w = 2 }, gives = { y = 3 }, row_floor = 1e-4 },
  { count = "n", unused = ["x"], outputs = ["y"] }, { count = "n", unrouted = ["w"] }, { sum = "c", equals = ["T", "S"] }])");
  ASSERT_TRUE(pipeline) << pipeline.error().message;
  const std::vector<goldens::Relation>& relations = pipeline->stages[0].relations;
  ASSERT_EQ(relations.size(), 5u);
  EXPECT_EQ(std::get<goldens::RowsRelation>(relations[0]).axis, "T");
  const auto& powers = std::get<goldens::PowerOfTwoRelation>(relations[1]);
  EXPECT_EQ(powers.inputs, (std::vector<std::pair<std::string, int>>{{"w", 2}, {"x", 1}}));
  EXPECT_EQ(powers.outputs, (std::vector<std::pair<std::string, int>>{{"y", 3}}));
  EXPECT_EQ(powers.row_floor, 1e-4);
  EXPECT_EQ(std::get<goldens::PaddingRelation>(relations[2]).outputs, std::vector<std::string>{"y"});
  EXPECT_EQ(std::get<goldens::UnroutedRelation>(relations[3]).inputs, std::vector<std::string>{"w"});
  EXPECT_EQ(std::get<goldens::ConservedRelation>(relations[4]).extents, (std::vector<std::string>{"T", "S"}));
}

TEST_F(RelationsInFiles, MistakesAreNamedWhereTheyStand) {
  refuses(R"(relations = [{ rows = "Q" }])", "no input has the axis 'Q'");
  refuses(R"(relations = [{ scaled = { z = 1 } }])", "'z' is no input, expected one of x, w, n");
  refuses(R"(relations = [{ scaled = { x = 1.5 } }])", "the factor of 'x' is no integer");
  refuses(R"(relations = [{ unused = ["x"] }])", "count");
  refuses(R"(relations = [{ count = "n", unused = ["w"] }])", "'w' has the axes [T]");
  refuses(R"(relations = [{ rows = "T", sum = "c" }])", "sum");
  refuses(R"(relations = [{ columns = "S" }])", "none of the keys rows, scaled");
  refuses(R"(relations = "rows")", "relations");
  refuses(R"(policy = { y = "relations" })", "for all outputs of a stage");
}

TEST_F(RelationsInFiles, ThePolicyIsOfAWholeStage) {
  const auto pipeline = read("policy = \"relations\"");
  ASSERT_TRUE(pipeline) << pipeline.error().message;
  for (const auto& [output, policy] : pipeline->stages[0].policies)
    EXPECT_TRUE(std::holds_alternative<compare::Relations>(policy.rule)) << output;
}

}  // namespace
}  // namespace assay::pipeline

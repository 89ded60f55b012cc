// The AllGather FFN by cells against the one of the whole grid: the same numbers, which its own test holds against a
// model.
#include <gtest/gtest.h>

#include <cmath>

#include "goldens/formats/f16.h"
#include "goldens/stages/stage_test_support.h"

namespace assay::goldens {
namespace {

constexpr std::int64_t kRows = 2, kColumns = 3, kTokens = 2, kFeatures = 12, kShard = 4;

Tensor f16_random(Shape shape, FloatSamples& samples) {
  Tensor result(DType::f16, std::move(shape));
  for (std::uint16_t& bits : result.as<std::uint16_t>()) bits = encode_f16(samples.moderate());
  return result;
}

// Slice i of the leading axis, without the axis.
Tensor slice(const Tensor& tensor, std::int64_t i) {
  const Shape shape(tensor.shape().begin() + 1, tensor.shape().end());
  Tensor result(tensor.dtype(), shape);
  const auto bytes = result.bytes().size();
  std::copy_n(tensor.bytes().begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(i) * bytes), bytes,
              result.bytes().begin());
  return result;
}
Tensor stack(const std::vector<Tensor>& parts) {
  Shape shape = parts[0].shape();
  shape.insert(shape.begin(), static_cast<std::int64_t>(parts.size()));
  Tensor result(parts[0].dtype(), shape);
  auto to = result.bytes().begin();
  for (const Tensor& part : parts) to = std::copy(part.bytes().begin(), part.bytes().end(), to);
  return result;
}

class AllgatherFfnCells : public ::testing::TestWithParam<const char*> {
 protected:
  Tensor hidden_of(std::int64_t row, std::int64_t column) const {
    return StageCall{.stage = "allgather_ffn_hidden",
                     .inputs = {{"x", slice(x_, row)}, {"wg", slice(wg_, column)}, {"wu", slice(wu_, column)}},
                     .options = {{"activation", GetParam()}}}
        .output("hidden")
        .value;
  }
  Tensor hidden() const {
    std::vector<Tensor> cells;
    for (std::int64_t row = 0; row < kRows; ++row)
      for (std::int64_t column = 0; column < kColumns; ++column) cells.push_back(hidden_of(row, column));
    return stack(cells);
  }
  GoldenOutput whole(const std::string& mode, const Tensor& wd) const {
    return StageCall{.stage = "allgather_ffn",
                     .inputs = {{"x", x_}, {"wg", wg_}, {"wu", wu_}, {"wd", wd}},
                     .options = {{"mode", mode}, {"activation", GetParam()}}}
        .output("y");
  }

  FloatSamples samples_{4};
  Tensor x_ = f16_random({kRows, kTokens, kFeatures}, samples_);
  Tensor wg_ = f16_random({kColumns, kFeatures, kShard}, samples_),
         wu_ = f16_random({kColumns, kFeatures, kShard}, samples_);
};

TEST_P(AllgatherFfnCells, GatherIsTheWholeGrid) {
  const Tensor wd = f16_random({kColumns, kColumns * kShard, kFeatures / kColumns}, samples_);
  const Tensor full =
      StageCall{.stage = "allgather_ffn_gather", .inputs = {{"hidden", hidden()}}, .parameters = {{"GC", kColumns}}}
          .output("hidden_full")
          .value;
  const GoldenOutput expected = whole("allgather", wd);
  constexpr std::int64_t kWidth = kFeatures / kColumns;
  for (std::int64_t cell = 0; cell < kRows * kColumns; ++cell) {
    const Tensor y = StageCall{.stage = "allgather_ffn_down",
                               .inputs = {{"hidden_full", slice(full, cell)}, {"wd", slice(wd, cell % kColumns)}}}
                         .output("y")
                         .value;
    for (std::int64_t i = 0; i < y.size(); ++i) {
      const std::int64_t t = cell / kColumns * kTokens + i / kWidth, c = cell % kColumns * kWidth + i % kWidth;
      EXPECT_EQ(y.bits(i), expected.value.bits(t * kFeatures + c)) << cell << " " << i;
    }
  }
}

TEST_P(AllgatherFfnCells, ReduceIsTheWholeGridAtTheLastColumn) {
  const Tensor wd = f16_random({kColumns, kShard, kFeatures}, samples_);
  std::vector<Tensor> cells;
  for (std::int64_t row = 0; row < kRows; ++row)
    for (std::int64_t column = 0; column < kColumns; ++column) cells.push_back(slice(wd, column));
  const GoldenOutput y = StageCall{
      .stage = "allgather_ffn_reduce",
      .inputs = {{"hidden", hidden()}, {"wd", stack(cells)}},
      .parameters = {
          {"GC", kColumns}}}.output("y");
  const GoldenOutput expected = whole("reduce", wd);
  constexpr std::int64_t kCell = kTokens * kFeatures;
  for (std::int64_t i = 0; i < y.value.size(); ++i) {
    const std::int64_t row = i / kCell / kColumns, column = i / kCell % kColumns;
    EXPECT_EQ(y.open[static_cast<std::size_t>(i)], column + 1 == kColumns ? 0 : 1);
    if (column + 1 != kColumns) continue;
    EXPECT_EQ(y.value.bits(i), expected.value.bits(row * kCell + i % kCell)) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Activations, AllgatherFfnCells, ::testing::Values("gate", "product"));

TEST(AllgatherFfnHidden, WhatOverflowsIsOpen) {
  const auto f16_of = [](float value) {
    Tensor result(DType::f16, {1, 1});
    result.as<std::uint16_t>()[0] = encode_f16(value);
    return result;
  };
  const auto hidden = [&](float x) {
    return StageCall{.stage = "allgather_ffn_hidden",
                     .inputs = {{"x", f16_of(x)}, {"wg", f16_of(100)}, {"wu", f16_of(100)}}}
        .output("hidden");
  };
  EXPECT_EQ(hidden(3).open[0], 1);  // 300 * 300
  const GoldenOutput negative = hidden(-1);
  EXPECT_EQ(negative.open[0], 0);
  EXPECT_EQ(decode_f16(static_cast<std::uint16_t>(negative.value.bits(0))), 1000.0F);  // 0.1 * -100 * -100
}

}  // namespace
}  // namespace assay::goldens

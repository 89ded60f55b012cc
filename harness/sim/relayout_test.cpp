// Copies between all pairs of layouts against the copy element by element.
#include "harness/sim/relayout.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

namespace assay::sim {
namespace {

constexpr std::int64_t kRows = 64, kCols = 64;

std::vector<Tile> layouts(DType dtype) {
  std::vector<Tile> all;
  using enum pto::BoxOrder;
  for (const auto inner : {pto::InnerLayout::none_box, pto::InnerLayout::row_major, pto::InnerLayout::col_major})
    for (const auto outer : {row_major, col_major})
      for (int fractal : {512, 1024, 32}) {
        if (inner == pto::InnerLayout::none_box && fractal != 512) continue;
        pto::TileType type;
        type.space = pto::Space::mat;
        type.element = dtype;
        type.rows = type.valid_rows = kRows;
        type.cols = type.valid_cols = kCols;
        type.blayout = outer;
        type.slayout = inner;
        type.fractal = fractal;
        all.push_back(make_tile(type, 0).value());
      }
  return all;
}

class Relayout : public ::testing::TestWithParam<DType> {};

TEST_P(Relayout, EveryPairOfLayoutsAgreesWithTheElements) {
  const auto all = layouts(GetParam());
  const auto size = static_cast<std::size_t>(kRows * kCols * element_bytes(all[0]));
  std::vector<std::byte> source(size);
  for (std::size_t k = 0; k < size; ++k) source[k] = static_cast<std::byte>(k * 37 + k / 251);
  constexpr std::array<std::pair<std::int64_t, std::int64_t>, 6> kExtents{
      {{64, 64}, {1, 64}, {64, 1}, {17, 33}, {16, 48}, {63, 31}}};
  for (const Tile& from : all)
    for (const Tile& to : all)
      for (const auto& [rows, cols] : kExtents) {
        // Untouched bytes stay: what lies outside the rectangle is somebody else's.
        std::vector<std::byte> fast(size, std::byte{0x5A}), plain = fast;
        relayout({from, source.data()}, {to, fast.data()}, rows, cols);
        plain_relayout({from, source.data()}, {to, plain.data()}, rows, cols);
        ASSERT_EQ(fast, plain) << rows << 'x' << cols << " boxes " << from.box_rows << 'x' << from.box_cols << " to "
                               << to.box_rows << 'x' << to.box_cols;
        std::vector<std::byte> back(size, std::byte{0});
        relayout({to, fast.data()}, {from, back.data()}, rows, cols);
        const auto width = static_cast<std::size_t>(element_bytes(from));
        for (std::int64_t row = 0; row < rows; ++row)
          for (std::int64_t col = 0; col < cols; ++col) {
            const auto at = static_cast<std::size_t>(element_offset(from, row, col)) * width;
            ASSERT_EQ(back[at], source[at]);
          }
      }
}

INSTANTIATE_TEST_SUITE_P(Widths, Relayout, ::testing::Values(DType::i8, DType::f16, DType::f32, DType::i64));

// isa 1.3: Nz, Zn and Zz by their formulas.
TEST(BoxedLayouts, PlaceElementsAsSpecified) {
  pto::TileType type;
  type.space = pto::Space::mat;
  type.element = DType::i8;
  type.rows = type.valid_rows = 64;
  type.cols = type.valid_cols = 64;
  type.slayout = pto::InnerLayout::row_major;
  type.blayout = pto::BoxOrder::col_major;
  // Nz: (BlockRows * bc + br) * InnerNumel + ir * InnerCols + ic
  EXPECT_EQ(element_offset(make_tile(type, 0).value(), 18, 35), (4 * 1 + 1) * 512 + 2 * 32 + 3);
  type.blayout = pto::BoxOrder::row_major;  // Zz
  EXPECT_EQ(element_offset(make_tile(type, 0).value(), 18, 35), (2 * 1 + 1) * 512 + 2 * 32 + 3);
  type.slayout = pto::InnerLayout::col_major;  // Zn: boxes of 32 rows and 16 columns
  EXPECT_EQ(element_offset(make_tile(type, 0).value(), 35, 18), (4 * 1 + 1) * 512 + 2 * 32 + 3);
}

// The footprint of a window of a boxed tile reaches to its last box, across the parent's.
TEST(BoxedLayouts, WindowsSpanTheirBoxes) {
  pto::TileType type;
  type.space = pto::Space::mat;
  type.element = DType::f16;
  type.rows = type.valid_rows = 64;
  type.cols = type.valid_cols = 32;
  type.blayout = pto::BoxOrder::col_major;
  type.slayout = pto::InnerLayout::row_major;
  Tile window = make_tile(type, 0).value();
  EXPECT_EQ(span_bytes(window), 64 * 32 * 2);
  window.rows = 16;
  EXPECT_EQ(span_bytes(window), (4 + 1) * 512);
}

}  // namespace
}  // namespace assay::sim

// tsort32 and tmrgsort (isa 2.4): pairs of a value and an index, 8 bytes each, descending by value, equal values by
// ascending index. In elements of the tile a pair is [value, index] of f32 or [value, unused, low, high half] of f16.
#include <algorithm>
#include <array>

#include "goldens/ops/element.h"
#include "goldens/ops/shape_ops.h"

namespace assay::goldens::ops {
namespace {

struct Pair {
  std::uint64_t value = 0, index = 0;
};

std::int64_t pair_elements(DType dtype) { return 64 / info(dtype).bits; }

// Not of NaN: -0 and +0 are equal.
std::int64_t place(DType dtype, std::uint64_t bits) {
  return decode(dtype, bits).is_zero() ? order(dtype, 0) : order(dtype, bits);
}

// Elements of the sorted pairs, as the destination holds them.
class Sorted {
 public:
  Sorted(DType dtype, std::vector<Pair> pairs) : dtype_(dtype), pairs_(std::move(pairs)) {
    for (const Pair& pair : pairs_) nan_ |= decode(dtype, pair.value).is_nan();
    if (nan_) return;
    // A stable sort: where equal values come with indices out of order, which one is first is open.
    std::stable_sort(pairs_.begin(), pairs_.end(),
                     [&](const Pair& a, const Pair& b) { return place(dtype, a.value) > place(dtype, b.value); });
  }

  Admissible element(std::int64_t position) const {
    const auto at = static_cast<std::size_t>(position / pair_elements(dtype_));
    if (nan_ || at >= pairs_.size()) return open_element();
    const std::int64_t part = position % pair_elements(dtype_);
    if (part == 0) return decode(dtype_, pairs_[at].value).is_zero() ? zero_at(at) : exactly(pairs_[at].value);
    if (!index_is_certain(at) || (dtype_ == DType::f16 && part == 1)) return open_element();
    return raw(dtype_ == DType::f32 ? pairs_[at].index : pairs_[at].index >> (part == 2 ? 0 : 16) & 0xFFFF);
  }

 private:
  template <class Visit>
  void equals_of(std::size_t at, Visit visit) const {
    const auto same = [&](std::size_t k) { return place(dtype_, pairs_[k].value) == place(dtype_, pairs_[at].value); };
    std::size_t first = at, last = at;
    while (first > 0 && same(first - 1)) --first;
    while (last + 1 < pairs_.size() && same(last + 1)) ++last;
    for (std::size_t k = first; k <= last; ++k) visit(k, k == first);
  }

  bool index_is_certain(std::size_t at) const {
    bool ascending = true;
    equals_of(at, [&](std::size_t k, bool first) { ascending &= first || pairs_[k - 1].index <= pairs_[k].index; });
    return ascending;
  }

  Admissible zero_at(std::size_t at) const {
    bool one_sign = true;
    equals_of(at, [&](std::size_t k, bool) { one_sign &= pairs_[k].value == pairs_[at].value; });
    return one_sign || index_is_certain(at) ? exactly(pairs_[at].value) : either_zero(dtype_);
  }

  // An index lies in a float's bits: a pattern, of which an index that looks like NaN stands for every NaN.
  Admissible raw(std::uint64_t bits) const { return exactly(bits); }

  DType dtype_;
  std::vector<Pair> pairs_;
  bool nan_ = false;
};

Pair pair_at(const TileValue& t, std::int64_t row, std::int64_t column) {
  if (t.shape.dtype == DType::f32) return {t.at(row, column), t.at(row, column + 1)};
  return {t.at(row, column), t.at(row, column + 2) | t.at(row, column + 3) << 16};
}

// Each 32 values of a row, the last block with fewer.
Elements sort_blocks(const TileOp& op) {
  const TileValue *values = op.tile(0), *indices = op.tile(1);
  if (values == nullptr || indices == nullptr) return op.refuse("the operands are values and indices");
  const DType dtype = op.out().dtype;
  const std::int64_t n = values->shape.valid_cols, width = 32 * pair_elements(dtype);
  std::vector<std::vector<Sorted>> blocks;
  for (std::int64_t i = 0; i < op.out().valid_rows; ++i) {
    blocks.emplace_back();
    for (std::int64_t b = 0; b < n; b += 32) {
      std::vector<Pair> pairs;
      for (std::int64_t j = b; j < std::min(b + 32, n); ++j) pairs.push_back({values->at(i, j), indices->at(i, j)});
      blocks.back().emplace_back(dtype, std::move(pairs));
    }
  }
  return op.each([&](std::int64_t i, std::int64_t j) {
    const auto block = static_cast<std::size_t>(j / width);
    const auto& row = blocks[static_cast<std::size_t>(i)];
    return block < row.size() ? row[block].element(j % width) : open_element();
  });
}

// Format 1: four sorted blocks of `length` elements become one. Format 2: the lists become one.
Elements merge(const TileOp& op) {
  const DType dtype = op.out().dtype;
  const std::int64_t step = pair_elements(dtype);
  std::vector<Sorted> groups;
  std::int64_t width = 0;
  const auto take = [&](std::vector<Pair>& pairs, const TileValue& t, std::int64_t begin, std::int64_t end) {
    for (std::int64_t j = begin; j + step <= end; j += step) pairs.push_back(pair_at(t, 0, j));
  };
  if (const ScalarValue* length = op.scalar(1); length != nullptr) {
    if (op.tile(0) == nullptr) return op.refuse("the first operand is a tile");
    width = 4 * static_cast<std::int64_t>(length->bits);
    if (width <= 0) return op.refuse("the block length is positive");
    for (std::int64_t begin = 0; begin + width <= op.tile(0)->shape.valid_cols; begin += width) {
      std::vector<Pair> pairs;
      take(pairs, *op.tile(0), begin, begin + width);
      groups.emplace_back(dtype, std::move(pairs));
    }
  } else {
    std::vector<Pair> pairs;
    for (std::size_t k = 0; k < op.request.ins.size(); ++k) take(pairs, *op.tile(k), 0, op.tile(k)->shape.valid_cols);
    width = std::max<std::int64_t>(step * static_cast<std::int64_t>(pairs.size()), 1);
    groups.emplace_back(dtype, std::move(pairs));
  }
  return op.each([&](std::int64_t, std::int64_t j) {
    const auto group = static_cast<std::size_t>(j / width);
    return group < groups.size() ? groups[group].element(j % width) : open_element();
  });
}

constexpr std::array kRows{
    TileOpRow{"tsort32", 2, sort_blocks},
    TileOpRow{"tmrgsort", 2, merge, nullptr, 3},
};

}  // namespace

std::span<const TileOpRow> sort_rows() { return kRows; }

}  // namespace assay::goldens::ops

// Where mismatches lie, in words. A claim is made when it is exact (the elements are precisely those named) or when
// chance would hardly produce it; everything else is called scattered.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <optional>
#include <vector>

#include "harness/compare/pattern_parts.h"

namespace assay::compare {

namespace {

constexpr std::int64_t kRowBlock = 16, kColumnBlock = 512;  // tile rows; the chunk of a column loop (pto-format 4)
constexpr std::size_t kListed = 4;                          // coordinates named one by one

using Coordinates = std::vector<std::int64_t>;

// The coordinates an axis is hit at, and what to call them.
struct Axis {
  std::int64_t extent = 0;
  std::string one, many;   // "row", "rows"
  std::string suffix;      // " of axis 0" for axes without a name of their own
  std::int64_t block = 0;  // 0: no block size of its own
  Coordinates hit;         // ascending
  bool all() const { return static_cast<std::int64_t>(hit.size()) == extent; }
};

struct Phrase {
  std::string text;
  bool structured = true;  // a rule, not a list or a count
  bool periodic = false;
};

std::string ordinal(std::int64_t n) {
  const std::int64_t tens = n % 100, ones = n % 10;
  if (tens >= 11 && tens <= 13) return fmt::format("{}th", n);
  return fmt::format("{}{}", n, ones == 1 ? "st" : ones == 2 ? "nd" : ones == 3 ? "rd" : "th");
}

std::string listed(const Coordinates& values) {
  if (values.size() == 1) return fmt::format("{}", values[0]);
  const Coordinates head(values.begin(), values.end() - 1);
  return fmt::format("{} and {}", fmt::join(head, ", "), values.back());
}

std::string range_words(const Axis& axis, std::int64_t first, std::int64_t last) {
  const std::string plain = fmt::format("{} {}..{}", axis.many, first, last);
  const std::int64_t length = last - first + 1, block = axis.block;
  if (block > 0 && axis.extent > block && first % block == 0) {
    const std::int64_t from = first / block, to = last / block;
    if (length == block) return fmt::format("{} block {} ({})", axis.one, from, plain);
    if (length % block == 0) return fmt::format("{} blocks {}..{} ({})", axis.one, from, to, plain);
    if (last == axis.extent - 1 && from == to) return fmt::format("last ragged {} block ({})", axis.one, plain);
  }
  if (last == axis.extent - 1 && 2 * length <= axis.extent)
    return fmt::format("the last {} {} ({}..{})", length, axis.many, first, last);
  return plain;
}

// Runs of equal length at equal distance that go on to the end of the axis.
std::optional<std::string> periodic_words(const Axis& axis) {
  std::vector<std::pair<std::int64_t, std::int64_t>> runs;  // first, length
  for (const std::int64_t at : axis.hit) {
    if (!runs.empty() && runs.back().first + runs.back().second == at) {
      ++runs.back().second;
    } else {
      runs.emplace_back(at, 1);
    }
  }
  if (runs.size() < 3) return std::nullopt;
  const std::int64_t period = runs[1].first - runs[0].first, length = runs[0].second, phase = runs[0].first;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const bool cut = i + 1 == runs.size() && runs[i].first + runs[i].second == axis.extent && runs[i].second < length;
    if (runs[i].first != phase + static_cast<std::int64_t>(i) * period || (runs[i].second != length && !cut))
      return std::nullopt;
  }
  const bool whole = phase < period && runs.back().first + period >= axis.extent;
  const std::string within = whole ? "" : fmt::format(", from {} to {}", phase, axis.hit.back());
  if (length > 1)
    return fmt::format("{} {}..{} of every {}{}", axis.many, phase % period, phase % period + length - 1, period,
                       within);
  if (phase == 0) return fmt::format("every {} {}{}", ordinal(period), axis.one, within);
  return fmt::format("every {} {} (starting at {}){}", ordinal(period), axis.one, phase % period, within);
}

Phrase bare_axis_words(const Axis& axis) {
  const auto count = static_cast<std::int64_t>(axis.hit.size());
  const std::int64_t first = axis.hit.front(), last = axis.hit.back();
  if (axis.all()) return {"every " + axis.one};
  if (count == 1 && last == axis.extent - 1 && axis.extent > 2)
    return {fmt::format("the last {} ({})", axis.one, last)};
  if (count == 1) return {fmt::format("{} {}", axis.one, first)};
  if (last - first + 1 == count) return {range_words(axis, first, last)};
  if (auto words = periodic_words(axis)) return {*words, true, true};
  if (axis.extent - count <= 2 && axis.extent >= 8) {
    Coordinates missing;
    for (std::int64_t i = 0; i < axis.extent; ++i)
      if (!std::binary_search(axis.hit.begin(), axis.hit.end(), i)) missing.push_back(i);
    return {fmt::format("every {} but {}", axis.one, listed(missing))};
  }
  if (axis.hit.size() <= kListed) return {fmt::format("{} {}", axis.many, listed(axis.hit)), false};
  return {fmt::format("{} of {} {}", count, axis.extent, axis.many), false};
}

Phrase axis_words(const Axis& axis) {
  Phrase phrase = bare_axis_words(axis);
  phrase.text += axis.suffix;
  return phrase;
}

Coordinates coordinates_of(const Shape& shape, std::int64_t index) {
  Coordinates at(shape.size());
  for (std::size_t k = shape.size(); k-- > 0;) {
    at[k] = index % shape[k];
    index /= shape[k];
  }
  return at;
}

std::vector<Axis> axes_of(const Shape& shape, std::span<const std::int64_t> indices) {
  std::vector<std::vector<bool>> hit;
  for (const std::int64_t extent : shape) hit.emplace_back(static_cast<std::size_t>(extent), false);
  for (std::int64_t index : indices)
    for (std::size_t k = shape.size(); k-- > 0; index /= shape[k])
      hit[k][static_cast<std::size_t>(index % shape[k])] = true;
  std::vector<Axis> axes(shape.size());
  for (std::size_t k = 0; k < shape.size(); ++k) {
    Axis& axis = axes[k];
    axis.extent = shape[k];
    const std::size_t from_end = shape.size() - k;
    if (from_end == 1 && shape.size() == 1) {
      axis.one = "element", axis.many = "elements";
    } else if (from_end == 1) {
      axis.one = "column", axis.many = "columns", axis.block = kColumnBlock;
    } else if (from_end == 2) {
      axis.one = "row", axis.many = "rows", axis.block = kRowBlock;
    } else {
      axis.one = "index", axis.many = "indices", axis.suffix = fmt::format(" of axis {}", k);
    }
    for (std::size_t i = 0; i < hit[k].size(); ++i)
      if (hit[k][i]) axis.hit.push_back(static_cast<std::int64_t>(i));
  }
  return axes;
}

// "columns 8..15 of every row", innermost axis first; full outer axes beyond the rows go without saying.
Phrase product_words(const std::vector<Axis>& axes) {
  if (std::all_of(axes.begin(), axes.end(), [](const Axis& axis) { return axis.all(); })) return {"all elements"};
  Phrase phrase{"", true};
  for (std::size_t k = axes.size(); k-- > 0;) {
    const Axis& axis = axes[k];
    const bool rows = k + 2 == axes.size();
    if (axis.all() && (!rows || phrase.text.empty() || axis.extent == 1)) continue;
    if (axis.extent == 1) continue;
    // "every 16th column" says "of every row" by itself.
    if (axis.all() && phrase.periodic) continue;
    const Phrase words = axis_words(axis);
    const std::string_view join = phrase.text.empty() ? "" : k + 2 < axes.size() ? " at " : " of ";
    phrase.text += std::string(join) + words.text;
    phrase.periodic = phrase.periodic || words.periodic;
    phrase.structured = phrase.structured && words.structured;
  }
  return phrase;
}

double product_of(const std::vector<Axis>& axes) {
  double product = 1;
  for (const Axis& axis : axes) product *= static_cast<double>(axis.hit.size());
  return product;
}

// Diagonals and triangles of the last two axes, taken over all outer ones.
std::optional<std::string> diagonal_words(const Shape& shape, std::span<const std::int64_t> indices) {
  if (shape.size() < 2 || indices.size() < 3) return std::nullopt;
  const std::int64_t rows = shape[shape.size() - 2], columns = shape.back();
  if (rows < 3 || columns < 3) return std::nullopt;
  std::int64_t on = 0, above = 0, below = 0;
  for (const std::int64_t index : indices) {
    const std::int64_t column = index % columns, row = index / columns % rows;
    on += row == column, above += column > row, below += column < row;
  }
  const std::int64_t planes = element_count(shape) / (rows * columns), side = std::min(rows, columns);
  const std::int64_t all_on = planes * side;
  const std::int64_t all_above = planes * (side * (side - 1) / 2 + (columns - side) * side);
  const std::int64_t all_below = planes * (side * (side - 1) / 2 + (rows - side) * side);
  if (above == 0 && below == 0) return on == all_on ? "the diagonal" : "part of the diagonal";
  if (on == 0 && above == all_above && below == all_below) return "everything but the diagonal";
  if (on == 0 && below == 0 && above == all_above) return "everything above the diagonal";
  if (on == 0 && above == 0 && below == all_below) return "everything below the diagonal";
  if (below == 0 && on == all_on && above == all_above) return "the diagonal and everything above it";
  if (above == 0 && on == all_on && below == all_below) return "the diagonal and everything below it";
  return std::nullopt;
}

// Every hit row is wrong from some column to its end, and that column is not always the same.
std::optional<std::string> ragged_tail_words(const Shape& shape, std::span<const std::int64_t> indices) {
  if (shape.size() < 2 || indices.size() < 4) return std::nullopt;
  const std::int64_t columns = shape.back();
  std::int64_t rows = 0, least = columns, most = 0;
  for (std::size_t i = 0; i < indices.size(); ++rows) {
    const std::int64_t row = indices[i] / columns, start = indices[i] % columns;
    for (std::int64_t column = start; column < columns; ++column, ++i)
      if (i >= indices.size() || indices[i] != row * columns + column) return std::nullopt;
    least = std::min(least, start), most = std::max(most, start);
  }
  if (rows < 3 || least == most) return std::nullopt;
  return fmt::format("the tail of {} of {} rows, from a column between {} and {} on", rows,
                     element_count(shape) / columns, least, most);
}

// A range or a stride over the elements in memory order.
std::optional<std::string> linear_words(const Shape& shape, std::span<const std::int64_t> indices) {
  if (shape.size() < 2 || indices.size() < 4) return std::nullopt;
  const std::int64_t step = indices[1] - indices[0];
  for (std::size_t i = 1; i < indices.size(); ++i)
    if (indices[i] - indices[i - 1] != step) return std::nullopt;
  const auto first = coordinates_of(shape, indices.front()), last = coordinates_of(shape, indices.back());
  if (step == 1)
    return fmt::format("elements {}..{} in memory order, [{}] to [{}]", indices.front(), indices.back(),
                       fmt::join(first, ", "), fmt::join(last, ", "));
  return fmt::format("every {} element in memory order, [{}] to [{}]", ordinal(step), fmt::join(first, ", "),
                     fmt::join(last, ", "));
}

// Whole tiles of the last two axes of a matrix, largest tile size first.
std::optional<std::string> tile_words(const Shape& shape, std::span<const std::int64_t> indices) {
  if (shape.size() != 2) return std::nullopt;
  for (const std::int64_t width : {512, 256, 128, 64, 32, 16}) {
    const std::int64_t columns = shape[1], rows = shape[0];
    if (columns <= width && rows <= kRowBlock) continue;
    std::map<std::pair<std::int64_t, std::int64_t>, std::int64_t> tiles;
    for (const std::int64_t index : indices) ++tiles[{index / columns / kRowBlock, index % columns / width}];
    const bool whole = std::all_of(tiles.begin(), tiles.end(), [&](const auto& tile) {
      const std::int64_t height = std::min(kRowBlock, rows - tile.first.first * kRowBlock);
      return tile.second == height * std::min(width, columns - tile.first.second * width);
    });
    if (!whole) continue;
    std::vector<std::string> names;
    for (const auto& [tile, count] : tiles)
      if (names.size() < kListed) names.push_back(fmt::format("({}, {})", tile.first, tile.second));
    return fmt::format("{} whole {}x{} tiles: {}{}", tiles.size(), kRowBlock, width, fmt::join(names, ", "),
                       tiles.size() > kListed ? ", ..." : "");
  }
  return std::nullopt;
}

std::string scattered_words(const Shape& shape, std::span<const std::int64_t> indices) {
  std::vector<std::string> places;
  for (std::size_t i = 0; i < std::min(indices.size(), kListed); ++i)
    places.push_back(fmt::format("[{}]", fmt::join(coordinates_of(shape, indices[i]), ", ")));
  if (indices.size() <= kListed) return fmt::format("{} elements: {}", indices.size(), fmt::join(places, ", "));
  const std::int64_t total = element_count(shape);
  return fmt::format("{} scattered elements of {} ({:.2g} %), first at {}", indices.size(), total,
                     100.0 * static_cast<double>(indices.size()) / static_cast<double>(total), places.front());
}

}  // namespace

std::string describe_positions(const Shape& shape, std::span<const std::int64_t> indices) {
  const std::int64_t total = element_count(shape);
  const auto count = static_cast<std::int64_t>(indices.size());
  if (count == total) return "all elements";
  if (count == 1) return fmt::format("one element, [{}]", fmt::join(coordinates_of(shape, indices[0]), ", "));
  const std::vector<Axis> axes = axes_of(shape, indices);
  const double product = product_of(axes);
  const Phrase words = product_words(axes);
  const bool exact = product == static_cast<double>(count);
  if (exact && (words.structured || static_cast<std::size_t>(count) > kListed)) return words.text;
  for (const auto shape_words : {diagonal_words, ragged_tail_words, tile_words, linear_words})
    if (auto text = shape_words(shape, indices)) return *text;
  if (exact) return words.text;
  // Inside a rule without filling it: believable where chance would put that many elements there less than once in
  // 10^6.
  const double chance = static_cast<double>(count) * std::log10(product / static_cast<double>(total));
  const double share = 100.0 * static_cast<double>(count) / product;
  if (words.structured && chance < -6)
    return fmt::format("{:.2g} % of the elements in {} ({} of {})", share, words.text, count, product);
  if (share >= 25 && product == static_cast<double>(total))
    return fmt::format("{:.2g} % of all elements ({} of {}), scattered", share, count, total);
  return scattered_words(shape, indices);
}

}  // namespace assay::compare

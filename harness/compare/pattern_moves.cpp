// Right values in the wrong place. Each hypothesis names the source of every mismatched element; it is believed when
// all of them agree bit for bit and the values vary enough that agreement is no accident.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <vector>

#include "harness/compare/pattern_parts.h"

namespace assay::compare {

namespace {

constexpr std::size_t kFewest = 4;          // mismatches before a move is claimed
constexpr std::size_t kFewestDistinct = 3;  // distinct values among them
constexpr std::int64_t kTile = 16;
constexpr std::int64_t kRowsSearched = 1024;

// The trailing two axes; outer axes are planes of rows * columns elements.
struct Matrix {
  std::int64_t rows = 1, columns = 1;
  std::int64_t row(std::int64_t index) const { return index / columns % rows; }
  std::int64_t column(std::int64_t index) const { return index % columns; }
};

Matrix matrix_of(const Shape& shape) {
  if (shape.empty()) return {};
  return {shape.size() >= 2 ? shape[shape.size() - 2] : 1, shape.back()};
}

bool varied(const Mismatches& m) {
  if (m.indices.size() < kFewest) return false;
  std::set<std::uint64_t> seen;
  for (const std::int64_t index : m.indices) {
    seen.insert(m.actual.bits(index));
    if (seen.size() >= kFewestDistinct) return true;
  }
  return false;
}

// Whether every mismatch with a source (not negative) holds the source's expected bits, and at least half have one.
template <class Source>
bool moved_from(const Mismatches& m, Source source) {
  std::size_t found = 0;
  for (const std::int64_t index : m.indices) {
    const std::int64_t from = source(index);
    if (from < 0) continue;
    if (m.actual.bits(index) != m.expected.bits(from)) return false;
    ++found;
  }
  return found >= kFewest && 2 * found >= m.indices.size();
}

std::optional<std::string> transposed(const Mismatches& m, const Matrix& matrix) {
  const std::int64_t rows = matrix.rows, columns = matrix.columns;
  if (rows < 2 || columns < 2) return std::nullopt;
  const auto plane = [&](std::int64_t index) { return index / (rows * columns) * rows * columns; };
  if (rows == columns &&
      moved_from(m, [&](std::int64_t i) { return plane(i) + matrix.column(i) * columns + matrix.row(i); }))
    return "transposed";
  // Element p of the memory holds what a column-major layout has there.
  if (rows != columns && moved_from(m, [&](std::int64_t i) {
        const std::int64_t at = i - plane(i);
        return plane(i) + at % rows * columns + at / rows;
      }))
    return "transposed: stored column by column";
  if (rows % kTile == 0 && columns % kTile == 0 && moved_from(m, [&](std::int64_t i) {
        const std::int64_t row = matrix.row(i), column = matrix.column(i);
        const std::int64_t from_row = row / kTile * kTile + column % kTile;
        const std::int64_t from_column = column / kTile * kTile + row % kTile;
        return plane(i) + from_row * columns + from_column;
      }))
    return fmt::format("transposed within {0}x{0} tiles", kTile);
  return std::nullopt;
}

std::optional<std::string> shifted(const Mismatches& m, const Matrix& matrix) {
  for (const std::int64_t step : {1, -1, 2, -2, 8, -8, 16, -16}) {
    const std::int64_t by = step < 0 ? -step : step;
    const std::string sign = step > 0 ? fmt::format("-{}", by) : fmt::format("+{}", by);
    if (by < matrix.columns && moved_from(m, [&](std::int64_t i) {
          const std::int64_t from = matrix.column(i) - step;
          return from < 0 || from >= matrix.columns ? -1 : i - step;
        }))
      return fmt::format("shifted by {} column{}: actual[c] holds expected[c{}]", by, by == 1 ? "" : "s", sign);
    if (by < matrix.rows && moved_from(m, [&](std::int64_t i) {
          const std::int64_t from = matrix.row(i) - step;
          return from < 0 || from >= matrix.rows ? -1 : i - step * matrix.columns;
        }))
      return fmt::format("shifted by {} row{}: actual[r] holds expected[r{}]", by, by == 1 ? "" : "s", sign);
  }
  return std::nullopt;
}

// Rows over all planes that hold a mismatch, ascending.
std::vector<std::int64_t> rows_hit(const Mismatches& m, std::int64_t columns) {
  std::vector<std::int64_t> rows;
  for (const std::int64_t index : m.indices)
    if (rows.empty() || rows.back() != index / columns) rows.push_back(index / columns);
  return rows;
}

std::optional<std::string> swapped_rows(const Mismatches& m, const Matrix& matrix) {
  const std::vector<std::int64_t> rows = rows_hit(m, matrix.columns);
  if (rows.size() != 2) return std::nullopt;
  if (!moved_from(m, [&](std::int64_t i) {
        const std::int64_t other = i / matrix.columns == rows[0] ? rows[1] : rows[0];
        return other * matrix.columns + matrix.column(i);
      }))
    return std::nullopt;
  return fmt::format("rows {} and {} are swapped", rows[0], rows[1]);
}

bool row_equals(const Mismatches& m, std::int64_t columns, std::int64_t actual_row, std::int64_t expected_row) {
  for (std::int64_t column = 0; column < columns; ++column)
    if (m.actual.bits(actual_row * columns + column) != m.expected.bits(expected_row * columns + column)) return false;
  return true;
}

// Every wrong row is some other expected row: always the same one (repeated), or different ones (permuted).
std::optional<std::string> misplaced_rows(const Mismatches& m, const Matrix& matrix) {
  const std::int64_t columns = matrix.columns, total = m.expected.size() / columns;
  const std::vector<std::int64_t> rows = rows_hit(m, columns);
  if (columns < 2 || rows.size() < 2 || total > kRowsSearched) return std::nullopt;
  std::set<std::int64_t> sources;
  for (const std::int64_t row : rows) {
    std::int64_t source = 0;
    while (source < total && !row_equals(m, columns, row, source)) ++source;
    if (source == total) return std::nullopt;
    sources.insert(source);
  }
  if (sources.size() == 1) return fmt::format("these rows repeat row {}", *sources.begin());
  return "these rows hold the values of other rows";
}

}  // namespace

std::string describe_moves(const Mismatches& mismatches) {
  if (!varied(mismatches)) return {};
  const Matrix matrix = matrix_of(mismatches.expected.shape());
  for (const auto hypothesis : {swapped_rows, transposed, shifted, misplaced_rows})
    if (auto words = hypothesis(mismatches, matrix)) return *words;
  return {};
}

}  // namespace assay::compare

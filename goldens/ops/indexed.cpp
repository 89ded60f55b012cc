// Gathers, scatters and generated tiles beyond tier T2 (isa 2.1, 2.4).
#include <array>
#include <charconv>
#include <optional>

#include "goldens/ops/element.h"
#include "goldens/ops/shape_ops.h"

namespace assay::goldens::ops {
namespace {

using boost::multiprecision::cpp_int;

// The place an element of an index tile names among `count`.
std::optional<std::size_t> place(const TileValue& indices, std::int64_t i, std::int64_t j, std::int64_t count) {
  const cpp_int at = decode(indices.shape.dtype, indices.at(i, j)).value.significand;
  if (at < 0 || at >= count) return std::nullopt;
  return at.convert_to<std::size_t>();
}

// ---- tgather: by index, by pattern, by comparison

// dst[i,j] = src_flat[idx[i,j]]: flat over the source's physical rows and columns.
Elements gather_by_index(const TileOp& op) {
  const TileValue *source = op.tile(0), *index = op.tile(1);
  if (source == nullptr || index == nullptr || !op.tiles_cover(0) || index->shape.cols < op.out().valid_cols ||
      index->shape.rows < op.out().valid_rows)
    return op.refuse("the operands are a tile and indices of the destination's valid shape");
  return op.each([&](std::int64_t i, std::int64_t j) {
    const auto at = place(*index, i, j, static_cast<std::int64_t>(source->bits.size()));
    return at ? exactly(source->bits[*at]) : open_element();
  });
}

// Of a pattern read from the right: which of every two or four elements it takes. The public instruction page says so:
// P0101 the first of two, P0001 the first of four; format 3.3 has the names alone.
struct Taken {
  std::int64_t of = 1, first = 0;
};
std::optional<Taken> taken(std::string_view pattern) {
  if (pattern == "P1111") return Taken{1, 0};
  if (pattern == "P0101") return Taken{2, 0};
  if (pattern == "P1010") return Taken{2, 1};
  for (std::int64_t k = 0; k < 4; ++k)
    if (pattern == std::array{"P0001", "P0010", "P0100", "P1000"}[static_cast<std::size_t>(k)]) return Taken{4, k};
  return std::nullopt;
}

Elements gather_by_pattern(const TileOp& op) {
  const TileValue* source = op.tile(0);
  const auto pattern = taken(op.attribute("maskPattern"));
  if (source == nullptr || !pattern) return op.refuse("the operand is a tile, the pattern one of seven");
  const bool columns = op.attribute("axis") == "col";
  return op.each([&](std::int64_t i, std::int64_t j) {
    const std::int64_t row = columns ? i * pattern->of + pattern->first : i;
    const std::int64_t column = columns ? j : j * pattern->of + pattern->first;
    const bool inside = row < source->shape.valid_rows && column < source->shape.valid_cols;
    return inside ? exactly(source->at(row, column)) : open_element();
  });
}

// Where the comparison holds in a row: the columns, from `offset` on, and how many.
std::vector<std::int64_t> places_where(const TileOp& op, std::int64_t i) {
  const TileValue& source = *op.tile(0);
  std::vector<std::int64_t> places;
  for (std::int64_t j = 0; j < source.shape.valid_cols; ++j)
    if (comparison_holds(op.attribute("cmpMode"), source.shape.dtype, source.at(i, j), op.scalar(1)->bits))
      places.push_back(j);
  return places;
}

Elements gather_by_comparison(const TileOp& op) {
  if (op.tile(0) == nullptr || op.scalar(1) == nullptr) return op.refuse("the operands are a tile and a scalar");
  const std::string_view written = op.attribute("offset");
  std::int64_t offset = 0;
  std::from_chars(written.data(), written.data() + written.size(), offset);
  return op.each([&](std::int64_t i, std::int64_t j) {
    const auto places = places_where(op, i);
    if (j >= static_cast<std::int64_t>(places.size())) return open_element();
    return exactly(static_cast<std::uint64_t>(offset + places[static_cast<std::size_t>(j)]));
  });
}

Elements counts_of_comparison(const TileOp& op) {
  if (op.tile(0) == nullptr || op.scalar(1) == nullptr) return op.refuse("the operands are a tile and a scalar");
  return op.each_of(op.second_out(), [&](std::int64_t i, std::int64_t) { return exactly(places_where(op, i).size()); });
}

Elements gather(const TileOp& op) {
  if (!op.attribute("maskPattern").empty()) return gather_by_pattern(op);
  return op.attribute("cmpMode").empty() ? gather_by_index(op) : gather_by_comparison(op);
}

// By byte offsets from the source's first element.
Elements gather_bytes(const TileOp& op) {
  const TileValue *source = op.tile(0), *offsets = op.tile(1);
  if (source == nullptr || offsets == nullptr) return op.refuse("the operands are tiles");
  const std::int64_t bytes = info(source->shape.dtype).bits / 8;
  const auto count = static_cast<std::int64_t>(source->bits.size());
  return op.each([&](std::int64_t i, std::int64_t j) {
    const auto at = place(*offsets, i, j, count * bytes);
    if (!at || *at % static_cast<std::size_t>(bytes) != 0) return open_element();
    return exactly(source->bits[*at / static_cast<std::size_t>(bytes)]);
  });
}

// What a scatter leaves in `count` places: the one element that went there; open where two did.
class Scattered {
 public:
  Scattered(std::int64_t count, Admissible otherwise) : places_(static_cast<std::size_t>(count), otherwise) {
    written_.resize(places_.size());
  }
  void put(std::size_t at, std::uint64_t bits) {
    const bool again = written_[at] && (places_[at].open || places_[at].lo != bits);
    places_[at] = again ? open_element() : exactly(bits);
    written_[at] = true;
  }
  void keep(std::size_t at, std::uint64_t bits) { places_[at] = exactly(bits); }
  std::vector<Admissible> take() { return std::move(places_); }

 private:
  std::vector<Admissible> places_;
  std::vector<bool> written_;
};

// isa 2.4: flat element offsets into the destination, whose whole physical extent is the result here.
Elements scatter(const TileOp& op) {
  const TileValue *source = op.tile(0), *indices = op.tile(1);
  if (source == nullptr || indices == nullptr) return op.refuse("the operands are tiles");
  if (op.out().valid_rows != op.out().rows || op.out().valid_cols != op.out().cols)
    return op.refuse("the destination is valid as a whole");
  const std::int64_t count = op.out().rows * op.out().cols;
  Scattered result(count, open_element());
  for (std::int64_t i = 0; i < source->shape.valid_rows; ++i)
    for (std::int64_t j = 0; j < source->shape.valid_cols; ++j)
      if (const auto at = place(*indices, i, j, count)) result.put(*at, source->at(i, j));
  return result.take();
}

// isa 2.1: by row unless the operation says otherwise, or the indices are as wide as the tile.
bool by_row(const TileOp& op, const TileValue& indices, const TileShape& tile) {
  if (!op.attribute("coalesce").empty()) return op.attribute("coalesce") == "row";
  return indices.shape.valid_cols == 1 && tile.valid_cols != 1;
}

Elements gather_memory(const TileOp& op) {
  const TileValue *memory = op.tile(0), *indices = op.tile(1);
  if (memory == nullptr || indices == nullptr) return op.refuse("the operands are memory and a tile");
  if (by_row(op, *indices, op.out())) {
    return op.each([&](std::int64_t i, std::int64_t j) {
      const auto at = place(*indices, i, 0, memory->shape.rows);
      return at && j < memory->shape.cols ? exactly(memory->at(static_cast<std::int64_t>(*at), j)) : open_element();
    });
  }
  return op.each([&](std::int64_t i, std::int64_t j) {
    const auto at = place(*indices, i, j, memory->shape.rows * memory->shape.cols);
    return at ? exactly(memory->bits[*at]) : open_element();
  });
}

// The destination is memory, valid as a whole; what no index names stays.
Elements scatter_memory(const TileOp& op) {
  const TileValue *source = op.tile(0), *indices = op.tile(1);
  if (source == nullptr || indices == nullptr || op.request.before.empty())
    return op.refuse("the operands are tiles, the destination has content");
  const std::int64_t count = op.out().rows * op.out().cols;
  Scattered result(count, open_element());
  for (std::size_t k = 0; k < op.request.before.size(); ++k) result.keep(k, op.request.before[k]);
  const bool rows = by_row(op, *indices, source->shape);
  for (std::int64_t i = 0; i < source->shape.valid_rows; ++i)
    for (std::int64_t j = 0; j < source->shape.valid_cols; ++j) {
      auto at = place(*indices, i, rows ? 0 : j, rows ? op.out().rows : count);
      if (at && rows) *at = *at * static_cast<std::size_t>(op.out().cols) + static_cast<std::size_t>(j);
      if (at) result.put(*at, source->at(i, j));
    }
  return result.take();
}

// Ones on and below the diagonal, or on and above it.
Elements triangle(const TileOp& op) {
  const ScalarValue* diagonal = op.scalar(0);
  if (diagonal == nullptr) return op.refuse("the operand is the diagonal");
  const cpp_int d = decode(diagonal->dtype, diagonal->bits).value.significand;
  const bool upper = op.attribute("upperOrLower") == "1";
  return op.each([&](std::int64_t i, std::int64_t j) {
    const bool set = upper ? j >= i + d : j <= i + d;
    return exactly(set ? one(op.out().dtype) : 0);
  });
}

// ---- interleaving: the stream a0 b0 a1 b1 ... cut in halves, and back

enum class Half : std::uint8_t { first, second };

std::uint64_t interleaved(const TileOp& op, std::int64_t i, std::int64_t position) {
  return op.at(position % 2 == 0 ? 0 : 1, i, position / 2);
}

template <Half half>
Elements interleave(const TileOp& op) {
  if (!op.tiles_cover(2)) return op.refuse("the operands are tiles of the destination's valid shape");
  const std::int64_t n = op.out().valid_cols;
  return op.each(
      [&](std::int64_t i, std::int64_t j) { return exactly(interleaved(op, i, half == Half::first ? j : n + j)); });
}

template <Half half>
Elements deinterleave(const TileOp& op) {
  if (!op.tiles_cover(2)) return op.refuse("the operands are tiles of the destination's valid shape");
  const std::int64_t n = op.out().valid_cols;
  return op.each([&](std::int64_t i, std::int64_t j) {
    const std::int64_t position = 2 * j + (half == Half::first ? 0 : 1);
    return exactly(position < n ? op.at(0, i, position) : op.at(1, i, position - n));
  });
}

// ---- radix counts: how many elements of a row have each value in one byte, their higher bytes, the highest first,
// being those of the second operand's row

Elements histogram(const TileOp& op) {
  const TileValue *source = op.tile(0), *higher = op.tile(1);
  if (source == nullptr || higher == nullptr) return op.refuse("the operands are tiles");
  const std::int64_t bytes = info(source->shape.dtype).bits / 8;
  const std::string_view written = op.attribute("byte");
  if (written.size() != 1 || written[0] < '0' || written[0] >= '0' + bytes)
    return op.refuse("byte is one of the type's");
  const std::int64_t byte = written[0] - '0';
  const auto byte_of = [](std::uint64_t bits, std::int64_t k) { return bits >> (8 * k) & 0xFF; };
  const auto counted = [&](std::int64_t i, std::uint64_t bits) {
    for (std::int64_t k = bytes - 1; k > byte; --k)
      if (byte_of(bits, k) != higher->at(i, bytes - 1 - k)) return false;
    return true;
  };
  return op.each([&](std::int64_t i, std::int64_t j) {
    std::uint64_t count = 0;
    for (std::int64_t k = 0; k < source->shape.valid_cols; ++k) {
      const std::uint64_t bits = source->at(i, k);
      count += counted(i, bits) && byte_of(bits, byte) == static_cast<std::uint64_t>(j) ? 1 : 0;
    }
    return exactly(count);
  });
}

// ---- random words: Philox4x32 (Salmon, Moraes, Dror, Shaw 2011, table 2) over a 128-bit counter

// The four words of a block, the lowest first, as one number.
cpp_int philox_block(cpp_int block, cpp_int key, int rounds) {
  const cpp_int word = (cpp_int{1} << 32) - 1;
  const auto take = [&](const cpp_int& x, int k) { return cpp_int(x >> (32 * k) & word); };
  for (int round = 0; round < rounds; ++round) {
    const cpp_int first = take(block, 0) * 0xD2511F53U, third = take(block, 2) * 0xCD9E8D57U;
    block = (take(third, 1) ^ take(block, 1) ^ take(key, 0)) | take(third, 0) << 32 |
            (take(first, 1) ^ take(block, 3) ^ take(key, 1)) << 64 | take(first, 0) << 96;
    key = ((take(key, 0) + 0x9E3779B9U) & word) | ((take(key, 1) + 0xBB67AE85U) & word) << 32;
  }
  return block;
}

// Operands: key of two words, counter of four, the lowest first. Passes of 256 columns, 64 counters each; a row's last
// pass moves the counter on by as many as its last 64 columns are.
Elements random_words(const TileOp& op) {
  std::array<cpp_int, 6> words;
  for (std::size_t k = 0; k < words.size(); ++k) {
    if (op.scalar(k) == nullptr) return op.refuse("the operands are integers");
    words[k] = op.scalar(k)->bits & 0xFFFFFFFFU;
  }
  const std::string_view rounds = op.attribute("rounds");
  if (rounds != "" && rounds != "7" && rounds != "10") return op.refuse("the rounds are 7 or 10");
  const cpp_int key = words[0] | words[1] << 32;
  const cpp_int start = words[2] | words[3] << 32 | words[4] << 64 | words[5] << 96;
  const std::int64_t columns = op.out().valid_cols, passes = (columns + 255) / 256;
  const std::int64_t rest = columns % 64 == 0 ? 64 : columns % 64;
  return op.each([&](std::int64_t i, std::int64_t j) {
    const cpp_int counter = (start + i * (64 * (passes - 1) + rest) + j / 4) & ((cpp_int{1} << 128) - 1);
    const cpp_int block = philox_block(counter, key, rounds == "7" ? 7 : 10);
    return exactly(cpp_int(block >> (32 * (j % 4)) & 0xFFFFFFFFU).convert_to<std::uint64_t>());
  });
}

constexpr std::array kRows{
    TileOpRow{"tgather", 1, gather, counts_of_comparison, 1},
    TileOpRow{"tgatherb", 2, gather_bytes},
    TileOpRow{"tscatter", 2, scatter},
    TileOpRow{"mgather", 2, gather_memory},
    TileOpRow{"mscatter", 2, scatter_memory},
    TileOpRow{"ttri", 1, triangle},
    TileOpRow{"tinterleave", 2, interleave<Half::first>, interleave<Half::second>},
    TileOpRow{"tdeinterleave", 2, deinterleave<Half::first>, deinterleave<Half::second>},
    TileOpRow{"thistogram", 2, histogram},
    TileOpRow{"trandom", 6, random_words},
};

}  // namespace

std::span<const TileOpRow> index_rows() { return kRows; }

}  // namespace assay::goldens::ops

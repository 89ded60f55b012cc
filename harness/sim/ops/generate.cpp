// Tiles made of scalars: tci (format 3.3), ttri and trandom (isa 2.4); thistogram, which counts.
#include <algorithm>
#include <array>

#include "harness/sim/ops/support.h"
#include "harness/sim/ops/table.h"

namespace assay::sim {
namespace {

using pto::OpCode;

std::byte* output(Machine& m, const Tile& d) {
  return m.staging(kOutputStage, std::max<std::int64_t>(d.valid_rows * d.valid_cols * 8, 8));
}

// start + k, or start - k, over the k-th element of the valid rectangle; wraps in the element's width.
bool tci(Machine& m, const Instruction& i) {
  if (!enter_tile_op(m, i)) return false;
  const Tile& d = destination(m, i);
  const std::int64_t count = d.valid_rows * d.valid_cols;
  const std::uint64_t start = m.scalar(i.operands[0]), step = i.immediate == kDescending ? ~std::uint64_t{0} : 1;
  std::byte* out = output(m, d);
  visit_integer(d.dtype, [&](auto type) {
    using T = decltype(type);
    for (std::int64_t k = 0; k < count; ++k)
      reinterpret_cast<T*>(out)[k] = static_cast<T>(start + step * static_cast<std::uint64_t>(k));
    return true;
  });
  return finish(m, d, d.valid_rows, d.valid_cols, out);
}

std::uint64_t one_of(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return 0x3F800000U;
    case DType::f16:
      return 0x3C00U;
    case DType::bf16:
      return 0x3F80U;
    default:
      return 1;
  }
}

// Lower: 1 where j <= i + diagonal. Upper: 1 where j >= i + diagonal. 0 elsewhere.
bool ttri(Machine& m, const Instruction& i) {
  if (!enter_tile_op(m, i)) return false;
  const Tile& d = destination(m, i);
  const __int128 diagonal = m.integer(i.operands[0]);
  const auto width = static_cast<std::size_t>(element_bytes(d));
  std::byte *out = output(m, d), *at = out;
  for (std::int64_t row = 0; row < d.valid_rows; ++row)
    for (std::int64_t col = 0; col < d.valid_cols; ++col, at += width) {
      const bool inside = i.immediate == kUpper ? col >= row + diagonal : col <= row + diagonal;
      const std::uint64_t bits = inside ? one_of(d.dtype) : 0;
      std::memcpy(at, &bits, width);
    }
  return finish(m, d, d.valid_rows, d.valid_cols, out);
}

using Words = std::array<std::uint32_t, 4>;

// Philox4x32 (Salmon et al. 2011).
Words philox(Words counter, std::uint32_t key0, std::uint32_t key1, std::uint64_t rounds) {
  for (std::uint64_t round = 0; round < rounds; ++round) {
    const std::uint64_t a = std::uint64_t{0xD2511F53U} * counter[0], b = std::uint64_t{0xCD9E8D57U} * counter[2];
    counter = {static_cast<std::uint32_t>(b >> 32) ^ counter[1] ^ key0, static_cast<std::uint32_t>(b),
               static_cast<std::uint32_t>(a >> 32) ^ counter[3] ^ key1, static_cast<std::uint32_t>(a)};
    key0 += 0x9E3779B9U;
    key1 += 0xBB67AE85U;
  }
  return counter;
}

Words advanced(Words counter, std::uint64_t steps) {
  for (std::uint32_t& word : counter) {
    steps += word;
    word = static_cast<std::uint32_t>(steps);
    steps >>= 32;
  }
  return counter;
}

// A5's vector has 64 lanes, each with a counter of its own that makes four words: 256 columns a pass. Inside a row
// element j is word j mod 4 of the counter j / 4 further. Between passes the counter moves on by 64, behind a row's last
// pass by the number of columns in its last 64: where that is no quarter of the columns the next row skips counters, or
// repeats some (public A5 instruction, PTOAS template and its test agree; simulator.md).
bool trandom(Machine& m, const Instruction& i) {
  constexpr std::uint64_t kLanes = 64;
  if (!enter_tile_op(m, i)) return false;
  const Tile& d = destination(m, i);
  const auto word = [&](std::size_t k) { return static_cast<std::uint32_t>(m.scalar(i.operands[k])); };
  const auto cols = static_cast<std::uint64_t>(d.valid_cols);
  if (d.valid_rows == 0 || cols == 0) return true;
  const std::uint64_t per_row = (cols - 1) / (4 * kLanes) * kLanes + (cols - 1) % kLanes + 1;
  Words counter{word(2), word(3), word(4), word(5)};
  std::byte *out = output(m, d), *at = out;
  for (std::int64_t row = 0; row < d.valid_rows; ++row, counter = advanced(counter, per_row))
    for (std::uint64_t col = 0; col < cols; col += 4) {
      const Words words = philox(advanced(counter, col / 4), word(0), word(1), i.immediate);
      const std::uint64_t bytes = std::min<std::uint64_t>(cols - col, 4) * 4;
      std::memcpy(at, words.data(), bytes);
      at += bytes;
    }
  return finish(m, d, d.valid_rows, d.valid_cols, out);
}

constexpr std::int64_t kBins = 256;

// Per row, how often each value of byte `immediate` occurs among the elements whose higher bytes are the row's elements
// of idx: column 0 holds the highest byte, column 1 the next one [assumed for u32].
bool thistogram(Machine& m, const Instruction& i) {
  if (!enter_tile_op(m, i)) return false;
  const Tile &s = m.tile(i.operands[0]), &d = destination(m, i);
  const std::int64_t width = element_bytes(s), higher = width - 1 - static_cast<std::int64_t>(i.immediate);
  if (d.valid_rows != s.valid_rows || d.valid_cols != kBins)
    return m.fault_at_tile("valid-mismatch",
                           fmt::format("{}x{} valid counts in the {}, expected {}x{}", d.valid_rows, d.valid_cols,
                                       describe(d), s.valid_rows, kBins),
                           d);
  const std::byte* data = m.read(s, s.valid_rows, s.valid_cols, 0);
  const std::byte* filter = data ? m.read(m.tile(i.operands[1]), higher == 0 ? 0 : s.valid_rows, higher, 1) : nullptr;
  if (!filter) return false;
  std::byte* out = output(m, d);
  auto* counts = reinterpret_cast<std::uint32_t*>(out);
  std::fill_n(counts, d.valid_rows * kBins, 0U);
  const std::byte* at = data;
  for (std::int64_t row = 0; row < s.valid_rows; ++row)
    for (std::int64_t col = 0; col < s.valid_cols; ++col, at += width) {
      bool passes = true;
      for (std::int64_t k = 0; k < higher; ++k) passes = passes && at[width - 1 - k] == filter[row * higher + k];
      if (passes) ++counts[row * kBins + static_cast<std::int64_t>(at[i.immediate])];
    }
  return finish(m, d, d.valid_rows, d.valid_cols, out);
}

}  // namespace

Body generate_body(OpCode code) {
  switch (code) {
    case OpCode::tci:
      return tci;
    case OpCode::ttri:
      return ttri;
    case OpCode::trandom:
      return trandom;
    case OpCode::thistogram:
      return thistogram;
    default:
      return nullptr;
  }
}

}  // namespace assay::sim

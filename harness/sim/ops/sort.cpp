// tsort32 and tmrgsort: lists of pairs of 8 bytes, a value and a 32-bit index (isa 2.4, format 3.3). f32 pairs are two
// elements; f16 pairs are four, the value, two bytes of 0 [assumed], the index. Descending by value; NaN before every
// number [assumed], +0 and -0 equal.
#include <algorithm>

#include "harness/sim/ops/support.h"
#include "harness/sim/ops/table.h"

namespace assay::sim {
namespace {

using pto::OpCode;

constexpr std::int64_t kPairBytes = 8, kBlock = 32, kMaxRepeats = 255, kBlockLenUnit = 64;

std::size_t bytes(std::int64_t count) { return static_cast<std::size_t>(count); }

float value_at(DType dtype, const std::byte* at) {
  std::uint32_t bits = 0;
  std::memcpy(&bits, at, dtype == DType::f32 ? 4 : 2);
  return dtype == DType::f32 ? std::bit_cast<float>(bits) : f16_value(static_cast<std::uint16_t>(bits));
}

// Whether a comes before b, by value alone.
bool precedes(float a, float b) {
  if (a != a || b != b) return a != a && b == b;
  return a > b;
}

struct Pair {
  float value = 0;
  std::uint32_t index = 0;
  const std::byte* bits = nullptr;  // of the value
};

// Each row's blocks of 32, the last one perhaps shorter; ties by lower index.
bool tsort32(Machine& m, const Instruction& i) {
  if (!enter_tile_op(m, i)) return false;
  const Tile &s = m.tile(i.operands[0]), &d = destination(m, i);
  const std::int64_t rows = s.valid_rows, cols = s.valid_cols, width = element_bytes(s), line = cols * kPairBytes;
  if (rows != d.valid_rows)
    return m.fault_at_tile(
        "valid-mismatch", fmt::format("{} valid rows of the {}, the source has {}", d.valid_rows, describe(d), rows), d);
  if (!m.check_covers(d, rows, line / width)) return false;
  const std::byte* values = m.read(s, rows, cols, 0);
  const std::byte* indices = values ? m.read(m.tile(i.operands[1]), rows, cols, 1) : nullptr;
  if (!indices) return false;
  std::byte* out = m.staging(kOutputStage, std::max<std::int64_t>(rows * line, 8));
  std::fill_n(out, rows * line, std::byte{0});
  std::vector<Pair> block;
  for (std::int64_t row = 0; row < rows; ++row)
    for (std::int64_t begin = 0; begin < cols; begin += kBlock) {
      block.clear();
      for (std::int64_t k = row * cols + begin; k < row * cols + std::min(begin + kBlock, cols); ++k) {
        Pair pair{value_at(s.dtype, values + k * width), 0, values + k * width};
        std::memcpy(&pair.index, indices + k * 4, 4);
        block.push_back(pair);
      }
      std::stable_sort(block.begin(), block.end(), [](const Pair& a, const Pair& b) {
        return precedes(a.value, b.value) || (!precedes(b.value, a.value) && a.index < b.index);
      });
      std::byte* at = out + row * line + begin * kPairBytes;
      for (const Pair& pair : block) {
        std::memcpy(at, pair.bits, bytes(width));
        std::memcpy(at + 4, &pair.index, 4);
        at += kPairBytes;
      }
    }
  return finish(m, d, rows, line / width, out);
}

struct List {
  const std::byte* data = nullptr;
  std::int64_t length = 0, taken = 0;  // pairs
};

// Merges until all lists, or when `until_exhausted` one of them, have nothing left; ties take the earlier list. Gives
// the pairs written.
std::int64_t merge(DType dtype, std::span<List> lists, bool until_exhausted, std::byte* out) {
  std::int64_t written = 0;
  while (true) {
    List* best = nullptr;
    for (List& list : lists) {
      if (list.taken == list.length) {
        if (until_exhausted) return written;
        continue;
      }
      const float value = value_at(dtype, list.data + list.taken * kPairBytes);
      if (!best || precedes(value, value_at(dtype, best->data + best->taken * kPairBytes))) best = &list;
    }
    if (!best) return written;
    std::memcpy(out + written++ * kPairBytes, best->data + best->taken++ * kPairBytes, kPairBytes);
  }
}

bool refuse(Machine& m, const Tile& tile, const std::string& message) {
  return m.fault_at_tile("illegal-operand", message + " (isa 2.4)", tile);
}

bool check_list(Machine& m, const Tile& tile) {
  if (tile.rows == 1 && tile.box_rows == 0) return true;
  return refuse(m, tile, fmt::format("{} as list of pairs, expected one row", describe(tile)));
}

// ins(src, block length) outs(dst): four neighbouring sorted blocks become one, block lengths in elements.
bool merge_blocks(Machine& m, const Instruction& i) {
  const Tile &s = m.tile(i.operands[0]), &d = destination(m, i);
  if (!check_list(m, s) || !check_list(m, d)) return false;
  const std::int64_t length = m.integer(i.operands[1]), cols = s.valid_cols, width = element_bytes(s);
  if (length <= 0 || length > cols || length % kBlockLenUnit != 0)
    return refuse(m, s, fmt::format("block length {}, expected a multiple of {} up to the {} valid columns", length,
                                    kBlockLenUnit, cols));
  if (cols % (4 * length) != 0 || cols / (4 * length) > kMaxRepeats)
    return refuse(m, s, fmt::format("{} valid columns, expected 1 to {} times four blocks of {}", cols, kMaxRepeats,
                                    length));
  if (s.valid_rows == 0) return finish(m, d, 0, 0, m.staging(kOutputStage, 8));
  const std::byte* data = m.read(s, 1, cols, 0);
  if (!data || !m.check_covers(d, 1, cols)) return false;
  std::byte* out = m.staging(kOutputStage, cols * width);
  for (std::int64_t begin = 0; begin < cols; begin += 4 * length) {
    List lists[4];
    for (std::int64_t k = 0; k < 4; ++k)
      lists[k] = {data + (begin + k * length) * width, length * width / kPairBytes, 0};
    merge(s.dtype, lists, false, out + begin * width);
  }
  return finish(m, d, 1, cols, out);
}

// ins(2 to 4 lists, scratch) outs(dst, executed counts): the destination takes what it has room for.
bool merge_lists(Machine& m, const Instruction& i) {
  const Tile& d = destination(m, i);
  const std::size_t count = i.ins - 1;
  if (!check_list(m, d)) return false;
  const std::int64_t width = element_bytes(d);
  List lists[4];
  std::vector<std::byte> copies[4];  // more lists than stages
  std::int64_t total = 0;
  for (std::size_t k = 0; k < count; ++k) {
    const Tile& s = m.tile(i.operands[k]);
    if (!check_list(m, s)) return false;
    const std::int64_t cols = s.valid_rows == 0 ? 0 : s.valid_cols;
    if (cols * width % kPairBytes != 0)
      return refuse(m, s, fmt::format("{} valid columns are no whole pairs", s.valid_cols));
    const std::byte* data = m.read(s, cols == 0 ? 0 : 1, cols, 0);
    if (!data) return false;
    copies[k].assign(data, data + cols * width);
    lists[k] = {copies[k].data(), cols * width / kPairBytes, 0};
    total += lists[k].length;
  }
  const Tile& scratch = m.tile(i.operands[count]);
  if (span_bytes(scratch) < total * kPairBytes)
    return refuse(m, scratch, fmt::format("scratch {} for {} pairs", describe(scratch), total));
  std::byte* out = m.staging(kOutputStage, std::max<std::int64_t>(total * kPairBytes, 8));
  const std::int64_t written = merge(d.dtype, std::span(lists).first(count), i.immediate == kUntilExhausted, out);
  LocalArray& executed = m.array(i.operands[i.ins + 1]);
  executed.values.assign(4, 0);
  executed.defined.assign(4, true);
  for (std::size_t k = 0; k < count; ++k) executed.values[k] = static_cast<std::uint64_t>(lists[k].taken);
  const std::int64_t room = d.valid_rows == 0 ? 0 : d.valid_cols;
  return finish(m, d, room == 0 ? 0 : 1, std::min(written * kPairBytes / width, room), out);
}

bool tmrgsort(Machine& m, const Instruction& i) {
  if (!enter_tile_op(m, i)) return false;
  return i.scratch < 0 ? merge_blocks(m, i) : merge_lists(m, i);
}

}  // namespace

Body sort_body(OpCode code) {
  if (code == OpCode::tsort32) return tsort32;
  return code == OpCode::tmrgsort ? tmrgsort : nullptr;
}

}  // namespace assay::sim

// Ranges of bits in words: definedness, one bit per byte of a memory or a tensor. All ranges lie inside the words.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace assay::sim {

using Bits = std::vector<std::uint64_t>;

// Bits [begin, end) of a word, 0 <= begin < end <= 64.
constexpr std::uint64_t bit_mask(std::int64_t begin, std::int64_t end) {
  return (~std::uint64_t{0} >> (64 - (end - begin))) << begin;
}

// Calls visit(word index, mask of the range's bits in it) in ascending order while it returns true.
template <class Visitor>
void for_each_word(std::int64_t begin, std::int64_t end, const Visitor& visit) {
  for (std::int64_t at = begin; at < end;) {
    const std::int64_t word = at / 64, stop = std::min(end, (word + 1) * 64);
    if (!visit(static_cast<std::size_t>(word), bit_mask(at - word * 64, stop - word * 64))) return;
    at = stop;
  }
}

// Index of the first clear bit of [begin, end), or -1. Whole words pass at once: most ranges are long and set.
inline std::int64_t first_clear_bit(const Bits& bits, std::int64_t begin, std::int64_t end) {
  while (begin < end) {
    const std::int64_t word = begin / 64, stop = std::min(end, (word + 1) * 64);
    const std::uint64_t clear = ~bits[static_cast<std::size_t>(word)] & bit_mask(begin - word * 64, stop - word * 64);
    if (clear != 0) return word * 64 + std::countr_zero(clear);
    begin = stop;
    const std::uint64_t* at = bits.data() + begin / 64;
    for (; begin + 64 <= end && *at == ~std::uint64_t{0}; ++at) begin += 64;
  }
  return -1;
}

inline void set_bits(Bits& bits, std::int64_t begin, std::int64_t end) {
  if (begin >= end) return;
  const std::int64_t first = (begin + 63) / 64, last = end / 64;  // words that lie in the range as a whole
  if (first > last) {
    bits[static_cast<std::size_t>(last)] |= bit_mask(begin % 64, end % 64);
    return;
  }
  if (begin % 64 != 0) bits[static_cast<std::size_t>(first - 1)] |= bit_mask(begin % 64, 64);
  std::fill(bits.begin() + first, bits.begin() + last, ~std::uint64_t{0});
  if (end % 64 != 0) bits[static_cast<std::size_t>(last)] |= bit_mask(0, end % 64);
}

inline void clear_bits(Bits& bits, std::int64_t begin, std::int64_t end) {
  for_each_word(begin, end, [&](std::size_t word, std::uint64_t mask) {
    bits[word] &= ~mask;
    return true;
  });
}

// `count` bits from `from` to `to`; the ranges may overlap.
void copy_bits(Bits& bits, std::int64_t to, std::int64_t from, std::int64_t count);

}  // namespace assay::sim

#include "harness/sim/bits.h"

namespace assay::sim {
namespace {

// The `count` <= 64 bits from `at`.
std::uint64_t load(const Bits& bits, std::int64_t at, std::int64_t count) {
  const auto word = static_cast<std::size_t>(at / 64);
  const std::int64_t shift = at % 64;
  std::uint64_t value = bits[word] >> shift;
  if (shift + count > 64) value |= bits[word + 1] << (64 - shift);
  return value & bit_mask(0, count);
}

void store(Bits& bits, std::int64_t at, std::int64_t count, std::uint64_t value) {
  const auto word = static_cast<std::size_t>(at / 64);
  const std::int64_t shift = at % 64, low = std::min<std::int64_t>(count, 64 - shift);
  const std::uint64_t mask = bit_mask(shift, shift + low);
  bits[word] = (bits[word] & ~mask) | ((value << shift) & mask);
  if (low == count) return;
  const std::uint64_t rest = bit_mask(0, count - low);
  bits[word + 1] = (bits[word + 1] & ~rest) | ((value >> low) & rest);
}

}  // namespace

void copy_bits(Bits& bits, std::int64_t to, std::int64_t from, std::int64_t count) {
  const bool ascending = to <= from;
  for (std::int64_t done = 0; done < count;) {
    const std::int64_t step = std::min<std::int64_t>(64, count - done);
    const std::int64_t at = ascending ? done : count - done - step;
    store(bits, to + at, step, load(bits, from + at, step));
    done += step;
  }
}

}  // namespace assay::sim

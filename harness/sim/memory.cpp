#include "harness/sim/memory.h"

#include <algorithm>
#include <cstring>
#include <limits>

namespace assay::sim {
namespace {

// splitmix64's finaliser: spreads seed and address over all bits.
std::uint64_t mix(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9U;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBU;
  return x ^ (x >> 31);
}

}  // namespace

Memory::Memory(std::int64_t capacity) : capacity_(capacity) { grow(capacity); }

void Memory::grow(std::int64_t size) {
  const std::int64_t pages = (size + kPageBytes - 1) / kPageBytes;
  if (pages * kPageBytes <= this->size()) return;
  stamps_.resize(static_cast<std::size_t>(pages), generation_ - 1);
  data_.resize(static_cast<std::size_t>(pages * kPageBytes));
  defined_.resize(data_.size() / 64);
}

void Memory::begin(std::uint64_t poison_seed) {
  seed_ = poison_seed;
  if (generation_ >= std::numeric_limits<std::uint32_t>::max() - 3) {
    std::fill(stamps_.begin(), stamps_.end(), 0U);
    generation_ = 0;
  }
  generation_ += 2;
}

std::uint64_t Memory::pattern(std::size_t word) const { return mix(seed_ * 0x9E3779B97F4A7C15U + word + 1); }

void Memory::poison_words(std::size_t first, std::size_t last) {
  for (std::size_t word = first; word < last; ++word) {
    const std::uint64_t bits = pattern(word);
    std::memcpy(data_.data() + word * 8, &bits, 8);
  }
}

void Memory::poison(std::int64_t address, std::int64_t size) {
  const auto byte = [this](std::int64_t at) {
    const std::uint64_t bits = pattern(static_cast<std::size_t>(at / 8));
    data_[static_cast<std::size_t>(at)] = static_cast<std::byte>(bits >> (8 * (at % 8)));
  };
  const std::int64_t end = address + size;
  while (address < end && address % 8 != 0) byte(address++);
  const std::int64_t whole_end = address + (end - address) / 8 * 8;
  poison_words(static_cast<std::size_t>(address / 8), static_cast<std::size_t>(whole_end / 8));
  for (std::int64_t at = whole_end; at < end; ++at) byte(at);
}

void Memory::reset_page(std::size_t page) {
  const std::size_t begin = page * kPageBytes;
  poison_words(begin / 8, (begin + kPageBytes) / 8);
  std::memset(defined_.data() + begin / 64, 0, kPageBytes / 8);
  stamps_[page] = generation_;
}

void Memory::define_part(std::size_t page, std::int64_t begin, std::int64_t end) {
  set_bits(defined_, begin, end);
  if (end - begin == kPageBytes) stamps_[page] = generation_ + 1;
}

void Memory::define(std::int64_t address, std::int64_t size) {
  for_each_page(address, size, [&](std::size_t page, std::int64_t begin, std::int64_t end) {
    if (!is_defined(page)) define_part(page, begin, end);
    return true;
  });
}

std::byte* Memory::claim(std::int64_t address, std::int64_t size) {
  for_each_page(address, size, [&](std::size_t page, std::int64_t begin, std::int64_t end) {
    if (is_defined(page)) return true;
    if (!is_fresh(page) && end - begin < kPageBytes) reset_page(page);
    define_part(page, begin, end);
    return true;
  });
  return data_.data() + address;
}

std::int64_t Memory::first_undefined(std::int64_t address, std::int64_t size) {
  std::int64_t found = -1;
  for_each_page(address, size, [&](std::size_t page, std::int64_t begin, std::int64_t end) {
    if (is_defined(page)) return true;
    found = first_clear_bit(defined_, begin, end);
    if (found < 0 && end - begin == kPageBytes) stamps_[page] = generation_ + 1;
    return found < 0;
  });
  return found;
}

void Memory::undefine(std::int64_t address, std::int64_t size) {
  touch(address, size);
  for_each_page(address, size, [&](std::size_t page, std::int64_t, std::int64_t) {
    stamps_[page] = generation_;
    return true;
  });
  clear_bits(defined_, address, address + size);
  poison(address, size);
}

void Memory::copy_definedness(std::int64_t to, std::int64_t from, std::int64_t size) {
  for_each_page(to, size, [&](std::size_t page, std::int64_t, std::int64_t) {
    stamps_[page] = generation_;
    return true;
  });
  copy_bits(defined_, to, from, size);
}

}  // namespace assay::sim

// One byte-addressed on-chip memory: data, poison and definedness per byte, kept as bits. A memory is reused by every
// block and every run of a backend; starting afresh costs nothing until a page is touched (pto-isa 1.2, 3; seed bugs
// B23, B24).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "harness/sim/bits.h"

namespace assay::sim {

class Memory {
 public:
  // Addresses 0..capacity-1 are the machine's; storage of tiles without an address lies above and grows on demand.
  explicit Memory(std::int64_t capacity);

  std::int64_t capacity() const { return capacity_; }
  // Bytes that exist: capacity plus private storage.
  std::int64_t size() const { return static_cast<std::int64_t>(data_.size()); }

  // Every byte becomes undefined and holds a pattern made of the seed and its address.
  void begin(std::uint64_t poison_seed);
  // Makes addresses below `size` exist.
  void grow(std::int64_t size);

  // The functions below take ranges inside [0, size()).

  // The bytes of [address, address + size), poisoned where they are undefined.
  std::byte* touch(std::int64_t address, std::int64_t size) {
    for (std::size_t page = page_of(address), last = page_of(address + size - 1); size > 0 && page <= last; ++page)
      if (!is_fresh(page)) reset_page(page);
    return data_.data() + address;
  }
  // The same bytes, defined from now on, for a caller who stores all of them: fresh pages that lie in the range as a
  // whole need no poison.
  std::byte* claim(std::int64_t address, std::int64_t size);
  // The same bytes as they stand, for runs without checks.
  std::byte* raw(std::int64_t address) { return data_.data() + address; }
  // Address of the first undefined byte, or -1. The range was touched.
  std::int64_t first_undefined(std::int64_t address, std::int64_t size);
  // The range was touched and now holds values.
  void define(std::int64_t address, std::int64_t size);
  // The range becomes undefined and poisoned.
  void undefine(std::int64_t address, std::int64_t size);
  // Copies definedness of a touched range onto another touched range.
  void copy_definedness(std::int64_t to, std::int64_t from, std::int64_t size);

 private:
  static constexpr std::int64_t kPageBytes = 1024;
  static std::size_t page_of(std::int64_t address) { return static_cast<std::size_t>(address / kPageBytes); }
  // Calls visit(page, begin, end) for the parts of the range until it returns false.
  template <class Visitor>
  static void for_each_page(std::int64_t address, std::int64_t size, const Visitor& visit) {
    for (std::int64_t at = address, end = address + size; at < end;) {
      const std::size_t page = page_of(at);
      const std::int64_t stop = std::min(end, static_cast<std::int64_t>(page + 1) * kPageBytes);
      if (!visit(page, at, stop)) return;
      at = stop;
    }
  }
  bool is_fresh(std::size_t page) const { return stamps_[page] - generation_ <= 1; }
  bool is_defined(std::size_t page) const { return stamps_[page] == generation_ + 1; }
  void define_part(std::size_t page, std::int64_t begin, std::int64_t end);
  void reset_page(std::size_t page);
  // The eight bytes of undefined memory at 8 * word, little-endian.
  std::uint64_t pattern(std::size_t word) const;
  void poison(std::int64_t address, std::int64_t size);
  void poison_words(std::size_t first, std::size_t last);

  std::int64_t capacity_;
  std::uint64_t seed_ = 0;
  std::uint32_t generation_ = 0;  // even
  // Generation in which a page was last reset; one more once all of the page is known to be defined, so that tiles are
  // checked by pages and not by bytes.
  std::vector<std::uint32_t> stamps_;
  std::vector<std::byte> data_;
  Bits defined_;  // one per byte
};

}  // namespace assay::sim

// Which bytes a tile value stands for, as far as the text of a kernel says: used to follow data through memory between
// operations that name different SSA values of the same address (pto-format.md section 3.1).
#pragma once

#include <cstdint>
#include <vector>

#include "harness/pto/ir.h"

namespace assay::bisect {

// Half-open byte range in one on-chip space.
struct Extent {
  pto::Space space = pto::Space::vec;
  std::int64_t begin = 0;
  std::int64_t end = 0;
  bool overlaps(const Extent& other) const { return space == other.space && begin < other.end && other.begin < end; }
  bool covers(const Extent& other) const { return space == other.space && begin <= other.begin && other.end <= end; }
};

class ExtentMap {
 public:
  explicit ExtentMap(const pto::Function& function);
  // The tile's physical bytes. An address that only the run knows gives the whole space; a tile without address gives a
  // range of its own that overlaps nothing else.
  Extent of(pto::ValueId tile) const { return extents_[tile]; }
  bool is_tile(pto::ValueId value) const;
  // Extents of the tiles the operation reads (inputs but scratch) and writes.
  std::vector<Extent> reads(const pto::Operation& op) const;
  std::vector<Extent> writes(const pto::Operation& op) const;

 private:
  const pto::Function* function_;
  std::vector<Extent> extents_;
};

}  // namespace assay::bisect

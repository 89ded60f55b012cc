// Which memory an operation may touch, as far as the text of its function tells: the least that a compiler must know to
// order it with others. Whatever cannot be told is taken as all of it.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "harness/pto/ir.h"

namespace assay::pto {

struct MemoryRegion {
  enum class Kind : std::uint8_t {
    space,   // bytes [begin, end) of an on-chip memory; id is the Space
    own,     // storage without an address, such as a popped entry; id is the value that made it
    global,  // what is reached from a pointer argument; id is its index, or kAnyArgument
  };
  Kind kind = Kind::space;
  std::uint32_t id = 0;
  std::int64_t begin = 0;
  std::int64_t end = std::numeric_limits<std::int64_t>::max();
  bool operator==(const MemoryRegion&) const = default;
};
inline constexpr std::uint32_t kAnyArgument = std::numeric_limits<std::uint32_t>::max();

// Different arguments are different memory, as compilers of this format assume.
bool may_overlap(const MemoryRegion& a, const MemoryRegion& b);

struct MemoryAccess {
  MemoryRegion region;
  bool writes = false;
};

// Regions of the function's values: tiles by their addresses through views, reshapes, loop-carried values and the
// results of if; pointers and views by the arguments they come from. The function has passed the verifier.
class MemoryRegions {
 public:
  explicit MemoryRegions(const Function& function);

  // Scratch operands are written, destinations too, every other operand is read. Nothing for operations that touch no
  // memory. Not for comm operations and calls, whose accesses are several pipes' or another function's.
  std::vector<MemoryAccess> accesses(const Operation& operation) const;

 private:
  struct Range {  // of an integer; unknown when begin > end
    std::int64_t begin = 1, end = 0;
    bool known() const { return begin <= end; }
  };

  void visit(const Region& region, const Operation* parent);
  void visit_operation(const Operation& operation, const Operation* parent);
  void leave(const Operation& terminator, const Operation* parent);
  void flow(ValueId to, ValueId from);
  void add(ValueId to, const MemoryRegion& region);
  Range range_of(const Operation& operation) const;
  MemoryRegion allocation(const Operation& operation, const TileType& tile, std::int64_t count) const;

  const Function& function_;
  std::vector<std::vector<MemoryRegion>> regions_;  // by value
  std::vector<Range> ranges_;                       // by value
  std::vector<ValueId> popped_;
  bool changed_ = false;
};

}  // namespace assay::pto

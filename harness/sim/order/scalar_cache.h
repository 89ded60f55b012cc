// The scalar data cache of one core: lines of global memory that scalar loads and stores work on, coherent with nobody
// until written back and invalidated (cmo.cacheinvalid) and fenced (fence.barrier_all). pto-isa.md 2.5, seed bug B02.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "harness/pto/ir.h"

namespace assay::sim {

class GlobalTensor;  // one tensor of the run, see global_memory.h

class ScalarCache {
 public:
  explicit ScalarCache(std::int64_t line_bytes);

  struct Stale {
    const pto::Operation* written_by = nullptr;  // the store this load does not see
    const pto::Function* function = nullptr;
  };
  // The element at the byte offset, from the line if it is cached, else from memory (which fills the line). `stale` is
  // set when memory has been written by someone else since the line was filled, or when another core's cache holds a
  // newer value that it has not written back; the value returned is then the old one.
  std::uint64_t load(GlobalTensor& tensor, std::int64_t offset, std::int64_t width, std::optional<Stale>& stale);
  void store(GlobalTensor& tensor, std::int64_t offset, std::int64_t width, std::uint64_t bits,
             const pto::Operation& op, const pto::Function& function);
  // Writes back and drops the lines of [begin, end); what was written becomes visible to others at the next fence.
  void clean_and_invalidate(GlobalTensor& tensor, std::int64_t begin, std::int64_t end);
  void clean_and_invalidate_all();
  void fence();
};

}  // namespace assay::sim

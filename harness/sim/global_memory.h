// The tensors of a run as the machine sees them: owner, windows, definedness per byte, the history of accesses, and who
// caches which lines.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "harness/core/tensor.h"
#include "harness/sim/order/access_history.h"

namespace assay::sim {

class GlobalTensor {
 public:
  GlobalTensor(Tensor& tensor, std::int64_t rank, bool window);

  Tensor& tensor();
  std::byte* bytes();
  std::int64_t size_bytes() const;
  std::int64_t rank() const;
  bool window() const;

  // Whether some launch of the run can write it; tensors that nobody writes need no history.
  bool is_written() const;

  // Definedness, where the caller asked for it (Launch inputs are defined, outputs are not until written).
  std::int64_t first_undefined(std::int64_t begin, std::int64_t end) const;  // -1: all defined
  void define(std::int64_t begin, std::int64_t end);

  // A store that some scalar cache has not written back covers a byte of [begin, end): DMA and other cores read stale
  // bytes there.
  struct DirtyLine {
    const pto::Operation* written_by = nullptr;
    const pto::Function* function = nullptr;
    std::int64_t offset = 0;
  };
  std::optional<DirtyLine> dirty(std::int64_t begin, std::int64_t end) const;

  GlobalHistory& history();
};

}  // namespace assay::sim

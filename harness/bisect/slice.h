// The dynamic slice of bad output elements: the operations whose results can have reached them, from a trace.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "harness/device/backend.h"
#include "harness/pto/ir.h"

namespace assay::bisect {

struct BadElements {
  std::size_t tensor = 0;              // index into Launch::tensors
  std::vector<std::int64_t> elements;  // ascending element offsets
};

// Operation ids, ascending. `trace` holds the events of one run of `function` in program order. Data is followed
// through tile addresses and SSA values, control through enclosing loops and conditions. Empty when nothing wrote the
// elements.
std::vector<std::uint32_t> dynamic_slice(const pto::Function& function, const std::vector<device::TraceEvent>& trace,
                                         const std::vector<BadElements>& bad);

}  // namespace assay::bisect

// Narrowing of whole arrays, one loop per format, mode and instruction set.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "goldens/formats/instruction_set.h"
#include "harness/core/dtype.h"
#include "harness/core/profile/profile.h"

namespace assay::goldens {

// One code an element, e2m1 too; y.size() >= x.size(). `set` is one of instruction_sets().
// 16 bits: f16, bf16. 8 bits: e4m3fn, e4m3fnuz, e5m2, e2m1.
void encode_codes(DType destination, InstructionSet set, std::span<const float> x, Rounding mode,
                  const NarrowingRules& rules, std::span<std::uint16_t> y);
void encode_codes(DType destination, InstructionSet set, std::span<const float> x, Rounding mode,
                  const NarrowingRules& rules, std::span<std::uint8_t> y);

}  // namespace assay::goldens

// Conversions between element types, by what the profile says the written mode means (pto-isa 2.6).
#pragma once

#include <cstddef>

#include "harness/core/dtype.h"
#include "harness/core/profile/profile.h"

namespace assay::sim {

// Whether convert() has the pair; formats of one byte and less are not among them.
bool can_convert(DType source, DType destination);

// `count` elements, dense. f32 to f32 rounds to integral values.
void convert(DType source, DType destination, const ConversionMeaning& meaning, const std::byte* from, std::byte* to,
             std::int64_t count);

}  // namespace assay::sim

#include "goldens/formats/f16.h"

#include "goldens/formats/narrow.h"

namespace assay::goldens {

std::uint16_t encode_f16(float x, Rounding mode, bool saturate) {
  return static_cast<std::uint16_t>(encode(DType::f16, x, mode, saturating(saturate)));
}

float decode_f16(std::uint16_t code) { return decode(DType::f16, code); }

}  // namespace assay::goldens

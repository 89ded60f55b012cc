#include "goldens/formats/bf16.h"

#include "goldens/formats/float_rounding.h"
#include "goldens/formats/narrow.h"

namespace assay::goldens {

void encode_bf16(std::span<const float> x, Rounding mode, bool saturate, std::span<std::uint16_t> y) {
  encode(DType::bf16, x, mode, saturating(saturate), std::as_writable_bytes(y));
}

std::uint16_t encode_bf16(float x, Rounding mode, bool saturate) {
  const Outcomes at = outcomes(kBf16, mode, saturating(saturate));
  return static_cast<std::uint16_t>(narrow(std::bit_cast<std::uint32_t>(x), kBf16, mode, at));
}

void decode_bf16(std::span<const std::uint16_t> x, std::span<float> y) {
  decode(DType::bf16, std::as_bytes(x), y.first(x.size()));
}

}  // namespace assay::goldens

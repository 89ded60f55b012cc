#include "goldens/quantize/int8_gemm.h"
#include "goldens/stages/expert_rows.h"

namespace assay::goldens {

Result<ExpertWeights> expert_weights(const StageRequest& request, std::size_t index) {
  const Shape& shape = input(request, "w1").shape();  // [L, I, D] or [I, D]
  const std::int64_t intermediate = shape[shape.size() - 2], hidden = shape[shape.size() - 1];
  constexpr auto largest = static_cast<std::int64_t>(kLargestInt8Reduction);
  for (const auto& [symbol, extent] : {std::pair{"D", hidden}, std::pair{"I", intermediate}})
    if (extent < 1 || extent > largest)
      return bad_input("{} is {}, expected 1 to {}: sums of more products of INT8 leave INT32", symbol, extent,
                       largest);
  ExpertWeights w{.hidden = static_cast<std::size_t>(hidden), .intermediate = static_cast<std::size_t>(intermediate)};
  const auto matrix = [&](std::string_view name) {
    const std::size_t size = w.hidden * w.intermediate;
    return input(request, name).as<std::int8_t>().subspan(index * size, size);
  };
  const auto scales = [&](std::string_view name, std::size_t size) {
    return input(request, name).as<float>().subspan(index * size, size);
  };
  w.w1 = matrix("w1");
  w.w3 = matrix("w3");
  w.w2 = matrix("w2");
  w.s1 = scales("s1", w.intermediate);
  w.s3 = scales("s3", w.intermediate);
  w.s2 = scales("s2", w.hidden);
  return w;
}

}  // namespace assay::goldens

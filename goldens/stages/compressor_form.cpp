#include "goldens/stages/compressor_form.h"

#include <array>

#include "goldens/stages/support.h"

namespace assay::goldens {

Result<CompressorForm> compressor_form(const StageRequest& request) {
  static constexpr std::array<std::string_view, 2> kForms{"mid", "head"};
  const auto name = option(request, "profile", kForms[0], kForms);
  if (!name) return tl::unexpected(name.error());
  if (*name == "mid") return CompressorForm{};
  return CompressorForm{.online = false, .bf16_rows = false, .weights_input_major = false, .norm_weight = DType::bf16};
}

Result<RingSpan> ring_span(std::string_view stage, const StageRequest& request, std::int64_t ratio, std::int64_t tokens,
                           std::int64_t channels) {
  const std::int64_t start = parameter(request, "start_pos");
  if (start < 0) return bad_input("stage {}: start_pos is {}, expected 0 or more", stage, start);
  if (ratio < 1 || channels < 1)
    return bad_input("stage {}: the state has {} slots of {} channels, expected 1 or more", stage, ratio, channels);
  if (tokens > ratio) return bad_input("stage {}: {} tokens, expected at most one per slot, {}", stage, tokens, ratio);
  return RingSpan{.ratio = static_cast<std::size_t>(ratio),
                  .tokens = static_cast<std::size_t>(tokens),
                  .first_slot = static_cast<std::size_t>(start % ratio),
                  .row = start / ratio};
}

}  // namespace assay::goldens

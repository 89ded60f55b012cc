#include "goldens/stages/compressor_inputs.h"

#include "goldens/stages/compressor_output.h"

namespace assay::goldens {

Result<Projection> read_projection(std::string_view stage, const StageRequest& request, const CompressorForm& form) {
  const Tensor &x = input(request, "x"), &wkv = input(request, "wkv");
  const std::int64_t depth = x.shape()[2];
  const std::size_t input_axis = form.weights_input_major ? 0 : 1;
  if (wkv.shape()[input_axis] != depth || depth == 0)
    return bad_input("stage {}: wkv has shape {}, expected {} = {} inputs, 1 or more, along axis {}", stage,
                     to_string(wkv.shape()), "D", depth, input_axis);
  return Projection{.x = as_f32(x),
                    .wkv = as_f32(wkv),
                    .wgate = as_f32(input(request, "wgate")),
                    .inputs = static_cast<std::size_t>(depth),
                    .channels = static_cast<std::size_t>(wkv.shape()[1 - input_axis]),
                    .input_major = form.weights_input_major};
}

Result<RowInputs> read_row_inputs(std::string_view stage, const StageRequest& request, const CompressorForm& form) {
  const Tensor &norm_w = input(request, "norm_w"), &cos = input(request, "cos");
  if (norm_w.dtype() != form.norm_weight)
    return bad_input("stage {}: norm_w is {}, expected {} in this profile", stage, name(norm_w.dtype()),
                     name(form.norm_weight));
  if (cos.size() > norm_w.size() / 2)
    return bad_input("stage {}: {} rotated pairs, expected at most {}, half of the channels", stage, cos.size(),
                     norm_w.size() / 2);
  const std::int64_t rotate = parameter(request, "rotate");
  if (rotate != 0 && rotate != 1) return bad_input("stage {}: rotate is {}, expected 0 or 1", stage, rotate);
  return RowInputs{.norm_w = as_f32(norm_w),
                   .hadamard = as_f32(input(request, "hadamard")),
                   .cos = cos.as<float>(),
                   .sin = input(request, "sin").as<float>(),
                   .rotate = rotate == 1};
}

GoldenMap untouched_rows(const StageRequest& request, const Shape& kv) {
  const Tensor* before = optional_input(request, "kv");
  GoldenMap outputs;
  outputs["kv"] = before ? determined(*before) : open_output(DType::f32, kv);
  outputs["kv_cache"] = determined(input(request, "kv_cache"));
  return outputs;
}

Result<void> write_rows(std::string_view stage, GoldenMap& outputs, const Numbers& rows, const RingSpan& ring) {
  GoldenOutput &kv = outputs.at("kv"), &cache = outputs.at("kv_cache");
  const Shape& shape = cache.value.shape();
  if (ring.row >= shape[1])
    return bad_input("stage {}: kv_cache has {} rows, and start_pos asks for row {}", stage, shape[1], ring.row);
  const auto channels = static_cast<std::size_t>(shape[2]), cached = static_cast<std::size_t>(shape[1]);
  for (std::size_t b = 0; b < static_cast<std::size_t>(shape[0]); ++b) {
    overwrite(kv, b * ring.tokens * channels, part_of(rows, b * channels, channels, OutputType{}));
    overwrite(cache, (b * cached + static_cast<std::size_t>(ring.row)) * channels,
              part_of(rows, b * channels, channels, {DType::bf16, Rounding::rint, false}));
  }
  return {};
}

void scatter_tokens(GoldenMap& outputs, const Numbers& kv, const Numbers& positioned_score, const RingSpan& ring,
                    std::size_t from, std::size_t to) {
  const auto scatter = [&](GoldenOutput& state, const Numbers& tokens) {
    const Shape& shape = state.value.shape();
    const auto channels = static_cast<std::size_t>(shape[2]);
    for (std::size_t b = 0; b < static_cast<std::size_t>(shape[0]); ++b)
      for (std::size_t token = from; token < to; ++token)
        overwrite(state, (b * ring.ratio + ring.slot(token)) * channels,
                  part_of(tokens, (b * ring.tokens + token) * channels, channels, OutputType{}));
  };
  scatter(outputs.at("kv_state"), kv);
  scatter(outputs.at("score_state"), positioned_score);
}

}  // namespace assay::goldens

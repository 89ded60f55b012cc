// compressor_norm_rope_write, steps 4 to 6 of the ratio-128 compressor (dsv4-chain 5), where the call ends a ring,
// (start_pos mod R) + S >= R:
//   p = bf16(pooled);  n = bf16(fl(fl(p * inv) * norm_w)),  inv = 1 / sqrt(sum p^2 / N + 1e-6)
//   the last 2 P channels as pairs: y0 = x0 cos_j - x1 sin_j,  y1 = x0 sin_j + x1 cos_j, each to bf16
//   kv_row = rotate ? n * hadamard : n;  kv[:, 0, :] = kv_row;  kv_cache[:, start_pos / R, :] = bf16(kv_row)
// All roundings RINT. profile=head keeps float32 throughout and takes norm_w in bf16. Everything else of kv and
// kv_cache keeps its bits.
#include "goldens/stages/compressor_inputs.h"
#include "goldens/stages/registry.h"

namespace assay::goldens {
namespace {

constexpr std::string_view kName = "compressor_norm_rope_write";

Result<GoldenMap> evaluate_compressor_norm_rope_write(const StageRequest& request) {
  const auto form = compressor_form(request);
  if (!form) return tl::unexpected(form.error());
  const auto row = read_row_inputs(kName, request, *form);
  if (!row) return tl::unexpected(row.error());
  const Tensor &kv = input(request, "kv"), &pooled = input(request, "pooled");
  const auto ring = ring_span(kName, request, parameter(request, "ratio"), kv.shape()[1], kv.shape()[2]);
  if (!ring) return tl::unexpected(ring.error());
  GoldenMap outputs = untouched_rows(request, kv.shape());
  if (!ring->pools()) return outputs;
  const Numbers rows = enclosed_numbers(request.profile, [&]<class Arithmetic>(const Arithmetic& math) {
    const auto numbers = inputs_of(math, pooled.as<float>());
    return kv_rows(math, *form, row->weights(), std::span<const typename Arithmetic::Number>(numbers));
  });
  if (auto written = write_rows(kName, outputs, rows, *ring); !written) return tl::unexpected(written.error());
  return outputs;
}

}  // namespace

Stage compressor_norm_rope_write() {
  return {.name = kName,
          .clause = "dsv4-chain 5",
          .inputs = {{"pooled", {DType::f32}, {"B", "N"}},
                     {"norm_w", {DType::f32, DType::bf16}, {"N"}},
                     {"cos", {DType::f32}, {"1", "P"}},
                     {"sin", {DType::f32}, {"1", "P"}},
                     {"hadamard", {DType::bf16}, {"N", "N"}},
                     {"kv", {DType::f32}, {"B", "S", "N"}},
                     {"kv_cache", {DType::bf16}, {"B", "M", "N"}}},
          .outputs = {{"kv", {DType::f32}, {"B", "S", "N"}}, {"kv_cache", {DType::bf16}, {"B", "M", "N"}}},
          .parameters = {{"start_pos"}, {"ratio", 128}, {"rotate", 0}},
          .options = {"profile"},
          .evaluate = evaluate_compressor_norm_rope_write,
          .relations = {RowsRelation{"B"},
                        PowerOfTwoRelation{{{"norm_w", 1}, {"kv", 1}, {"kv_cache", 1}}, {{"kv", 1}, {"kv_cache", 1}}}}};
}

}  // namespace assay::goldens

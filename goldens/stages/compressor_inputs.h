// Inputs of the compressor's stages, decoded and checked beyond what their ports say (dsv4-chain 5).
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "goldens/stages/compressor_output.h"
#include "goldens/stages/compressor_steps.h"
#include "goldens/stages/stage.h"

namespace assay::goldens {

// Step 1: x [B, S, D], wkv and wgate [D, N] or [N, D].
struct Projection {
  std::vector<float> x, wkv, wgate;
  std::size_t inputs = 0, channels = 0;
  bool input_major = true;

  WeightMatrix kv() const { return {wkv, channels, inputs, input_major}; }
  WeightMatrix score() const { return {wgate, channels, inputs, input_major}; }
};
// Errors: weights that do not have D inputs; x without channels.
Result<Projection> read_projection(std::string_view stage, const StageRequest& request, const CompressorForm& form);

// Steps 4 to 6.
struct RowInputs {
  std::vector<float> norm_w, hadamard;
  std::span<const float> cos, sin;
  bool rotate = false;

  RowWeights weights() const { return {norm_w, cos, sin, hadamard, rotate}; }
};
// Errors: norm_w not of the form's dtype; more rotated channels than there are; rotate neither 0 nor 1.
Result<RowInputs> read_row_inputs(std::string_view stage, const StageRequest& request, const CompressorForm& form);

// kv and kv_cache as they were: kv_cache is an input, kv may be an optional one, whose absence leaves it open.
GoldenMap untouched_rows(const StageRequest& request, const Shape& kv);
// Step 6: rows [B, N] go to kv[:, 0, :] and, rounded to bf16, to kv_cache[:, row, :]. Error: kv_cache has no such row.
Result<void> write_rows(std::string_view stage, GoldenMap& outputs, const Numbers& rows, const RingSpan& ring);

// Steps 2 and 7: writes the tokens [from, to) of every batch entry into their slots. kv, positioned_score [B, S, N].
void scatter_tokens(GoldenMap& outputs, const Numbers& kv, const Numbers& positioned_score, const RingSpan& ring,
                    std::size_t from, std::size_t to);

}  // namespace assay::goldens

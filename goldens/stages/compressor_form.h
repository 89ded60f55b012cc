// The two published forms of the ratio-128 compressor, and where a call stands in the ring of slots (dsv4-chain 5).
#pragma once

#include <cstddef>
#include <cstdint>

#include "goldens/stages/stage.h"

namespace assay::goldens {

struct CompressorForm {
  bool online = true;               // one pass with a running maximum; otherwise maximum, exp, sum
  bool bf16_rows = true;            // pooled, normalised and rotated rows are rounded to bf16; otherwise float32
  bool weights_input_major = true;  // wkv, wgate are [D, N]; otherwise [N, D]
  DType norm_weight = DType::f32;
};
// Option profile: "mid" (where absent) or "head". Error: anything else.
Result<CompressorForm> compressor_form(const StageRequest& request);

// A call with `tokens` consecutive positions from start_pos on, over a ring of `ratio` slots.
struct RingSpan {
  std::size_t ratio = 0, tokens = 0;
  std::size_t first_slot = 0;  // start_pos mod ratio
  std::int64_t row = 0;        // start_pos / ratio: the compressed row that this ring ends in

  std::size_t slot(std::size_t token) const { return (first_slot + token) % ratio; }
  // Tokens before the boundary, which take part in this pool; the others are scattered after it.
  std::size_t before() const { return tokens < ratio - first_slot ? tokens : ratio - first_slot; }
  bool pools() const { return first_slot + tokens >= ratio; }
};
// Reads the parameter start_pos, for states [B, ratio, channels]. Errors: negative; a ring without slots or channels;
// more tokens than slots, which would meet.
Result<RingSpan> ring_span(std::string_view stage, const StageRequest& request, std::int64_t ratio, std::int64_t tokens,
                           std::int64_t channels);

}  // namespace assay::goldens

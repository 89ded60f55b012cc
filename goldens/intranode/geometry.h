// The configuration of intranode MoE dispatch and combine, and what of it is legal (ep-dispatch-combine 1.1, 1.2).
//
// Launch geometry (blocks, warps) and one rank's own number are no part of the mathematics and do not appear: a stage
// holds all ranks, which are also the processing elements (PEs), along its leading axis.
#pragma once

#include <cstdint>
#include <string_view>

#include "goldens/stages/stage.h"

namespace assay::goldens::intranode {

struct Geometry {
  std::int64_t ranks = 0;             // ws
  std::int64_t max_tokens = 0;        // M, of one rank
  std::int64_t top_k = 0;             // k, experts per token
  std::int64_t experts_per_rank = 0;  // epr
  // R: one pool of slots at every PE, not partitioned by source. ws * M without a cap, else ws * min(ceil(cap / ws),
  // M), which may exceed the cap.
  std::int64_t receive_slots = 0;

  std::int64_t sources() const { return ranks * max_tokens; }  // token t of rank r is source r * M + t
  std::int64_t experts() const { return ranks * experts_per_rank; }
};

// From the shape of the input `indices` [WS, M, K] and the parameters `epr` and `cap` (0: off; above ws * M: clamped).
// Errors name the field: ws > 8, k > 64, anything not positive, 0 < cap < ws, ws * epr or ws * M beyond int32.
Result<Geometry> read_geometry(const StageRequest& request);

// A row of `columns` elements is a positive multiple of 16 bytes.
Result<void> check_row_bytes(std::string_view tensor, DType dtype, std::int64_t columns);

}  // namespace assay::goldens::intranode

// What changed in the chain's numerics over time, and the model sizes it ran at, as data (dsv4-chain 0 and 2). The
// profiles and configurations are the .toml files beside this header, compiled into the binary.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "harness/core/dtype.h"
#include "harness/core/error.h"
#include "harness/core/profile/profile.h"

namespace assay::goldens {

// Where the route weight enters (dsv4-chain 3.4, 3.6).
enum class RouteWeight : std::uint8_t {
  hidden,    // multiplies h before it is quantised (P772)
  combine,   // multiplies the expert's row where rows are added (MID)
  w2_scale,  // multiplies the row scale of the second dequantisation (HEAD)
};

enum class InverseRms : std::uint8_t {
  reciprocal_of_root,  // two rounded operations
  reciprocal_root,     // one
};

// How hc_pre adds its four weighted streams (dsv4-chain 3.1).
enum class MixOrder : std::uint8_t { ascending, pairwise };

enum class RoutePolicy : std::uint8_t {
  local_ids,   // dst = (my_rank + k) mod N, expert = id                    (3.3a, P772)
  global_ids,  // dst = id / L, expert = id mod L                           (3.3a EXDC, 3.3b, 3.3c)
};

struct ChainProfile {
  std::string name;                // "p772", "mid", "head"
  DType stream = DType::bf16;      // x_hc in, y out
  DType norm_weight = DType::f32;  // dtype of norm_w
  Rounding int8 = Rounding::rint;  // RND of Q
  InverseRms hc_inverse_rms = InverseRms::reciprocal_root, gate_inverse_rms = InverseRms::reciprocal_root;
  std::int64_t hc_linear_splits = 1;  // K-splits of hc_pre's linear map, added ascending
  std::int64_t gate_splits = 1;       // parts of D of equal size that the gate's sums add up first (dsv4-chain 3.2)
  MixOrder mix_order = MixOrder::ascending;
  bool deferred_norm = false;       // HEAD's gate: quantise x * norm_w, fold inv_rms into scale and logits
  bool softplus_floor = false;      // HEAD: below -10 blend in exp(x)
  bool quantised_dispatch = false;  // dispatch carries INT8 rows and their scales
  RouteWeight route_weight = RouteWeight::hidden;
  RoutePolicy route_policy = RoutePolicy::global_ids;
  bool clamp_shared = false;  // the shared expert clamps like the routed ones
};

struct ModelConfig {
  std::string name;  // "demo", "flash", "pro"
  std::int64_t hidden = 0, intermediate = 0, experts = 0, top_k = 0, hash_layers = 0, vocabulary = 0,
               shared_experts = 1;
  float route_scale = 1, swiglu_limit = 0;  // 0: no limit
  std::int64_t streams = 4, sinkhorn_iterations = 20;
  float hc_eps = 1e-6F, rms_eps = 1e-6F;
  std::int64_t head_dim = 512, rope_dim = 64;
};

std::vector<std::string> chain_profile_names();
std::vector<std::string> model_config_names();
// Errors list the known names.
Result<ChainProfile> load_chain_profile(std::string_view name);
Result<ModelConfig> load_model_config(std::string_view name);

}  // namespace assay::goldens

// The options "profile" and "config" of the chain's stages: which published numerics, which model's sizes (dsv4-chain 0
// and 2).
#pragma once

#include <limits>

#include "goldens/chain/chain_profile.h"
#include "goldens/stages/stage.h"

namespace assay::goldens {

// Option profile; "p772" where absent. Error: unknown.
Result<ChainProfile> chain_profile_option(const StageRequest& request);
// Option config; "demo" where absent. Error: unknown.
Result<ModelConfig> model_config_option(const StageRequest& request);
// Option swiglu_limit, 0 for none; the configuration's where absent. Error: no finite number, or negative.
Result<float> swiglu_limit_option(const StageRequest& request);
// Option `name` as a finite float32; nothing where absent. Error: not a number.
Result<std::optional<float>> number_option(const StageRequest& request, std::string_view name);

// The fallback of the parameter num_tokens.
inline constexpr std::int64_t kAllTokens = std::numeric_limits<std::int64_t>::max();
// Tokens of each rank that take part: num_tokens clamped to [0, tokens] (dsv4-chain 3.2). Only HEAD has the parameter.
// Error: given with another profile.
Result<std::size_t> active_tokens(const StageRequest& request, const ChainProfile& profile, std::size_t tokens);

// Error: the tensor's dtype is not the one that the profile gives this port.
Result<void> check_chain_dtype(const ChainProfile& profile, std::string_view port, const Tensor& tensor,
                               DType expected);

}  // namespace assay::goldens

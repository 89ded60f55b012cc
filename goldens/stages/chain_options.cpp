#include "goldens/stages/chain_options.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "goldens/stages/support.h"

namespace assay::goldens {
namespace {

std::string_view text_of(const StageRequest& request, std::string_view name, std::string_view fallback) {
  const auto found = request.options.find(name);
  return found == request.options.end() ? fallback : std::string_view(found->second);
}

}  // namespace

Result<ChainProfile> chain_profile_option(const StageRequest& request) {
  return load_chain_profile(text_of(request, "profile", "p772"));
}

Result<ModelConfig> model_config_option(const StageRequest& request) {
  return load_model_config(text_of(request, "config", "demo"));
}

Result<std::optional<float>> number_option(const StageRequest& request, std::string_view name) {
  const auto found = request.options.find(name);
  if (found == request.options.end()) return std::nullopt;
  const std::string& text = found->second;
  float value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value))
    return bad_input("option {}={}: expected a finite number", name, text);
  return value;
}

Result<float> swiglu_limit_option(const StageRequest& request) {
  const auto config = model_config_option(request);
  if (!config) return tl::unexpected(config.error());
  const auto limit = number_option(request, "swiglu_limit");
  if (!limit) return tl::unexpected(limit.error());
  if (*limit && **limit < 0) return bad_input("option swiglu_limit={}: expected 0 (off) or above", **limit);
  return limit->value_or(config->swiglu_limit);
}

Result<std::size_t> active_tokens(const StageRequest& request, const ChainProfile& profile, std::size_t tokens) {
  const std::int64_t asked = parameter(request, "num_tokens");
  if (asked != kAllTokens && !profile.deferred_norm)
    return bad_input("parameter num_tokens={}: profile {} has none", asked, profile.name);
  return static_cast<std::size_t>(std::clamp<std::int64_t>(asked, 0, static_cast<std::int64_t>(tokens)));
}

Result<void> check_chain_dtype(const ChainProfile& profile, std::string_view port, const Tensor& tensor,
                               DType expected) {
  if (tensor.dtype() == expected) return {};
  return bad_input("profile {}: input '{}' is {}, expected {}", profile.name, port, name(tensor.dtype()),
                   name(expected));
}

}  // namespace assay::goldens

#include "goldens/chain/chain_profile.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <toml.hpp>

#include "goldens/chain/compiled.h"

namespace assay::goldens {
namespace {

using Texts = std::map<std::string_view, std::string_view>;

// One file's table. Every key must be there, and no other: the files are data of this program, so a fault is thrown and
// becomes an internal error.
class Table {
 public:
  explicit Table(std::string_view text) {
    std::istringstream stream{std::string(text)};
    root_ = toml::parse(stream);
  }

  template <class T>
  void read(const char* key, T& value) {
    if constexpr (std::is_same_v<T, float>)
      value = static_cast<float>(toml::find<double>(root_, key));
    else
      value = toml::find<T>(root_, key);
    ++read_;
  }
  // `words` name the enumerators in their order.
  template <class Enum, std::size_t N>
  void read(const char* key, Enum& value, const std::array<std::string_view, N>& words) {
    std::string word;
    read(key, word);
    const auto found = std::ranges::find(words, word);
    if (found == words.end()) throw std::runtime_error(fmt::format("{} = '{}', expected one of {}", key, word, words));
    value = static_cast<Enum>(found - words.begin());
  }
  // `parse` gives the value of a word, if it has one.
  template <class Value, class Parse>
  void parse(const char* key, Value& value, Parse parse) {
    std::string word;
    read(key, word);
    const std::optional<Value> parsed = parse(word);
    if (!parsed) throw std::runtime_error(fmt::format("{} = '{}' is unknown", key, word));
    value = *parsed;
  }
  void nothing_else() const {
    if (root_.as_table().size() != read_) throw std::runtime_error("a key that nobody reads");
  }

 private:
  toml::value root_;
  std::size_t read_ = 0;
};

constexpr std::array<std::string_view, 2> kInverseRms{"reciprocal_of_root", "reciprocal_root"};
constexpr std::array<std::string_view, 2> kMixOrders{"ascending", "pairwise"};
constexpr std::array<std::string_view, 3> kRouteWeights{"hidden", "combine", "w2_scale"};
constexpr std::array<std::string_view, 2> kRoutePolicies{"local_ids", "global_ids"};

void read_all(Table& table, ChainProfile& profile) {
  const auto dtype = [](const std::string& word) { return parse_dtype(word); };
  table.read("name", profile.name);
  table.parse("stream", profile.stream, dtype);
  table.parse("norm_weight", profile.norm_weight, dtype);
  table.parse("int8", profile.int8, [](const std::string& word) { return parse_rounding(word); });
  table.read("hc_inverse_rms", profile.hc_inverse_rms, kInverseRms);
  table.read("gate_inverse_rms", profile.gate_inverse_rms, kInverseRms);
  table.read("hc_linear_splits", profile.hc_linear_splits);
  table.read("gate_splits", profile.gate_splits);
  table.read("mix_order", profile.mix_order, kMixOrders);
  table.read("deferred_norm", profile.deferred_norm);
  table.read("softplus_floor", profile.softplus_floor);
  table.read("quantised_dispatch", profile.quantised_dispatch);
  table.read("route_weight", profile.route_weight, kRouteWeights);
  table.read("route_policy", profile.route_policy, kRoutePolicies);
  table.read("clamp_shared", profile.clamp_shared);
}

void read_all(Table& table, ModelConfig& config) {
  table.read("name", config.name);
  table.read("hidden", config.hidden);
  table.read("intermediate", config.intermediate);
  table.read("experts", config.experts);
  table.read("top_k", config.top_k);
  table.read("hash_layers", config.hash_layers);
  table.read("vocabulary", config.vocabulary);
  table.read("shared_experts", config.shared_experts);
  table.read("route_scale", config.route_scale);
  table.read("swiglu_limit", config.swiglu_limit);
  table.read("streams", config.streams);
  table.read("sinkhorn_iterations", config.sinkhorn_iterations);
  table.read("hc_eps", config.hc_eps);
  table.read("rms_eps", config.rms_eps);
  table.read("head_dim", config.head_dim);
  table.read("rope_dim", config.rope_dim);
}

std::vector<std::string> names(const Texts& texts) {
  std::vector<std::string> result;
  for (const auto& [name, text] : texts) result.emplace_back(name);
  return result;
}

template <class Data>
Result<Data> load(const Texts& texts, std::string_view what, std::string_view name) {
  const auto found = texts.find(name);
  if (found == texts.end())
    return bad_input("unknown {} '{}', expected one of {}", what, name, fmt::join(names(texts), ", "));
  Data data;
  try {
    Table table(found->second);
    read_all(table, data);
    table.nothing_else();
  } catch (const std::exception& error) {
    return internal_error("{} '{}': {}", what, name, error.what());
  }
  return data;
}

}  // namespace

std::vector<std::string> chain_profile_names() { return names(compiled_chain_profiles()); }
std::vector<std::string> model_config_names() { return names(compiled_model_configs()); }

Result<ChainProfile> load_chain_profile(std::string_view name) {
  return load<ChainProfile>(compiled_chain_profiles(), "chain profile", name);
}
Result<ModelConfig> load_model_config(std::string_view name) {
  return load<ModelConfig>(compiled_model_configs(), "model configuration", name);
}

}  // namespace assay::goldens

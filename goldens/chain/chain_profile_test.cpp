#include "goldens/chain/chain_profile.h"

#include <gtest/gtest.h>

namespace assay::goldens {
namespace {

// dsv4-chain 2, row by row: the values of DEMO, FLASH and PRO.
struct ConfigRow {
  const char* symbol;
  double (*value)(const ModelConfig&);
  double demo, flash, pro;
};

const ConfigRow kConfigRows[] = {
    {"D hidden", [](const ModelConfig& c) { return static_cast<double>(c.hidden); }, 4096, 4096, 7168},
    {"MOE_INTER", [](const ModelConfig& c) { return static_cast<double>(c.intermediate); }, 4096, 2048, 3072},
    {"routed experts", [](const ModelConfig& c) { return static_cast<double>(c.experts); }, 8, 256, 384},
    {"TOPK", [](const ModelConfig& c) { return static_cast<double>(c.top_k); }, 2, 6, 6},
    {"shared experts", [](const ModelConfig& c) { return static_cast<double>(c.shared_experts); }, 1, 1, 1},
    {"ROUTE_SCALE", [](const ModelConfig& c) { return static_cast<double>(c.route_scale); }, 1, 1.5, 2.5},
    {"SWIGLU_LIMIT", [](const ModelConfig& c) { return static_cast<double>(c.swiglu_limit); }, 0, 10, 10},
    {"hash layers", [](const ModelConfig& c) { return static_cast<double>(c.hash_layers); }, 0, 3, 3},
    {"HC_MULT", [](const ModelConfig& c) { return static_cast<double>(c.streams); }, 4, 4, 4},
    {"sinkhorn iters", [](const ModelConfig& c) { return static_cast<double>(c.sinkhorn_iterations); }, 20, 20, 20},
    {"hc_eps", [](const ModelConfig& c) { return static_cast<double>(c.hc_eps); }, 1e-6F, 1e-6F, 1e-6F},
    {"rms_eps", [](const ModelConfig& c) { return static_cast<double>(c.rms_eps); }, 1e-6F, 1e-6F, 1e-6F},
    {"head_dim", [](const ModelConfig& c) { return static_cast<double>(c.head_dim); }, 512, 512, 512},
    {"rope dim", [](const ModelConfig& c) { return static_cast<double>(c.rope_dim); }, 64, 64, 64},
    {"vocab", [](const ModelConfig& c) { return static_cast<double>(c.vocabulary); }, 129280, 129280, 129280},
};

TEST(ModelConfig, IsTheTableOfTheSpecification) {
  const ModelConfig demo = load_model_config("demo").value(), flash = load_model_config("flash").value(),
                    pro = load_model_config("pro").value();
  for (const ConfigRow& row : kConfigRows) {
    EXPECT_EQ(row.value(demo), row.demo) << row.symbol;
    EXPECT_EQ(row.value(flash), row.flash) << row.symbol;
    EXPECT_EQ(row.value(pro), row.pro) << row.symbol;
  }
}

TEST(ModelConfig, Names) {
  EXPECT_EQ(model_config_names(), (std::vector<std::string>{"demo", "flash", "pro"}));
  for (const std::string& name : model_config_names()) EXPECT_EQ(load_model_config(name).value().name, name);
  const auto unknown = load_model_config("mini");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().kind, ErrorKind::bad_input);
  EXPECT_NE(unknown.error().message.find("demo, flash, pro"), std::string::npos);
}

TEST(ChainProfile, Names) {
  EXPECT_EQ(chain_profile_names(), (std::vector<std::string>{"head", "mid", "p772"}));
  for (const std::string& name : chain_profile_names()) EXPECT_EQ(load_chain_profile(name).value().name, name);
  const auto unknown = load_chain_profile("tail");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().kind, ErrorKind::bad_input);
  EXPECT_NE(unknown.error().message.find("head, mid, p772"), std::string::npos);
}

// dsv4-chain 0, 1 and 3.1 to 3.8.
TEST(ChainProfile, FollowTheSpecification) {
  const ChainProfile p772 = load_chain_profile("p772").value(), mid = load_chain_profile("mid").value(),
                     head = load_chain_profile("head").value();
  const auto expect = [&](const char* what, auto field, auto of_p772, auto of_mid, auto of_head) {
    EXPECT_TRUE(p772.*field == of_p772 && mid.*field == of_mid && head.*field == of_head) << what;
  };
  expect("stream", &ChainProfile::stream, DType::bf16, DType::bf16, DType::f32);
  expect("norm_weight", &ChainProfile::norm_weight, DType::f32, DType::f32, DType::bf16);
  expect("int8", &ChainProfile::int8, Rounding::round, Rounding::rint, Rounding::rint);
  expect("hc_inverse_rms", &ChainProfile::hc_inverse_rms, InverseRms::reciprocal_of_root, InverseRms::reciprocal_root,
         InverseRms::reciprocal_root);
  expect("gate_inverse_rms", &ChainProfile::gate_inverse_rms, InverseRms::reciprocal_of_root,
         InverseRms::reciprocal_of_root, InverseRms::reciprocal_of_root);
  expect("hc_linear_splits", &ChainProfile::hc_linear_splits, 1, 1, 4);
  expect("gate_splits", &ChainProfile::gate_splits, 1, 1, 8);
  expect("mix_order", &ChainProfile::mix_order, MixOrder::ascending, MixOrder::ascending, MixOrder::pairwise);
  expect("deferred_norm", &ChainProfile::deferred_norm, false, false, true);
  expect("softplus_floor", &ChainProfile::softplus_floor, false, false, true);
  expect("quantised_dispatch", &ChainProfile::quantised_dispatch, false, true, true);
  expect("route_weight", &ChainProfile::route_weight, RouteWeight::hidden, RouteWeight::combine, RouteWeight::w2_scale);
  expect("route_policy", &ChainProfile::route_policy, RoutePolicy::local_ids, RoutePolicy::global_ids,
         RoutePolicy::global_ids);
  expect("clamp_shared", &ChainProfile::clamp_shared, true, false, true);
}

}  // namespace
}  // namespace assay::goldens

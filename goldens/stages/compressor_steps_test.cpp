// Each step of the compressor as a stage of its own; compressor_test.cpp chains them.
#include <gtest/gtest.h>

#include <numeric>

#include "goldens/relations/relation_test_support.h"
#include "goldens/stages/compressor_model.h"

namespace assay::goldens {
namespace {

// The inputs of one step, taken from a whole call's.
StageCall step_of(const StageCall& whole, const char* stage, const std::vector<std::string>& inputs, bool positioned) {
  StageCall call{.stage = stage, .inputs = {}, .parameters = {}, .options = {}, .profile = whole.profile};
  for (const std::string& name : inputs) call.inputs[name] = whole.inputs.at(name);
  if (positioned) call.parameters["start_pos"] = whole.parameters.at("start_pos");
  return call;
}

// One token that is a unit vector picks a row of the weights: [D, N] in mid, [N, D] in head.
TEST(CompressorKvScore, AUnitTokenPicksItsWeights) {
  FloatSamples samples(71);
  for (const bool head : {false, true}) {
    const CompressorSizes sizes{.batch = 1, .tokens = 1, .depth = 5, .channels = 4, .slots = 2, .pairs = 1};
    StageCall call =
        step_of(compressor_call(samples, sizes, 0, false, head), "compressor_kv_score", {"x", "wkv", "wgate"}, false);
    call.options["profile"] = head ? "head" : "mid";
    call.inputs.at("x") = bf16_tensor({1, 1, 5}, {0, 0, 0, 1, 0});
    const GoldenMap golden = call.run().value();
    EXPECT_TRUE(is_enclosed(golden.at("kv")) && is_enclosed(golden.at("score")));
    for (std::int64_t n = 0; n < 4; ++n) {
      const std::int64_t i = head ? n * 5 + 3 : 3 * 4 + n;
      EXPECT_EQ(at(golden.at("kv").value, n), at(call.inputs.at("wkv"), i));
      EXPECT_EQ(at(golden.at("score").value, n), at(call.inputs.at("wgate"), i));
    }
  }
}

TEST(CompressorKvScore, RelationsAndErrors) {
  FloatSamples samples(72);
  for (const bool head : {false, true}) {
    const StageCall whole = compressor_call(samples, {.batch = 3}, 0, false, head);
    StageCall call = step_of(whole, "compressor_kv_score", {"x", "wkv", "wgate"}, false);
    call.options["profile"] = head ? "head" : "mid";
    EXPECT_TRUE(relations_hold(call));
    call.options["profile"] = head ? "mid" : "head";
    EXPECT_NE(call.run().error().message.find("wkv has shape"), std::string::npos);
  }
}

TEST(CompressorStateScatter, WritesBeforeTheBoundaryAndNextPastIt) {
  FloatSamples samples(73);
  StageCall whole = compressor_call(samples, {.tokens = 3}, 6, false, false);
  whole.inputs["score"] = normal_tensor(DType::f32, {2, 3, 16}, samples);
  const std::vector<std::string> inputs{"kv", "score", "ape", "kv_state", "score_state"};
  // Slots 6 and 7 take tokens 0 and 1; slot 0 of the next ring takes token 2.
  const std::array<std::array<std::int64_t, 8>, 2> token_of{
      {{-1, -1, -1, -1, -1, -1, 0, 1}, {2, -1, -1, -1, -1, -1, -1, -1}}};
  for (const bool next : {false, true}) {
    const StageCall call =
        step_of(whole, next ? "compressor_state_scatter_next" : "compressor_state_scatter", inputs, true);
    const GoldenMap golden = call.run().value();
    for (std::int64_t b = 0; b < 2; ++b)
      for (std::int64_t i = 0; i < 8 * 16; ++i) {
        const std::int64_t slot = i / 16, n = i % 16, token = token_of[next][static_cast<std::size_t>(slot)];
        const std::int64_t state = b * 128 + i, source = (b * 3 + token) * 16 + n;
        const float kv = token < 0 ? at(call.inputs.at("kv_state"), state) : at(call.inputs.at("kv"), source);
        const float score = token < 0 ? at(call.inputs.at("score_state"), state)
                                      : at(call.inputs.at("score"), source) + at(call.inputs.at("ape"), i);
        ASSERT_EQ(at(golden.at("kv_state").value, state), kv);
        ASSERT_EQ(at(golden.at("score_state").value, state), score);
      }
    EXPECT_TRUE(is_determined(golden.at("kv_state")));
    EXPECT_TRUE(is_determined(golden.at("score_state")));
    EXPECT_TRUE(relations_hold(call));
  }
}

// Bits of a NaN in an untouched slot stay.
TEST(CompressorStateScatter, KeepsEveryBitOfOtherSlots) {
  FloatSamples samples(74);
  StageCall whole = compressor_call(samples, {}, 2, false, false);
  whole.inputs["score"] = normal_tensor(DType::f32, {2, 2, 16}, samples);
  StageCall call = step_of(whole, "compressor_state_scatter", {"kv", "score", "ape", "kv_state", "score_state"}, true);
  call.inputs.at("kv_state").set_bits(5 * 16, 0xFFC12345);
  const GoldenOutput state = call.output("kv_state");
  for (const Tensor* tensor : {&state.value, &state.lo, &state.hi}) EXPECT_EQ(tensor->bits(5 * 16), 0xFFC12345u);
}

StageCall row_call(FloatSamples& samples, const CompressorSizes& sizes, std::int64_t start, bool rotate, bool head) {
  StageCall whole = compressor_call(samples, sizes, start, rotate, head);
  whole.inputs["pooled"] = normal_tensor(DType::f32, {sizes.batch, sizes.channels}, samples);
  StageCall call = step_of(whole, "compressor_norm_rope_write",
                           {"pooled", "norm_w", "cos", "sin", "hadamard", "kv", "kv_cache"}, true);
  call.options = whole.options;
  call.parameters["ratio"] = sizes.slots;
  call.parameters["rotate"] = rotate;
  return call;
}

// A quarter turn of the last two pairs of neighbours, on a row whose RMS is 1: (x0, x1) becomes (-x1, x0).
TEST(CompressorNormRopeWrite, TurnsPairsOfNeighbours) {
  FloatSamples samples(75);
  StageCall call = row_call(samples, {.batch = 1, .tokens = 1, .channels = 8, .pairs = 2}, 7, false, false);
  call.inputs.at("pooled") = f32_tensor({1, 8}, {1, -1, 1, 1, -1, 1, 1, 1});
  call.inputs.at("norm_w") = f32_tensor({8}, {1, 2, 3, 4, 5, 6, 7, 8});
  call.inputs.at("cos") = f32_tensor({1, 2}, {0, 0});
  call.inputs.at("sin") = f32_tensor({1, 2}, {1, 1});
  const GoldenMap golden = call.run().value();
  const std::array expected{1.0F, -2.0F, 3.0F, 4.0F, -6.0F, -5.0F, -8.0F, 7.0F};
  for (std::int64_t n = 0; n < 8; ++n) {
    EXPECT_EQ(at(golden.at("kv").value, n), expected[static_cast<std::size_t>(n)]);
    EXPECT_EQ(at(golden.at("kv_cache").value, n), expected[static_cast<std::size_t>(n)]);
  }
}

// MID rounds pooled, the norm and the pairs to bf16, HEAD nothing but the cache.
TEST(CompressorNormRopeWrite, HeadKeepsFloat32) {
  FloatSamples samples(76);
  const auto is_bf16 = [](float x) { return (std::bit_cast<std::uint32_t>(x) & 0xFFFF) == 0; };
  for (const bool head : {false, true}) {
    const GoldenOutput kv = row_call(samples, {.batch = 1, .tokens = 1}, 7, false, head).output("kv");
    int rounded = 0;
    for (std::int64_t n = 0; n < 16; ++n) rounded += is_bf16(at(kv.value, n));
    EXPECT_EQ(rounded, head ? 0 : 16);
  }
}

TEST(CompressorNormRopeWrite, RelationsAndNoBoundary) {
  FloatSamples samples(77);
  for (const bool head : {false, true}) {
    StageCall call = row_call(samples, {.batch = 3}, 6, head, head);
    call.profile = load_profile("a2a3").value();
    EXPECT_TRUE(relations_hold(call));
    call.parameters["start_pos"] = 3;
    const GoldenMap golden = call.run().value();
    for (const char* name : {"kv", "kv_cache"}) {
      EXPECT_EQ(golden.at(name).value, call.inputs.at(name));
      EXPECT_TRUE(is_determined(golden.at(name)));
    }
  }
}

TEST(CompressorNormRopeWrite, RefusesBadParameters) {
  FloatSamples samples(78);
  StageCall call = row_call(samples, {}, 6, false, false);
  for (const std::int64_t ratio :
       {std::int64_t{0}, std::int64_t{-8}, std::int64_t{1}, std::numeric_limits<std::int64_t>::min()}) {
    call.parameters["ratio"] = ratio;  // 1: two tokens would meet in the one slot
    EXPECT_FALSE(call.run()) << ratio;
  }
  call.parameters["ratio"] = std::numeric_limits<std::int64_t>::max();
  EXPECT_TRUE(call.run());  // far from the boundary
  call.parameters["ratio"] = 8;
  call.parameters["start_pos"] = 8 * 3 + 7;
  EXPECT_NE(call.run().error().message.find("kv_cache has 3 rows, and start_pos asks for row 3"), std::string::npos);
}

}  // namespace
}  // namespace assay::goldens

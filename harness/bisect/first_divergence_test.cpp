#include "harness/bisect/first_divergence.h"

#include <gtest/gtest.h>

#include <cstring>

#include "harness/bisect/sample_kernel.h"
#include "harness/bisect/slice.h"
#include "harness/pto/reader.h"

namespace assay::bisect {
namespace {

using device::TraceEvent;

class TraceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto parsed = pto::parse(kSampleKernel, "sample.pto");
    ASSERT_TRUE(parsed.has_value()) << to_string(parsed.error());
    module_ = std::move(*parsed);
  }
  const pto::Function& function() const { return module_.functions.front(); }

  std::uint32_t id(pto::OpCode code, int occurrence = 0) const {
    for (const pto::Operation* op : pto::preorder(function()))
      if (op->code == code && occurrence-- == 0) return op->id;
    return UINT32_MAX;
  }

  // A tile event of one row of f32 values at the byte offset.
  TraceEvent tile(std::uint32_t op, std::int64_t at, std::vector<float> values, std::int64_t block = 0) const {
    TraceEvent event;
    event.block = block;
    event.op_id = op;
    event.function = function().name;
    event.loop_indices = {0};
    event.writes = pto::Writes::tile;
    event.dtype = DType::f32;
    event.rows = 1;
    event.cols = static_cast<std::int64_t>(values.size());
    event.byte_offset = at;
    event.data.resize(values.size() * 4);
    std::memcpy(event.data.data(), values.data(), event.data.size());
    return event;
  }

  TraceEvent store(std::uint32_t op, std::vector<std::int64_t> offsets, std::vector<float> values) const {
    TraceEvent event = tile(op, 0, std::move(values));
    event.writes = pto::Writes::global;
    event.tensor = 2;
    event.element_offsets = std::move(offsets);
    return event;
  }

  pto::Module module_;
  Profile a_, b_;
};

TEST_F(TraceTest, EqualTracesDoNotDiverge) {
  DivergenceFinder finder(function(), a_, b_);
  const TraceEvent event = tile(id(pto::OpCode::tmuls), 2048, {1, 2, 3});
  EXPECT_FALSE(finder.compare(event, event).has_value());
}

TEST_F(TraceTest, NamesTheFirstOperationWithEqualInputsAndOtherOutputs) {
  DivergenceFinder finder(function(), a_, b_);
  EXPECT_FALSE(finder.compare(tile(id(pto::OpCode::tload), 0, {1, 2}), tile(id(pto::OpCode::tload), 0, {1, 2})));
  const auto found =
      finder.compare(tile(id(pto::OpCode::tmuls), 2048, {0.5F, 1}), tile(id(pto::OpCode::tmuls), 2048, {0.5F, 2}));
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->a.op_id, id(pto::OpCode::tmuls));
  EXPECT_EQ(found->count, 1);
  ASSERT_EQ(found->elements.size(), 1U);
  EXPECT_EQ(found->elements[0].col, 1);
  EXPECT_EQ(found->contract, "exact");
}

TEST_F(TraceTest, ADifferenceWithinTheBoundIsSteppedOverAndWhatItFeedsIsNotBlamed) {
  std::string text(kSampleKernel);
  const std::string was = "pto.tmuls ins(%xt, %half : !pto.tile_buf<vec, 4x16xf32, valid=?x16>, f32)";
  text.replace(text.find(was), was.size(), "pto.texp ins(%xt : !pto.tile_buf<vec, 4x16xf32, valid=?x16>)");
  module_ = *pto::parse(text, "exp.pto");
  a_.ulp["exp"] = 1;
  b_.ulp["exp"] = 3;
  DivergenceFinder finder(function(), a_, b_);
  const float next = std::nextafter(1.0F, 2.0F);
  EXPECT_FALSE(finder.compare(tile(id(pto::OpCode::texp), 2048, {1}), tile(id(pto::OpCode::texp), 2048, {next})));
  EXPECT_EQ(finder.stepped_over(), 1);
  // tsub reads the bytes that differ: its difference was passed on.
  EXPECT_FALSE(finder.compare(tile(id(pto::OpCode::tsub), 2048, {0}), tile(id(pto::OpCode::tsub), 2048, {1})));
  // A load into bytes that do not differ is still held to its contract.
  EXPECT_TRUE(finder.compare(tile(id(pto::OpCode::tload), 0, {5}), tile(id(pto::OpCode::tload), 0, {6})));
}

TEST_F(TraceTest, BeyondTheBoundIsADivergence) {
  std::string text(kSampleKernel);
  const std::string was = "pto.tmuls ins(%xt, %half : !pto.tile_buf<vec, 4x16xf32, valid=?x16>, f32)";
  text.replace(text.find(was), was.size(), "pto.texp ins(%xt : !pto.tile_buf<vec, 4x16xf32, valid=?x16>)");
  module_ = *pto::parse(text, "exp.pto");
  a_.ulp["exp"] = 1;
  b_.ulp["exp"] = 3;
  DivergenceFinder finder(function(), a_, b_);
  float far = 1.0F;
  for (int i = 0; i < 5; ++i) far = std::nextafter(far, 2.0F);
  const auto found = finder.compare(tile(id(pto::OpCode::texp), 2048, {1}), tile(id(pto::OpCode::texp), 2048, {far}));
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->elements.front().ulps, 5);
}

TEST_F(TraceTest, NaNIsOneClass) {
  DivergenceFinder finder(function(), a_, b_);
  TraceEvent left = tile(id(pto::OpCode::tmuls), 2048, {0}), right = left;
  const std::uint32_t one = 0x7fc00000, other = 0xffc00001;
  std::memcpy(left.data.data(), &one, 4);
  std::memcpy(right.data.data(), &other, 4);
  EXPECT_FALSE(finder.compare(left, right).has_value());
}

TEST_F(TraceTest, OtherOperationsMeanTheStreamsPart) {
  DivergenceFinder finder(function(), a_, b_);
  const auto found = finder.compare(tile(id(pto::OpCode::tmuls), 2048, {1}), tile(id(pto::OpCode::tsub), 2048, {1}));
  ASSERT_TRUE(found.has_value());
  EXPECT_TRUE(found->streams_part);
}

TEST_F(TraceTest, TheSliceHoldsWhatFeedsTheElementsAndNothingElse) {
  const std::uint32_t load_x = id(pto::OpCode::tload, 0), load_z = id(pto::OpCode::tload, 1);
  const std::uint32_t mul = id(pto::OpCode::tmuls), cvt = id(pto::OpCode::tcvt), st = id(pto::OpCode::tstore);
  // Without the subtraction nothing that loaded z reaches y.
  const std::vector<TraceEvent> trace{tile(load_x, 0, {1}), tile(load_z, 1024, {1}), tile(mul, 2048, {1}),
                                      tile(cvt, 3072, {1}), store(st, {7}, {1})};
  const auto slice = dynamic_slice(function(), trace, {{2, {7}}});
  const auto has = [&](std::uint32_t op) { return std::find(slice.begin(), slice.end(), op) != slice.end(); };
  EXPECT_TRUE(has(load_x) && has(mul) && has(cvt) && has(st));
  EXPECT_FALSE(has(load_z));
  EXPECT_TRUE(has(id(pto::OpCode::for_op)));
  EXPECT_TRUE(has(id(pto::OpCode::arith_minsi))) << "the valid extent comes from it";
  EXPECT_TRUE(dynamic_slice(function(), trace, {{2, {8}}}).empty()) << "nothing wrote element 8";
}

TEST_F(TraceTest, TheSliceFollowsAddressesAcrossNames) {
  std::string text(kSampleKernel);
  const std::string was = "%zt = pto.alloc_tile addr = %a1";
  text.replace(text.find(was), was.size(), "%zt = pto.alloc_tile addr = %a0");
  module_ = *pto::parse(text, "alias.pto");
  const std::uint32_t load_x = id(pto::OpCode::tload, 0), load_z = id(pto::OpCode::tload, 1);
  const std::uint32_t mul = id(pto::OpCode::tmuls), cvt = id(pto::OpCode::tcvt), st = id(pto::OpCode::tstore);
  const std::vector<TraceEvent> trace{tile(load_x, 0, {1}), tile(load_z, 0, {1}), tile(mul, 2048, {1}),
                                      tile(cvt, 3072, {1}), store(st, {7}, {1})};
  const auto slice = dynamic_slice(function(), trace, {{2, {7}}});
  EXPECT_NE(std::find(slice.begin(), slice.end(), load_z), slice.end()) << "z overwrote the bytes that x stands for";
}

}  // namespace
}  // namespace assay::bisect

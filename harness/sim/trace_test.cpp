// What a run shows to its tracer.
#include "harness/sim/kernel_test.h"

namespace assay::sim::testing {
namespace {

using device::TraceEvent;

struct Traced {
  KernelRun run;
  std::vector<TraceEvent> events;
};

Traced trace(const std::string& body, std::size_t stop_after = 1000, std::int64_t blocks = 1) {
  Traced traced;
  traced.run.text = kernel(body);
  traced.run.blocks = blocks;
  std::vector<float> x(128);
  for (std::size_t k = 0; k < x.size(); ++k) x[k] = static_cast<float>(k);
  traced.run.tensors = {floats(x), filled(128, 0)};
  traced.run.options.tracer = [&](const TraceEvent& event) {
    EXPECT_EQ(event.function, "kernel");
    traced.events.push_back(event);
    return traced.events.size() < stop_after;
  };
  const auto backend = make_sim();
  run_on(*backend, traced.run);
  for (TraceEvent& event : traced.events) event.function = {};
  return traced;
}

float element(const TraceEvent& event, std::size_t index) {
  float value;
  std::memcpy(&value, event.data.data() + 4 * index, 4);
  return value;
}

constexpr std::string_view kLoadDouble = R"(    %t = pto.alloc_tile addr = %a1 valid_row = %c2 valid_col = %c8 : $D
    pto.tload ins(%xp : $P) outs(%t : $D)
    pto.tadd ins(%t, %t : $D, $D) outs(%t : $D)
    pto.tstore ins(%t : $D) outs(%yp : $P))";

TEST(Trace, ShowsTilesAndStoresInOrder) {
  const Traced traced = trace(std::string(kLoadDouble));
  ASSERT_EQ(traced.run.report.status, device::RunStatus::completed);
  ASSERT_EQ(traced.events.size(), 3U);
  const TraceEvent &load = traced.events[0], &add = traced.events[1], &store = traced.events[2];
  EXPECT_EQ(load.writes, pto::Writes::tile);
  EXPECT_EQ(load.rows, 2);
  EXPECT_EQ(load.cols, 8);
  EXPECT_EQ(load.byte_offset, 4096);
  EXPECT_EQ(element(load, 9), 17.0F);  // row 1, column 1
  EXPECT_EQ(element(add, 9), 34.0F);
  EXPECT_LT(load.op_id, add.op_id);
  EXPECT_EQ(store.writes, pto::Writes::global);
  EXPECT_EQ(store.tensor, 1U);
  EXPECT_EQ(store.rows, 2);
  EXPECT_EQ(store.cols, 8);
  ASSERT_EQ(store.element_offsets.size(), 16U);
  EXPECT_EQ(store.element_offsets[9], 17);
  EXPECT_EQ(element(store, 9), 34.0F);
}

TEST(Trace, ShowsScalarsFromMemoryButNotArithmetic) {
  const Traced traced = trace(R"(    %v = pto.load_scalar %x[%c8] : !pto.ptr<f32> -> f32
    %w = arith.addf %v, %v : f32
    pto.store_scalar %w, %y[%c2] : !pto.ptr<f32>, f32)");
  ASSERT_EQ(traced.events.size(), 2U);
  EXPECT_EQ(traced.events[0].writes, pto::Writes::scalar);
  EXPECT_EQ(traced.events[0].dtype, DType::f32);
  EXPECT_EQ(element(traced.events[0], 0), 8.0F);
  EXPECT_EQ(traced.events[1].writes, pto::Writes::global);
  EXPECT_EQ(traced.events[1].element_offsets, std::vector<std::int64_t>{2});
  EXPECT_EQ(traced.events[1].byte_offset, 8);
  EXPECT_EQ(element(traced.events[1], 0), 16.0F);
}

TEST(Trace, NamesLoopsAndBlocks) {
  const Traced traced = trace(R"(    scf.for %i = %c0 to %c2 step %c1 {
      scf.for %j = %c8 to %c16 step %c8 {
        %t = pto.alloc_tile addr = %a0 : $T
        pto.tload ins(%xp : $P) outs(%t : $T)
      }
    })",
                              1000, 2);
  ASSERT_EQ(traced.events.size(), 4U);
  EXPECT_EQ(traced.events[1].loop_indices, (std::vector<std::int64_t>{1, 8}));
  EXPECT_EQ(traced.events[1].block, 0);
  EXPECT_EQ(traced.events[2].loop_indices, (std::vector<std::int64_t>{0, 8}));
  EXPECT_EQ(traced.events[2].block, 1);
}

TEST(Trace, ReturningFalseStopsTheRun) {
  const Traced traced = trace(std::string(kLoadDouble), 2);
  EXPECT_EQ(traced.events.size(), 2U);
  EXPECT_EQ(values(traced.run.tensors[1])[0], 0.0F);  // the store did not happen
  EXPECT_EQ(values(traced.run.tensors[1])[1], 0.0F);
}

TEST(Trace, DoesNotChangeTheRun) {
  const Traced traced = trace(std::string(kLoadDouble));
  KernelRun plain;
  plain.text = kernel(kLoadDouble);
  plain.tensors = {traced.run.tensors[0], filled(128, 0)};
  plain = run_kernel(std::move(plain));
  EXPECT_EQ(plain.tensors[1], traced.run.tensors[1]);
  EXPECT_EQ(plain.report.instructions, traced.run.report.instructions);
}

}  // namespace
}  // namespace assay::sim::testing

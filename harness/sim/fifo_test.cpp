// Cube and vector cores of a block joined by rings: the same bytes under every schedule, split and number of slots, and
// each broken rule by its name.
#include <gtest/gtest.h>

#include "harness/sim/graph_test.h"

namespace assay::sim::testing {
namespace {

struct Shape {
  int split = 0;
  std::int64_t rows = 16, cols = 16;  // valid extents of an entry
  std::int64_t slots = 2, entries = 5;
};

// What the pieces below stand for in the kernel's text; a broken twin replaces some.
struct Pieces {
  std::string init_cube =
      "pto.aic_initialize_pipe {id = 0, dir_mask = 1, slot_size = 1024, slot_num = $S} "
      "(c2v_consumer_buf = %buffer : i32)";
  std::string init_vector =
      "pto.aiv_initialize_pipe {id = 0, dir_mask = 1, slot_size = 1024, slot_num = $S} "
      "(c2v_consumer_buf = %buffer : i32)";
  std::string reserve = "auto = false, base = 0";
  std::string push = "pto.tpush_to_aiv(%acc : $ACC) {id = 0, split = $K}";
  std::string pop = "%t = pto.tpop_from_aic(%vr, %vc) {id = 0, split = $K} -> $HALF";
  std::string free = "pto.tfree_from_aic {id = 0, split = $K}";
  std::string slot_guard =
      "pto.set_flag[<PIPE_MTE3>, <PIPE_MTE2>, <EVENT_ID1>]\n"
      "      pto.wait_flag[<PIPE_MTE3>, <PIPE_MTE2>, <EVENT_ID1>]";
  std::string data_guard =
      "pto.set_flag[<PIPE_MTE2>, <PIPE_MTE3>, <EVENT_ID0>]\n"
      "      pto.wait_flag[<PIPE_MTE2>, <PIPE_MTE3>, <EVENT_ID0>]";
};

std::string replace(std::string text, std::string_view from, std::string_view to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

// Entry n is x[n] (16x16, times the unit matrix); the vector cores store their parts to y[n]. Vector core v of split 1
// stores rows from v * (its valid rows), and so on; %r0 and %c0 come from the tests' own arithmetic.
std::string cube_to_vector(const Shape& shape, const Pieces& pieces) {
  std::string text = R"(module attributes {pto.target_arch = "a2a3"} {
  func.func @cube(%x: !pto.ptr<f32>, %unit: !pto.ptr<f32>) attributes {pto.kernel_kind = #pto.kernel_kind<cube>} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c16 = arith.constant 16 : index
    %rows = arith.constant $R : index
    %cols = arith.constant $C : index
    %n = arith.constant $N : index
    %height = arith.muli %n, %c16 : index
    %a0 = arith.constant 0 : i64
    %a1 = arith.constant 1024 : i64
    %buffer = pto.import_reserved_buffer {name = "slots", peer_func = @vector} -> i32
    $INITCUBE
    %xv = pto.make_tensor_view %x, shape = [%height, %c16], strides = [%c16, %c1] : !pto.tensor_view<?x?xf32>
    %uv = pto.make_tensor_view %unit, shape = [%c16, %c16], strides = [%c16, %c1] : !pto.tensor_view<?x?xf32>
    %up = pto.partition_view %uv, offsets = [%c0, %c0], sizes = [%c16, %c16] : !pto.tensor_view<?x?xf32> -> !pto.partition_tensor_view<16x16xf32>
    %xm = pto.alloc_tile addr = %a0 : $MAT
    %um = pto.alloc_tile addr = %a1 : $MAT
    %left = pto.alloc_tile addr = %a0 : $LEFT
    %right = pto.alloc_tile addr = %a0 : $RIGHT
    %acc = pto.alloc_tile addr = %a0 valid_row = %rows valid_col = %cols : $ACC
    %whole = pto.alloc_tile addr = %a0 valid_row = %c16 valid_col = %c16 : $ACC
    pto.tload ins(%up : !pto.partition_tensor_view<16x16xf32>) outs(%um : $MAT)
    scf.for %i = %c0 to %n step %c1 {
      %row = arith.muli %i, %c16 : index
      %xp = pto.partition_view %xv, offsets = [%row, %c0], sizes = [%c16, %c16] : !pto.tensor_view<?x?xf32> -> !pto.partition_tensor_view<16x16xf32>
      pto.barrier <PIPE_ALL>
      pto.tload ins(%xp : !pto.partition_tensor_view<16x16xf32>) outs(%xm : $MAT)
      pto.set_flag[<PIPE_MTE2>, <PIPE_MTE1>, <EVENT_ID0>]
      pto.wait_flag[<PIPE_MTE2>, <PIPE_MTE1>, <EVENT_ID0>]
      pto.tmov ins(%xm : $MAT) outs(%left : $LEFT)
      pto.tmov ins(%um : $MAT) outs(%right : $RIGHT)
      pto.set_flag[<PIPE_MTE1>, <PIPE_M>, <EVENT_ID0>]
      pto.wait_flag[<PIPE_MTE1>, <PIPE_M>, <EVENT_ID0>]
      pto.tmatmul ins(%left, %right : $LEFT, $RIGHT) outs(%whole : $ACC)
      pto.set_flag[<PIPE_M>, <PIPE_FIX>, <EVENT_ID0>]
      pto.wait_flag[<PIPE_M>, <PIPE_FIX>, <EVENT_ID0>]
      $PUSH
    }
    return
  }
  func.func @vector(%y: !pto.ptr<f32>, %rows0: index, %rows1: index, %cols0: index, %cols1: index) attributes {pto.kernel_kind = #pto.kernel_kind<vector>} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c16 = arith.constant 16 : index
    %n = arith.constant $N : index
    %height = arith.muli %n, %c16 : index
    %sub64 = pto.get_subblock_idx
    %sub = arith.index_cast %sub64 : i64 to index
    %first = arith.cmpi eq, %sub, %c0 : index
    %vr = arith.select %first, %rows0, %rows1 : index
    %vc = arith.select %first, %cols0, %cols1 : index
    %dr = arith.select %first, %c0, $DR : index
    %dc = arith.select %first, %c0, $DC : index
    %buffer = pto.reserve_buffer {name = "slots", size = 8192, location = #pto.address_space<vec>, $RESERVE} -> i32
    $INITVECTOR
    %yv = pto.make_tensor_view %y, shape = [%height, %c16], strides = [%c16, %c1] : !pto.tensor_view<?x?xf32>
    scf.for %i = %c0 to %n step %c1 {
      %row = arith.muli %i, %c16 : index
      %r = arith.addi %row, %dr : index
      %yp = pto.partition_view %yv, offsets = [%r, %dc], sizes = [%vr, %vc] : !pto.tensor_view<?x?xf32> -> !pto.partition_tensor_view<?x?xf32>
      $POP
      $DATAGUARD
      pto.tstore ins(%t : $HALF) outs(%yp : !pto.partition_tensor_view<?x?xf32>)
      $SLOTGUARD
      $FREE
    }
    return
  }
  func.func @kernel(%x: !pto.ptr<f32>, %unit: !pto.ptr<f32>, %y: !pto.ptr<f32>, %rows0: index, %rows1: index, %cols0: index, %cols1: index) {
    func.call @cube(%x, %unit) : (!pto.ptr<f32>, !pto.ptr<f32>) -> ()
    func.call @vector(%y, %rows0, %rows1, %cols0, %cols1) : (!pto.ptr<f32>, index, index, index, index) -> ()
    return
  }
}
)";
  const bool by_row = shape.split == 1 || shape.split == 3, by_col = shape.split == 2 || shape.split == 4;
  const std::pair<std::string_view, std::string> words[] = {
      {"$INITCUBE", pieces.init_cube},
      {"$INITVECTOR", pieces.init_vector},
      {"$RESERVE", pieces.reserve},
      {"$PUSH", pieces.push},
      {"$POP", pieces.pop},
      {"$FREE", pieces.free},
      {"$DATAGUARD", pieces.data_guard},
      {"$SLOTGUARD", pieces.slot_guard},
      {"$DR", by_row ? "%rows0" : "%c0"},
      {"$DC", by_col ? "%cols0" : "%c0"},
      {"$MAT", "!pto.tile_buf<mat, 16x16xf32, blayout=col_major, slayout=row_major>"},
      {"$LEFT", "!pto.tile_buf<left, 16x16xf32, slayout=row_major>"},
      {"$RIGHT", "!pto.tile_buf<right, 16x16xf32, slayout=col_major>"},
      {"$ACC", "!pto.tile_buf<acc, 16x16xf32, valid=?x?, blayout=col_major, slayout=row_major, fractal=1024>"},
      {"$HALF", "!pto.tile_buf<vec, 16x16xf32, valid=?x?>"},
      {"$R", std::to_string(shape.rows)},
      {"$C", std::to_string(shape.cols)},
      {"$N", std::to_string(shape.entries)},
      {"$S", std::to_string(shape.slots)},
      {"$K", std::to_string(shape.split)}};
  for (const auto& [from, to] : words) text = replace(text, from, to);
  return text;
}

float input(std::int64_t entry, std::int64_t row, std::int64_t col) {
  return static_cast<float>(1000 * (entry + 1) + 20 * row + col);
}

GraphRun run_rings(const Shape& shape, const Pieces& pieces = {}, device::Schedule schedule = {},
                   device::Order order = device::Order::automatic) {
  const std::int64_t n = shape.entries;
  GraphRun run;
  run.text = cube_to_vector(shape, pieces);
  std::vector<float> x, unit(256, 0.0F);
  for (std::int64_t entry = 0; entry < n; ++entry)
    for (std::int64_t i = 0; i < 256; ++i) x.push_back(input(entry, i / 16, i % 16));
  for (std::size_t i = 0; i < 16; ++i) unit[17 * i] = 1.0F;
  run.tensors = {floats(x), floats(unit), filled(n * 256, -1.0F)};
  const bool by_row = shape.split == 1 || shape.split == 3, by_col = shape.split == 2 || shape.split == 4;
  const std::int64_t rows1 = by_row ? shape.rows / 2 : shape.rows, cols1 = by_col ? shape.cols / 2 : shape.cols;
  const std::int64_t rows0 = by_row ? shape.rows - rows1 : rows1, cols0 = by_col ? shape.cols - cols1 : cols1;
  run.nodes = {{"kernel",
                {pointer(0), pointer(1), pointer(2), integer(rows0), integer(rows1), integer(cols0), integer(cols1)},
                0,
                1,
                {}}};
  run.options.schedule = schedule;
  run.options.order = order;
  return run_graph(std::move(run));
}

std::vector<float> expected(const Shape& shape) {
  std::vector<float> y;
  for (std::int64_t entry = 0; entry < shape.entries; ++entry)
    for (std::int64_t i = 0; i < 256; ++i)
      y.push_back(i / 16 < shape.rows && i % 16 < shape.cols ? input(entry, i / 16, i % 16) : -1.0F);
  return y;
}

class Splits : public ::testing::TestWithParam<Shape> {};

TEST_P(Splits, DeliverTheSameBytesUnderEverySchedule) {
  const Shape& shape = GetParam();
  for (const device::Order order : {device::Order::program, device::Order::explicit_sync})
    for (const device::Schedule& schedule : all_schedules()) {
      const GraphRun run = run_rings(shape, {}, schedule, order);
      EXPECT_EQ(run.report.status, device::RunStatus::completed) << shown(run.report);
      EXPECT_EQ(values(run.tensors[2]), expected(shape));
    }
}

// Split 0 is read by both vector cores, which then store the same: a race in explicit order, so those run apart.
INSTANTIATE_TEST_SUITE_P(All, Splits,
                         ::testing::Values(Shape{1, 16, 16, 1, 5}, Shape{1, 16, 16, 2, 5}, Shape{1, 12, 7, 8, 9},
                                           Shape{2, 16, 16, 1, 5}, Shape{2, 9, 12, 3, 7}, Shape{3, 15, 16, 2, 5},
                                           Shape{3, 1, 16, 2, 3}, Shape{4, 16, 13, 2, 5}, Shape{1, 16, 16, 8, 3}));

TEST(Rings, AnUnsplitEntryReachesBothCores) {
  for (const device::Schedule& schedule : all_schedules()) {
    const Shape shape{0, 16, 16, 2, 6};
    const GraphRun run = run_rings(shape, {}, schedule, device::Order::program);
    EXPECT_EQ(run.report.status, device::RunStatus::completed) << shown(run.report);
    EXPECT_EQ(values(run.tensors[2]), expected(shape));
  }
}

TEST(Rings, SlotsMayBePrivateStorage) {
  for (const char* reserve : {"auto = true", "auto = false, base = 4096"}) {
    Pieces pieces;
    pieces.reserve = reserve;
    const GraphRun run = run_rings({1, 16, 16, 4, 6}, pieces);
    EXPECT_EQ(run.report.status, device::RunStatus::completed) << shown(run.report);
    EXPECT_EQ(values(run.tensors[2]), expected({1, 16, 16, 4, 6}));
  }
}

struct Broken {
  const char* what;
  std::string rule;
  Pieces pieces;
  Shape shape = {1, 16, 16, 2, 5};
};

std::vector<Broken> broken_rings() {
  std::vector<Broken> all;
  const auto add = [&](const char* what, const char* rule, std::string Pieces::*piece, const char* text) -> Broken& {
    Broken& broken = all.emplace_back();
    broken.what = what;
    broken.rule = rule;
    broken.pieces.*piece = text;
    return broken;
  };
  add("push without init", "fifo-init", &Pieces::init_cube, "");
  add("pop without init", "fifo-init", &Pieces::init_vector, "");
  add("another number of slots at the other end", "fifo-init", &Pieces::init_vector,
      "pto.aiv_initialize_pipe {id = 0, dir_mask = 1, slot_size = 1024, slot_num = 5} (c2v_consumer_buf = %buffer : "
      "i32)");
  add("slot too small for the tile", "fifo-slot", &Pieces::init_cube,
      "pto.aic_initialize_pipe {id = 0, dir_mask = 1, slot_size = 512, slot_num = $S} (c2v_consumer_buf = %buffer : "
      "i32)")
      .pieces.init_vector =
      "pto.aiv_initialize_pipe {id = 0, dir_mask = 1, slot_size = 512, slot_num = $S} (c2v_consumer_buf = %buffer : "
      "i32)";
  add("split of odd rows", "fifo-split", &Pieces::reserve, "auto = true").shape = {1, 15, 16, 2, 5};
  add("odd split of even rows", "fifo-split", &Pieces::reserve, "auto = true").shape = {3, 16, 16, 2, 5};
  add("pop with another split", "fifo-split", &Pieces::pop,
      "%t = pto.tpop_from_aic(%vr, %vc) {id = 0, split = 2} -> $HALF");
  add("freed twice", "fifo-free", &Pieces::free,
      "pto.tfree_from_aic {id = 0, split = $K}\n      pto.tfree_from_aic {id = 0, split = $K}");
  add("popped and never freed", "fifo-leaked", &Pieces::free, "").shape = {1, 16, 16, 8, 5};
  add("never freed: the producer waits for ever", "deadlock", &Pieces::free, "");
  add("pushed and never popped", "fifo-leaked", &Pieces::push,
      "pto.tpush_to_aiv(%acc : $ACC) {id = 0, split = $K}\n      pto.tpush_to_aiv(%acc : $ACC) {id = 0, split = $K}")
      .shape = {1, 16, 16, 8, 3};
  add("never pushed", "deadlock", &Pieces::push, "");
  add("slots end outside the memory", "capacity", &Pieces::reserve, "auto = false, base = 196608");
  return all;
}

TEST(Rings, BrokenRulesAreNamed) {
  for (const Broken& broken : broken_rings())
    for (const device::Schedule& schedule : all_schedules()) {
      const GraphRun run = run_rings(broken.shape, broken.pieces, schedule);
      const auto found = rules(run.report);
      EXPECT_TRUE(std::find(found.begin(), found.end(), broken.rule) != found.end())
          << broken.what << ": " << shown(run.report);
    }
}

TEST(Rings, ADeadlockNamesBothEnds) {
  Pieces pieces;
  pieces.free = "";
  const GraphRun run = run_rings({1, 16, 16, 2, 5}, pieces);
  EXPECT_EQ(run.report.status, device::RunStatus::deadlock);
  const std::string graph = shown(run.report);
  EXPECT_NE(graph.find("a free slot of ring 0 cube to vector for entry 2"), std::string::npos) << graph;
  EXPECT_NE(graph.find("entry 2 of ring 0 cube to vector"), std::string::npos) << graph;
}

bool has_one_of(const device::RunReport& report, std::initializer_list<std::string_view> expected) {
  return std::any_of(report.diagnostics.begin(), report.diagnostics.end(), [&](const device::Diagnostic& diagnostic) {
    return std::find(expected.begin(), expected.end(), diagnostic.rule) != expected.end();
  });
}

// The popped tile lives in the consumer's memory: the slot's next entry overwrites what is still being stored.
TEST(Rings, ASlotPoppedIntoWhileItIsReadIsARace) {
  Pieces pieces;
  pieces.slot_guard = "";
  for (const device::Schedule& schedule : all_schedules()) {
    const GraphRun run = run_rings({1, 16, 16, 1, 5}, pieces, schedule);
    EXPECT_TRUE(has_one_of(run.report, {"race-war"})) << shown(run.report);
  }
}

TEST(Rings, AnEntryReadBeforeItIsPoppedIsARace) {
  Pieces pieces;
  pieces.data_guard = "";
  for (const device::Schedule& schedule : all_schedules()) {
    const GraphRun run = run_rings({1, 16, 16, 8, 5}, pieces, schedule);
    EXPECT_TRUE(has_one_of(run.report, {"race-raw", "race-war", "undefined-bytes"})) << shown(run.report);
  }
}

}  // namespace
}  // namespace assay::sim::testing

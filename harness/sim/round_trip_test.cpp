// A matrix product between two vector stages: vector cores push rows to the cube core, it multiplies them and pushes
// the products back, over one ring of both directions (dir_mask 3), whose entries are tiles or slots in global memory.
// Each broken twin is named under every schedule.
#include <gtest/gtest.h>

#include "harness/sim/graph_test.h"

namespace assay::sim::testing {
namespace {

using device::Order;

std::string replace(std::string text, std::string_view from, std::string_view to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

std::string flag(std::string_view from, std::string_view to, int id) {
  return fmt::format(
      "      pto.set_flag[<PIPE_{0}>, <PIPE_{1}>, <EVENT_ID{2}>]\n"
      "      pto.wait_flag[<PIPE_{0}>, <PIPE_{1}>, <EVENT_ID{2}>]\n",
      from, to, id);
}

// What the kernel is made of; a broken twin replaces some. Entry n is rows 16 n to 16 n + 15 of x, plus 1.
struct Pieces {
  std::string init_cube, init_vector;
  std::string send;     // vector: %u, its half of the entry
  std::string receive;  // cube: gives %xm
  std::string release;  // cube: the entry's slot
  std::string answer;   // cube: %acc
  std::string take;     // vector: gives %p, its half of the product
  std::string give;     // vector: the product's slot
  std::string cube_rounds = "%n";
};

Pieces tiles() {
  Pieces p;
  const std::string numbers = "{id = 0, dir_mask = 3, slot_size = 1024, slot_num = $S}";
  p.init_cube = R"(    %to_vector = pto.import_reserved_buffer {name = "c2v", peer_func = @vector} -> i32
    %to_cube = pto.reserve_buffer {name = "v2c", size = 4096, location = #pto.address_space<mat>, auto = false, base = 16384} -> i32
    pto.aic_initialize_pipe )" +
                numbers + " (c2v_consumer_buf = %to_vector : i32, v2c_consumer_buf = %to_cube : i32)\n";
  p.init_vector = R"(    %to_cube = pto.import_reserved_buffer {name = "v2c", peer_func = @cube} -> i32
    %to_vector = pto.reserve_buffer {name = "c2v", size = 4096, location = #pto.address_space<vec>, auto = false, base = 16384} -> i32
    pto.aiv_initialize_pipe )" +
                  numbers + " (c2v_consumer_buf = %to_vector : i32, v2c_consumer_buf = %to_cube : i32)\n";
  p.send = "      pto.tpush_to_aic(%u : $HALF) {id = 0, split = 1}\n";
  p.receive = "      %xm = pto.tpop_from_aiv {id = 0, split = 1} -> $MAT\n";
  p.release = flag("MTE1", "MTE2", 1) + "      pto.tfree_from_aiv {id = 0, split = 1}\n";
  p.answer = "      pto.tpush_to_aiv(%acc : $ACC) {id = 0, split = 1}\n";
  p.take = "      %p = pto.tpop_from_aic {id = 0, split = 1} -> $HALF\n";
  p.give = flag("V", "MTE2", 2) + "      pto.tfree_from_aic {id = 0, split = 1}\n";
  return p;
}

Pieces slots() {
  Pieces p;
  const auto init = [](std::string_view end) {
    return fmt::format(
        "    %slots = pto.make_tensor_view %g, shape = [%c16, %c16], strides = [%c16, %c1] : $SLOT\n"
        "    pto.{}_initialize_pipe {{id = 0, dir_mask = 3, slot_size = 1024, slot_num = $S}} "
        "(gm_slot_tensor = %slots : $SLOT)\n",
        end);
  };
  p.init_cube = init("aic");
  p.init_vector = init("aiv");
  p.send =
      "      %e = pto.talloc_to_aic {id = 0, split = 1} -> $SLOT\n$STOREU"
      "      pto.tpush_to_aic(%e : $SLOT) {id = 0, split = 1}\n";
  p.receive = "      %e = pto.tpop_from_aiv {id = 0, split = 1} -> $SLOT\n$LOADX";
  p.release = "      pto.tfree_from_aiv(%e : $SLOT) {id = 0, split = 1}\n" + flag("MTE1", "MTE2", 1);
  p.answer =
      "      %f = pto.talloc_to_aiv {id = 0, split = 1} -> $SLOT\n$STOREACC"
      "      pto.tpush_to_aiv(%f : $SLOT) {id = 0, split = 1}\n";
  p.take = "      %f = pto.tpop_from_aic {id = 0, split = 1} -> $SLOT\n$LOADP";
  p.give = "      pto.tfree_from_aic(%f : $SLOT) {id = 0, split = 1}\n" + flag("V", "MTE2", 2);
  return p;
}

std::string text_of(const Pieces& pieces, std::int64_t entries, std::int64_t slot_count) {
  std::string text = R"(module attributes {pto.target_arch = "a2a3"} {
  func.func @cube(%w: !pto.ptr<f32>, %g: !pto.ptr<f32>) attributes {pto.kernel_kind = #pto.kernel_kind<cube>} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c16 = arith.constant 16 : index
    %n = arith.constant $N : index
    %a0 = arith.constant 0 : i64
    %a1 = arith.constant 1024 : i64
$INITCUBE
    %wv = pto.make_tensor_view %w, shape = [%c16, %c16], strides = [%c16, %c1] : !pto.tensor_view<?x?xf32>
    %wp = pto.partition_view %wv, offsets = [%c0, %c0], sizes = [%c16, %c16] : !pto.tensor_view<?x?xf32> -> $PART
    %wm = pto.alloc_tile addr = %a0 : $MAT
    %xs = pto.alloc_tile addr = %a1 : $MAT
    %left = pto.alloc_tile addr = %a0 : $LEFT
    %right = pto.alloc_tile addr = %a0 : $RIGHT
    %acc = pto.alloc_tile addr = %a0 : $ACC
    pto.tload ins(%wp : $PART) outs(%wm : $MAT)
    pto.set_flag[<PIPE_MTE2>, <PIPE_MTE1>, <EVENT_ID5>]
    pto.wait_flag[<PIPE_MTE2>, <PIPE_MTE1>, <EVENT_ID5>]
    pto.tmov ins(%wm : $MAT) outs(%right : $RIGHT)
    scf.for %i = %c0 to $ROUNDS step %c1 {
$RECEIVE$LOADED
      pto.tmov ins($XM : $MAT) outs(%left : $LEFT)
$RELEASE$MOVED
      pto.tmatmul ins(%left, %right : $LEFT, $RIGHT) outs(%acc : $ACC)
$SUMMED
$ANSWER$ROUNDED
    }
    return
  }
  func.func @vector(%x: !pto.ptr<f32>, %y: !pto.ptr<f32>, %g: !pto.ptr<f32>) attributes {pto.kernel_kind = #pto.kernel_kind<vector>} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c8 = arith.constant 8 : index
    %c16 = arith.constant 16 : index
    %n = arith.constant $N : index
    %one = arith.constant 1.0 : f32
    %two = arith.constant 2.0 : f32
    %height = arith.muli %n, %c16 : index
    %sub64 = pto.get_subblock_idx
    %sub = arith.index_cast %sub64 : i64 to index
    %half = arith.muli %sub, %c8 : index
    %a0 = arith.constant 0 : i64
    %a1 = arith.constant 512 : i64
    %a2 = arith.constant 1024 : i64
    %a3 = arith.constant 1536 : i64
$INITVECTOR
    %xv = pto.make_tensor_view %x, shape = [%height, %c16], strides = [%c16, %c1] : !pto.tensor_view<?x?xf32>
    %yv = pto.make_tensor_view %y, shape = [%height, %c16], strides = [%c16, %c1] : !pto.tensor_view<?x?xf32>
    %t = pto.alloc_tile addr = %a0 : $HALF
    %u = pto.alloc_tile addr = %a1 : $HALF
    %q = pto.alloc_tile addr = %a2 : $HALF
    %ps = pto.alloc_tile addr = %a3 : $HALF
    scf.for %i = %c0 to %n step %c1 {
      %row0 = arith.muli %i, %c16 : index
      %row = arith.addi %row0, %half : index
      %xp = pto.partition_view %xv, offsets = [%row, %c0], sizes = [%c8, %c16] : !pto.tensor_view<?x?xf32> -> $HALFPART
      %yp = pto.partition_view %yv, offsets = [%row, %c0], sizes = [%c8, %c16] : !pto.tensor_view<?x?xf32> -> $HALFPART
      pto.tload ins(%xp : $HALFPART) outs(%t : $HALF)
$ARRIVED
      pto.tadds ins(%t, %one : $HALF, f32) outs(%u : $HALF)
$ADDED
$SEND$TAKE$TAKEN
      pto.tmuls ins($P, %two : $HALF, f32) outs(%q : $HALF)
$GIVE$DOUBLED
      pto.tstore ins(%q : $HALF) outs(%yp : $HALFPART)
$STORED
    }
    return
  }
  func.func @kernel(%x: !pto.ptr<f32>, %w: !pto.ptr<f32>, %y: !pto.ptr<f32>, %g: !pto.ptr<f32>) {
    func.call @cube(%w, %g) : (!pto.ptr<f32>, !pto.ptr<f32>) -> ()
    func.call @vector(%x, %y, %g) : (!pto.ptr<f32>, !pto.ptr<f32>, !pto.ptr<f32>) -> ()
    return
  }
}
)";
  const bool has_tiles = pieces.receive.find("%xm") != std::string::npos;
  const std::string part =
      "      %{0} = pto.partition_view %{1}, offsets = [{2}, %c0], sizes = [%{3}, %c16] : $SLOT -> {4}\n";
  const auto partition = [&](std::string_view name, std::string_view of, bool half) {
    return fmt::format(fmt::runtime(part), name, of, half ? "%half" : "%c0", half ? "c8" : "c16",
                       half ? "$HALFPART" : "$PART");
  };
  const std::pair<std::string_view, std::string> words[] = {
      {"$INITCUBE", pieces.init_cube},
      {"$INITVECTOR", pieces.init_vector},
      {"$ROUNDS", pieces.cube_rounds},
      {"$SEND", pieces.send},
      {"$RECEIVE", pieces.receive},
      {"$RELEASE", pieces.release},
      {"$ANSWER", pieces.answer},
      {"$TAKEN", flag("MTE2", "V", 1)},
      {"$TAKE", pieces.take},
      {"$GIVE", pieces.give},
      {"$STOREU", partition("ep", "e", true) + "      pto.tstore ins(%u : $HALF) outs(%ep : $HALFPART)\n"},
      {"$LOADX", partition("ep", "e", false) + "      pto.tload ins(%ep : $PART) outs(%xs : $MAT)\n"},
      {"$STOREACC", partition("fp", "f", false) + "      pto.tstore ins(%acc : $ACC) outs(%fp : $PART)\n"},
      {"$LOADP", partition("fp", "f", true) + "      pto.tload ins(%fp : $HALFPART) outs(%ps : $HALF)\n"},
      {"$LOADED", flag("MTE2", "MTE1", 0)},
      {"$MOVED", flag("MTE1", "M", 0)},
      {"$SUMMED", flag("M", "FIX", 0)},
      // The next round's left and acc: free once this round's product has left.
      {"$ROUNDED", flag("FIX", "MTE1", 3)},
      {"$ARRIVED", flag("MTE2", "V", 0)},
      {"$ADDED", flag("V", "MTE3", 0)},
      {"$DOUBLED", flag("V", "MTE3", 1)},
      // The next round's t, u and q.
      {"$STORED", flag("V", "MTE2", 4) + flag("MTE3", "V", 4)},
      {"$XM", has_tiles ? "%xm" : "%xs"},
      {"$P,", has_tiles ? "%p," : "%ps,"},
      {"$HALFPART", "!pto.partition_tensor_view<8x16xf32>"},
      {"$PART", "!pto.partition_tensor_view<16x16xf32>"},
      {"$SLOT", "!pto.tensor_view<16x16xf32>"},
      {"$MAT", "!pto.tile_buf<mat, 16x16xf32, blayout=col_major, slayout=row_major>"},
      {"$LEFT", "!pto.tile_buf<left, 16x16xf32, slayout=row_major>"},
      {"$RIGHT", "!pto.tile_buf<right, 16x16xf32, slayout=col_major>"},
      {"$ACC", "!pto.tile_buf<acc, 16x16xf32, blayout=col_major, slayout=row_major, fractal=1024>"},
      {"$HALF", "!pto.tile_buf<vec, 8x16xf32>"},
      {"$N", std::to_string(entries)},
      {"$S", std::to_string(slot_count)}};
  for (const auto& [from, to] : words) text = replace(text, from, to);
  return text;
}

// w moves columns one to the right and triples them.
GraphRun run_pieces(const Pieces& pieces, std::int64_t slot_count, device::Schedule schedule,
                    Order order = Order::automatic, std::int64_t entries = 4) {
  GraphRun run;
  run.text = text_of(pieces, entries, slot_count);
  std::vector<float> x, w(256, 0.0F);
  for (std::int64_t i = 0; i < entries * 256; ++i) x.push_back(static_cast<float>(i));
  for (std::size_t k = 0; k < 16; ++k) w[16 * k + (k + 1) % 16] = 3.0F;
  run.tensors = {floats(x), floats(w), filled(entries * 256, -1.0F), filled(2 * slot_count * 256, -7.0F)};
  run.nodes = {{"kernel", {pointer(0), pointer(1), pointer(2), pointer(3)}, 0, 1, {}}};
  run.options.schedule = schedule;
  run.options.order = order;
  return run_graph(std::move(run));
}

std::vector<float> expected(std::int64_t entries) {
  std::vector<float> y;
  for (std::int64_t i = 0; i < entries * 256; ++i) {
    const std::int64_t row = i / 16, source = (i % 16 + 15) % 16;
    y.push_back(6.0F * static_cast<float>(row * 16 + source + 1));
  }
  return y;
}

TEST(RoundTrip, IsExactUnderEverySchedule) {
  for (const Pieces& pieces : {tiles(), slots()})
    for (std::int64_t slot_count : {1, 2, 4})
      for (const device::Schedule& schedule : all_schedules())
        for (const Order order : {Order::automatic, Order::program}) {
          const GraphRun run = run_pieces(pieces, slot_count, schedule, order);
          ASSERT_EQ(run.report.status, device::RunStatus::completed) << shown(run.report) << run.text;
          ASSERT_EQ(values(run.tensors[2]), expected(4));
        }
}

struct Broken {
  const char* what;
  std::vector<std::string> rules;  // one of them
  Pieces pieces;
  std::int64_t slots = 1;
};

std::vector<Broken> broken_twins() {
  std::vector<Broken> all;
  const auto add = [&](const char* what, std::vector<std::string> rules, Pieces pieces, std::string Pieces::*piece,
                       const std::string& text, std::int64_t slots = 1) {
    pieces.*piece = text;
    all.push_back({what, std::move(rules), std::move(pieces), slots});
  };
  add("tiles: too few pops", {"deadlock"}, tiles(), &Pieces::cube_rounds, "%c1");
  add("tiles: a pop without a push", {"deadlock"}, tiles(), &Pieces::send, "");
  add("tiles: an answer without a push", {"deadlock"}, tiles(), &Pieces::answer, "");
  add("tiles: never freed", {"deadlock"}, tiles(), &Pieces::release, "", 2);
  const std::string free_tile = "      pto.tfree_from_aiv {id = 0, split = 1}\n";
  add("tiles: slot filled again while MTE1 reads it", {"race-war"}, tiles(), &Pieces::release,
      free_tile + "      %xn = pto.tpop_from_aiv {id = 0, split = 1} -> $MAT\n" + flag("MTE1", "MTE2", 1) + free_tile);
  all.back().pieces.send += all.back().pieces.send;
  add("tiles: the product is overwritten while it is pushed", {"race-war"}, tiles(), &Pieces::answer,
      "      pto.tpush_to_aiv(%acc : $ACC) {id = 0, split = 1}\n      pto.tmatmul ins(%left, %right : $LEFT, $RIGHT) "
      "outs(%acc : $ACC)\n");

  const std::string alloc = "      %e = pto.talloc_to_aic {id = 0, split = 1} -> $SLOT\n";
  const std::string push = "      pto.tpush_to_aic(%e : $SLOT) {id = 0, split = 1}\n";
  const std::string free = "      pto.tfree_from_aiv(%e : $SLOT) {id = 0, split = 1}\n";
  add("slots: stored after the push", {"race-raw", "race-war"}, slots(), &Pieces::send, alloc + push + "$STOREU");
  add("slots: pushed without talloc", {"fifo-slot"}, slots(), &Pieces::send,
      "      pto.tpush_to_aic(%slots : $SLOT) {id = 0, split = 1}\n");
  add("slots: another entry is pushed", {"fifo-slot"}, slots(), &Pieces::send,
      alloc +
          "$STOREU      %e2 = pto.talloc_to_aic {id = 0, split = 1} -> $SLOT\n"
          "      pto.tpush_to_aic(%e2 : $SLOT) {id = 0, split = 1}\n",
      4);
  add("slots: never freed", {"deadlock"}, slots(), &Pieces::release, flag("MTE1", "MTE2", 1), 2);
  add("slots: freed twice", {"fifo-free"}, slots(), &Pieces::release, free + free);
  add("slots: another entry is freed", {"fifo-slot"}, slots(), &Pieces::release,
      "      pto.tfree_from_aiv(%slots : $SLOT) {id = 0, split = 1}\n" + flag("MTE1", "MTE2", 1), 4);
  add("slots: too few pops", {"deadlock"}, slots(), &Pieces::cube_rounds, "%c1");
  add("slots: a tile is pushed", {"fifo-type"}, slots(), &Pieces::send,
      "      pto.tpush_to_aic(%u : $HALF) {id = 0, split = 1}\n");
  add("slots: odd split", {"fifo-split"}, slots(), &Pieces::send,
      "      %e = pto.talloc_to_aic {id = 0, split = 3} -> $SLOT\n$STOREU"
      "      pto.tpush_to_aic(%e : $SLOT) {id = 0, split = 3}\n");
  add("slots: of another shape", {"fifo-slot"}, slots(), &Pieces::send,
      "      %e = pto.talloc_to_aic {id = 0, split = 1} -> !pto.tensor_view<4x16xf32>\n");
  return all;
}

TEST(RoundTrip, BrokenTwinsAreNamed) {
  for (const Broken& broken : broken_twins())
    for (const device::Schedule& schedule : all_schedules()) {
      const GraphRun run = run_pieces(broken.pieces, broken.slots, schedule);
      const auto found = rules(run.report);
      const bool named = std::any_of(broken.rules.begin(), broken.rules.end(), [&](const std::string& rule) {
        return std::find(found.begin(), found.end(), rule) != found.end();
      });
      ASSERT_TRUE(named) << broken.what << ": " << shown(run.report);
    }
}

TEST(RoundTrip, APopWithoutAPushNamesBothEnds) {
  for (Pieces pieces : {tiles(), slots()}) {
    pieces.send = "";
    for (const device::Schedule& schedule : all_schedules()) {
      const std::string graph = shown(run_pieces(pieces, 2, schedule).report);
      EXPECT_NE(graph.find("entry 0 of ring 0 vector to cube from tpush_to_aic on the vector cores"), std::string::npos)
          << graph;
      EXPECT_NE(graph.find("entry 0 of ring 0 cube to vector from tpush_to_aiv on the cube core"), std::string::npos)
          << graph;
    }
  }
}

// Halves of a slot as entries of their own: the vector core's number places them.
TEST(RoundTrip, EntriesOfHalfASlot) {
  Pieces pieces = slots();
  pieces.send = R"(      %e = pto.talloc_to_aic {id = 0, split = 1} -> !pto.tensor_view<8x16xf32>
      %ep = pto.partition_view %e, offsets = [%c0, %c0], sizes = [%c8, %c16] : !pto.tensor_view<8x16xf32> -> $HALFPART
      pto.tstore ins(%u : $HALF) outs(%ep : $HALFPART)
      pto.tpush_to_aic(%e : !pto.tensor_view<8x16xf32>) {id = 0, split = 1}
)";
  for (const device::Schedule& schedule : all_schedules()) {
    const GraphRun run = run_pieces(pieces, 2, schedule);
    ASSERT_EQ(run.report.status, device::RunStatus::completed) << shown(run.report);
    EXPECT_EQ(values(run.tensors[2]), expected(4));
  }
}

}  // namespace
}  // namespace assay::sim::testing

// Test support: the same kernel on ranks with memory of their own, made of put, notify and wait.
#pragma once

#include <functional>

#include "harness/sim/graph_test.h"

namespace assay::sim::testing {

inline constexpr std::int64_t kWidth = 16;  // elements of one rank's share

inline std::string repeat(std::int64_t ranks, const std::function<std::string(std::int64_t)>& text) {
  std::string all;
  for (std::int64_t rank = 0; rank < ranks; ++rank) all += text(rank);
  return all;
}

inline const std::string kView = "!pto.tensor_view<?x?xf32>", kPart = "!pto.partition_tensor_view<?x?xf32>";
inline const std::string kSignals = "!pto.tensor_view<?x?xi32>", kSignal = "!pto.partition_tensor_view<?x?xi32>";
inline const std::string kTile = "!pto.tile_buf<vec, 1x16xf32>";

// A function of every rank's data (%x), result (%o0, ...) and signals (%s0, ...), %own_o and %own_s among them, its
// rank and the epoch; constants, views %xp (its 1 x 16 share), %ovK (ranks x 16), %spK (word `rank` of rank K's
// signals), %mine (all its own words) and the tile %stage.
inline std::string kernel_of_ranks(std::int64_t ranks, const std::string& body) {
  const auto list = [&](const char* format, const char* separator) {
    std::string text;
    for (std::int64_t rank = 0; rank < ranks; ++rank)
      text += (rank ? separator : "") + fmt::format(fmt::runtime(format), rank);
    return text;
  };
  return fmt::format(R"(module attributes {{pto.target_arch = "a2a3"}} {{
  func.func @kernel(%rank: index, %epoch: i32, %x: !pto.ptr<f32>, %own_o: !pto.ptr<f32>, %own_s: !pto.ptr<i32>, {}, {})
      attributes {{pto.kernel_kind = #pto.kernel_kind<vector>}} {{
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %n = arith.constant {} : index
    %w = arith.constant {} : index
    %zero = arith.constant 0 : i32
    %one = arith.constant 1 : i32
    %all = arith.constant {} : i32
    %a0 = arith.constant 0 : i64
    %a1 = arith.constant 1024 : i64
    %stage = pto.alloc_tile addr = %a0 : {}
    %tile = pto.alloc_tile addr = %a1 : {}
    %root = arith.cmpi eq, %rank, %c0 : index
    %xv = pto.make_tensor_view %x, shape = [%c1, %w], strides = [%w, %c1] : {}
    %xp = pto.partition_view %xv, offsets = [%c0, %c0], sizes = [%c1, %w] : {} -> {}
    %minev = pto.make_tensor_view %own_s, shape = [%c1, %n], strides = [%n, %c1] : {}
    %mine = pto.partition_view %minev, offsets = [%c0, %c0], sizes = [%c1, %n] : {} -> {}
    %word = pto.partition_view %minev, offsets = [%c0, %c0], sizes = [%c1, %c1] : {} -> {}
    %ownv = pto.make_tensor_view %own_o, shape = [%n, %w], strides = [%w, %c1] : {}
)",
                     list("%o{}: !pto.ptr<f32>", ", "), list("%s{}: !pto.ptr<i32>", ", "), ranks, kWidth, ranks, kTile,
                     kTile, kView, kView, kPart, kSignals, kSignals, kSignal, kSignals, kSignal, kView) +
         repeat(ranks,
                [&](std::int64_t k) {
                  return fmt::format(
                      R"(    %ov{0} = pto.make_tensor_view %o{0}, shape = [%n, %w], strides = [%w, %c1] : {1}
    %op{0} = pto.partition_view %ov{0}, offsets = [%rank, %c0], sizes = [%c1, %w] : {1} -> {2}
    %of{0} = pto.partition_view %ov{0}, offsets = [%c0, %c0], sizes = [%c1, %w] : {1} -> {2}
    %sv{0} = pto.make_tensor_view %s{0}, shape = [%c1, %n], strides = [%n, %c1] : {3}
    %sp{0} = pto.partition_view %sv{0}, offsets = [%c0, %rank], sizes = [%c1, %c1] : {3} -> {4}
    %sf{0} = pto.partition_view %sv{0}, offsets = [%c0, %c0], sizes = [%c1, %c1] : {3} -> {4}
)",
                      k, kView, kPart, kSignals, kSignal);
                }) +
         body + "    return\n  }\n}\n";
}

inline std::string put(const std::string& to, const std::string& from, const char* atomic = "atomic_none") {
  return fmt::format("    pto.comm.tput({}, {}, buf(%stage) : {}, {}, {}) {{atomicType = #pto<atomic_type {}>}}\n", to,
                     from, kPart, kPart, kTile, atomic);
}
inline std::string notify(const std::string& to, const std::string& value = "%one", const char* how = "set") {
  return fmt::format("    pto.comm.tnotify({}, {} : {}, i32) {{notifyOp = #pto<notify_op {}>}}\n", to, value, kSignal,
                     how);
}
inline std::string wait(const std::string& on, const std::string& value = "%one", const char* compare = "ge") {
  return fmt::format("    pto.comm.twait({}, {} : {}, i32) {{cmp = #pto<wait_cmp {}>}}\n", on, value, kSignal, compare);
}
inline const std::string kDrain = "    pto.barrier <PIPE_ALL>\n";
inline std::string only_root(const std::string& body) { return "    scf.if %root {\n" + body + "    }\n"; }
inline std::string others(const std::string& body) { return "    scf.if %root {\n    } else {\n" + body + "    }\n"; }

// Rank r's data, result and signals are tensors 3r, 3r + 1 and 3r + 2; results and signals are windows.
inline GraphRun make_run(std::int64_t ranks, std::string text, std::int64_t launches = 1) {
  GraphRun run;
  run.text = std::move(text);
  for (std::int64_t rank = 0; rank < ranks; ++rank) {
    std::vector<float> x;
    for (std::int64_t i = 0; i < kWidth; ++i) x.push_back(static_cast<float>(100 * (rank + 1) + i));
    run.tensors.push_back(floats(x));
    run.tensors.push_back(filled(ranks * kWidth, -1.0F));
    run.tensors.push_back(tensor_of(DType::i32, std::vector<std::int32_t>(static_cast<std::size_t>(ranks), 0)));
    run.placements.insert(run.placements.end(), {{rank, true}, {rank, true}, {rank, true}});
  }
  for (std::int64_t launch = 0; launch < launches; ++launch)
    for (std::int64_t rank = 0; rank < ranks; ++rank) {
      const auto own = static_cast<std::size_t>(3 * rank);
      GraphRun::Node node{"kernel",
                          {integer(rank), integer(launch + 1), pointer(own), pointer(own + 1), pointer(own + 2)},
                          rank,
                          1,
                          {}};
      for (std::size_t offset : {1, 2})
        for (std::int64_t k = 0; k < ranks; ++k)
          node.arguments.push_back(pointer(static_cast<std::size_t>(3 * k) + offset));
      if (launch > 0) node.after = {static_cast<std::size_t>((launch - 1) * ranks + rank)};
      run.nodes.push_back(std::move(node));
    }
  return run;
}

inline GraphRun run_ranks(std::int64_t ranks, const std::string& body, device::Schedule schedule,
                          std::int64_t launches = 1) {
  GraphRun run = make_run(ranks, kernel_of_ranks(ranks, body), launches);
  run.options.schedule = schedule;
  return run_graph(std::move(run));
}

// What rank r's share holds, and what every rank's together do.
inline float share(std::int64_t rank, std::int64_t i) { return static_cast<float>(100 * (rank + 1) + i); }
inline std::vector<float> gathered(std::int64_t ranks) {
  std::vector<float> all;
  for (std::int64_t rank = 0; rank < ranks; ++rank)
    for (std::int64_t i = 0; i < kWidth; ++i) all.push_back(share(rank, i));
  return all;
}

}  // namespace assay::sim::testing

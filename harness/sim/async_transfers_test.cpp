// Asynchronous put and get: bytes move beside the core, and nothing but the event says when.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <set>

#include "harness/sim/graph_test.h"

namespace assay::sim::testing {
namespace {

using device::Order;

constexpr std::int64_t kWidth = 16;
const std::string kRow = "!pto.partition_tensor_view<1x16xf32>", kView = "!pto.tensor_view<?x?xf32>";
const std::string kTile = "!pto.tile_buf<vec, 1x16xf32>", kScratch = "!pto.tile_buf<vec, 1x32xi8>";
const std::string kSignals = "!pto.tensor_view<?x?xi32>", kSignal = "!pto.partition_tensor_view<1x1xi32>";
const std::string kDrain = "    pto.barrier <PIPE_ALL>\n";

// Of each rank: %data and %more (16 elements each, one tensor), %inbox (32) and %own_s (a signal), the other rank's
// %their_data, %their_inbox and %their_s, %y (its result), a workspace; rows %d0 %d1 (own data), %in0 %in1 (own inbox),
// %out0 %out1 (their inbox), %td0 (their data), tiles %t and %v, a session %ss.
std::string kernel_of(const std::string& body) {
  std::string text = R"(module attributes {pto.target_arch = "a2a3"} {
  func.func @kernel(%data: !pto.ptr<f32>, %inbox: !pto.ptr<f32>, %own_s: !pto.ptr<i32>, %y: !pto.ptr<f32>,
                    %their_data: !pto.ptr<f32>, %their_inbox: !pto.ptr<f32>, %their_s: !pto.ptr<i32>,
                    %workspace: !pto.ptr<i8>) attributes {pto.kernel_kind = #pto.kernel_kind<vector>} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %c4 = arith.constant 4 : index
    %w = arith.constant 16 : index
    %one = arith.constant 1 : i32
    %half = arith.constant 0.5 : f32
    %a0 = arith.constant 0 : i64
    %a1 = arith.constant 1024 : i64
    %a2 = arith.constant 2048 : i64
    %t = pto.alloc_tile addr = %a0 : $TILE
    %v = pto.alloc_tile addr = %a1 : $TILE
    %scratch = pto.alloc_tile addr = %a2 : $SCRATCH
    %ownv = pto.make_tensor_view %own_s, shape = [%c1, %c1], strides = [%c1, %c1] : $SIGNALS
    %mine = pto.partition_view %ownv, offsets = [%c0, %c0], sizes = [%c1, %c1] : $SIGNALS -> $SIGNAL
    %theirv = pto.make_tensor_view %their_s, shape = [%c1, %c1], strides = [%c1, %c1] : $SIGNALS
    %theirs = pto.partition_view %theirv, offsets = [%c0, %c0], sizes = [%c1, %c1] : $SIGNALS -> $SIGNAL
)";
  const auto rows = [&](std::string_view tensor, std::string_view name, int count) {
    text += fmt::format("    %{0}v = pto.make_tensor_view %{1}, shape = [%c2, %w], strides = [%w, %c1] : $VIEW\n", name,
                        tensor);
    for (int k = 0; k < count; ++k)
      text += fmt::format(
          "    %{0}{1} = pto.partition_view %{0}v, offsets = [%c{1}, %c0], sizes = [%c1, %w] : $VIEW -> "
          "$ROW\n",
          name, k);
  };
  rows("data", "d", 2), rows("inbox", "in", 2), rows("their_inbox", "out", 2), rows("their_data", "td", 2);
  rows("y", "yr", 2);
  text +=
      "    %ss = pto.comm.build_async_session(%scratch, %workspace : $SCRATCH, !pto.ptr<i8>) {sync_id = 0 : i32} -> "
      "!pto.async_session\n" +
      body + "    return\n  }\n}\n";
  const std::pair<std::string_view, std::string> words[] = {{"$TILE", kTile},       {"$SCRATCH", kScratch},
                                                            {"$SIGNALS", kSignals}, {"$SIGNAL", kSignal},
                                                            {"$VIEW", kView},       {"$ROW", kRow}};
  for (const auto& [from, to] : words)
    for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
      text.replace(at, from.size(), to);
  return text;
}

std::string transfer(std::string_view op, std::string_view event, std::string_view to, std::string_view from,
                     std::string_view session = "%ss") {
  return fmt::format("    {} = pto.{}({}, {}, {} : $ROW, $ROW, !pto.async_session) -> !pto.async_event\n", event, op,
                     to, from, session);
}
std::string put(std::string_view event = "%e", std::string_view to = "%out0", std::string_view from = "%d0") {
  return transfer("comm.tput_async", event, to, from);
}
std::string get(std::string_view event = "%e", std::string_view to = "%in0", std::string_view from = "%td0") {
  return transfer("comm.tget_async", event, to, from);
}
std::string wait(std::string_view event = "%e", std::string_view session = "%ss") {
  return fmt::format("    %over_{} = pto.comm.wait_async_event({}, {} : !pto.async_event, !pto.async_session) -> i1\n",
                     event.substr(1), event, session);
}
const std::string kNotify = "    pto.comm.tnotify(%theirs, %one : $SIGNAL, i32) {notifyOp = #pto<notify_op set>}\n";
const std::string kTwait = "    pto.comm.twait(%mine, %one : $SIGNAL, i32) {cmp = #pto<wait_cmp ge>}\n";
std::string copy(std::string_view from, std::string_view to, std::string_view tile = "%t") {
  return fmt::format(
      "    pto.tload ins({0} : $ROW) outs({2} : $TILE)\n{3}    pto.tstore ins({2} : $TILE) outs({1} : $ROW)\n", from,
      to, tile, kDrain);
}

// Ranks 0 and 1; rank r's data, inbox, signal and result are tensors 5 r to 5 r + 3, its workspace 5 r + 4.
GraphRun run_ranks(const std::string& body, device::Schedule schedule, std::int64_t ranks = 2,
                   Order order = Order::automatic, bool data_are_windows = true) {
  GraphRun run;
  run.text = kernel_of(body);
  for (std::int64_t rank = 0; rank < 2; ++rank) {
    std::vector<float> data;
    for (std::int64_t i = 0; i < 2 * kWidth; ++i) data.push_back(static_cast<float>(100 * (rank + 1) + i));
    run.tensors.push_back(floats(data));
    run.tensors.push_back(filled(2 * kWidth, -1.0F));
    run.tensors.push_back(tensor_of(DType::i32, std::vector<std::int32_t>(1, 0)));
    run.tensors.push_back(filled(2 * kWidth, -2.0F));
    run.tensors.push_back(tensor_of(DType::i8, std::vector<std::int8_t>(64, 0)));
    for (int k = 0; k < 5; ++k) run.placements.push_back({rank, k == 0 ? data_are_windows : k < 3});
  }
  for (std::int64_t rank = 0; rank < ranks; ++rank) {
    const auto own = static_cast<std::size_t>(5 * rank), other = 5 - own;
    run.nodes.push_back({"kernel",
                         {pointer(own), pointer(own + 1), pointer(own + 2), pointer(own + 3), pointer(other),
                          pointer(other + 1), pointer(other + 2), pointer(own + 4)},
                         rank,
                         1,
                         {}});
  }
  run.options.schedule = schedule;
  run.options.order = order;
  return run_graph(std::move(run));
}

std::vector<float> share(std::int64_t rank) {
  std::vector<float> row;
  for (std::int64_t i = 0; i < kWidth; ++i) row.push_back(static_cast<float>(100 * (rank + 1) + i));
  return row;
}
std::vector<float> first_row(const Tensor& tensor) {
  std::vector<float> all = values(tensor);
  all.resize(kWidth);
  return all;
}

// Each rank gives the other its share, says so once the event has come, and keeps what it gets.
std::string mutual(const std::string& start, const std::string& complete) {
  return start + complete + kNotify + kTwait + copy("%in0", "%yr0");
}

const std::string kPoll = R"(    scf.while () : () -> () {
      %done = pto.comm.test_async_event(%e, %ss : !pto.async_event, !pto.async_session) -> i1
      %true = arith.constant true
      %again = arith.xori %done, %true : i1
      scf.condition(%again)
    } do {
      scf.yield
    }
)";

TEST(AsyncTransfers, ArriveOnceTheirEventHasCome) {
  const std::string older =
      "    %e = pto.tput_async(%out0, %d0, %ss : $ROW, $ROW, !pto.async_session) -> !pto.async_event\n"
      "    pto.wait_async_event(%e, %ss : !pto.async_event, !pto.async_session)\n";
  const std::string carried =
      "    %first = pto.comm.tput_async(%out1, %d1, %ss : $ROW, $ROW, !pto.async_session) -> !pto.async_event\n"
      "    %e = scf.for %k = %c0 to %c2 step %c1 iter_args(%before = %first) -> (!pto.async_event) {\n"
      "      %gone = pto.comm.wait_async_event(%before, %ss : !pto.async_event, !pto.async_session) -> i1\n" +
      put("%next") + "      scf.yield %next : !pto.async_event\n    }\n";
  for (const std::string& body : {mutual(put(), wait()), mutual(put(), kPoll), mutual(older, ""),
                                  mutual(carried, wait()), get() + wait() + copy("%in0", "%yr0")})
    for (const device::Schedule& schedule : all_schedules()) {
      const GraphRun run = run_ranks(body, schedule);
      ASSERT_EQ(run.report.status, device::RunStatus::completed) << shown(run.report) << run.text;
      EXPECT_TRUE(run.report.diagnostics.empty()) << shown(run.report);
      for (std::int64_t rank = 0; rank < 2; ++rank)
        EXPECT_EQ(first_row(run.tensors[static_cast<std::size_t>(5 * rank + 3)]), share(1 - rank));
    }
}

// The library waits for all transfers of the session.
TEST(AsyncTransfers, OneWaitCoversTheSession) {
  for (const device::Schedule& schedule : all_schedules()) {
    const GraphRun run = run_ranks(put("%e", "%out0", "%d0") + put("%f", "%out1", "%d1") + wait("%f"), schedule, 1);
    EXPECT_EQ(run.report.status, device::RunStatus::completed) << shown(run.report);
    EXPECT_EQ(values(run.tensors[6]), values(run.tensors[0]));
  }
}

// What has arrived may be used while later transfers are on their way.
TEST(AsyncTransfers, ComputationBesideThemIsFree) {
  const std::string body = put() + copy("%d1", "%yr1", "%v") + wait() + copy("%d0", "%yr0");
  for (const device::Schedule& schedule : all_schedules())
    EXPECT_EQ(rules(run_ranks(body, schedule, 1).report), std::vector<std::string>{});
}

struct Broken {
  const char* what;
  std::vector<std::string> rules;  // one of them, first
  std::string body;
  const char* first;  // marks of the two lines it names, in whichever order
  const char* second;
  std::int64_t ranks = 2;
};

std::vector<Broken> broken_transfers() {
  const std::string clean = wait() + kNotify + kTwait;
  const std::string other =
      "    %tt = pto.comm.build_async_session(%scratch, %workspace : $SCRATCH, !pto.ptr<i8>) {sync_id = 1 : i32} -> "
      "!pto.async_session\n";
  return {
      {"notified before the event",
       {"race-raw", "race-war"},
       put() + kNotify + kTwait + copy("%in0", "%yr0") + wait(),
       "tput_async",
       "tload ins(%in0"},
      {"a barrier of all pipes is no event",
       {"race-raw", "race-war"},
       put() + kDrain + kNotify + kTwait + copy("%in0", "%yr0") + wait(),
       "tput_async",
       "tload ins(%in0"},
      {"source overwritten before the event",
       {"race-war"},
       "    pto.tload ins(%d1 : $ROW) outs(%v : $TILE)\n" + put() + kDrain +
           "    pto.tstore ins(%v : $TILE) outs(%d0 : $ROW)\n" + wait(),
       "tstore ins(%v",
       "tput_async",
       1},
      {"destination read before the event",
       {"race-raw"},
       get() + copy("%in0", "%yr0") + wait(),
       "tload ins(%in0",
       "tget_async",
       1},
      {"destination written before the event",
       {"race-waw"},
       "    pto.tload ins(%d1 : $ROW) outs(%v : $TILE)\n" + get() + kDrain +
           "    pto.tstore ins(%v : $TILE) outs(%in0 : $ROW)\n" + wait(),
       "tstore ins(%v",
       "tget_async",
       1},
      {"source not stored yet",
       {"race-raw"},
       "    pto.tload ins(%d1 : $ROW) outs(%v : $TILE)\n" + kDrain +
           "    pto.tstore ins(%v : $TILE) outs(%d0 : $ROW)\n" + put() + wait() + kDrain,
       "tput_async",
       "tstore ins(%v",
       1},
      {"never waited for", {"async-leaked"}, put(), "tput_async", "    return", 1},
      {"the second never waited for", {"async-leaked"}, put() + wait() + put("%f"), "%f = pto", "    return", 1},
      {"two to one place", {"race-waw"}, put() + put("%f", "%out0", "%d1") + wait("%f"), "%e = pto", "%f = pto", 1},
      {"scratch used meanwhile",
       {"race-waw"},
       put() + "    %s = pto.alloc_tile addr = %a2 : $TILE\n    pto.texpands ins(%half : f32) outs(%s : $TILE)\n" +
           kDrain + wait(),
       "tput_async",
       "texpands",
       1},
      {"another session", {"async-handle"}, other + put() + wait("%e", "%tt"), "wait_async_event", "tput_async", 1},
      {"rows with gaps",
       {"transfer-shape"},
       "    %gv = pto.make_tensor_view %data, shape = [%c1, %w], strides = [%w, %c2] : $VIEW\n"
       "    %g0 = pto.partition_view %gv, offsets = [%c0, %c0], sizes = [%c1, %w] : $VIEW -> $ROW\n" +
           put("%e", "%out0", "%g0") + wait(),
       "tput_async",
       "%g0 = pto",
       1},
      {"memory that is no window",
       {"foreign-memory"},
       put("%e", "%td0", "%d0") + wait(),
       "tput_async",
       "%td0 = pto",
       1},
  };
}

TEST(AsyncTransfers, BrokenRulesNameBothPlaces) {
  for (const Broken& broken : broken_transfers())
    for (const device::Schedule& schedule : all_schedules()) {
      const bool their_data_is_window = broken.rules[0] != "foreign-memory";
      const GraphRun run = run_ranks(broken.body, schedule, broken.ranks, Order::automatic, their_data_is_window);
      ASSERT_FALSE(run.report.diagnostics.empty()) << broken.what;
      const device::Diagnostic& found = run.report.diagnostics.front();
      EXPECT_TRUE(std::find(broken.rules.begin(), broken.rules.end(), found.rule) != broken.rules.end())
          << broken.what << ": " << shown(run.report);
      ASSERT_TRUE(found.related) << broken.what << ": " << shown(run.report);
      const std::set<int> lines{found.location.line, found.related->line};
      const std::set<int> expected{line_of(run.text, broken.first), line_of(run.text, broken.second)};
      EXPECT_EQ(lines, expected) << broken.what << ": " << shown(run.report) << run.text;
    }
}

TEST(AsyncTransfers, AnEventNobodyMakesIsNamed) {
  for (const Order order : {Order::automatic, Order::program})
    EXPECT_EQ(rules(run_ranks(put(), {}, 1, order).report), std::vector<std::string>{"async-leaked"});
}

// Exact definition: the bytes of `count` elements from one offset to another, all others as they were.
TEST(AsyncTransfers, MoveExactlyTheirBytes) {
  rc::check("tput_async and tget_async", [] {
    const DType dtype = *rc::gen::element(DType::f32, DType::bf16, DType::f16, DType::i32, DType::i16, DType::i8,
                                          DType::u8, DType::i64);
    const std::int64_t size = 96, count = *rc::gen::inRange<std::int64_t>(1, 65);
    const std::int64_t to = *rc::gen::inRange<std::int64_t>(0, size - count + 1);
    const std::int64_t from = *rc::gen::inRange<std::int64_t>(0, size - count + 1);
    const std::int64_t width = info(dtype).bits / 8;
    const std::string element(dtype == DType::u8 ? "ui8" : name(dtype));
    const std::string row = fmt::format("!pto.partition_tensor_view<{}x{}>", count, element);
    const std::string view = fmt::format("!pto.tensor_view<?x{}>", element);
    KernelRun run;
    run.text = fmt::format(R"(module attributes {{pto.target_arch = "a2a3"}} {{
  func.func @kernel(%x: !pto.ptr<{0}>, %y: !pto.ptr<{0}>, %ws: !pto.ptr<i8>, %from: index, %to: index) {{
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %n = arith.constant {1} : index
    %all = arith.constant {2} : index
    %a0 = arith.constant 0 : i64
    %scratch = pto.alloc_tile addr = %a0 : !pto.tile_buf<vec, 1x32xi8>
    %xv = pto.make_tensor_view %x, shape = [%all], strides = [%c1] : {3}
    %yv = pto.make_tensor_view %y, shape = [%all], strides = [%c1] : {3}
    %xp = pto.partition_view %xv, offsets = [%from], sizes = [%n] : {3} -> {4}
    %yp = pto.partition_view %yv, offsets = [%to], sizes = [%n] : {3} -> {4}
    %s = pto.comm.build_async_session(%scratch, %ws : !pto.tile_buf<vec, 1x32xi8>, !pto.ptr<i8>) -> !pto.async_session
    %e = pto.comm.{5}(%yp, %xp, %s : {4}, {4}, !pto.async_session) -> !pto.async_event
    %d = pto.comm.wait_async_event(%e, %s : !pto.async_event, !pto.async_session) -> i1
    return
  }}
}}
)",
                           element, count, size, view, row, *rc::gen::element("tput_async", "tget_async"));
    const auto bytes = [&] {
      return *rc::gen::container<std::vector<std::uint8_t>>(static_cast<std::size_t>(size * width),
                                                            rc::gen::arbitrary<std::uint8_t>());
    };
    const auto x = bytes(), before = bytes();
    for (const auto* content : {&x, &before}) {
      Tensor tensor(dtype, {size});
      std::memcpy(tensor.bytes().data(), content->data(), content->size());
      run.tensors.push_back(std::move(tensor));
    }
    run.tensors.push_back(tensor_of(DType::i8, std::vector<std::int8_t>(64, 0)));
    run.scalars = {from, to};
    run = run_kernel(std::move(run));
    RC_ASSERT(run.report.status == device::RunStatus::completed);
    std::vector<std::uint8_t> expected = before;
    std::copy_n(x.begin() + from * width, count * width, expected.begin() + to * width);
    RC_ASSERT(std::memcmp(run.tensors[1].bytes().data(), expected.data(), expected.size()) == 0);
    RC_ASSERT(std::memcmp(run.tensors[0].bytes().data(), x.data(), x.size()) == 0);
  });
}

}  // namespace
}  // namespace assay::sim::testing

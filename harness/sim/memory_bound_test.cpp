// The memory a run takes beside its tensors, for programs made to take much: at most a quarter of the tensors and 64
// MiB (docs/simulator.md). Measured as the growth of the process's resident memory; no test for sanitized builds.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <malloc.h>

#include <cstring>
#include <fstream>
#include <string>

#include "harness/core/profile/profile.h"
#include "harness/pto/reader.h"
#include "harness/sim/backend.h"

namespace assay {
namespace {

using device::Order;
using device::RunStatus;

constexpr double kMiB = 1 << 20;

double status_mib(const std::string& field) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(field + ":")) return std::stod(line.substr(field.size() + 1)) / 1024;
  return -1;
}

// From here on VmHWM is the peak since now.
bool reset_peak() {
  std::ofstream file("/proc/self/clear_refs");
  file << 5 << std::flush;
  return static_cast<bool>(file);
}

struct Hostile {
  std::string name, body;  // of a loop over %i, 0 to `rounds`
  std::int64_t rounds;
  std::string before = "", after = "";
  std::int64_t blocks = 1;
  int tensors_mib = 16;
  Order order = Order::explicit_sync;
};
void PrintTo(const Hostile& hostile, std::ostream* out) { *out << hostile.name; }

// %y: the tensor, of i32. %t and %p: a tile of 8 words and where word %at of y stands.
std::string text_of(const Hostile& h) {
  return fmt::format(R"(module attributes {{pto.target_arch = "a2a3"}} {{
  func.func @kernel(%y: !pto.ptr<i32>, %n: index) {{
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c8 = arith.constant 8 : index
    %c16 = arith.constant 16 : index
    %one = arith.constant 1 : i32
    %zero = arith.constant 0 : i32
    %a0 = arith.constant 0 : i64
    %rounds = arith.constant {} : index
    %bi = pto.get_block_idx
    %b = arith.index_cast %bi : i64 to index
    %yv = pto.make_tensor_view %y, shape = [%n], strides = [%c1] : !pto.tensor_view<?xi32>
    %t = pto.alloc_tile addr = %a0 : !pto.tile_buf<vec, 1x8xi32>
    %e = pto.alloc_tile addr = %a0 : !pto.tile_buf<vec, 1x8xi32, valid=1x1>
{}    scf.for %i = %c0 to %rounds step %c1 {{
{}    }}
{}    return
  }}
}}
)",
                     h.rounds, h.before, h.body, h.after);
}

// Pieces of `words` words, one after the other.
std::string pieces(int words, std::string_view tile) {
  return fmt::format(
      "      %at = arith.muli %i, {0} : index\n"
      "      %p = pto.partition_view %yv, offsets = [%at], sizes = [{0}] : !pto.tensor_view<?xi32> -> "
      "!pto.partition_tensor_view<{1}xi32>\n"
      "      pto.tstore ins(%{2} : !pto.tile_buf<vec, 1x8xi32{3}>) outs(%p : !pto.partition_tensor_view<{1}xi32>)\n",
      words == 1 ? "%c1" : "%c8", words, tile, words == 1 ? ", valid=1x1" : "");
}

const std::string kStore = "      pto.store_scalar %one, %y[%i] : !pto.ptr<i32>, i32\n";
const std::string kOneView =
    "      %p = pto.partition_view %yv, offsets = [%i], sizes = [%c1] : !pto.tensor_view<?xi32> -> "
    "!pto.partition_tensor_view<1xi32>\n";
const std::string kFlush = "    pto.cmo.cacheinvalid all\n    pto.fence.barrier_all\n";
const std::string kFill =
    "    pto.texpands ins(%one : i32) outs(%t : !pto.tile_buf<vec, 1x8xi32>)\n    pto.barrier <PIPE_ALL>\n";
const std::string kSyncAll =
    "    pto.syncall() mode = #pto.sync_all_mode<hard>, core_type = #pto.sync_core_type<mix>\n";
constexpr std::int64_t kWords = 4 << 20;  // in 16 MiB

std::vector<Hostile> hostiles() {
  std::vector<Hostile> all;
  all.push_back({"EveryWordStoredByTheScalarUnit", kStore, kWords, "", kFlush});
  all.push_back({"StoredAndNeverWrittenBack", kStore, kWords});
  all.push_back({"WrittenBackWordByWord",
                 kStore + "      %q = pto.addptr %y, %i : !pto.ptr<i32> -> !pto.ptr<i32>\n"
                          "      pto.cmo.cacheinvalid %q single_cache_line : !pto.ptr<i32>\n"
                          "      pto.fence.barrier_all\n",
                 kWords / 4, "", "", 1, 4});
  all.push_back({"NeverFenced",
                 kStore + "      %q = pto.addptr %y, %i : !pto.ptr<i32> -> !pto.ptr<i32>\n"
                          "      pto.cmo.cacheinvalid %q single_cache_line : !pto.ptr<i32>\n",
                 kWords / 4, "", "", 1, 4});
  all.push_back({"OneWordOfEveryLine",
                 "      %at = arith.muli %i, %c16 : index\n      pto.store_scalar %one, %y[%at] : !pto.ptr<i32>, i32\n",
                 kWords / 4, "", kFlush, 1, 64});
  all.push_back({"SmallPiecesWithAReleaseEach", pieces(8, "t") + "      pto.barrier <PIPE_MTE3>\n", kWords / 8, kFill});
  all.push_back(
      {"SingleWordsWithAReleaseEach", pieces(1, "e") + "      pto.barrier <PIPE_MTE3>\n", kWords / 4, kFill, "", 1, 4});
  all.push_back({"SingleWordsNobodyElseHasSeen", pieces(1, "e") + "      pto.barrier <PIPE_MTE3>\n", kWords / 4,
                 kFill + "    %mine = arith.muli %b, %rounds : index\n", kSyncAll, 2, 8});
  all.push_back({"SingleWordsInProgramOrder", pieces(1, "e"), kWords / 4,
                 "    pto.texpands ins(%one : i32) outs(%t : !pto.tile_buf<vec, 1x8xi32>)\n", "", 2, 4,
                 Order::program});
  all.push_back({"ManyBarriersOfAllCores", kSyncAll, 200'000, "", "", 2, 1});
  all.push_back({"EveryWordASignal",
                 kOneView + "      pto.comm.tnotify(%p, %one : !pto.partition_tensor_view<1xi32>, i32) {notifyOp = "
                            "#pto<notify_op set>}\n",
                 kWords / 16, "", "", 1, 1});
  all.push_back({"AWaitForEveryWord",
                 "      %p = pto.partition_view %yv, offsets = [%c0], sizes = [%n] : !pto.tensor_view<?xi32> -> "
                 "!pto.partition_tensor_view<?xi32>\n"
                 "      pto.comm.twait(%p, %zero : !pto.partition_tensor_view<?xi32>, i32) {cmp = #pto<wait_cmp ge>}\n",
                 1});
  all.push_back(
      {"AFlagSetForEver", "      pto.set_flag[<PIPE_MTE3>, <PIPE_V>, <EVENT_ID0>]\n", 1'000'000, "", "", 1, 1});
  all.push_back({"TilesWithoutAddresses",
                 "      %u = pto.alloc_tile : !pto.tile_buf<vec, 8x4096xi32>\n"
                 "      %v = pto.alloc_tile : !pto.tile_buf<vec, 8x4096xi32>\n",
                 100, "", "", 1, 1});
  return all;
}

class MemoryBound : public testing::TestWithParam<Hostile> {};

TEST_P(MemoryBound, HoldsForHostilePrograms) {
  const std::string text = text_of(GetParam());
  const auto module = pto::parse(text, "hostile.pto");
  ASSERT_TRUE(module) << to_string(module.error()) << text;
  const auto profile = load_profile("a2a3");
  ASSERT_TRUE(profile);
  const std::int64_t words = std::int64_t{GetParam().tensors_mib} << 18;
  Tensor y(DType::i32, Shape{words});
  std::memset(y.bytes().data(), 0, y.bytes().size());
  std::vector<Tensor*> tensors{&y};
  device::Launch launch;
  launch.module = &*module;
  launch.function = &module->functions.front();
  launch.blocks = GetParam().blocks;
  launch.arguments = {device::PointerArgument{0, 0}, words};
  launch.tensors = tensors;
  device::RunOptions options;
  options.profile = &*profile;
  options.order = GetParam().order;
  if (options.order == Order::program) options.schedule.kind = device::Schedule::Kind::worst;  // compares blocks
  const auto backend = sim::kSimRecord.create("");
  malloc_trim(0);  // what earlier runs left in the heap would hide what this one takes
  const double before = status_mib("VmRSS");
  ASSERT_TRUE(reset_peak() && before >= 0);
  const device::RunReport report = (*backend)->run(launch, options);
  const double beside = status_mib("VmHWM") - before;
  RecordProperty("beside_MiB", fmt::format("{:.1f}", beside));
  EXPECT_LE(beside, GetParam().tensors_mib / 4.0 + 64) << report.reason;
  ASSERT_TRUE(report.status == RunStatus::completed || report.status == RunStatus::fault) << report.reason;
  for (const device::Diagnostic& found : report.diagnostics) EXPECT_NE(found.rule, "verify") << found.message;
}

INSTANTIATE_TEST_SUITE_P(Sim, MemoryBound, testing::ValuesIn(hostiles()),
                         [](const auto& hostile) { return hostile.param.name; });

}  // namespace
}  // namespace assay

// What pto::insert_sync gives to kernels in source form, run: no schedule of it breaks a rule or changes a byte.
#include "harness/pto/insert_sync.h"

#include <fmt/format.h>

#include <random>

#include "harness/pto/printer.h"
#include "harness/pto/verifier.h"
#include "harness/sim/kernel_test.h"

namespace assay::sim {
namespace {

using device::Order;
using device::RunStatus;
using device::Schedule;
using testing::KernelRun;

constexpr std::string_view kTile = "!pto.tile_buf<vec, 8x16xf32>";
constexpr int kElements = 128;

// Random programs on tiles of 512 bytes at multiples of 256 bytes, so that neighbours share bytes, and on two tensors
// that transfers and scalars both reach, with loops and branches.
class Program {
 public:
  explicit Program(std::uint64_t seed) : random_(seed) {}

  std::string text() {
    std::string body;
    for (int i = 0; i < 4; ++i) body += statement(0);
    return fmt::format(R"(module attributes {{pto.target_arch = "a2a3"}} {{
  func.func @random(%x: !pto.ptr<f32>, %y: !pto.ptr<f32>) attributes {{pto.kernel_kind = #pto.kernel_kind<vector>}} {{
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c3 = arith.constant 3 : index
    %c8 = arith.constant 8 : index
    %c16 = arith.constant 16 : index
    %half = arith.constant 0.5 : f32
    %all_at = arith.constant 0 : i64
    %all = pto.alloc_tile addr = %all_at : !pto.tile_buf<vec, 8x128xf32>
    pto.texpands ins(%half : f32) outs(%all : !pto.tile_buf<vec, 8x128xf32>)
    %xv = pto.make_tensor_view %x, shape = [%c8, %c16], strides = [%c16, %c1] : !pto.tensor_view<?x?xf32>
    %yv = pto.make_tensor_view %y, shape = [%c8, %c16], strides = [%c16, %c1] : !pto.tensor_view<?x?xf32>
    %xp = pto.partition_view %xv, offsets = [%c0, %c0], sizes = [%c8, %c16] : !pto.tensor_view<?x?xf32> -> !pto.partition_tensor_view<8x16xf32>
    %yp = pto.partition_view %yv, offsets = [%c0, %c0], sizes = [%c8, %c16] : !pto.tensor_view<?x?xf32> -> !pto.partition_tensor_view<8x16xf32>
{}    return
  }}
}}
)",
                       body);
  }

 private:
  int below(int count) { return static_cast<int>(random_() % static_cast<std::uint64_t>(count)); }
  int fresh() { return next_++; }
  char tensor() { return below(2) == 0 ? 'x' : 'y'; }

  // A tile at a slot, or at a slot that changes with the innermost loop.
  std::string tile(int slot, std::string& text) {
    const int n = fresh();
    if (loop_ >= 0 && below(4) == 0) {
      text += fmt::format("%q{0} = arith.index_cast %i{1} : index to i64\n%w{0} = arith.constant 512 : i64\n"
                          "%b{0} = arith.constant {2} : i64\n%d{0} = arith.muli %q{0}, %w{0} : i64\n"
                          "%t{0}a = arith.addi %b{0}, %d{0} : i64\n",
                          n, loop_, slot * 256);
    } else {
      text += fmt::format("%t{}a = arith.constant {} : i64\n", n, slot * 256);
    }
    text += fmt::format("%t{0} = pto.alloc_tile addr = %t{0}a : {1}\n", n, kTile);
    return fmt::format("%t{}", n);
  }
  std::string tile(std::string& text) { return tile(below(9), text); }

  std::string statement(int depth) {
    std::string text;
    const int kind = below(depth < 3 ? 13 : 10);
    switch (kind) {
      case 0:
      case 1: {
        const std::string t = tile(text);
        return text + fmt::format("pto.tload ins(%{}p : !pto.partition_tensor_view<8x16xf32>) outs({} : {})\n", tensor(), t, kTile);
      }
      case 2:
      case 3: {
        const std::string t = tile(text);
        return text + fmt::format("pto.tstore ins({} : {}) outs(%{}p : !pto.partition_tensor_view<8x16xf32>)\n", t, kTile, tensor());
      }
      case 4:
      case 5: {
        const int a = below(3), c = below(2) == 0 ? a : a + 5;  // in place or apart
        const std::string from = tile(a, text), to = tile(c, text);
        return text + fmt::format("pto.tadds ins({0}, %half : {2}, f32) outs({1} : {2})\n", from, to, kTile);
      }
      case 6: {
        const std::string from = tile(text), to = tile(text);
        const int n = fresh();
        return text + fmt::format("%f{0} = pto.tgetval ins({1}, %c3 : {3}, index) outs : f32\n"
                                  "pto.texpands ins(%f{0} : f32) outs({2} : {3})\n", n, from, to, kTile);
      }
      case 7: {
        const std::string t = tile(text);
        return text + fmt::format("pto.tsetval ins(%c3, %half : index, f32) outs({} : {})\n", t, kTile);
      }
      case 8: {
        const std::string t = tile(text);
        const int n = fresh();
        return text + fmt::format("%f{0} = pto.load_scalar %{1}[%c3] : !pto.ptr<f32> -> f32\n"
                                  "pto.texpands ins(%f{0} : f32) outs({2} : {3})\n", n, tensor(), t, kTile);
      }
      case 9:
        return fmt::format("pto.store_scalar %half, %{}[%c3] : !pto.ptr<f32>, f32\n", tensor());
      default:
        return kind == 10 ? branch(depth) : loop(depth);
    }
  }

  std::string block(int depth) {
    std::string text;
    for (int i = 0, count = 1 + below(4); i < count; ++i) text += statement(depth + 1);
    return text;
  }
  std::string loop(int depth) {
    const int n = fresh(), outer = std::exchange(loop_, n);
    const std::string body = block(depth);
    loop_ = outer;
    return fmt::format("scf.for %i{0} = %c0 to %c{1} step %c1 {{\n{2}}}\n", n, below(2) == 0 ? 3 : below(2), body);
  }
  std::string branch(int depth) {
    const int n = fresh();
    const std::string condition =
        loop_ >= 0 ? fmt::format("%k{} = arith.cmpi eq, %i{}, %c1 : index\n", n, loop_)
                   : fmt::format("%k{} = arith.cmpi eq, %c{}, %c1 : index\n", n, below(2));
    std::string text = condition + fmt::format("scf.if %k{} {{\n", n) + block(depth) + "}";
    if (below(2) == 0) text += " else {\n" + block(depth) + "}";
    return text + "\n";
  }

  std::mt19937_64 random_;
  int next_ = 0;
  int loop_ = -1;
};

KernelRun run(const std::string& text, Order order, Schedule schedule, const Profile& profile) {
  KernelRun run;
  run.text = text;
  for (const float value : {2.0F, 3.0F}) run.tensors.push_back(testing::filled(kElements, value));
  run.options.order = order;
  run.options.schedule = schedule;
  run.profile = profile;
  return testing::run_kernel(std::move(run));
}

std::string synchronised(const std::string& text, const Profile& profile) {
  const auto module = pto::parse(text, "random.pto");
  if (!module) return to_string(module.error());
  const pto::Module made = pto::insert_sync(*module, profile);
  const auto verified = pto::verify(made);
  return verified ? pto::print(made) : to_string(verified.error());
}

std::vector<Schedule> schedules() {
  using enum Schedule::Kind;
  return {{canonical, 0}, {worst, 0}, {seeded, 1}, {seeded, 2}};
}

class InsertedSync : public ::testing::TestWithParam<std::int64_t> {};

TEST_P(InsertedSync, OrdersRandomProgramsUnderEverySchedule) {
  Profile profile = load_profile("a2a3").value();
  profile.event_ids = GetParam();
  int raced_without = 0, tried = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const std::string source = Program(seed).text();
    const KernelRun wanted = run(source, Order::program, {}, profile);
    ASSERT_EQ(wanted.report.status, RunStatus::completed) << wanted.report.reason << "\n" << source;
    const std::string text = synchronised(source, profile);
    ++tried;
    raced_without += run(source, Order::explicit_sync, {}, profile).report.status == RunStatus::completed ? 0 : 1;
    for (const Schedule& schedule : schedules()) {
      const KernelRun found = run(text, Order::explicit_sync, schedule, profile);
      ASSERT_EQ(found.report.status, RunStatus::completed)
          << "seed " << seed << ": " << found.report.reason << "\n" << text;
      for (std::size_t t = 0; t < 2; ++t)
        ASSERT_EQ(testing::values(found.tensors[t]), testing::values(wanted.tensors[t])) << "seed " << seed << "\n" << text;
    }
  }
  EXPECT_GT(raced_without, tried / 2) << "the programs need no synchronisation";
}

INSTANTIATE_TEST_SUITE_P(EventIds, InsertedSync, ::testing::Values(8, 2, 1));

}  // namespace
}  // namespace assay::sim

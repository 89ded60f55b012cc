// kernels/int8_matmul: both forms, whole tiles and tails, against the sums of products.
#include <algorithm>
#include <fstream>
#include <random>
#include <sstream>

#include "harness/pto/verifier.h"
#include "harness/sim/kernel_test.h"

namespace assay::sim::testing {
namespace {

struct Task {
  const char* file;
  std::int64_t m, k, n, blocks;
};
std::ostream& operator<<(std::ostream& out, const Task& t) {
  return out << t.file << ' ' << t.m << 'x' << t.k << 'x' << t.n << " on " << t.blocks;
}

std::string text_of(const char* file) {
  std::ifstream stream(fmt::format("{}/kernels/int8_matmul/{}", ASSAY_SOURCE_DIR, file));
  std::stringstream text;
  text << stream.rdbuf();
  EXPECT_TRUE(stream) << file;
  return text.str();
}

std::vector<std::int8_t> codes(std::int64_t count, unsigned seed) {
  std::minstd_rand random(seed);
  std::vector<std::int8_t> values(static_cast<std::size_t>(count));
  for (auto& value : values) value = static_cast<std::int8_t>(random() >> 8);
  return values;
}

std::vector<std::int32_t> sums_of_products(const std::vector<std::int8_t>& x, const std::vector<std::int8_t>& w,
                                           const Task& t) {
  std::vector<std::int32_t> y(static_cast<std::size_t>(t.m * t.n));
  for (std::int64_t r = 0; r < t.m; ++r)
    for (std::int64_t o = 0; o < t.n; ++o)
      for (std::int64_t k = 0; k < t.k; ++k)
        y[static_cast<std::size_t>(r * t.n + o)] +=
            x[static_cast<std::size_t>(r * t.k + k)] * w[static_cast<std::size_t>(o * t.k + k)];
  return y;
}

KernelRun run_task(const Task& t, std::string text, const std::vector<std::int8_t>& x,
                   const std::vector<std::int8_t>& w, const device::RunOptions& options = {}) {
  KernelRun run;
  run.text = std::move(text);
  run.tensors = {tensor_of(DType::i8, x), tensor_of(DType::i8, w),
                 tensor_of(DType::i32, std::vector<std::int32_t>(static_cast<std::size_t>(t.m * t.n), 0x5A5A5A5A))};
  run.scalars = {t.m, t.k, t.n};
  run.blocks = t.blocks;
  run.options = options;
  return run_kernel(std::move(run));
}

TEST(Int8MatmulFiles, KeepTheStaticRules) {
  for (const char* file : {"int8_matmul.pto", "int8_matmul_sync.pto"}) {
    const Result<pto::Module> module = pto::parse(text_of(file), file);
    ASSERT_TRUE(module) << to_string(module.error());
    const Result<void> verified = pto::verify(*module);
    EXPECT_TRUE(verified) << to_string(verified.error());
  }
}

class Int8Matmul : public ::testing::TestWithParam<Task> {};

TEST_P(Int8Matmul, IsExact) {
  const Task t = GetParam();
  const auto x = codes(t.m * t.k, 1), w = codes(t.n * t.k, 2);
  const KernelRun run = run_task(t, text_of(t.file), x, w);
  ASSERT_EQ(run.report.status, device::RunStatus::completed)
      << (run.report.diagnostics.empty() ? run.report.reason : to_string(run.report.diagnostics[0], t.file));
  const auto y = run.tensors[2].as<std::int32_t>();
  EXPECT_EQ(std::vector<std::int32_t>(y.begin(), y.end()), sums_of_products(x, w, t));
}

constexpr const char* kPlain = "int8_matmul.pto";
INSTANTIATE_TEST_SUITE_P(WithoutSynchronisation, Int8Matmul,
                         ::testing::Values(Task{kPlain, 16, 1024, 256, 2}, Task{kPlain, 1, 512, 128, 1},
                                           Task{kPlain, 21, 1111, 300, 3}, Task{kPlain, 5, 31, 7, 4}));

constexpr const char* kSync = "int8_matmul_sync.pto";
INSTANTIATE_TEST_SUITE_P(Synchronised, Int8Matmul,
                         ::testing::Values(Task{kSync, 16, 1024, 256, 2}, Task{kSync, 1, 512, 128, 1},
                                           Task{kSync, 21, 1111, 300, 3}, Task{kSync, 5, 31, 7, 4}));

// A race-free program gives the same bits whatever runs first.
TEST(Int8MatmulSchedules, EveryScheduleGivesTheSameSums) {
  const Task t{kSync, 17, 1300, 300, 2};
  const auto x = codes(t.m * t.k, 1), w = codes(t.n * t.k, 2);
  const auto expected = sums_of_products(x, w, t);
  using Kind = device::Schedule::Kind;
  for (const device::Schedule schedule : {device::Schedule{Kind::worst, 0}, device::Schedule{Kind::seeded, 1},
                                          device::Schedule{Kind::seeded, 2}, device::Schedule{Kind::seeded, 3}}) {
    device::RunOptions options;
    options.schedule = schedule;
    const KernelRun run = run_task(t, text_of(kSync), x, w, options);
    ASSERT_EQ(run.report.status, device::RunStatus::completed)
        << (run.report.diagnostics.empty() ? run.report.reason : to_string(run.report.diagnostics[0], t.file));
    const auto y = run.tensors[2].as<std::int32_t>();
    ASSERT_EQ(std::vector<std::int32_t>(y.begin(), y.end()), expected) << static_cast<int>(schedule.kind);
  }
}

// The text without the lines that contain the mark.
std::string without(const std::string& text, const std::vector<std::string>& marks) {
  std::stringstream lines(text);
  std::string kept, line;
  while (std::getline(lines, line))
    if (std::none_of(marks.begin(), marks.end(), [&](const auto& m) { return line.find(m) != std::string::npos; }))
      kept += line + "\n";
  return kept;
}

std::vector<std::string> rules_without(const std::vector<std::string>& marks, device::Schedule schedule) {
  const Task t{kSync, 32, 2048, 256, 1};
  const std::string text = text_of(kSync), broken = without(text, marks);
  EXPECT_NE(broken, text) << marks[0];
  device::RunOptions options;
  options.schedule = schedule;
  const KernelRun run = run_task(t, broken, codes(t.m * t.k, 1), codes(t.n * t.k, 2), options);
  std::vector<std::string> rules;
  for (const auto& found : run.report.diagnostics) rules.push_back(found.rule);
  return rules;
}

// Each pair of set and wait of the synchronised form is needed, and so is the barrier: without it the first finding is
// a race, whatever the schedule. One pair is redundant: MTE2 loads in order, so the flag of the first band of weights,
// which MTE1 waits for before it reads x, says that the rows of x before them have arrived.
TEST(Int8MatmulSchedules, EveryWaitIsNeeded) {
  const auto pair = [](const char* from, const char* to, std::vector<std::string> ids) {
    std::vector<std::string> marks;
    for (const std::string& id : ids) marks.push_back(fmt::format("[<PIPE_{}>, <PIPE_{}>, {}]", from, to, id));
    return marks;
  };
  const std::vector<std::vector<std::string>> edges = {
      pair("MTE1", "MTE2", {"%slot", "<EVENT_ID0>", "<EVENT_ID1>"}),
      pair("MTE1", "MTE2", {"<EVENT_ID2>"}),
      pair("MTE2", "MTE1", {"%slot"}),
      pair("M", "MTE1", {"%half", "<EVENT_ID0>", "<EVENT_ID1>"}),
      pair("MTE1", "M", {"%half"}),
      pair("FIX", "M", {"<EVENT_ID0>"}),
      pair("M", "FIX", {"<EVENT_ID0>"}),
      {"pto.barrier <PIPE_M>"}};
  using Kind = device::Schedule::Kind;
  for (const auto& marks : edges)
    for (const device::Schedule schedule :
         {device::Schedule{Kind::canonical, 0}, device::Schedule{Kind::worst, 0}, device::Schedule{Kind::seeded, 1}}) {
      const std::vector<std::string> rules = rules_without(marks, schedule);
      std::string all;
      for (const std::string& rule : rules) all += rule + " ";
      const bool found = !rules.empty() && rules[0].starts_with("race-");
      EXPECT_TRUE(found) << marks[0] << " under " << static_cast<int>(schedule.kind) << ": " << all;
    }
  for (const Kind kind : {Kind::canonical, Kind::worst})
    EXPECT_TRUE(rules_without(pair("MTE2", "MTE1", {"<EVENT_ID2>"}), {kind, 0}).empty());
}

}  // namespace
}  // namespace assay::sim::testing

// Seed bugs as small kernels (kernels/faults): lint finds each with its named cause and place, and nothing in its twin.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "harness/cli/lint.h"
#include "harness/cli/lint_report.h"
#include "harness/core/file.h"
#include "harness/core/scratch_directory.h"

namespace assay::cli {
namespace {

struct Seed {
  const char* id;
  const char* folder;
  const char* file;
  const char* rule;
  const char* at;       // begins the line of the finding
  const char* related;  // begins the other line, or empty
  const char* fixed;    // the twin, from kernels/
};

// B08's finding stands at whichever of the two comes second, with the other one related.
const Seed kSeeds[] = {
    {"B01", "b01_row_expand_mul_fillpad", "row_expand_mul_fillpad", "unset-valid-shape", "pto.trowexpandmul",
     "%pt = pto.alloc_tile", "row_expand_mul_fillpad/row_expand_mul_fillpad.pto"},
    {"B02", "b02_router_dispatch", "router_dispatch", "stale-line", "%loaded = pto.load_scalar", "pto.store_scalar",
     "faults/b02_router_dispatch/router_dispatch_fixed.pto"},
    {"B05", "b05_ffn_add", "ffn_add", "capacity", "%yt = pto.alloc_tile", "", "faults/b05_ffn_add/ffn_add_fixed.pto"},
    {"B06", "b06_ffn_add", "ffn_add", "narrowing", "%capacity32 = arith.index_cast", "",
     "faults/b06_ffn_add/ffn_add_fixed.pto"},
    {"B07", "b07_ffn_down", "ffn_down", "race-war", "pto.tload", "pto.tmov", "faults/b07_ffn_down/ffn_down_fixed.pto"},
    {"B08", "b08_allgather", "allgather", "stale-signal", "pto.comm.t", "pto.comm.t",
     "faults/b08_allgather/allgather_fixed.pto"},
    {"B13", "b13_combine", "combine", "deadlock", "pto.comm.twait", "", "faults/b13_combine/combine_fixed.pto"},
    {"B22", "b22_publish", "publish", "deadlock", "pto.comm.twait", "", "faults/b22_publish/publish_fixed.pto"},
    {"B23", "b23_row_amax", "row_amax", "undefined-bytes", "pto.tcvt", "%xa = pto.alloc_tile",
     "faults/b23_row_amax/row_amax_fixed.pto"},
    {"B24", "b24_row_expand_mul_fillpad", "row_expand_mul_fillpad", "scratch-window", "pto.trowexpandmul",
     "%pt = pto.alloc_tile", "faults/b24_row_expand_mul_fillpad/row_expand_mul_fillpad_fixed.pto"},
};

LintedFile lint_kernel(const std::string& file, std::vector<device::Schedule> schedules) {
  const auto backend = device::create_backend("sim");
  LintOptions options;
  options.schedules = std::move(schedules);
  auto linted = lint(std::string(ASSAY_SOURCE_DIR "/kernels/") + file, options, **backend);
  EXPECT_TRUE(linted) << to_string(linted.error());
  return linted ? std::move(*linted) : LintedFile{};
}

// No false alarms: every kernel of the project's own, beside those kept for their faults.
TEST(OwnKernels, AreSilent) {
  int kernels = 0;
  for (const auto& folder : std::filesystem::directory_iterator(ASSAY_SOURCE_DIR "/kernels"))
    for (const auto& file : std::filesystem::directory_iterator(folder.path())) {
      if (file.path().extension() != ".pto") continue;
      ++kernels;
      const auto name = std::filesystem::relative(file.path(), ASSAY_SOURCE_DIR "/kernels").string();
      const LintedFile linted = lint_kernel(name, default_schedules());
      EXPECT_TRUE(linted.findings.empty()) << lint_text(std::span(&linted, 1));
      EXPECT_FALSE(linted.runs.empty()) << name;
    }
  EXPECT_GE(kernels, 9);
}

// ---- docs/lint.md

std::string document() { return read_text(ASSAY_SOURCE_DIR "/docs/lint.md", 1 << 20).value(); }

TEST(LintDocument, ItsKernelRunsOnTwoRanksAndIsSilent) {
  const std::string text = document();
  const std::size_t begin = text.find("```mlir\n") + 8;
  const std::string kernel = text.substr(begin, text.find("```", begin) - begin);
  const auto scratch = ScratchDirectory::make().value();
  ASSERT_TRUE(write_text(scratch.path() / "hello.pto", kernel));
  const auto backend = device::create_backend("sim");
  LintOptions options;
  options.schedules = default_schedules();
  const auto linted = lint(scratch.path() / "hello.pto", options, **backend);
  ASSERT_TRUE(linted) << to_string(linted.error());
  EXPECT_TRUE(linted->findings.empty()) << lint_text(std::span(&*linted, 1));
  ASSERT_EQ(linted->runs.size(), 1U);
  EXPECT_NE(linted->runs[0].arguments.find("2 ranks"), std::string::npos) << linted->runs[0].arguments;
}

TEST(LintDocument, ItsFindingIsThatOfB05) {
  const LintedFile linted = lint_kernel("faults/b05_ffn_add/ffn_add.pto", default_schedules());
  const std::string found = lint_text(std::span(&linted, 1)), text = document();
  for (const char* part :
       {":36:15: error: capacity: 8x1024 bf16 tile at vec 0x30000 occupies bytes 0x30000 to 0x34000;",
        "canonical and 9 more schedules]\n", ":14:14: note: the other location\n"}) {
    EXPECT_NE(found.find(part), std::string::npos) << part << "\n" << found;
    EXPECT_NE(text.find(part), std::string::npos) << part;
  }
}

// Addresses count from where the argument points, whatever lies before the tensor.
TEST(LintAddresses, CountFromTheArgument) {
  const LintedFile stale = lint_kernel("faults/b02_router_dispatch/router_dispatch.pto", default_schedules());
  ASSERT_FALSE(stale.findings.empty());
  EXPECT_NE(stale.findings[0].message.find("bytes 0x0 to 0x4 of %indices's tensor"), std::string::npos)
      << stale.findings[0].message;
  const LintedFile signal = lint_kernel("faults/b13_combine/combine.pto", default_schedules());
  ASSERT_FALSE(signal.findings.empty());
  EXPECT_NE(signal.findings[0].message.find("the signal at element 0 of %own_sig"), std::string::npos)
      << signal.findings[0].message;
}

class SeedBug : public ::testing::TestWithParam<Seed> {};

// Under each kind of schedule alone, so that none depends on another one's luck.
TEST_P(SeedBug, IsFoundWithItsCause) {
  const Seed& seed = GetParam();
  for (const device::Schedule& schedule : default_schedules()) {
    const LintedFile linted = lint_kernel(fmt::format("faults/{}/{}.pto", seed.folder, seed.file), {schedule});
    const auto found = std::ranges::find_if(linted.findings, [&](const Finding& finding) {
      return finding.rule == seed.rule && source_line(linted, finding.location).starts_with(seed.at);
    });
    ASSERT_NE(found, linted.findings.end()) << lint_text(std::span(&linted, 1));
    if (*seed.related) {
      ASSERT_TRUE(found->related);
      EXPECT_TRUE(source_line(linted, *found->related).starts_with(seed.related)) << lint_text(std::span(&linted, 1));
    }
  }
}

TEST_P(SeedBug, IsSilentWhenFixed) {
  const LintedFile linted = lint_kernel(GetParam().fixed, default_schedules());
  EXPECT_TRUE(linted.findings.empty()) << lint_text(std::span(&linted, 1));
  EXPECT_FALSE(linted.runs.empty());
}

INSTANTIATE_TEST_SUITE_P(Seeds, SeedBug, ::testing::ValuesIn(kSeeds),
                         [](const auto& instance) { return std::string(instance.param.id); });

}  // namespace
}  // namespace assay::cli

// assay golden and what it makes possible with assay verify: the binary as its users see it.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include "goldens/stages/stage.h"
#include "harness/cli/invocation.h"
#include "harness/core/file.h"
#include "harness/core/manifest.h"
#include "harness/core/npy.h"
#include "harness/core/scratch_directory.h"

namespace assay::cli {
namespace {

using testing::Invocation;

class GoldenCommandTest : public ::testing::Test {
 protected:
  GoldenCommandTest() : scratch_(ScratchDirectory::make().value()) {}

  std::filesystem::path path(std::string_view name) const { return scratch_.path() / name; }
  Invocation shell(const std::string& text) const {
    return testing::shell_in(scratch_.path(), text);
  }
  Invocation run(const std::string& arguments) const { return shell(ASSAY_BINARY " " + arguments); }
  void refuses(const std::string& arguments, std::string_view part) const {
    const Invocation result = run(arguments);
    EXPECT_EQ(result.exit_code, 2) << arguments << "\n" << result.output;
    EXPECT_NE(result.output.find(part), std::string::npos) << arguments << "\n" << result.output;
    EXPECT_FALSE(std::filesystem::exists(path("out"))) << arguments;
  }
  void expect_in(const Invocation& result, std::string_view part) const {
    EXPECT_NE(result.output.find(part), std::string::npos) << result.output;
  }

  // Raw inputs of ffn_add: bf16 as u16, no manifest.
  void write_ffn_add(const std::string& folder) const {
    std::filesystem::create_directories(path(folder));
    Tensor routed(DType::f32, {2, 3}), shared(DType::u16, {2, 3});
    const float values[] = {1, 2, 3, 1.00390625f, -5, 0.1f};
    for (std::int64_t i = 0; i < 6; ++i) {
      routed.as<float>()[static_cast<std::size_t>(i)] = values[i];
      shared.set_bits(i, 0x3F80);  // 1.0
    }
    ASSERT_TRUE(write_npy(path(folder + "/routed_y.npy"), routed));
    ASSERT_TRUE(write_npy(path(folder + "/sh.npy"), shared));
  }

  ScratchDirectory scratch_;
};

TEST_F(GoldenCommandTest, ListsEveryStageWithItsPorts) {
  for (const char* arguments : {"golden", "golden --list"}) {
    const Invocation listed = run(arguments);
    EXPECT_EQ(listed.exit_code, 0);
    for (const goldens::Stage& stage : goldens::stages()) {
      expect_in(listed, std::string(stage.name) + "  (" + std::string(stage.clause));
      for (const goldens::Port& port : stage.inputs) expect_in(listed, "  in     " + std::string(port.name) + ": ");
    }
    expect_in(listed, "  holds  rows of T; rows of D; powers of two of routed_y, sh\n");
    expect_in(listed, "  param  valid_rows\n");
  }
}

TEST_F(GoldenCommandTest, WritesValueAndBoundsOfRawFiles) {
  write_ffn_add("in");
  const Invocation made = run("golden ffn_add --inputs in --out out");
  EXPECT_EQ(made.exit_code, 0) << made.output;
  expect_in(made, "ffn_out: bf16 2x3, 6 elements, 0 open, width median ");
  const auto tensors = read_tensors(path("out")).value();
  ASSERT_EQ(tensors.size(), 3u);
  const Tensor& value = tensors.at("ffn_out");
  EXPECT_EQ(value.dtype(), DType::bf16);
  EXPECT_EQ(value.bits(0), 0x4000u);  // 2
  EXPECT_EQ(value.bits(3), 0x4000u);  // 2.00390625 is below the half-way point
  EXPECT_EQ(value.bits(4), 0xC080u);  // -4
  const auto manifest = read_manifest(path("out")).value();
  EXPECT_EQ(manifest.find("ffn_out")->role, "golden");
  EXPECT_EQ(manifest.find("ffn_out.lo")->role, "lo");
  EXPECT_EQ(manifest.metadata.at("stage"), "ffn_add");
  // The same with a manifest.
  auto inputs = TensorMap{{"routed_y", read_npy(path("in/routed_y.npy")).value()},
                          {"sh", read_npy(path("in/sh.npy"), DType::bf16).value()}};
  ASSERT_TRUE(write_tensors(path("with"), inputs));
  EXPECT_EQ(run("golden ffn_add --inputs with --out again").exit_code, 0);
  EXPECT_EQ(read_tensors(path("again")).value(), tensors);
}

TEST_F(GoldenCommandTest, WhatIsWrongIsNamedAndNothingIsWritten) {
  write_ffn_add("in");
  refuses("golden ffn_ad --inputs in --out out", "unknown stage 'ffn_ad', expected ");
  refuses("golden ffn_add --out out", "found no --inputs");
  refuses("golden ffn_add --inputs in", "found no --out");
  refuses("golden ffn_add --inputs nowhere --out out", "nowhere: is no folder");
  refuses("golden ffn_add --inputs in --out out --param T=2", "stage ffn_add has no parameter 'T', expected none");
  refuses("golden ffn_add --inputs in --out out --option mode=x", "unknown option 'mode=x', expected none");
  refuses("golden ffn_add --inputs in --out out --option mode", "expected KEY=VALUE");
  refuses("golden ffn_add --inputs in --out out --profile z80", "z80");
  refuses("golden ffn_add --inputs in --out out --dtype sh=f99", "expected NAME=DTYPE");
  refuses("golden ffn_add --inputs in --out out --dtype q=f32", "has no port 'q'");
  refuses("golden ffn_add --inputs in --out out --dtype sh=i16", "");
  refuses("golden ffn_add --inputs in --out out --observed in", "is not set-valued");
  refuses("golden row_expand_mul_fillpad --inputs in --out out --param valid_rows=many", "expected a 64-bit integer");
  refuses("golden row_expand_mul_fillpad --inputs in --out out --param valid_rows=1 --param valid_rows=2",
          "stands twice");
  std::filesystem::remove(path("in/sh.npy"));
  refuses("golden ffn_add --inputs in --out out", "found no 'sh' for stage ffn_add, expected sh: bf16 [T, D]");
  ASSERT_TRUE(write_npy(path("in/sh.npy"), Tensor(DType::f32, {2, 3})));
  refuses("golden ffn_add --inputs in --out out", "sh.npy: the elements are f32, expected sh: bf16 [T, D]");
  ASSERT_TRUE(write_npy(path("in/sh.npy"), Tensor(DType::u16, {3, 2})));
  refuses("golden ffn_add --inputs in --out out", "input 'sh' has shape 3x2");
}

TEST_F(GoldenCommandTest, VerifyHonoursOpenElementsUnderEveryPolicy) {
  // Row 1 is not finite: open in the golden of quant_rows.
  Tensor x(DType::f32, {2, 4});
  for (std::int64_t i = 0; i < 8; ++i) x.set_bits(i, 0x3F800000 + static_cast<std::uint64_t>(i));
  x.set_bits(5, 0x7FC00000);
  ASSERT_TRUE(write_tensors(path("in"), {{"x", x}}));
  const Invocation made = run("golden quant_rows --inputs in --out golden");
  expect_in(made, "q: i8 2x4, 8 elements, 4 open, width median 0 at most 0 ulp, exact");
  auto answer = read_tensors(path("golden")).value();
  for (const char* name : {"q", "scale"})
    for (const char* suffix : {".lo", ".hi", ".open"}) answer.erase(std::string(name) + suffix);
  for (std::int64_t i = 4; i < 8; ++i) answer.at("q").set_bits(i, 77);
  answer.emplace("beside", Tensor(DType::f32, {1}));  // of no concern to the golden
  ASSERT_TRUE(write_tensors(path("a"), answer));
  for (const char* policy : {"bits", "bound", "'ulp(1)'", "'allclose(rtol=0,atol=0)'"}) {
    const Invocation verified = run(std::string("verify a golden --policy ") + policy);
    EXPECT_EQ(verified.exit_code, 0) << verified.output;
    expect_in(verified, "q: passed: i8 2x4, 4 of 8 compared, 4 open, 0 differ");
    expect_in(verified, "2 tensors compared, 0 failed");
  }
  answer.at("q").set_bits(1, 1);
  ASSERT_TRUE(write_tensors(path("a"), answer));
  const Invocation wrong = run("verify a golden --policy bound");
  EXPECT_EQ(wrong.exit_code, 1);
  expect_in(wrong, "slack inf at [1], width median 0 at most 0 ulp");
  EXPECT_EQ(run("verify a golden --policy bound --only scale").exit_code, 0);
  refuses("verify a golden --only beside", "--only 'beside': found no such tensor, expected one of q, scale");
  refuses("verify a golden --policy relations", "assay run with policy=relations");
}

TEST_F(GoldenCommandTest, NothingComparedIsNoPass) {
  Tensor y(DType::f32, {2}), open(DType::u8, {2});
  open.set_bits(0, 1), open.set_bits(1, 1);
  ASSERT_TRUE(write_tensors(path("a"), {{"y", y}}));
  ASSERT_TRUE(write_tensors(path("b"), {{"y", y}, {"y.open", open}}));
  const Invocation verified = run("verify a b");
  EXPECT_EQ(verified.exit_code, 1);
  expect_in(verified, "y: unverified: f32 2, 0 of 2 compared, 2 open");
  expect_in(verified, "no element was compared");
  ASSERT_TRUE(write_tensors(path("b"), {{"y", y}, {"y.open", Tensor(DType::u8, {3})}}));
  refuses("verify a b", "y.open is u8 3, expected u8 with the 2 elements of y");
  // What a subject never wrote fails, whatever stands there.
  open.set_bits(1, 0);
  ASSERT_TRUE(write_tensors(path("c"), {{"y", y}, {"y.unwritten", open}}));
  const Invocation unwritten = run("verify c a");
  EXPECT_EQ(unwritten.exit_code, 1);
  expect_in(unwritten, "1 never written");
}

TEST_F(GoldenCommandTest, AGoldenLeavesItsInputsAndNothingOfAnEarlierOne) {
  write_ffn_add("in");
  refuses("golden ffn_add --inputs in --out in", "--out in: is the folder of --inputs, expected another one");
  refuses("golden ffn_add --inputs in --out in/../in", "is the folder of --inputs");
  EXPECT_FALSE(std::filesystem::exists(path("in/manifest.json")));
  Tensor x(DType::f32, {1, 4});
  x.set_bits(0, 0x7FC00000);
  ASSERT_TRUE(write_tensors(path("x"), {{"x", x}}));
  EXPECT_EQ(run("golden quant_rows --inputs x --out golden").exit_code, 0);
  EXPECT_TRUE(std::filesystem::exists(path("golden/q.open.npy")));
  x.set_bits(0, 0x3F800000);
  ASSERT_TRUE(write_tensors(path("x"), {{"x", x}}));
  EXPECT_EQ(run("golden quant_rows --inputs x --out golden").exit_code, 0);
  EXPECT_FALSE(std::filesystem::exists(path("golden/q.open.npy")));
}

TEST_F(GoldenCommandTest, AnElementTypeThatIsNotReadNamesWhatTheStageReads) {
  write_ffn_add("in");
  // What numpy writes unless told otherwise: float64.
  std::string text = read_text(path("in/routed_y.npy"), 4096).value();
  text.replace(text.find("<f4"), 3, "<f8");
  ASSERT_TRUE(write_text(path("in/routed_y.npy"), text));
  refuses("golden ffn_add --inputs in --out out", "element type '<f8'");
  refuses("golden ffn_add --inputs in --out out", "; the stage reads routed_y: f32 [T, D]");
}

TEST_F(GoldenCommandTest, ExtentsAndOptionalInputsAreNamed) {
  ASSERT_TRUE(
      write_tensors(path("in"), {{"gated", Tensor(DType::f32, {2, 3})}, {"scale", Tensor(DType::f32, {2, 2})}}));
  const std::string command = "golden row_expand_mul_fillpad --inputs in --out out --param valid_rows=1";
  refuses(command, "input 'scale' has shape 2x2 for [R, 1], expected 1 along axis 1");
  ASSERT_TRUE(
      write_tensors(path("in"), {{"gated", Tensor(DType::f32, {2, 3})}, {"scale", Tensor(DType::f32, {3, 1})}}));
  refuses(command, "input 'scale' has shape 3x1 for [R, 1], expected R = 2 along axis 0");
  ASSERT_TRUE(write_tensors(path("gate"), {{"x_mixed", Tensor(DType::bf16, {1, 2})},
                                           {"norm_w", Tensor(DType::f32, {2})},
                                           {"gate_w", Tensor(DType::f32, {2, 2})},
                                           {"gate_bais", Tensor(DType::f32, {2})}}));
  refuses("golden gate --inputs gate --out out",
          "found 'gate_bais', which stage gate does not read, while of its optional inputs 'gate_bias', 'tid2eid', "
          "'input_ids' are absent");
}

// Bounds of [1, 3] around 2 under a machine whose arithmetic is assumed.
TEST_F(GoldenCommandTest, VerifyNamesBoundsAndWhatTheyRestOn) {
  Tensor y(DType::f32, {1}), lo = y, hi = y;
  y.as<float>()[0] = 2, lo.as<float>()[0] = 1, hi.as<float>()[0] = 3;
  const Roles roles{{"y", "golden"}, {"y.lo", "lo"}, {"y.hi", "hi"}};
  ASSERT_TRUE(write_tensors(path("golden"), {{"y", y}, {"y.lo", lo}, {"y.hi", hi}}, roles,
                            {{"stage", "ffn_add"}, {"profile", "a2a3"}}));
  ASSERT_TRUE(write_tensors(path("a"), {{"y", hi}}));
  const Invocation inside = run("verify a golden --policy bound");
  EXPECT_EQ(inside.exit_code, 0);
  expect_in(inside, "0 differ under bound(assumed)");
  expect_in(inside, "slack 1 at [0]");
  y.as<float>()[0] = 5;
  ASSERT_TRUE(write_tensors(path("a"), {{"y", y}}));
  const Invocation outside = run("verify a golden --policy bound");
  EXPECT_EQ(outside.exit_code, 1);
  expect_in(outside, "found 0x40a00000 (5), expected 0x40000000 (2), 1 to 3\n");
  ASSERT_TRUE(write_tensors(path("a"), {{"y", Tensor(DType::f32, {2})}}));
  expect_in(run("verify a golden --policy bound"), "y: failed: found f32 2, expected f32 1\n");
  // Bounds on the wrong sides are no enclosure: the folder is wrong, not the subject.
  ASSERT_TRUE(write_tensors(path("swapped"), {{"y", y}, {"y.lo", hi}, {"y.hi", lo}}));
  ASSERT_TRUE(write_tensors(path("a"), {{"y", y}}));
  refuses("verify a swapped --policy bound", "y: the reference is no enclosure: element 0 has value 5");
}

// A dispatch may fill its slots in any order (ep-dispatch-combine 1.3).
TEST_F(GoldenCommandTest, AnObservedAnswerOfSeveralIsHeld) {
  const auto i32 = [](Shape shape, std::initializer_list<std::int32_t> values) {
    Tensor tensor(DType::i32, std::move(shape));
    std::copy(values.begin(), values.end(), tensor.as<std::int32_t>().begin());
    return tensor;
  };
  Tensor x(DType::f32, {1, 3, 4}), weights(DType::f32, {1, 3, 1});
  for (std::size_t i = 0; i < 12; ++i) x.as<float>()[i] = static_cast<float>(i + 1);
  for (std::size_t i = 0; i < 3; ++i) weights.as<float>()[i] = static_cast<float>(i + 1) / 4;
  ASSERT_TRUE(write_tensors(
      path("in"), {{"x", x}, {"weights", weights}, {"indices", i32({1, 3, 1}, {0, 0, 0})}, {"tokens", i32({1}, {3})}}));
  const auto seen = [&](const std::string& folder, std::initializer_list<std::int32_t> order) {
    Tensor tok = x, wts = weights;
    std::size_t slot = 0;
    for (const std::int32_t token : order) {
      const auto from = static_cast<std::size_t>(token);
      for (std::size_t i = 0; i < 4; ++i) tok.as<float>()[4 * slot + i] = x.as<float>()[4 * from + i];
      wts.as<float>()[slot++] = weights.as<float>()[from];
    }
    ASSERT_TRUE(write_tensors(path(folder), {{"tok", tok},
                                             {"wts", wts},
                                             {"src", i32({1, 3}, order)},
                                             {"idx", i32({1, 3, 1}, {0, 0, 0})},
                                             {"total_recv", i32({1}, {3})}}));
  };
  seen("right", {2, 0, 1});
  seen("twice", {2, 2, 1});
  const std::string command = "golden intranode_dispatch --param epr=1 --inputs in ";
  expect_in(run(command + "--out unseen"), "src: i32 1x3, 3 elements, 3 open");
  // What nobody held an answer for is no pass, though the counts agree; what is determined may be asked for alone.
  const Invocation unseen = run("verify right unseen");
  EXPECT_EQ(unseen.exit_code, 1) << unseen.output;
  expect_in(unseen, "5 tensors compared, 0 failed, 3 unverified");
  expect_in(unseen, "unseen was made without a subject's answer: assay golden --observed right holds it");
  EXPECT_EQ(run("verify right unseen --only total_recv").exit_code, 0);
  // An answer without its slots' sources says as little.
  ASSERT_TRUE(write_tensors(path("part"), {{"total_recv", i32({1}, {3})}}));
  expect_in(run(command + "--out partly --observed part"), "holds those that a subject gave: src,tok,wts");
  EXPECT_EQ(run("verify right partly").exit_code, 1);
  refuses(command + "--out out --observed in", "in: found 'indices', 'tokens', 'weights', 'x', expected outputs of");
  refuses(command + "--out right --observed right", "--out right: is the folder of --observed");
  expect_in(run(command + "--out golden --observed right"), "src: i32 1x3, 3 elements, 0 open");
  const Invocation held = run("verify right golden");
  EXPECT_EQ(held.exit_code, 0) << held.output;
  expect_in(held, "tok: passed: f32 1x3x4, 12 of 12 compared");
  // A token twice is no admissible answer.
  EXPECT_EQ(run(command + "--out other --observed twice").exit_code, 0);
  EXPECT_EQ(run("verify twice other").exit_code, 1);
}

TEST_F(GoldenCommandTest, TheDocumentNamesEveryOption) {
  const std::string document = read_text(std::filesystem::path(ASSAY_SOURCE_DIR) / "docs/goldens.md", 1 << 20).value();
  for (const goldens::Stage& stage : goldens::stages()) {
    EXPECT_NE(document.find(fmt::format("| `{}` | ", stage.name)), std::string::npos) << stage.name;
    for (const std::string_view option : stage.options)
      EXPECT_TRUE(std::ranges::any_of(std::array{"| `{}` |", "| `{}`, ", ", `{}`"},
                                      [&](const char* form) {
                                        return document.find(fmt::format(fmt::runtime(form), option)) !=
                                               std::string::npos;
                                      }))
          << stage.name << " " << option;
  }
}

// docs/goldens.md: the walk-through is taken out of the text and run.
TEST_F(GoldenCommandTest, TheDocumentsWalkThroughRuns) {
  const std::filesystem::path document = std::filesystem::path(ASSAY_SOURCE_DIR) / "docs/goldens.md";
  std::ifstream stream(document);
  std::string line, script;
  bool inside = false;
  while (std::getline(stream, line)) {
    if (line == "```python check.py") {
      inside = true;
    } else if (line.starts_with("```")) {
      inside = false;
    } else if (inside) {
      script += line + "\n";
    }
  }
  ASSERT_FALSE(script.empty());
  ASSERT_TRUE(write_text(path("check.py"), script));
  // The system's python3 has the packaged numpy; another one in front of it may not.
  const std::string folder = std::filesystem::path(ASSAY_BINARY).parent_path().string();
  const std::string python = "PATH=/usr/bin:$PATH:" + folder + " python3 ";
  if (shell(python + "-c 'import numpy'").exit_code != 0) GTEST_SKIP() << "no python3 with numpy here";
  const Invocation right = shell("mkdir inputs actual && " + python + "check.py");
  EXPECT_EQ(right.exit_code, 0) << right.output;
  expect_in(right, "elements outside: 0\n");
  expect_in(right, "ffn_out: bf16 4x64, 256 elements, 0 open, width median 0 at most ");
  expect_in(right, "1 tensor compared, 0 failed");
  const Invocation wrong = shell(python + "check.py wrong");
  EXPECT_EQ(wrong.exit_code, 1) << wrong.output;
  expect_in(wrong, "ffn_out: failed");
}

}  // namespace
}  // namespace assay::cli

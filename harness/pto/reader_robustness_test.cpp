// Bad input of every kind ends in an error, never in a crash, a hang or unbounded memory.
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <random>

#include "harness/pto/generate_module.h"
#include "harness/pto/printer.h"
#include "harness/pto/reader.h"
#include "harness/pto/sample_module.h"
#include "harness/pto/verifier.h"

namespace assay::pto {
namespace {

// Whatever is accepted must also survive the verifier and the printer, and come back.
void digest(const std::string& text) {
  std::vector<Warning> warnings;
  const auto module = parse(text, "mutant.pto", &warnings);
  if (!module) {
    ASSERT_FALSE(module.error().message.empty());
    ASSERT_TRUE(module.error().where);
    return;
  }
  (void)violations(*module);
  const std::string printed = print(*module);
  const auto again = parse(printed, "printed.pto");
  ASSERT_TRUE(again) << to_string(again.error()) << "\nfrom\n" << text;
  ASSERT_TRUE(equal(*module, *again)) << text;
}

std::string mutate(std::string text, std::mt19937_64& random) {
  const auto below = [&](std::size_t n) { return n == 0 ? 0 : static_cast<std::size_t>(random() % n); };
  static constexpr std::string_view kTokens[] = {"%",
                                                 "@",
                                                 "!pto.tile_buf<",
                                                 "<",
                                                 ">",
                                                 "{",
                                                 "}",
                                                 "(",
                                                 ")",
                                                 "[",
                                                 "]",
                                                 ":",
                                                 ",",
                                                 "=",
                                                 "->",
                                                 "\"",
                                                 "//",
                                                 "?",
                                                 "x",
                                                 "99999999999999999999",
                                                 "-1",
                                                 "0x",
                                                 "#pto<",
                                                 "scf.yield",
                                                 "pto.tadd",
                                                 "index",
                                                 "loc(",
                                                 "%c0",
                                                 ":2",
                                                 "#0",
                                                 "\0",
                                                 "f32",
                                                 "^bb0("};
  for (std::size_t edits = 1 + below(3); edits > 0; --edits) {
    const std::size_t at = below(text.size());
    switch (below(6)) {
      case 0:
        text.erase(at, 1 + below(20));
        break;
      case 1:
        text.insert(at, kTokens[below(std::size(kTokens))]);
        break;
      case 2:
        text[std::min(at, text.size() - 1)] = static_cast<char>(random());
        break;
      case 3:
        text.insert(at, text.substr(below(text.size()), below(60)));
        break;
      case 4:
        text.resize(std::max<std::size_t>(at, 1));
        break;
      default: {  // swap two words
        const std::size_t other = below(text.size());
        std::swap(text[std::min(at, text.size() - 1)], text[std::min(other, text.size() - 1)]);
        break;
      }
    }
    if (text.empty()) text = "m";
  }
  return text;
}

TEST(ReaderRobustness, MutatedFiles) {
  std::mt19937_64 random(20240607);
  for (int i = 0; i < 4000; ++i) digest(mutate(std::string(testing::kScaleRows), random));
  GenerateOptions options;
  options.operations = 25;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    const std::string text = print(generate_module(seed, options));
    for (int i = 0; i < 15; ++i) digest(mutate(text, random));
  }
}

TEST(ReaderRobustness, EveryTruncation) {
  const std::string text(testing::kScaleRows);
  for (std::size_t length = 0; length < text.size(); ++length) digest(text.substr(0, length));
}

TEST(ReaderRobustness, RandomBytes) {
  std::mt19937_64 random(5);
  for (int i = 0; i < 2000; ++i) {
    std::string text(random() % 300, '\0');
    for (char& c : text) c = static_cast<char>(random());
    digest(text);
  }
}

std::string repeat(std::string_view piece, int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += piece;
  return text;
}

TEST(ReaderRobustness, DeepNesting) {
  constexpr int kDeep = 200'000;
  for (const std::string& text :
       {"func.func @f(%c: i1) {" + repeat("scf.if %c {", kDeep), repeat("module {", kDeep),
        "func.func @f() attributes {a = " + repeat("[", kDeep), "func.func @f() attributes " + repeat("{a = ", kDeep),
        "func.func @f(%a: !pto.pipe" + repeat("<", kDeep), "func.func @f() attributes {a = " + repeat("(", kDeep),
        "func.func @f() {" + repeat("\"scf.if\"() ({", kDeep)}) {
    const auto module = parse(text, "deep.pto");
    ASSERT_FALSE(module) << text.substr(0, 60);
    EXPECT_FALSE(module.error().message.empty());
  }
  // As deep as is allowed, and one of a hundred levels, pass through everything.
  digest("func.func @f(%c: i1) {" + repeat("scf.if %c {", 100) + repeat("}", 100) + "return }");
}

TEST(ReaderRobustness, OddTexts) {
  for (const std::string& text :
       {std::string("func.func @f() { %a = arith.constant ") + std::string(100'000, '9') + " : i32 return }",
        "func.func @f() { %a = arith.constant 1." + std::string(100'000, '3') + " : f32 return }",
        "func.func @f(%" + std::string(1'000'000, 'a') + ": index) { return }",
        std::string("func.func @f\0() { return }", 26), "func.func @f() { " + std::string(1'000'000, ' ') + "oops",
        std::string("\xEF\xBB\xBF") + "module {}",
        std::string("func.func @f() { %r:1000000000 = arith.constant 1 : i32 return }"),
        std::string("func.func @f(%t: !pto.tile_buf<vec, 99999999999999999999x99999999999999999999xf32>) { return }"),
        std::string("func.func @f(%t: !pto.tile_buf<vec, 4611686018427387904x4611686018427387904xf32>) { return }"),
        "func.func @f(%t: !pto.tensor_view<" + repeat("4x", 1000) + "f32>) { return }"})
    digest(text);
}

TEST(ReaderRobustness, ManyOperationsAreRefusedBeforeMemoryRunsOut) {
  std::string text = "func.func @f() {";
  for (std::size_t i = 0; i <= kMaxOperations; ++i) text += "pto.barrier<A>\n";
  const auto module = parse(text, "long.pto");
  ASSERT_FALSE(module);
  EXPECT_NE(module.error().message.find("operations in one module"), std::string::npos);
}

TEST(ReaderRobustness, FiftyThousandLinesAreQuick) {
  std::string text = "func.func @f(%n: index) {\n%t = pto.alloc_tile : !pto.tile_buf<vec, 16x256xf32>\n";
  for (int i = 0; i < 25'000; ++i)
    text += "%v" + std::to_string(i) +
            " = arith.addi %n, %n : index\npto.tadd ins(%t, %t : !pto.tile_buf<loc=vec, dtype=f32, rows=16, cols=256, "
            "v_row=16, "
            "v_col=256, blayout=row_major, slayout=none_box, fractal=512, pad=0>, !pto.tile_buf<vec, 16x256xf32>) "
            "outs(%t : "
            "!pto.tile_buf<vec, 16x256xf32>)\n";
  text += "return\n}\n";
  const auto begin = std::chrono::steady_clock::now();
  const auto module = parse(text, "long.pto");
  const auto verified = module ? verify(*module) : Result<void>{};
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  ASSERT_TRUE(module) << to_string(module.error());
  EXPECT_TRUE(verified);
  EXPECT_LT(seconds, 5.0);  // sanitizers and a busy machine included; about 0.1 s alone
  RecordProperty("seconds", std::to_string(seconds));
}

TEST(ReaderRobustness, Files) {
  EXPECT_FALSE(read_file("/nonexistent/kernel.pto"));
  EXPECT_FALSE(read_file(std::filesystem::temp_directory_path()));
  const auto path = std::filesystem::temp_directory_path() / "assay_reader_test.pto";
  std::ofstream(path) << testing::kScaleRows;
  const auto module = read_file(path);
  EXPECT_TRUE(module);
  std::filesystem::resize_file(path, kMaxFileBytes + 1);
  const auto large = read_file(path);
  ASSERT_FALSE(large);
  EXPECT_NE(large.error().message.find("at most"), std::string::npos);
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace assay::pto

#include "harness/pto/inference.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "harness/pto/fold_integer.h"
#include "harness/pto/generate_module.h"
#include "harness/pto/reader.h"
#include "harness/pto/sample_module.h"
#include "harness/pto/verifier.h"

namespace assay::pto {
namespace {

Module must_parse(std::string_view text) {
  auto module = parse(text, "test.pto");
  EXPECT_TRUE(module) << to_string(module.error());
  if (!module) return {};
  const auto verified = verify(*module);
  EXPECT_TRUE(verified) << to_string(verified.error());
  return std::move(*module);
}

using D = Direction;
using Scalars = std::vector<std::optional<std::int64_t>>;

TEST(Directions, OfTheSample) {
  const Module module = must_parse(testing::kScaleRows);
  EXPECT_EQ(argument_directions(module, module.functions[0]), (std::vector{D::in, D::in, D::out, D::unused}));
}

TEST(Directions, ThroughLoopsSelectsAndCalls) {
  const Module module = must_parse(R"(
module {
  func.func private @unknown(!pto.ptr<i32>)
  func.func @move(%a: !pto.ptr<i32>, %b: !pto.ptr<i32>, %i: index) -> !pto.ptr<i32> {
    %v = pto.load_scalar %a[%i] : !pto.ptr<i32> -> i32
    pto.store_scalar %v, %b[%i] : !pto.ptr<i32>, i32
    return %b : !pto.ptr<i32>
  }
  func.func @main(%x: !pto.ptr<i32>, %y: !pto.ptr<i32>, %z: !pto.ptr<i32>, %w: !pto.ptr<i32>, %u: !pto.ptr<i32>,
                  %e: !pto.ptr<i32>, %c: i1, %n: index, %p: !pto.ptr<i32>, %q: !pto.ptr<i32>) {
    %s = arith.select %c, %x, %y : !pto.ptr<i32>
    %d = func.call @move(%s, %z, %n) : (!pto.ptr<i32>, !pto.ptr<i32>, index) -> !pto.ptr<i32>
    %back = pto.load_scalar %d[%n] : !pto.ptr<i32> -> i32
    %last = scf.for %i = %n to %n step %n iter_args(%k = %w) -> (!pto.ptr<i32>) {
      pto.store_scalar %back, %k[%n] : !pto.ptr<i32>, i32
      %next = pto.addptr %k, %n : !pto.ptr<i32> -> !pto.ptr<i32>
      scf.yield %next : !pto.ptr<i32>
    }
    func.call @unknown(%e) : (!pto.ptr<i32>) -> ()
    %swap:2 = scf.for %i = %n to %n step %n iter_args(%f = %p, %g = %q) -> (!pto.ptr<i32>, !pto.ptr<i32>) {
      %v = pto.load_scalar %f[%n] : !pto.ptr<i32> -> i32
      scf.yield %g, %f : !pto.ptr<i32>, !pto.ptr<i32>
    }
    return
  }
})");
  // %q is loaded only after the loop has swapped it into %f.
  EXPECT_EQ(argument_directions(module, module.functions[2]),
            (std::vector{D::in, D::in, D::inout, D::out, D::unused, D::inout, D::unused, D::unused, D::in, D::in}));
}

TEST(Directions, AtomicStoreReadsToo) {
  std::string text(testing::kScaleRows);
  const std::string_view store = "outs(%yp : !pto.partition_tensor_view<?x256xbf16>)";
  text.insert(text.find(store) + store.size(), " {atomicType = #pto<atomic_type atomic_add>}");
  const Module module = must_parse(text);
  EXPECT_EQ(argument_directions(module, module.functions[0])[2], D::inout);
}

// @odd and @even call one another and swap two pointers on the way, so that both are stored through.
TEST(Directions, OfFunctionsThatCallThemselves) {
  const auto module = parse(R"(
func.func @odd(%x: !pto.ptr<f32>, %y: !pto.ptr<f32>, %z: !pto.ptr<f32>, %n: index) {
  func.call @even(%y, %x, %z, %n) : (!pto.ptr<f32>, !pto.ptr<f32>, !pto.ptr<f32>, index) -> ()
  return
}
func.func @even(%a: !pto.ptr<f32>, %b: !pto.ptr<f32>, %c: !pto.ptr<f32>, %n: index) {
  %v = pto.load_scalar %c[%n] : !pto.ptr<f32> -> f32
  pto.store_scalar %v, %a[%n] : !pto.ptr<f32>, f32
  func.call @odd(%a, %b, %c, %n) : (!pto.ptr<f32>, !pto.ptr<f32>, !pto.ptr<f32>, index) -> ()
  return
}
)",
                            "test.pto");  // the verifier refuses it, the simulator's tests run such modules
  ASSERT_TRUE(module);
  for (const Function& function : module->functions)
    EXPECT_EQ(argument_directions(*module, function), (std::vector{D::out, D::out, D::in, D::unused})) << function.name;
}

TEST(NeededElements, OfTheSample) {
  const Module module = must_parse(testing::kScaleRows);
  const auto needed = needed_elements(module, module.functions[0], Scalars{{}, {}, {}, 37}, 1);
  ASSERT_EQ(needed.size(), 4U);
  EXPECT_EQ(needed[0].elements, 37 * 256);
  EXPECT_EQ(needed[1].elements, 37);
  EXPECT_EQ(needed[2].elements, 37 * 256);
  EXPECT_EQ(needed[0].shape, (std::vector<std::int64_t>{37, 256}));
  EXPECT_EQ(needed[1].shape, (std::vector<std::int64_t>{37, 1}));
  EXPECT_TRUE(needed[0].exact && needed[1].exact && needed[2].exact);
  EXPECT_EQ(needed_elements(module, module.functions[0], Scalars{{}, {}, {}, 0}, 1)[0].elements, 0);
  EXPECT_FALSE(needed_elements(module, module.functions[0], Scalars{{}, {}, {}, {}}, 1)[0].exact);
}

constexpr std::string_view kBlocks = R"(
func.func @f(%p: !pto.ptr<f32>, %idx: !pto.ptr<i32>, %n: i32) {
  %b = pto.get_block_idx
  %i = arith.index_cast %b : i64 to index
  %c100 = arith.constant 100 : index
  %c7 = arith.constant 7 : index
  %c1 = arith.constant 1 : index
  %start = arith.muli %i, %c100 : index
  %q = pto.addptr %p, %start : !pto.ptr<f32> -> !pto.ptr<f32>
  %rows = arith.index_cast %n : i32 to index
  %v = pto.make_tensor_view %q, shape = [%rows, %c7], strides = [%c100, %c1] : !pto.tensor_view<?x?xf32>
  scf.for %k = %c1 to %c7 step %c1 {
    %at = arith.muli %k, %c100 : index
    %x = pto.load_scalar %idx[%at] : !pto.ptr<i32> -> i32
  }
  return
}
)";

TEST(NeededElements, OverBlocksOffsetsAndLoops) {
  const Module module = must_parse(kBlocks);
  const auto needed = needed_elements(module, module.functions[0], Scalars{{}, {}, 3}, 5);
  EXPECT_EQ(needed[0].elements, 4 * 100 + 2 * 100 + 6 + 1);
  EXPECT_EQ(needed[1].elements, 6 * 100 + 1);
  EXPECT_TRUE(needed[0].shape.empty());
  EXPECT_TRUE(needed[0].exact);
  EXPECT_FALSE(needed_elements(module, module.functions[0], Scalars{{}, {}, 3}, 5, 30)[0].exact);
}

TEST(NeededElements, LoadedValuesAreUnknown) {
  std::string text(kBlocks);
  const std::string_view use = "  return";
  text.insert(
      text.find(use),
      "  %l = pto.load_scalar %idx[%c1] : !pto.ptr<i32> -> i32\n  %li = arith.index_cast %l : i32 to index\n"
      "  %w = pto.make_tensor_view %p, shape = [%li, %c7], strides = [%c7, %c1] : !pto.tensor_view<64x7xf32>\n");
  const Module module = must_parse(text);
  const auto needed = needed_elements(module, module.functions[0], Scalars{{}, {}, 1}, 1);
  EXPECT_EQ(needed[0].elements, 64 * 7);
  EXPECT_FALSE(needed[0].exact);
  EXPECT_TRUE(needed[1].exact);
}

TEST(NeededElements, NeverHangsOrCrashes) {
  EXPECT_TRUE(rc::check("bounded on random modules", [](std::uint64_t seed, std::int64_t scalar) {
    const Module module = generate_module(seed);
    for (const Function& function : module.functions) {
      const Scalars scalars(function.arguments.size(), scalar);
      const auto needed = needed_elements(module, function, scalars, 3, 20'000);
      RC_ASSERT(needed.size() == function.arguments.size());
      for (const NeededElements& n : needed) RC_ASSERT(n.elements >= 0);
      RC_ASSERT(argument_directions(module, function).size() == function.arguments.size());
    }
  }));
}

// Against 128-bit arithmetic reduced modulo 2^width.
TEST(FoldInteger, WrapsLikeModularArithmetic) {
  __extension__ using Wide = __int128;
  EXPECT_TRUE(rc::check("add, sub, mul wrap", [](std::int64_t a, std::int64_t b) {
    for (ScalarKind kind :
         {ScalarKind::i8, ScalarKind::i16, ScalarKind::i32, ScalarKind::i64, ScalarKind::ui8, ScalarKind::index}) {
      const int width = bits_of(kind);
      const std::int64_t x = wrap(a, kind), y = wrap(b, kind);
      const auto congruent = [&](std::optional<std::int64_t> result, Wide exact) {
        const Wide modulus = Wide{1} << width;
        return result && (Wide{*result} - exact) % modulus == 0 && *result == wrap(*result, kind);
      };
      RC_ASSERT(congruent(fold_integer(OpCode::arith_addi, kind, x, y), Wide{x} + y));
      RC_ASSERT(congruent(fold_integer(OpCode::arith_subi, kind, x, y), Wide{x} - y));
      RC_ASSERT(congruent(fold_integer(OpCode::arith_muli, kind, x, y), Wide{x} * y));
    }
  }));
  EXPECT_FALSE(fold_integer(OpCode::arith_divui, ScalarKind::i8, 1, 256));  // 256 is 0 in eight bits
  EXPECT_EQ(fold_integer(OpCode::arith_floordivsi, ScalarKind::i32, -7, 2), -4);
  EXPECT_EQ(fold_integer(OpCode::arith_ceildivsi, ScalarKind::i32, -7, 2), -3);
  EXPECT_EQ(fold_integer(OpCode::arith_ceildivsi, ScalarKind::i32, 7, 2), 4);
  EXPECT_EQ(fold_integer(OpCode::arith_divsi, ScalarKind::i32, -7, 2), -3);
  EXPECT_EQ(fold_integer(OpCode::arith_remsi, ScalarKind::i32, -7, 2), -1);
  EXPECT_EQ(fold_integer(OpCode::arith_divui, ScalarKind::i8, -1, 2), 127);
  EXPECT_FALSE(fold_integer(OpCode::arith_divsi, ScalarKind::i32, 1, 0));
  EXPECT_FALSE(fold_integer(OpCode::arith_divsi, ScalarKind::i64, INT64_MIN, -1));
  EXPECT_FALSE(fold_integer(OpCode::arith_divsi, ScalarKind::i8, -128, -1));
  EXPECT_FALSE(fold_integer(OpCode::arith_shli, ScalarKind::i32, 1, 32));
  EXPECT_EQ(fold_integer(OpCode::arith_shrsi, ScalarKind::i8, -128, 7), -1);
  EXPECT_EQ(fold_compare("ult", ScalarKind::i8, -1, 1), false);
  EXPECT_EQ(fold_compare("slt", ScalarKind::i8, -1, 1), true);
  EXPECT_EQ(fold_cast(OpCode::arith_extui, ScalarKind::i8, ScalarKind::i32, -1), 255);
  EXPECT_EQ(fold_cast(OpCode::arith_extsi, ScalarKind::i8, ScalarKind::i32, -1), -1);
  EXPECT_EQ(fold_cast(OpCode::arith_trunci, ScalarKind::i32, ScalarKind::i8, 300), 44);
}

// The view of one slot stands for all of them, in both directions.
TEST(NeededElements, AllSlotsOfARing) {
  const auto module = parse(R"(func.func @f(%g: !pto.ptr<f32>) {
%c1 = arith.constant 1 : index
%c16 = arith.constant 16 : index
%slot = pto.make_tensor_view %g, shape = [%c16, %c16], strides = [%c16, %c1] : !pto.tensor_view<16x16xf32>
pto.aiv_initialize_pipe {id = 0, dir_mask = 3, slot_size = 1024, slot_num = 3} (gm_slot_tensor = %slot : !pto.tensor_view<16x16xf32>)
return
})",
                            "k.pto");
  ASSERT_TRUE(module);
  EXPECT_EQ(needed_elements(*module, module->functions[0], Scalars{{}}, 1)[0].elements, 2 * 3 * 256);
}

}  // namespace
}  // namespace assay::pto

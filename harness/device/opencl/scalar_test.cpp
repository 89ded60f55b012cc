// Scalars, control flow, calls, single elements and descriptors.
#include "harness/device/opencl/kernel_fixture.h"

namespace assay::device {
namespace {

// A kernel that stores i64 results of `body` (values %r0, %r1, ...) into its argument.
std::vector<std::int64_t> results(const std::string& body, int count, const std::string& functions = {}) {
  std::string stores;
  for (int i = 0; i < count; ++i) {
    const std::string n = std::to_string(i);
    stores += "%at" + n + " = arith.constant " + n + " : index\n" + "pto.store_scalar %r" + n + ", %out[%at" + n +
              "] : !pto.ptr<i64>, i64\n";
  }
  Kernel kernel("module {\nfunc.func @k(%out: !pto.ptr<i64>) {\n" + body + "\n" + stores + "return\n}\n" + functions +
                "}\n");
  Tensor out(DType::i64, {count});
  const RunReport report = kernel.run({&out});
  EXPECT_EQ(report.status, RunStatus::completed)
      << report.reason << (report.diagnostics.empty() ? "" : report.diagnostics[0].message);
  return values_of<std::int64_t>(out);
}

TEST(OpenclScalar, IntegerArithmetic) {
  EXPECT_EQ(results(R"(
    %a = arith.constant -7 : i64
    %b = arith.constant 2 : i64
    %r0 = arith.divsi %a, %b : i64
    %r1 = arith.remsi %a, %b : i64
    %r2 = arith.floordivsi %a, %b : i64
    %r3 = arith.ceildivsi %a, %b : i64
    %r4 = arith.shrsi %a, %b : i64
    %r5 = arith.minsi %a, %b : i64
    %r6 = arith.maxui %a, %b : i64
    %r7 = arith.xori %a, %b : i64)",
                    8),
            (std::vector<std::int64_t>{-3, -1, -4, -3, -2, -7, -7, -5}));
}

TEST(OpenclScalar, WidthsWrapAndCastsExtend) {
  EXPECT_EQ(results(R"(
    %a = arith.constant 2147483647 : i32
    %one = arith.constant 1 : i32
    %s = arith.addi %a, %one : i32
    %r0 = arith.extsi %s : i32 to i64
    %r1 = arith.extui %s : i32 to i64
    %big = arith.constant 4294967301 : i64
    %t = arith.trunci %big : i64 to i32
    %r2 = arith.extsi %t : i32 to i64
    %p = arith.cmpi ult, %one, %s : i32
    %r3 = arith.extui %p : i1 to i64
    %q = arith.cmpi slt, %one, %s : i32
    %r4 = arith.extsi %q : i1 to i64
    %r5 = arith.select %p, %r0, %r1 : i64)",
                    6),
            (std::vector<std::int64_t>{-2147483648LL, 2147483648LL, 5, 1, 0, -2147483648LL}));
}

TEST(OpenclScalar, FloatsConvertAndCompare) {
  EXPECT_EQ(results(R"(
    %a = arith.constant 1.5 : f32
    %b = arith.constant -2.25 : f32
    %m = arith.mulf %a, %b : f32
    %r0 = arith.fptosi %m : f32 to i64
    %n = arith.negf %m : f32
    %bits = arith.bitcast %n : f32 to i32
    %r1 = arith.extsi %bits : i32 to i64
    %c = arith.cmpf olt, %m, %a : f32
    %r2 = arith.extui %c : i1 to i64
    %k = arith.constant 16777217 : i64
    %f = arith.sitofp %k : i64 to f32
    %r3 = arith.fptosi %f : f32 to i64
    %h = arith.truncf %a : f32 to f16
    %hb = arith.bitcast %h : f16 to i16
    %r4 = arith.extui %hb : i16 to i64
    %w = arith.extf %h : f16 to f32
    %r5 = arith.fptosi %w : f32 to i64)",
                    6),
            (std::vector<std::int64_t>{-3, 0x40580000, 1, 16777216, 0x3e00, 1}));
}

TEST(OpenclScalar, LoopsCarryValuesAtOnce) {
  // Fibonacci swaps two carried values; the branch counts odd indices.
  EXPECT_EQ(results(R"(
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %n = arith.constant 10 : index
    %z = arith.constant 0 : i64
    %o = arith.constant 1 : i64
    %r:3 = scf.for %i = %c0 to %n step %c1 iter_args(%a = %z, %b = %o, %odd = %z) -> (i64, i64, i64) {
      %s = arith.addi %a, %b : i64
      %rem = arith.remsi %i, %c2 : index
      %is = arith.cmpi eq, %rem, %c1 : index
      %next = scf.if %is -> (i64) {
        %t = arith.addi %odd, %o : i64
        scf.yield %t : i64
      } else {
        scf.yield %odd : i64
      }
      scf.yield %b, %s, %next : i64, i64, i64
    }
    %r0 = arith.addi %r#0, %z : i64
    %r1 = arith.addi %r#1, %z : i64
    %r2 = arith.addi %r#2, %z : i64
    %w = scf.while (%x = %o) : (i64) -> i64 {
      %limit = arith.constant 100 : i64
      %go = arith.cmpi slt, %x, %limit : i64
      scf.condition(%go) %x : i64
    } do {
    ^bb0(%x: i64):
      %d = arith.addi %x, %x : i64
      scf.yield %d : i64
    }
    %r3 = arith.addi %w, %z : i64)",
                    4),
            (std::vector<std::int64_t>{55, 89, 5, 128}));
}

TEST(OpenclScalar, CallsLocalArraysAndBlockNumbers) {
  EXPECT_EQ(results(R"(
    %a = arith.constant 20 : i64
    %r0 = func.call @double(%a) : (i64) -> i64
    %r1 = func.call @double(%r0) : (i64) -> i64
    %arr = pto.declare_local_array -> !pto.local_array<4xi64>
    %i2 = arith.constant 2 : index
    pto.local_array_set %arr[%i2], %r1 : !pto.local_array<4xi64>, i64
    %r2 = pto.local_array_get %arr[%i2] : !pto.local_array<4xi64> -> i64
    %r3 = pto.get_block_num)",
                    4, "func.func @double(%x: i64) -> i64 {\n%y = arith.addi %x, %x : i64\nreturn %y : i64\n}\n"),
            (std::vector<std::int64_t>{40, 80, 80, 1}));
}

TEST(OpenclScalar, ElementsPointersAndTiles) {
  Kernel kernel(R"(module { func.func @k(%p: !pto.ptr<f32>, %q: !pto.ptr<f32>) {
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %c3 = arith.constant 3 : index
    %c8 = arith.constant 8 : index
    %a0 = arith.constant 64 : i64
    %moved = pto.addptr %p, %c2 : !pto.ptr<f32> -> !pto.ptr<f32>
    %v = pto.load_scalar %moved[%c1] : !pto.ptr<f32> -> f32
    %t = pto.alloc_tile addr = %a0 : !pto.tile_buf<vec, 2x8xf32>
    %z = arith.constant 0.5 : f32
    pto.texpands ins(%z : f32) outs(%t : !pto.tile_buf<vec, 2x8xf32>)
    %at = arith.constant 9 : index
    pto.tsetval ins(%at, %v : index, f32) outs(%t : !pto.tile_buf<vec, 2x8xf32>)
    %s = pto.subview %t[%c1, %c1] sizes [1, 1] : !pto.tile_buf<vec, 2x8xf32> -> !pto.tile_buf<vec, 1x1xf32>
    %zero = arith.constant 0 : index
    %g = pto.tgetval ins(%s, %zero : !pto.tile_buf<vec, 1x1xf32>, index) outs : f32
    pto.store_scalar %g, %q[%zero] : !pto.ptr<f32>, f32
    %r = pto.treshape %t : !pto.tile_buf<vec, 2x8xf32> -> !pto.tile_buf<vec, 1x16xf32>
    %h = pto.tgetval ins(%r, %c8 : !pto.tile_buf<vec, 1x16xf32>, index) outs : f32
    pto.store_scalar %h, %q[%c1] : !pto.ptr<f32>, f32
    %b = pto.bitcast %t : !pto.tile_buf<vec, 2x8xf32> -> !pto.tile_buf<vec, 2x8xi32>
    %bits = pto.tgetval ins(%b, %zero : !pto.tile_buf<vec, 2x8xi32>, index) outs : i32
    %f = arith.bitcast %bits : i32 to f32
    pto.store_scalar %f, %q[%c2] : !pto.ptr<f32>, f32
    return
  } })");
  Tensor p = floats({4}, {1, 2, 3, 42}), q(DType::f32, {3});
  const RunReport report = kernel.run({&p, &q});
  ASSERT_EQ(report.status, RunStatus::completed)
      << report.reason << (report.diagnostics.empty() ? "" : report.diagnostics[0].message);
  EXPECT_EQ(values_of<float>(q), (std::vector<float>{42, 0.5f, 0.5f}));
}

struct FaultCase {
  std::string name, body, rule;
};
class OpenclScalarFaults : public testing::TestWithParam<FaultCase> {};

TEST_P(OpenclScalarFaults, StopTheRunAtTheirLine) {
  Kernel kernel("module { func.func @k(%p: !pto.ptr<f32>) {\n%c0 = arith.constant 0 : index\n" + GetParam().body +
                "\nreturn } }");
  Tensor p(DType::f32, {4});
  const RunReport report = kernel.run({&p});
  ASSERT_EQ(report.status, RunStatus::fault) << report.reason;
  ASSERT_FALSE(report.diagnostics.empty());
  EXPECT_EQ(report.diagnostics.back().rule, GetParam().rule) << report.diagnostics.back().message;
  const std::string body = GetParam().body.substr(0, GetParam().body.find("{\n}"));
  const auto line = 3 + std::count(body.begin(), body.end(), '\n');
  EXPECT_EQ(report.diagnostics.back().location.line, line) << report.diagnostics.back().message;
}

INSTANTIATE_TEST_SUITE_P(
    Rules, OpenclScalarFaults,
    testing::Values(
        FaultCase{"Division", "%r = arith.divsi %c0, %c0 : index", "division-by-zero"},
        FaultCase{"Shift", "%s = arith.constant 32 : i32\n%r = arith.shli %s, %s : i32", "shift-range"},
        FaultCase{"Load", "%i = arith.constant 4 : index\n%v = pto.load_scalar %p[%i] : !pto.ptr<f32> -> f32",
                  "bounds"},
        FaultCase{"LoadBelow", "%i = arith.constant -1 : index\n%v = pto.load_scalar %p[%i] : !pto.ptr<f32> -> f32",
                  "bounds"},
        FaultCase{"Store",
                  "%v = arith.constant 1.0 : f32\n%i = arith.constant 1000000000000 : index\n"
                  "pto.store_scalar %v, %p[%i] : !pto.ptr<f32>, f32",
                  "bounds"},
        FaultCase{"Step", "scf.for %i = %c0 to %c0 step %c0 {\n}", "loop-step"},
        FaultCase{"Capacity",
                  "%a = arith.constant 196608 : i64\n%t = pto.alloc_tile addr = %a : !pto.tile_buf<vec, 1x8xf32>",
                  "capacity"},
        FaultCase{"NegativeAddress",
                  "%a = arith.constant -32 : i64\n%t = pto.alloc_tile addr = %a : !pto.tile_buf<vec, 1x8xf32>",
                  "capacity"},
        FaultCase{"Alignment",
                  "%a = arith.constant 13 : i64\n%t = pto.alloc_tile addr = %a : !pto.tile_buf<vec, 1x8xf32>",
                  "alignment"},
        FaultCase{"NegativeValid",
                  "%n = arith.constant -1 : index\n"
                  "%t = pto.alloc_tile valid_row = %n : !pto.tile_buf<vec, 8x8xf32, valid=?x8>",
                  "negative-valid-shape"},
        FaultCase{"TooValid",
                  "%n = arith.constant 9 : index\n"
                  "%t = pto.alloc_tile valid_row = %n : !pto.tile_buf<vec, 8x8xf32, valid=?x8>",
                  "valid-shape-bounds"},
        FaultCase{
            "Window",
            "%n = arith.constant 5 : index\n%t = pto.alloc_tile : !pto.tile_buf<vec, 8x8xf32>\n"
            "%s = pto.subview %t[%n, %c0] sizes [4, 8] : !pto.tile_buf<vec, 8x8xf32> -> !pto.tile_buf<vec, 4x8xf32>",
            "bounds"}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace assay::device

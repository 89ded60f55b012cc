#include "harness/cli/kernel_plan.h"

#include <gtest/gtest.h>

#include "harness/cli/kernel_fixture.h"
#include "harness/core/npy.h"

namespace assay::cli {
namespace {

using testing::Folder;

class KernelPlanTest : public ::testing::Test {
 protected:
  Folder folder{::testing::UnitTest::GetInstance()->current_test_info()->name()};
  std::filesystem::path kernel = folder.write("copy.pto", testing::kCopy);

  Result<KernelPlan> plan(std::vector<std::string> arguments, std::string function = "", std::int64_t blocks = 1) {
    KernelRequest request;
    request.file = kernel;
    request.function = std::move(function);
    request.arguments = std::move(arguments);
    request.blocks = blocks;
    return plan_kernel(request);
  }
  std::string error(std::vector<std::string> arguments, std::string function = "") {
    const auto made = plan(std::move(arguments), std::move(function));
    if (made) return "no error";
    EXPECT_EQ(made.error().kind, ErrorKind::bad_input);
    EXPECT_EQ(made.error().message.find('\n'), std::string::npos);
    return made.error().message;
  }
  std::string npy(const std::string& name, const Tensor& tensor) {
    EXPECT_TRUE(write_npy(folder / name, tensor));
    return "@" + (folder / name).string();
  }
};

TEST_F(KernelPlanTest, ChoosesEverythingByItself) {
  const auto made = plan({});
  ASSERT_TRUE(made) << to_string(made.error());
  ASSERT_EQ(made->arguments.size(), 4U);
  const KernelArgument& x = made->arguments[0];
  EXPECT_EQ(x.direction, pto::Direction::in);
  EXPECT_EQ(x.given, "normal");
  EXPECT_TRUE(x.chosen && x.size_inferred && x.size_exact && !x.poisoned);
  EXPECT_EQ(x.content.shape(), (Shape{16, 8}));
  const KernelArgument& y = made->arguments[1];
  EXPECT_EQ(y.direction, pto::Direction::out);
  EXPECT_TRUE(y.poisoned);
  EXPECT_EQ(std::get<std::int64_t>(made->arguments[2].scalar), 16);
  EXPECT_EQ(std::get<double>(made->arguments[3].scalar), 1.0);
  const std::string text = describe(*made);
  EXPECT_NE(text.find("normal (chosen), size from its views"), std::string::npos) << text;
  EXPECT_NE(text.find("16 (chosen)"), std::string::npos) << text;
}

TEST_F(KernelPlanTest, ByNameByPositionAndInOrder) {
  const std::string file = npy("x.npy", Tensor(DType::f32, {5, 8}));
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{"x=" + file, "y=poison", "rows=5", "k=0.5"},
                                             {"3=0.5", "2=5", "1=poison", "0=" + file},
                                             {file, "poison", "5", "0.5"},
                                             {"rows=5", file, "%k=0.5"}}) {
    const auto made = plan(arguments);
    ASSERT_TRUE(made) << to_string(made.error());
    EXPECT_FALSE(made->arguments[0].size_inferred);
    EXPECT_EQ(made->arguments[1].content.shape(), (Shape{5, 8}));
    EXPECT_EQ(std::get<std::int64_t>(made->arguments[2].scalar), 5);
    EXPECT_EQ(std::get<double>(made->arguments[3].scalar), 0.5);
  }
  const auto filled = plan({"normal:seed=3", "rows=2"});
  ASSERT_TRUE(filled) << to_string(filled.error());
  EXPECT_EQ(filled->arguments[0].given, "normal:seed=3");
  EXPECT_EQ(filled->arguments[0].content.shape(), (Shape{2, 8}));
}

TEST_F(KernelPlanTest, BadInputIsNamed) {
  const std::string small = npy("small.npy", Tensor(DType::f32, {4, 8}));
  const std::string wide = npy("wide.npy", Tensor(DType::i64, {16, 8}));
  const std::string good = npy("good.npy", Tensor(DType::f32, {16, 8}));
  std::filesystem::copy_file(folder / "good.npy", folder / "short.npy");
  std::filesystem::resize_file(folder / "short.npy", 300);
  const auto has = [](const std::string& message, std::string_view part) {
    return message.find(part) != std::string::npos ? ::testing::AssertionSuccess()
                                                   : ::testing::AssertionFailure() << message;
  };
  EXPECT_TRUE(has(error({"x=" + small}), "holds 32 elements, but the kernel's views reach 128"));
  EXPECT_TRUE(has(error({"x=" + wide}), "argument 'x'"));
  EXPECT_TRUE(has(error({"x=@" + (folder / "short.npy").string()}), "argument 'x'"));
  EXPECT_TRUE(has(error({"x=@/nowhere.npy"}), "argument 'x'"));
  EXPECT_TRUE(has(error({"z=3"}), "has no argument 'z', expected one of x, y, rows, k"));
  EXPECT_TRUE(has(error({"9=3"}), "has no argument '9'"));
  EXPECT_TRUE(has(error({"rows=3", "2=4"}), "'rows' is given twice"));
  EXPECT_TRUE(has(error({"normal", "poison", "1", "1", "1"}), "one too many"));
  EXPECT_TRUE(has(error({"rows=many"}), "expected an integer of type index"));
  EXPECT_TRUE(has(error({"k=fast"}), "expected a number of type f32"));
  EXPECT_TRUE(has(error({"x=nomral"}), "argument 'x'"));
  EXPECT_TRUE(has(error({"rows=1000000000000"}), "more than the"));
  EXPECT_TRUE(has(error({}, "nothing"), "has no function 'nothing', expected one of @copy"));
  EXPECT_FALSE(plan({}, "", 0));
  kernel = folder.write("bad.pto", "func.func @f() { pto.tadd }");
  const auto broken = plan({});
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().where->line, 1);
  kernel = folder.write("tile.pto", "func.func @f(%t: !pto.tile_buf<vec, 1x8xf32>) { return }");
  EXPECT_TRUE(has(error({}), "a kernel takes pointers and scalars"));
  kernel = folder / "absent.pto";
  EXPECT_FALSE(plan({}));
}

TEST_F(KernelPlanTest, ChoosesTheFunction) {
  kernel = folder.write("two.pto", "func.func @a() { func.call @b() : () -> () return } func.func @b() { return }");
  auto made = plan({});
  ASSERT_TRUE(made) << to_string(made.error());
  EXPECT_EQ(made->tasks[0].function->name, "a");
  EXPECT_EQ(plan({}, "@b")->tasks[0].function->name, "b");
  kernel = folder.write("entry.pto", "func.func @a() { return } func.func @b() attributes {pto.entry} { return }");
  EXPECT_EQ(plan({})->tasks[0].function->name, "b");
  kernel = folder.write("doubt.pto", "func.func @a() { return } func.func @b() { return }");
  EXPECT_NE(error({}).find("name one of @a, @b"), std::string::npos);
  kernel = folder.write("declared.pto", "func.func private @a() func.func @b() { return }");
  EXPECT_EQ(plan({})->tasks[0].function->name, "b");
  EXPECT_NE(error({}, "a").find("only declared"), std::string::npos);
}

TEST_F(KernelPlanTest, BlockIndexArguments) {
  kernel = folder.write("spmd.pto",
                        R"(func.func @f(%y: !pto.ptr<i32>, %__pypto_spmd_block_idx: i32, %__pypto_spmd_block_num: i32) {
    %i = arith.index_cast %__pypto_spmd_block_idx : i32 to index
    pto.store_scalar %__pypto_spmd_block_num, %y[%i] : !pto.ptr<i32>, i32
    return })");
  const auto made = plan({}, "", 6);
  ASSERT_TRUE(made) << to_string(made.error());
  EXPECT_TRUE(made->arguments[1].source == KernelArgument::Source::block_index);
  EXPECT_EQ(std::get<std::int64_t>(made->arguments[2].scalar), 6);
  EXPECT_EQ(made->arguments[0].content.size(), 6);
  const auto given = plan({"__pypto_spmd_block_idx=2"}, "", 6);
  ASSERT_TRUE(given);
  EXPECT_FALSE(given->arguments[1].source == KernelArgument::Source::block_index);
  EXPECT_EQ(given->arguments[0].content.size(), 3);
}

}  // namespace
}  // namespace assay::cli

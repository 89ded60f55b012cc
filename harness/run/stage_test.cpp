// Binding a case, filling its inputs, making a stage concrete and running it on a double.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "harness/run/execute_fixture.h"
#include "harness/run/guarded.h"
#include "harness/run/substitute.h"

namespace assay::run {
namespace {

class StageTest : public ExecuteTest {
 protected:
  std::string bind_error(std::string_view line) const {
    const auto bound = bind(read_pipeline(), make_case(line));
    return bound ? "" : bound.error().message;
  }
  std::string stage_error(std::string_view line) const {
    const pipeline::Pipeline p = read_pipeline();
    const auto bindings = bind(p, make_case(line));
    if (!bindings) return to_string(bindings.error());
    const auto stage = resolve_stage(p, p.stages[0], *bindings);
    return stage ? "" : to_string(stage.error());
  }
  // Runs the case's only stage on a double.
  Result<StageOutcome> run(const DoubleBackend::Body& body) const {
    const pipeline::Pipeline p = read_pipeline();
    const Bindings bindings = bind(p, make_case("pipeline=copy")).value();
    const auto tensors = resolve_tensors(p, bindings).value();
    const auto stage = resolve_stage(p, p.stages[0], bindings);
    if (!stage) return tl::unexpected(stage.error());
    DoubleBackend backend("double", body);
    return run_stage(*stage, tensors, make_inputs(p, make_case("pipeline=copy"), bindings).value(), backend, {});
  }
};

TEST_F(StageTest, BindTakesDefaultsAndValues) {
  const auto bound = bind(read_pipeline(), make_case("pipeline=copy N=8 fill=ties seed=3 tags=a expect=pass"));
  ASSERT_TRUE(bound.has_value()) << to_string(bound.error());
  EXPECT_EQ(bound->integers.at("N"), 8);
  EXPECT_EQ(bound->words.at("word"), "copy");
  EXPECT_EQ(substitute("{word}_{N}!", *bound).value(), "copy_8!");
  EXPECT_FALSE(substitute("{absent}", *bound).has_value());
}

TEST_F(StageTest, BindChecksTheOffset) {
  const auto offset = [&](const char* text) {
    return bind(read_pipeline(), make_case(std::string("pipeline=copy offset=") + text));
  };
  EXPECT_EQ(offset("7").value().offset, 7);
  for (const char* text : {"-1", "4097", "x", "1x"}) EXPECT_FALSE(offset(text).has_value()) << text;
}

TEST_F(StageTest, BindNamesWhatIsWrong) {
  EXPECT_NE(bind_error("M=8").find("no parameter 'M'"), std::string::npos);
  EXPECT_NE(bind_error("fil=ties").find("did you mean 'fill'?"), std::string::npos);
  EXPECT_NE(bind_error("N=8x").find("expected an integer"), std::string::npos);
  EXPECT_NE(bind_error("N=99999999999999999999").find("expected an integer"), std::string::npos);
  EXPECT_NE(bind_error("N=0").find("at least 2"), std::string::npos);
  EXPECT_NE(bind_error("N=1000000001").find("at most"), std::string::npos);
  EXPECT_NE(bind_error("N=7").find("contradicts 'N % 2 == 0'"), std::string::npos);
  EXPECT_NE(bind_error("word=copyy").find("did you mean 'copy'?"), std::string::npos);
}

TEST_F(StageTest, ATaskIsLaunchedSoOften) {
  const auto launches = [&](const std::string& line) {
    const pipeline::Pipeline p = read_pipeline();
    const auto bindings = bind(p, make_case("pipeline=copy " + line));
    return resolve_stage(p, p.stages[0], bindings.value());
  };
  write("copy/pipeline.toml",
        pipeline_text("", R"(["x", "y", "10 + launch"])", "launches = \"word_is_copy * N / 2\"\n"));
  const auto three = launches("N=6");
  ASSERT_TRUE(three.has_value()) << to_string(three.error());
  ASSERT_EQ(three->tasks.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i)
    EXPECT_EQ(std::get<std::int64_t>(three->tasks[i].arguments[2].scalar), 10 + static_cast<std::int64_t>(i));
  const auto none = launches("N=6 word=other");
  ASSERT_TRUE(none.has_value()) << to_string(none.error());
  EXPECT_TRUE(none->tasks.empty());
  write("copy/pipeline.toml", pipeline_text("", R"(["x", "y", "N"])", "launches = \"N - 7\"\n"));
  const auto negative = launches("N=6");
  ASSERT_FALSE(negative.has_value());
  EXPECT_NE(negative.error().message.find("launches 'N - 7' is -1; expected 0 to"), std::string::npos);
}

TEST_F(StageTest, TensorsHaveTheirShapesAndBytes) {
  const pipeline::Pipeline p = read_pipeline();
  const auto tensors = resolve_tensors(p, bind(p, make_case("N=8")).value()).value();
  ASSERT_EQ(tensors.size(), 2U);
  EXPECT_EQ(tensors[0].shape, Shape{8});
  EXPECT_EQ(tensors[1].role, pipeline::Role::output);
  EXPECT_EQ(bytes_needed(p, make_case("N=8")).value(), 2 * 8 * 4);
  EXPECT_FALSE(bytes_needed(p, make_case("N=7")).has_value());
}

TEST_F(StageTest, HugeAndNegativeShapesAreRefused) {
  std::string text = pipeline_text();
  text.replace(text.find("shape = [\"N\"]"), 13, "shape = [\"N\", \"N\", \"N\"]");
  write("copy/pipeline.toml", text);
  EXPECT_FALSE(bytes_needed(read_pipeline(), make_case("N=1000000000")).has_value());
  text.replace(text.find("shape = [\"N\", \"N\", \"N\"]"), 23, "shape = [\"4-N\"]");
  write("copy/pipeline.toml", text);
  const auto negative = bytes_needed(read_pipeline(), make_case("N=6"));
  ASSERT_FALSE(negative.has_value());
  EXPECT_NE(negative.error().message.find("tensor 'x', dimension '4-N' is -2"), std::string::npos);
}

TEST_F(StageTest, InputsDependOnFillAndSeedAlone) {
  write("copy/pipeline.toml",
        pipeline_text() + "[fills.mixed]\nx = \"constant:{N}\"\n[fills.star]\n\"*\" = \"zeros\"\n");
  const pipeline::Pipeline p = read_pipeline();
  const auto inputs = [&](std::string_view line) {
    const Case c = make_case(line);
    return make_inputs(p, c, bind(p, c).value());
  };
  EXPECT_EQ(inputs("seed=4").value(), inputs("fill=normal seed=4 tags=t").value());
  EXPECT_NE(inputs("seed=4").value(), inputs("seed=5").value());
  EXPECT_EQ(inputs("fill=mixed").value().at("x").as<float>()[2], 6.0F);
  EXPECT_EQ(inputs("fill=star").value().at("x").as<float>()[2], 0.0F);
  EXPECT_EQ(inputs("fill=constant:7").value().at("x").as<float>()[0], 7.0F);
  EXPECT_EQ(inputs("seed=4").value().size(), 1U);  // outputs are not filled
  EXPECT_NE(inputs("fill=nroma").error().message.find("fill 'nroma' of tensor 'x'"), std::string::npos);
  EXPECT_FALSE(inputs("seed=-1").has_value());
  EXPECT_FALSE(inputs("seed=").has_value());
}

TEST_F(StageTest, StageIsBoundToItsFunction) {
  const pipeline::Pipeline p = read_pipeline();
  const auto stage = resolve_stage(p, p.stages[0], bind(p, make_case("N=8")).value());
  ASSERT_TRUE(stage.has_value()) << to_string(stage.error());
  const ResolvedTask& task = stage->tasks.at(0);
  EXPECT_EQ(task.function, "copy");
  EXPECT_EQ(task.arguments.at(1).tensor, "y");
  EXPECT_EQ(std::get<std::int64_t>(task.arguments.at(2).scalar), 8);
  EXPECT_EQ(task.blocks, 1);
}

TEST_F(StageTest, ArgumentsMayBeGivenByName) {
  write("copy/pipeline.toml", pipeline_text("", R"({ n = "N", x = "x", y = "y" })"));
  EXPECT_EQ(stage_error("N=8"), "");
  write("copy/pipeline.toml", pipeline_text("", R"({ n = "N", x = "x", z = "y" })"));
  EXPECT_NE(stage_error("N=8").find("has no argument 'z'"), std::string::npos) << stage_error("N=8");
  write("copy/pipeline.toml",
        pipeline_text("", R"({ n = "N", x = "x" })", "[[stages.tasks]]\nkernel='copy.pto'\nargs=['y']"));
  EXPECT_NE(stage_error("N=8").find("has 3 arguments; the pipeline gives 2"), std::string::npos) << stage_error("N=8");
}

TEST_F(StageTest, ArgumentsMustFitTheFunction) {
  EXPECT_NE(stage_error("N=128 word=other").find("128 does not fit i8"), std::string::npos)
      << stage_error("N=128 word=other");
  EXPECT_EQ(stage_error("N=126 word=other"), "");
  const std::pair<const char*, const char*> cases[] = {{R"(["x", "y"])", "has 3 arguments; the pipeline gives 2"},
                                                       {R"(["x", "N", "y"])", "argument 2 ('y'): a number is given"},
                                                       {R"(["x", "y", "y"])", "argument 3 ('n'): tensor 'y' is given"},
                                                       {R"(["x", "y", 0.5])", "0.5 is no integer"}};
  for (const auto& [args, message] : cases) {
    write("copy/pipeline.toml", pipeline_text("", args));
    EXPECT_NE(stage_error("N=8").find(message), std::string::npos) << stage_error("N=8");
  }
}

TEST_F(StageTest, KernelsMustBeReadableAndHaveTheFunction) {
  write("copy/copy.pto", "module {\n  func.func @copy() {\n    pto.nonsense\n    return\n  }\n}\n");
  EXPECT_NE(stage_error("N=8").find("copy.pto:3:"), std::string::npos) << stage_error("N=8");
  write("copy/copy.pto", "module {\n  func.func @kopy() {\n    return\n  }\n}\n");
  EXPECT_NE(stage_error("N=8").find("has no function 'copy'; did you mean 'kopy'?"), std::string::npos)
      << stage_error("N=8");
}

TEST_F(StageTest, BlocksAreBounded) {
  write("copy/pipeline.toml", pipeline_text("", R"(["x", "y", "N"])", "blocks = \"N - 8\"\n"));
  EXPECT_NE(stage_error("N=8").find("blocks 'N - 8' is 0; expected 1 to"), std::string::npos) << stage_error("N=8");
  EXPECT_NE(stage_error("N=100000").find("expected 1 to 65535"), std::string::npos);
  EXPECT_EQ(stage_error("N=10"), "");
}

TEST_F(StageTest, CacheReadsAFileOnceUntilItChanges) {
  KernelCache cache;
  const auto file = folder_ / "copy/copy.pto";
  const auto first = cache.get(file).value();
  EXPECT_EQ(cache.get(file).value(), first);
  write("copy/copy.pto", "module {\n  func.func @f() {\n    return\n  }\n}\n");
  std::filesystem::last_write_time(file, std::filesystem::last_write_time(file) + std::chrono::seconds(2));
  EXPECT_NE(cache.get(file).value(), first);
  EXPECT_FALSE(cache.get(folder_ / "absent.pto").has_value());
}

TEST_F(StageTest, GoodRunReturnsOutputs) {
  const auto outcome = run(copy_then());
  ASSERT_TRUE(outcome.has_value()) << to_string(outcome.error());
  EXPECT_EQ(outcome->stray_write, "");
  EXPECT_EQ(outcome->report.status, device::RunStatus::completed);
  EXPECT_EQ(outcome->report.instructions, 6U);  // of the first run
  EXPECT_EQ(outcome->unwritten.at("y"), std::vector<std::uint8_t>(6, 0));
  EXPECT_GT(outcome->seconds, 0);
}

TEST_F(StageTest, ElementsNeverWrittenAreFound) {
  const auto outcome = run([](const device::Launch& launch, const device::RunOptions&) {
    const std::span<float> y = argument_elements<float>(launch, 1);
    y[0] = y[1] = y[2] = y[4] = 1;
    return device::RunReport{};
  });
  EXPECT_EQ(outcome->unwritten.at("y"), (std::vector<std::uint8_t>{0, 0, 0, 1, 0, 1}));
}

TEST_F(StageTest, ResultsThatDependOnUndefinedBytesAreFound) {
  // Reads the poison of its output, then what the machine's own memory holds.
  EXPECT_EQ(run(copy_then([](auto, auto y, std::size_t n) { y[0] = y[n] > 0 ? 1.0F : 2.0F; }))->unwritten.at("y")[0],
            1);
  const auto seeded = run([](const device::Launch& launch, const device::RunOptions& options) {
    std::fill_n(argument_elements<float>(launch, 1).begin(), 6, static_cast<float>(options.poison_seed));
    return device::RunReport{};
  });
  EXPECT_EQ(seeded->unwritten.at("y"), std::vector<std::uint8_t>(6, 1));
}

TEST_F(StageTest, StrayWritesAreFound) {
  const auto stray = [&](Corrupt corrupt) { return run(copy_then(std::move(corrupt)))->stray_write; };
  EXPECT_EQ(stray([](auto, auto y, std::size_t n) { y[n + 1] = 0; }),
            "tensor 'y': 4 bytes after its end, the first at +4, written by 'copy'");
  EXPECT_EQ(stray([](auto, auto y, std::size_t) { *(y.data() - 3) = 0; }),
            "tensor 'y': 4 bytes before its start, the first at -12, written by 'copy'");
  EXPECT_EQ(stray([](auto x, auto, std::size_t) { x[2] += 1; }), "input 'x' changed, written by 'copy'");
  EXPECT_EQ(stray([](auto x, auto, std::size_t n) { x[n] = 1; }).substr(0, 10), "tensor 'x'");
}

TEST_F(StageTest, AStrayWriteNamesItsTask) {
  write("copy/late.pto",
        "module {\n  func.func @late(%x: !pto.ptr<f32>, %y: !pto.ptr<f32>, %n: index) {\n    return\n"
        "  }\n}\n");
  const auto task = [](const char* function) {
    return fmt::format("[[stages.tasks]]\nkernel = \"{0}.pto\"\nfunction = \"{0}\"\nargs = [\"x\", \"y\", \"N\"]\n",
                       function);
  };
  write("copy/pipeline.toml",
        pipeline_text("", R"(["x", "y", "N"])", task("copy") + task("late") + task("copy") + task("copy")));
  const auto outcome = run([](const device::Launch& launch, const device::RunOptions&) {
    const auto x = argument_elements<float>(launch, 0), y = argument_elements<float>(launch, 1);
    std::copy_n(x.begin(), 6, y.begin());
    if (launch.function->name == "late") y[6] = 0;
    return device::RunReport{};
  });
  EXPECT_EQ(outcome->stray_write, "tensor 'y': 4 bytes after its end, the first at +0, written by 'late'");
}

TEST_F(StageTest, TheTasksOfAStageAreOneGraph) {
  class GraphBackend final : public DoubleBackend {
   public:
    using DoubleBackend::DoubleBackend;
    device::RunReport run_graph(std::span<const device::Task> tasks, const device::RunOptions& options) override {
      std::vector<std::vector<std::size_t>> edges;
      for (const device::Task& task : tasks) edges.push_back(task.after);
      graphs.push_back(edges);
      return DoubleBackend::run_graph(tasks, options);
    }
    std::vector<std::vector<std::vector<std::size_t>>> graphs;
  };
  const std::string again =
      "[[stages.tasks]]\nkernel = \"copy.pto\"\nfunction = \"copy\"\nargs = [\"x\", \"y\", \"N\"]\n";
  write("copy/pipeline.toml", pipeline_text("", R"(["x", "y", "N"])", again + again));
  const pipeline::Pipeline p = read_pipeline();
  const Bindings bindings = bind(p, make_case("pipeline=copy")).value();
  const auto stage = resolve_stage(p, p.stages[0], bindings).value();
  GraphBackend backend("double", copy_then());
  const auto inputs = make_inputs(p, make_case("pipeline=copy"), bindings).value();
  ASSERT_TRUE(run_stage(stage, resolve_tensors(p, bindings).value(), inputs, backend, {}).has_value());
  const std::vector<std::vector<std::size_t>> chain{{}, {0}, {1}};
  EXPECT_EQ(backend.graphs, (std::vector{chain, chain}));  // one per poison pattern
}

TEST_F(StageTest, FaultsStopTheStage) {
  int runs = 0;
  const auto outcome = run([&](const device::Launch&, const device::RunOptions&) {
    ++runs;
    device::RunReport report;
    report.status = device::RunStatus::fault;
    report.diagnostics.emplace_back().rule = "bounds";
    return report;
  });
  EXPECT_EQ(runs, 1);
  EXPECT_EQ(outcome->report.status, device::RunStatus::fault);
  EXPECT_EQ(outcome->report.diagnostics.size(), 1U);
}

TEST_F(StageTest, AFaultUnderTheSecondPoisonCounts) {
  int runs = 0;
  const auto outcome = run([&](const device::Launch& launch, const device::RunOptions& options) {
    return ++runs == 1 ? copy_then()(launch, options) : report_of(device::RunStatus::budget, "spent")(launch, options);
  });
  EXPECT_EQ(outcome->report.status, device::RunStatus::budget);
  EXPECT_EQ(outcome->report.reason, "spent");
}

TEST_F(StageTest, InputsOfAnotherShapeAreRefused) {
  const pipeline::Pipeline p = read_pipeline();
  const Bindings bindings = bind(p, make_case("N=8")).value();
  const auto stage = resolve_stage(p, p.stages[0], bindings).value();
  DoubleBackend backend("double", copy_then());
  const auto tensors = resolve_tensors(p, bindings).value();
  for (const TensorMap& inputs :
       {TensorMap{}, TensorMap{{"x", Tensor(DType::f32, {4})}}, TensorMap{{"x", Tensor(DType::i32, {8})}}})
    EXPECT_FALSE(run_stage(stage, tensors, inputs, backend, {}).has_value());
}

TEST(Guarded, AnOffsetMovesTheElementsAndIsGuardedToo) {
  const Tensor tensor(DType::f32, {5});
  Guarded guarded(DType::f32, {5}, 0, 3);
  EXPECT_EQ(guarded.element_offset(), kGuardBytes / 4 + 3);
  EXPECT_EQ(guarded.placement().front, kGuardBytes + 12);
  EXPECT_EQ(guarded.placement().back, kGuardBytes);
  guarded.set(tensor);
  EXPECT_EQ(guarded.content(), tensor);
  EXPECT_EQ(guarded.broken_guard(), "");
  guarded.storage().set_bits(guarded.element_offset() - 2, 0);
  EXPECT_EQ(guarded.broken_guard(), "4 bytes before its start, the first at -8");
}

TEST(Guarded, KeepsContentOfEveryDType) {
  for (const DTypeInfo& row : kDTypes) {
    Tensor tensor(row.dtype, {3, 5});
    for (std::int64_t i = 0; i < tensor.size(); ++i) tensor.set_bits(i, static_cast<std::uint64_t>(i) & 0xf);
    Guarded guarded(row.dtype, tensor.shape(), 1);
    guarded.set(tensor);
    EXPECT_EQ(guarded.content(), tensor) << row.name;
    EXPECT_TRUE(guarded.content_equals(tensor));
    EXPECT_EQ(guarded.broken_guard(), "");
    guarded.storage().set_bits(guarded.element_offset() - 1, 0);
    EXPECT_NE(guarded.broken_guard(), "") << row.name;
  }
}

}  // namespace
}  // namespace assay::run

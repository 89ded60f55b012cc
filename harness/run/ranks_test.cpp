// Pipelines over ranks: each rank's own tensors, windows and what they keep, invocations, goldens of one rank.
#include <gtest/gtest.h>

#include "harness/run/execute_fixture.h"

namespace assay::run {
namespace {

using compare::Verdict;

// Rank r puts its row into the window of the next one, whose row it gives to y; `seen` counts the launches there.
constexpr const char* kPipeline = R"toml(
policy = "bits"
invocations = "I"
[params]
N = { default = 3, min = 1, max = 8 }
I = { default = 1, min = 1, max = 4 }
[tensors.x]
ranks = "N"
shape = [4]
dtype = "f32"
[tensors.w]
shape = [4]
dtype = "f32"
[tensors.y]
ranks = "N"
shape = [4]
dtype = "f32"
role = "output"
[windows.win]
ranks = "N"
[windows.win.fields.seen]
dtype = "i32"
shape = [1]
zero = true
[windows.win.fields.row]
dtype = "f32"
shape = [4]
[[stages]]
name = "shift"
inputs = ["x", "w"]
outputs = ["y"]
golden = { command = "python3 shift.py {inputs} {outputs}" }
[[stages.tasks]]
kernel = "shift.pto"
function = "push"
ranks = "N"
args = { x = "x", row = "win.row", seen = "win.seen", rank = "rank", stride = "win_bytes", n = "N" }
[[stages.tasks]]
kernel = "shift.pto"
function = "take"
ranks = "N"
args = ["win.row", "w", "y", "rank", "win_bytes", "invocation"]
)toml";

constexpr const char* kKernels = R"mlir(module {
  func.func @push(%x: !pto.ptr<f32>, %row: !pto.ptr<f32>, %seen: !pto.ptr<i32>, %rank: index, %stride: index, %n: index) {
    return
  }
  func.func @take(%row: !pto.ptr<f32>, %w: !pto.ptr<f32>, %y: !pto.ptr<f32>, %rank: index, %stride: index, %epoch: i32) {
    return
  }
}
)mlir";

// y[r] = x[r - 1] + w, with nothing but Python.
constexpr const char* kGolden = R"py(
import ast
import struct
import sys

def read(path):
    data = open(path, "rb").read()
    size = struct.unpack("<H", data[8:10])[0]
    shape = ast.literal_eval(data[10:10 + size].decode())["shape"]
    return shape, [v[0] for v in struct.iter_unpack("<f", data[10 + size:])]

(ranks, four), x = read(sys.argv[1] + "/x.npy")
shape, w = read(sys.argv[1] + "/w.npy")
assert shape == (4,)
y = [x[(r - 1) % ranks * 4 + i] + w[i] for r in range(ranks) for i in range(4)]
header = str({"descr": "<f4", "fortran_order": False, "shape": (ranks, four)})
header += " " * (-(len(header) + 11) % 64) + "\n"
with open(sys.argv[2] + "/y.npy", "wb") as file:
    file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode())
    file.write(struct.pack("<%df" % len(y), *y))
)py";

template <class T>
T* pointer(const device::Launch& launch, std::size_t index, std::int64_t rank = 0, std::int64_t stride = 0) {
  const auto& argument = std::get<device::PointerArgument>(launch.arguments.at(index));
  std::byte* bytes = launch.tensors[argument.tensor]->bytes().data();
  return reinterpret_cast<T*>(bytes + rank * stride) + argument.element_offset;
}

class RanksTest : public ExecuteTest {
 protected:
  void SetUp() override {
    ExecuteTest::SetUp();
    std::filesystem::create_directories(folder_ / "shift");
    write("shift/pipeline.toml", kPipeline);
    write("shift/shift.pto", kKernels);
    write("shift/shift.py", kGolden);
  }

  // What the two functions do, told apart by their arguments.
  device::RunReport launch(const device::Launch& launch) {
    const auto number = [&](std::size_t i) { return std::get<std::int64_t>(launch.arguments.at(i)); };
    if (launch.function->name == "push") {
      const std::int64_t rank = number(3), stride = number(4), next = (rank + 1) % number(5);
      EXPECT_EQ(rank, launch.rank);
      const float* x = pointer<float>(launch, 0);
      std::copy_n(x, 4, pointer<float>(launch, 1, next, stride));
      seen_.push_back((*pointer<std::int32_t>(launch, 2, rank, stride))++);
    } else {
      const std::int64_t rank = number(3), stride = number(4);
      epochs_.push_back(number(5));
      const float* row = pointer<float>(launch, 0, rank, stride);
      const float* w = pointer<float>(launch, 1);
      float* y = pointer<float>(launch, 2);
      for (int i = 0; i < 4; ++i) y[i] = row[i] + w[i];
      if (corrupt_) corrupt_(launch, y);
    }
    return {};
  }

  CaseResult run(const std::string& line) {
    ExecuteOptions all = options();
    all.create_backend = [this](std::string_view name) -> Result<std::unique_ptr<device::Backend>> {
      return std::make_unique<DoubleBackend>(
          std::string(name), [this](const device::Launch& l, const device::RunOptions&) { return launch(l); });
    };
    auto result = Executor(all).execute(make_case("pipeline=shift " + line));
    EXPECT_TRUE(result.has_value()) << (result ? "" : to_string(result.error()));
    return result.value_or(CaseResult{});
  }

  // The pipeline with one text in it replaced; what reading and resolving it for N ranks says.
  std::string refusal(const std::string& text, const std::string& replacement, const std::string& values = "") {
    std::string changed = kPipeline;
    const std::size_t at = changed.find(text);
    EXPECT_NE(at, std::string::npos) << text;
    if (at != std::string::npos) changed.replace(at, text.size(), replacement);
    write("shift/pipeline.toml", changed);
    const auto pipeline = pipeline::find_pipeline("shift", {folder_});
    if (!pipeline) return pipeline.error().message;
    const auto bindings = bind(*pipeline, make_case("pipeline=shift " + values));
    if (!bindings) return bindings.error().message;
    const auto tensors = resolve_tensors(*pipeline, *bindings);
    if (!tensors) return tensors.error().message;
    const auto stage = resolve_stage(*pipeline, pipeline->stages[0], *bindings);
    return stage ? "" : stage.error().message;
  }

  std::function<void(const device::Launch&, float*)> corrupt_;
  std::vector<std::int32_t> seen_;
  std::vector<std::int64_t> epochs_;
};

TEST_F(RanksTest, EveryRankHasItsOwnTensorsAndReachesTheOthersWindows) {
  for (const char* ranks : {"N=1", "N=2", "N=5"}) {
    const CaseResult result = run(ranks);
    EXPECT_EQ(result.verdict, Verdict::passed) << ranks << ": " << result.reason;
  }
}

TEST_F(RanksTest, InvocationsKeepWindowsAndDrawOtherInputs) {
  const CaseResult result = run("N=2 I=3");
  EXPECT_EQ(result.verdict, Verdict::passed) << result.reason;
  // Each of three invocations runs twice, over the two poison patterns, on two ranks.
  EXPECT_EQ(seen_, (std::vector<std::int32_t>{0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2}));
  EXPECT_EQ(epochs_, (std::vector<std::int64_t>{1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3}));
  ASSERT_EQ(result.stages.size(), 3U);
  EXPECT_EQ(result.stages[0].stage, "shift");
  EXPECT_EQ(result.stages[2].stage, "shift#3");
  const pipeline::Pipeline p = pipeline::find_pipeline("shift", {folder_}).value();
  const Case c = make_case("pipeline=shift");
  Bindings second = bind(p, c).value();
  second.invocation = 2;
  EXPECT_NE(make_inputs(p, c, bind(p, c).value()).value().at("x"), make_inputs(p, c, second).value().at("x"));
}

// A fault of the second invocation alone, on one rank.
TEST_F(RanksTest, MismatchesNameInvocationAndRank) {
  corrupt_ = [](const device::Launch& launch, float* y) {
    if (launch.rank == 1 && std::get<std::int64_t>(launch.arguments[5]) == 2) y[2] += 1;
  };
  const CaseResult result = run("N=3 I=2");
  EXPECT_EQ(result.verdict, Verdict::failed);
  EXPECT_NE(result.reason.find("stage shift#2, output y"), std::string::npos) << result.reason;
  EXPECT_NE(result.reason.find("rank 1: "), std::string::npos) << result.reason;
}

// What nobody has written into a window is undefined, in later invocations too.
TEST_F(RanksTest, WindowsAreUndefinedUntilWritten) {
  corrupt_ = [](const device::Launch& launch, float* y) {
    if (launch.rank == 0) y[0] = *pointer<float>(launch, 0, 0, 0) + pointer<float>(launch, 0, 0, 0)[6];
  };
  const CaseResult result = run("N=2 I=2");
  EXPECT_EQ(result.verdict, Verdict::failed);
  EXPECT_NE(result.reason.find("never written"), std::string::npos) << result.reason;
}

TEST_F(RanksTest, StrayWritesNameTheRank) {
  corrupt_ = [](const device::Launch& launch, float* y) {
    if (launch.rank == 2) y[4] = 1;
  };
  const CaseResult result = run("N=3");
  EXPECT_EQ(result.verdict, Verdict::failed);
  EXPECT_NE(result.reason.find("tensor 'y' of rank 2: 4 bytes after its end"), std::string::npos) << result.reason;
  EXPECT_NE(result.reason.find("written by 'take'"), std::string::npos) << result.reason;
}

// Contents laid out for other parameters would overrun the window.
TEST_F(RanksTest, ContentsOfAnotherLayoutAreRefused) {
  const pipeline::Pipeline p = pipeline::find_pipeline("shift", {folder_}).value();
  const Case c = make_case("N=2");
  const Bindings bindings = bind(p, c).value();
  const ResolvedStage stage = resolve_stage(p, p.stages[0], bindings).value();
  const Tensor larger(DType::u8, {1 << 20});
  WindowContents contents{{"win", {larger, larger}}};
  DoubleBackend backend("sim", report_of(device::RunStatus::completed, ""));
  const auto outcome = run_stage(stage, resolve_tensors(p, bindings).value(), make_inputs(p, c, bindings).value(),
                                 backend, {}, &contents);
  ASSERT_FALSE(outcome);
  EXPECT_NE(outcome.error().message.find("window 'win' holds 1048576 bytes"), std::string::npos)
      << outcome.error().message;
}

TEST_F(RanksTest, WindowsCountAmongTheBytes) {
  const pipeline::Pipeline p = pipeline::find_pipeline("shift", {folder_}).value();
  EXPECT_EQ(bytes_needed(p, make_case("N=2")).value(), 2 * 16 + 16 + 2 * 16 + 2 * 128);
}

TEST_F(RanksTest, RefusesWhatDoesNotFit) {
  const auto says = [&](const std::string& text, const std::string& replacement, const char* expected,
                        const char* values = "") {
    const std::string found = refusal(text, replacement, values);
    EXPECT_NE(found.find(expected), std::string::npos) << replacement << ": " << found;
  };
  EXPECT_EQ(refusal("I = {", "I = {"), "");
  says("\"win.row\", \"w\"", "\"win.rows\", \"w\"", "no field of a window");
  says("row = \"win.row\"", "row = \"win.seen\"", "holds i32, but the pointer is to f32");
  says("[tensors.y]\nranks = \"N\"", "[tensors.y]", "would write the one tensor 'y'");
  says("[tensors.x]\nranks = \"N\"", "[tensors.x]\nranks = \"N + 1\"", "has 4 ranks, the task 3");
  says("[windows.win]\nranks = \"N\"", "[windows.win]\nranks = 2", "has 2 ranks, the task 3");
  says("function = \"push\"\nranks = \"N\"", "function = \"push\"", "'rank' is neither a tensor nor an integer parameter");
  says("[windows.win]\nranks", "[windows.win]\nbytes = 64\nranks", "has 64 bytes; its fields need 80");
  says("[windows.win]\nranks", "[windows.win]\nbytes = 81\nranks", "no multiple of the 4");
  says("[windows.win.fields.row]", "[windows.win.fields.row]\nat = 2", "is at 2; expected at least 4");
  says("[windows.win.fields.row]", "[windows.win.fields.row]\nat = 6", "no multiple of the 4 bytes of f32");
  says("[windows.win]", "[windows.x]\nranks = 1\nfields = { a = { dtype = \"f32\", shape = [1] } }\n[windows.win]",
       "a tensor and a window");
  says("I = {", "rank = 3\nI = {", "a variable that tasks have");
  says("shape = [4]", "shape = [\"invocation\"]", "'invocation' is not an integer parameter");
  says("zero = true", "zero = 1", "expected a boolean");
}

// Offsets of the published layout (dsv4-chain 3.3a).
TEST_F(RanksTest, FieldsFollowOneAnother) {
  const pipeline::Pipeline p =
      pipeline::find_pipeline("dispatch", {std::filesystem::path(ASSAY_SOURCE_DIR) / "kernels"}).value();
  const auto bindings = bind(p, make_case("pipeline=dispatch N=2 T=16 K=2 D=4096 L=8 R=32")).value();
  const ResolvedWindow window = resolve_windows(p, bindings).value().at(0);
  EXPECT_EQ(window.bytes, 2'376'000);
  for (const auto& [field, at] : {std::pair{"pub_counts", 0}, {"count_done", 128}, {"recv_x", 192},
                                  {"recv_w", 2'097'344}, {"recv_idx", 2'105'536}, {"data_done", 2'113'728},
                                  {"routed_y_buf", 2'113'792}, {"combine_done", 2'375'936}})
    EXPECT_EQ(window.find(field)->at, at) << field;
}

}  // namespace
}  // namespace assay::run

// Measures bisection: random single-edit mutants of the stages' kernels, generated here from a seed. Of those that
// change an output, at least 90 % must be localised to the edited instruction or its direct successor.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <random>
#include <set>

#include "harness/bisect/bisect.h"
#include "harness/pto/verifier.h"

namespace assay::bisect {
namespace {

constexpr int kMutants = 200;
constexpr std::uint64_t kSeed = 20260513;
constexpr std::int64_t kMaxCandidates = 60'000;

struct StageUnderTest {
  pipeline::Pipeline pipeline;
  run::Bindings bindings;
  std::vector<run::ResolvedTensor> tensors;
  Profile profile;
  std::vector<TensorMap> inputs;  // one per fill
  std::vector<goldens::GoldenMap> goldens;
};

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(to_string(result.error()));
  return std::move(*result);
}

run::Case small_case(std::string_view line, std::string_view fill) {
  run::Case c = must(run::parse_replay(line));
  c.values["fill"] = fill;
  c.values["seed"] = "11";
  return c;
}

StageUnderTest load(std::string_view line) {
  const std::vector<std::filesystem::path> folders{std::filesystem::path(ASSAY_SOURCE_DIR) / "kernels"};
  const run::Case c = small_case(line, "normal");
  StageUnderTest s;
  s.pipeline = must(pipeline::find_pipeline(c.get("pipeline"), folders));
  s.bindings = must(run::bind(s.pipeline, c));
  s.tensors = must(run::resolve_tensors(s.pipeline, s.bindings));
  s.profile = must(load_profile(s.pipeline.profile));
  for (std::string_view fill : {"normal", "ties", "tagged", "uniform"}) {
    s.inputs.push_back(must(run::make_inputs(s.pipeline, small_case(line, fill), s.bindings)));
    s.goldens.push_back(
        must(run::stage_golden(s.pipeline, s.pipeline.stages[0], s.bindings, s.tensors, s.inputs.back(), s.profile)));
  }
  return s;
}

// Probes of the stage with its kernel replaced, one per fill.
std::vector<Probe> probes_of(const StageUnderTest& s, std::size_t task, std::shared_ptr<const pto::Module> module) {
  std::vector<Probe> probes;
  for (std::size_t i = 0; i < s.inputs.size(); ++i) {
    auto stage = must(run::resolve_stage(s.pipeline, s.pipeline.stages[0], s.bindings));
    if (module) stage.tasks[task].module = module;
    probes.emplace_back(std::move(stage), s.tensors, s.inputs[i], s.goldens[i], s.pipeline.policy, s.profile);
  }
  return probes;
}

struct Mutant {
  Edit edit;
  std::shared_ptr<const pto::Module> module;
  std::set<std::uint32_t> edited;    // operation ids of the edit itself; none for a deleted operation
  std::set<std::uint32_t> accepted;  // and of its direct successors
};

// The operations of the edit in the mutant.
std::set<std::uint32_t> edited_ids(const Edit& edit) {
  if (edit.kind == EditKind::extra_operation) return {};
  const bool offset =
      std::any_of(edit.operands.begin(), edit.operands.end(), [](const auto& o) { return o.offset != 0; });
  const std::uint32_t id = edit.op_id + (edit.insert_after ? 1 : 0);
  // What stands in front of the instruction for it: a constant and an addition when off by one, constants for extents.
  const std::uint32_t made = offset ? 2 : (edit.constant_rows ? 1U : 0U) + (edit.constant_cols ? 1U : 0U);
  std::set<std::uint32_t> ids;
  for (std::uint32_t i = 0; i <= made; ++i) ids.insert(id + i);
  return ids;
}

// The edit's operations, the next one, and the first that consumes what the edited one writes.
std::set<std::uint32_t> accepted_ids(const pto::Function& original, const pto::Function& mutant, const Edit& edit) {
  std::set<std::uint32_t> ids = edited_ids(edit);
  const std::uint32_t id = ids.empty() ? edit.op_id : *ids.rbegin();
  const auto operations = pto::preorder(mutant);
  const bool deleted = edit.kind == EditKind::extra_operation;
  const std::uint32_t next_id = deleted ? id : id + 1;
  if (next_id < operations.size()) ids.insert(next_id);
  const pto::Operation& op = deleted ? *pto::preorder(original)[edit.op_id] : *operations[id];
  // A missing store has no successor that reads what it wrote: it is found behind the writer of the tile.
  if (deleted && op.code == pto::OpCode::tstore && id > 0) ids.insert(id - 1);
  std::vector<pto::ValueId> written = op.results;
  if (info(op.code).family == pto::Family::tile && op.segments.size() > 1)
    for (pto::ValueId value : op.segment(1)) written.push_back(value);
  for (std::uint32_t next = next_id; next < operations.size(); ++next) {
    const auto& operands = operations[next]->operands;
    if (std::any_of(operands.begin(), operands.end(), [&](pto::ValueId value) {
          return std::find(written.begin(), written.end(), value) != written.end();
        })) {
      ids.insert(next);
      break;
    }
  }
  return ids;
}

std::vector<Edit> all_edits(const pto::Function& function, EditKind kind) {
  std::vector<Edit> edits;
  for (const pto::Operation* op : pto::preorder(function))
    for (Edit& edit : enumerate_edits(function, kind, op->id)) edits.push_back(std::move(edit));
  return edits;
}

// A legal mutant, its kind drawn first so that the numerous kinds do not crowd out the others.
Mutant draw(const pto::Module& module, const std::string& function, std::mt19937_64& random) {
  for (;;) {
    const auto kind = static_cast<EditKind>(random() % kEditKinds);
    const pto::Function& f = *module.find_function(function);
    std::vector<Edit> edits = all_edits(f, kind);
    if (edits.empty()) continue;
    Edit edit = edits[random() % edits.size()];
    auto edited = apply_edit(module, function, edit);
    if (!edited || !pto::verify(*edited)) continue;
    Mutant mutant{edit, std::make_shared<const pto::Module>(std::move(*edited)), {}, {}};
    mutant.edited = edited_ids(edit);
    mutant.accepted = accepted_ids(f, *mutant.module->find_function(function), edit);
    return mutant;
  }
}

struct Score {
  int drawn = 0, unchanged = 0, counted = 0, localised = 0, exactly = 0;
  std::string missed;
};

bool changes_an_output(const std::vector<Probe>& probes, device::Backend& simulator) {
  return std::any_of(probes.begin(), probes.end(),
                     [&](const Probe& probe) { return !probe.run(probe.modules(), simulator, 2'000'000).matches; });
}

void judge(const StageUnderTest& s, const Mutant& mutant, device::Backend& simulator, Score& score) {
  const std::vector<Probe> probes = probes_of(s, 0, mutant.module);
  ++score.drawn;
  if (!changes_an_output(probes, simulator)) {
    ++score.unchanged;
    return;
  }
  ++score.counted;
  const Confirm confirm = [&](std::size_t task, const std::shared_ptr<const pto::Module>& edited) {
    return std::all_of(probes.begin(), probes.end(), [&](const Probe& probe) {
      return probe.run(probe.replaced(task, edited), simulator, 2'000'000).matches;
    });
  };
  std::optional<Finding> finding;
  for (const Probe& probe : probes)
    if (!finding) finding = bisect_stage(probe, simulator, nullptr, confirm, kMaxCandidates);
  const bool hit = finding && finding->instruction && mutant.accepted.contains(finding->instruction->op_id);
  if (hit && mutant.edited.contains(finding->instruction->op_id)) ++score.exactly;
  if (hit)
    ++score.localised;
  else
    score.missed +=
        fmt::format("{} op {} {}: {} -> {} op {}: {}\n", s.pipeline.name, mutant.edit.op_id, name(mutant.edit.kind),
                    mutant.edit.description, finding ? name(finding->conclusion) : "nothing",
                    finding && finding->instruction ? static_cast<int>(finding->instruction->op_id) : -1,
                    finding ? finding->explanation : "");
}

TEST(Mutants, AtLeastNineOfTenThatChangeAnOutputAreLocalised) {
  const std::vector<std::string_view> cases{
      "pipeline=cast_bf16 T=3 D=20",    "pipeline=quant_rows T=3 D=20 x_dtype=f32",
      "pipeline=dequant_rows T=3 N=20", "pipeline=ffn_add T=3 D=20",
      "pipeline=hc_post T=2 D=20 HC=2", "pipeline=row_expand_mul_fillpad valid_rows=5"};
  auto simulator = must(device::create_backend("sim"));
  std::vector<StageUnderTest> stages;
  for (std::string_view line : cases) stages.push_back(load(line));
  Score score;
  for (int i = 0; i < kMutants; ++i) {
    const StageUnderTest& s = stages[static_cast<std::size_t>(i) % stages.size()];
    std::mt19937_64 random(kSeed * 1000 + static_cast<std::uint64_t>(i));
    const auto stage = must(run::resolve_stage(s.pipeline, s.pipeline.stages[0], s.bindings));
    judge(s, draw(*stage.tasks[0].module, stage.tasks[0].function, random), *simulator, score);
  }
  fmt::print(
      "mutants: {} drawn, {} change no output, {} of {} localised ({:.1f} %), {} of them at the "
      "edited instruction itself, the others at its direct successor\nnot localised:\n{}",
      score.drawn, score.unchanged, score.localised, score.counted,
      100.0 * score.localised / std::max(1, score.counted), score.exactly, score.missed);
  EXPECT_GE(score.counted, kMutants / 3) << "too few mutants change anything: the figure says little";
  EXPECT_GE(score.localised * 10, score.counted * 9);
}

// A kernel nobody edited: nothing to find.
TEST(Mutants, TheKernelsThemselvesAreInOrder) {
  auto simulator = must(device::create_backend("sim"));
  for (std::string_view line : {"pipeline=hc_post T=2 D=20 HC=2", "pipeline=quant_rows T=3 D=20 x_dtype=bf16"}) {
    const StageUnderTest s = load(line);
    for (const Probe& probe : probes_of(s, 0, nullptr))
      EXPECT_FALSE(bisect_stage(
                       probe, *simulator, nullptr, [](auto, const auto&) { return true; }, 10)
                       .has_value());
  }
}

}  // namespace
}  // namespace assay::bisect

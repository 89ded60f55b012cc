#include "harness/bisect/bisect.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <nlohmann/json.hpp>

#include "harness/bisect/first_divergence.h"
#include "harness/bisect/slice.h"

namespace assay::bisect {

std::string_view name(Conclusion conclusion) {
  static constexpr std::array<std::string_view, 5> names{"agreement", "divergence", "rule", "cause", "suspect"};
  return names[static_cast<std::size_t>(conclusion)];
}

namespace {

using device::Backend;
using device::RunStatus;

std::string source_line(const pto::Module& module, int line) {
  if (!module.source || line <= 0) return {};
  std::string_view text = *module.source;
  for (int i = 1; i < line; ++i) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
  text = text.substr(0, text.find('\n'));
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(" \t\r") - first + 1));
}

Instruction instruction_of(const pto::Module& module, std::string_view function_name, std::uint32_t op_id) {
  Instruction instruction;
  instruction.kernel = module.file;
  instruction.function = function_name;
  instruction.op_id = op_id;
  const pto::Function* function = module.find_function(function_name);
  const auto operations = function ? pto::preorder(*function) : std::vector<const pto::Operation*>{};
  if (op_id >= operations.size()) return instruction;
  const pto::Operation& op = *operations[op_id];
  instruction.mnemonic = mnemonic(op.code);
  instruction.line = op.location.line;
  instruction.column = op.location.column;
  instruction.source = source_line(module, op.location.line);
  return instruction;
}

// First event of the instruction in a run on the simulator: its loop indices and block.
void first_occurrence(const Probe& probe, Backend& simulator, std::size_t task, std::uint32_t op_id, Finding& finding) {
  const std::string& function = probe.stage().tasks[task].function;
  probe.run(probe.modules(), simulator, 20'000'000, task, [&](const device::TraceEvent& event) {
    if (event.op_id != op_id || event.function != function) return true;
    finding.loop_indices = event.loop_indices;
    finding.block = event.block;
    return false;
  });
}

std::string failing_elements(const Probe& probe, const Probe::Answer& answer) {
  std::string text;
  for (const auto& [output, comparison] : answer.comparisons) {
    if (comparison.passed) continue;
    const goldens::GoldenOutput& golden = probe.golden().at(output);
    const compare::Reference reference{&golden.value, &golden.lo, &golden.hi, golden.open};
    text +=
        fmt::format("{}{}: {} of {} elements, {}", text.empty() ? "" : "; ", output, comparison.mismatches,
                    comparison.compared, compare::describe_pattern(answer.outputs.at(output), reference, comparison));
  }
  return text;
}

std::string show_bits(DType dtype, std::uint64_t bits) {
  return fmt::format("{:#0{}x} ({})", bits, info(dtype).bits / 4 + 2, compare::to_double(dtype, bits));
}

void explain_divergence(const Divergence& divergence, std::string_view device, Finding& finding) {
  finding.conclusion = Conclusion::divergence;
  finding.loop_indices = divergence.a.loop_indices;
  finding.block = divergence.a.block;
  if (divergence.streams_part) {
    finding.explanation = fmt::format("sim and {} execute different operations or shapes from here on", device);
    return;
  }
  const DivergingElement& first = divergence.elements.front();
  finding.elements =
      fmt::format("{} of {} elements of the {}x{} result, first at row {}, column {}", divergence.count,
                  divergence.a.rows * divergence.a.cols, divergence.a.rows, divergence.a.cols, first.row, first.col);
  finding.explanation =
      fmt::format("same inputs, contract {}: sim wrote {}, {} wrote {}, {} ulp apart", divergence.contract,
                  show_bits(divergence.a.dtype, first.a), device, show_bits(divergence.b.dtype, first.b), first.ulps);
}

// Profile that bounds a backend's arithmetic: its own where there is one of that name.
Profile profile_of(const Backend& backend, const Profile& otherwise) {
  const auto names = profile_names();
  if (std::find(names.begin(), names.end(), backend.name()) == names.end()) return otherwise;
  auto own = load_profile(backend.name());
  return own ? *own : otherwise;
}

std::optional<Divergence> find_divergence(const Probe& probe, Backend& simulator, Backend& device, std::size_t task) {
  std::vector<device::TraceEvent> events;
  probe.run(probe.modules(), simulator, 20'000'000, task, [&](const device::TraceEvent& event) {
    events.push_back(event);
    return events.size() < 200'000;
  });
  const pto::Function& function = *probe.modules()[task]->find_function(probe.stage().tasks[task].function);
  DivergenceFinder finder(function, profile_of(simulator, probe.profile()), profile_of(device, probe.profile()));
  std::optional<Divergence> found;
  std::size_t next = 0;
  probe.run(probe.modules(), device, 20'000'000, task, [&](const device::TraceEvent& event) {
    if (next >= events.size()) return false;
    found = finder.compare(events[next++], event);
    return !found;
  });
  return found;
}

class StageBisector {
 public:
  StageBisector(const Probe& probe, Backend& simulator, Backend* device, Confirm confirm, std::int64_t max_candidates)
      : probe_(probe), simulator_(simulator), device_(device), confirm_(std::move(confirm)), max_(max_candidates) {}

  // Nothing when the stage is in order.
  std::optional<Finding> bisect() {
    sim_ = probe_.run(probe_.modules(), simulator_);
    if (device_) device_answer_ = probe_.run(probe_.modules(), *device_);
    const bool with_golden = !probe_.golden().empty();
    const bool sim_good = sim_.report.status == RunStatus::completed && (!with_golden || sim_.matches);
    if (sim_good && device_in_order(with_golden)) return std::nullopt;
    finding_.stage = probe_.stage().spec->name;
    if (with_golden && !sim_good && explain_by_edit()) return finding_;
    if (device_ && device_answer_.report.status == RunStatus::completed && sim_.report.status == RunStatus::completed &&
        explain_by_trace())
      return finding_;
    if (sim_.report.status == RunStatus::fault) return explain_by_rule();
    return suspects();
  }

  const Probe::Answer& simulator_answer() const { return sim_; }

 private:
  bool device_in_order(bool with_golden) const {
    if (!device_ || device_answer_.report.status == RunStatus::unsupported) return true;
    if (device_answer_.report.status != RunStatus::completed) return false;
    return with_golden ? device_answer_.matches : device_answer_.outputs == sim_.outputs;
  }

  void describe_broken_rule(std::size_t task) {
    if (sim_.report.status != RunStatus::fault || sim_.report.diagnostics.empty()) return;
    finding_.broken_rule = device::to_string(sim_.report.diagnostics.back(), probe_.modules()[task]->file);
  }

  bool explain_by_edit() {
    EditSearch search = search_edits(probe_, simulator_, sim_, confirm_, max_);
    finding_.candidates = search.candidates;
    if (!search.found) return false;
    const std::string& function = probe_.stage().tasks[search.task].function;
    finding_.conclusion = Conclusion::cause;
    finding_.instruction = instruction_of(*probe_.modules()[search.task], function, search.found->op_id);
    finding_.explanation =
        fmt::format("{}: {} makes every output match the golden", name(search.found->kind), search.found->description);
    finding_.alternatives = std::move(search.alternatives);
    describe_broken_rule(search.task);
    const bool stopped = sim_.report.status != RunStatus::completed;
    finding_.elements = failing_elements(probe_, stopped ? device_answer_ : sim_);
    first_occurrence(probe_, simulator_, search.task, search.found->op_id, finding_);
    finding_.edit = std::move(search.found);
    return true;
  }

  bool explain_by_trace() {
    for (std::size_t task = 0; task < probe_.modules().size(); ++task) {
      const auto divergence = find_divergence(probe_, simulator_, *device_, task);
      if (!divergence) continue;
      finding_.instruction = instruction_of(*probe_.modules()[task], divergence->a.function, divergence->a.op_id);
      explain_divergence(*divergence, device_->name(), finding_);
      if (probe_.profile().contraction == Contraction::allowed) explain_contraction();
      return true;
    }
    return false;
  }

  // Contraction is a fact of the run, not of the kernel: the same run without it shows whether it is the reason.
  void explain_contraction() {
    const Probe rounded = probe_.without_contraction();
    const bool gone =
        rounded.run(rounded.modules(), *device_).outputs == rounded.run(rounded.modules(), simulator_).outputs;
    finding_.explanation += gone ? "; with contraction off every output agrees: the device fused a product into this "
                                   "sum and rounded once instead of twice"
                                 : "; with contraction off the outputs still differ: contraction is not the reason";
  }

  Finding explain_by_rule() {
    finding_.conclusion = Conclusion::rule;
    const device::Diagnostic& diagnostic = sim_.report.diagnostics.back();
    finding_.instruction = instruction_of(*probe_.modules()[sim_.failed_task], diagnostic.function, diagnostic.op_id);
    finding_.loop_indices = diagnostic.loop_indices;
    finding_.block = diagnostic.block;
    finding_.elements = failing_elements(probe_, device_answer_);
    describe_broken_rule(sim_.failed_task);
    finding_.explanation = fmt::format("{}: {}", diagnostic.rule, diagnostic.message);
    return finding_;
  }

  Finding suspects() {
    finding_.conclusion = Conclusion::suspect;
    const bool sim_bad = !sim_.comparisons.empty() && !sim_.matches;
    const Probe::Answer& bad = sim_bad ? sim_ : device_answer_;
    finding_.elements = failing_elements(probe_, bad);
    if (bad.report.status != RunStatus::completed)
      finding_.explanation = fmt::format("the run did not complete: {}", bad.report.reason);
    else
      finding_.explanation = fmt::format("no single edit among {} explains it", finding_.candidates);
    for (std::size_t task = 0; task < probe_.modules().size(); ++task) add_slice(task, bad);
    return finding_;
  }

  void add_slice(std::size_t task, const Probe::Answer& bad) {
    std::vector<device::TraceEvent> trace;
    probe_.run(probe_.modules(), simulator_, 20'000'000, task, [&](const device::TraceEvent& event) {
      trace.push_back(event);
      return trace.size() < 100'000;
    });
    const std::string& function = probe_.stage().tasks[task].function;
    for (std::uint32_t id :
         dynamic_slice(*probe_.modules()[task]->find_function(function), trace, probe_.bad_elements(bad)))
      finding_.slice.push_back(instruction_of(*probe_.modules()[task], function, id));
  }

  const Probe& probe_;
  Backend& simulator_;
  Backend* device_;
  Confirm confirm_;
  std::int64_t max_;
  Probe::Answer sim_, device_answer_;
  Finding finding_;
};

// Everything a case needs, resolved once.
struct Prepared {
  pipeline::Pipeline pipeline;
  run::Bindings bindings;
  std::vector<run::ResolvedTensor> tensors;
  Profile profile;
  compare::Policy policy;
};

Result<Prepared> prepare(const run::Case& c, const BisectOptions& options) {
  auto pipeline = pipeline::find_pipeline(c.get("pipeline"), options.pipeline_directories);
  if (!pipeline) return tl::unexpected(pipeline.error());
  auto bindings = run::bind(*pipeline, c);
  if (!bindings) return tl::unexpected(bindings.error());
  auto tensors = run::resolve_tensors(*pipeline, *bindings);
  if (!tensors) return tl::unexpected(tensors.error());
  auto profile = load_profile(c.get("profile", pipeline->profile));
  if (!profile) return tl::unexpected(profile.error());
  compare::Policy policy = pipeline->policy;
  if (const auto text = c.get("policy"); !text.empty()) {
    auto parsed = compare::parse_policy(text);
    if (!parsed) return tl::unexpected(parsed.error());
    policy = *parsed;
  }
  // Relations and peers say that something is wrong, not which element is: the search holds results against the golden.
  if (std::holds_alternative<compare::Relations>(policy.rule) || std::holds_alternative<compare::Peer>(policy.rule))
    policy.rule = compare::Bound{};
  if (options.contract_fma) profile->contraction = Contraction::allowed;
  return Prepared{std::move(*pipeline), std::move(*bindings), std::move(*tensors), std::move(*profile), policy};
}

Result<Probe> make_probe(const Prepared& prepared, const pipeline::StageSpec& stage, const TensorMap& inputs) {
  auto resolved = run::resolve_stage(prepared.pipeline, stage, prepared.bindings);
  if (!resolved) return tl::unexpected(resolved.error());
  if (std::ranges::any_of(stage.tasks, &pipeline::Task::has_ranks))
    return bad_input("stage '{}' runs on several ranks, which the search does not take apart; run the case with "
                     "--schedule, the simulator's findings name rank and line",
                     stage.name);
  auto golden =
      run::stage_golden(prepared.pipeline, stage, prepared.bindings, prepared.tensors, inputs, prepared.profile);
  if (!golden) return tl::unexpected(golden.error());
  return Probe(std::move(*resolved), prepared.tensors, inputs, std::move(*golden), prepared.policy, prepared.profile);
}

// The same case under other inputs: an edit that only happens to fit one input is not a cause.
std::vector<run::Case> confirming_cases(const run::Case& c) {
  std::vector<run::Case> cases;
  for (const auto& [fill, seed] :
       {std::pair{"normal", "7701"}, std::pair{"ties", "7702"}, std::pair{"tagged", "7703"}}) {
    run::Case other = c;
    other.values["fill"] = fill;
    other.values["seed"] = seed;
    cases.push_back(std::move(other));
  }
  return cases;
}

// Probes of the same stage under the confirming cases, for the stage's own inputs: only the first stage reads the fill.
std::vector<Probe> confirming_probes(const Prepared& prepared, const run::Case& c, std::size_t stage_index,
                                     Backend& simulator) {
  std::vector<Probe> probes;
  for (const run::Case& other : confirming_cases(c)) {
    auto known = run::make_inputs(prepared.pipeline, other, prepared.bindings);
    if (!known) continue;
    bool reached = true;
    for (std::size_t i = 0; i < stage_index && reached; ++i) {
      auto earlier = make_probe(prepared, prepared.pipeline.stages[i], *known);
      if (!earlier) return probes;
      Probe::Answer answer = earlier->run(earlier->modules(), simulator);
      reached = answer.report.status == RunStatus::completed;
      for (auto& [output, tensor] : answer.outputs) (*known)[output] = std::move(tensor);
    }
    if (!reached) continue;
    if (auto probe = make_probe(prepared, prepared.pipeline.stages[stage_index], *known))
      probes.push_back(std::move(*probe));
  }
  return probes;
}

// The same stage under other interleavings, where the case asks for one: an edit that only suits this one leaves the
// mistake where it is.
std::vector<Probe> other_schedules(const Probe& probe) {
  using Kind = device::Schedule::Kind;
  if (probe.stage().schedule.kind == Kind::canonical) return {};
  std::vector<Probe> probes{probe.under({Kind::canonical, 0}), probe.under({Kind::worst, 0})};
  for (std::uint64_t seed = 1; seed <= 4; ++seed) probes.push_back(probe.under({Kind::seeded, seed}));
  return probes;
}

}  // namespace

std::optional<Finding> bisect_stage(const Probe& probe, Backend& simulator, Backend* device, const Confirm& confirm,
                                    std::int64_t max_candidates) {
  return StageBisector(probe, simulator, device, confirm, max_candidates).bisect();
}

Result<Finding> bisect(const run::Case& c, const BisectOptions& options) {
  auto prepared = prepare(c, options);
  if (!prepared) return tl::unexpected(prepared.error());
  auto simulator = device::create_backend("sim");
  if (!simulator) return tl::unexpected(simulator.error());
  std::unique_ptr<Backend> device;
  if (!options.device.empty()) {
    auto created = device::create_backend(options.device);
    if (!created) return tl::unexpected(created.error());
    device = std::move(*created);
  }
  auto known = run::make_inputs(prepared->pipeline, c, prepared->bindings);
  if (!known) return tl::unexpected(known.error());
  for (std::size_t i = 0; i < prepared->pipeline.stages.size(); ++i) {
    auto probe = make_probe(*prepared, prepared->pipeline.stages[i], *known);
    if (!probe) return tl::unexpected(probe.error());
    std::optional<std::vector<Probe>> confirming;
    const Confirm confirm = [&](std::size_t task, const std::shared_ptr<const pto::Module>& edited) {
      if (!confirming) {
        confirming = other_schedules(*probe);
        std::ranges::move(confirming_probes(*prepared, c, i, **simulator), std::back_inserter(*confirming));
      }
      return std::all_of(confirming->begin(), confirming->end(), [&](const Probe& other) {
        Probe::Modules modules = other.modules();
        for (std::size_t t = 0; t < modules.size(); ++t)
          if (probe->modules()[t] == probe->modules()[task]) modules[t] = edited;
        return other.run(modules, **simulator).matches;
      });
    };
    StageBisector bisector(*probe, **simulator, device.get(), confirm, options.max_candidates);
    if (auto finding = bisector.bisect()) return *finding;
    for (const auto& [output, tensor] : bisector.simulator_answer().outputs) (*known)[output] = tensor;
  }
  return Finding{};
}

}  // namespace assay::bisect

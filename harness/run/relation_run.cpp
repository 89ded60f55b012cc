#include "harness/run/relation_run.h"

#include <algorithm>

#include "harness/run/golden_binding.h"
#include "harness/run/stage_relations.h"

namespace assay::run {
namespace {

using goldens::Trial;

std::span<const std::uint8_t> mask_of(const StageOutcome& outcome, const std::string& output) {
  const auto found = outcome.unwritten.find(output);
  return found == outcome.unwritten.end() ? std::span<const std::uint8_t>()
                                          : std::span<const std::uint8_t>(found->second);
}

class Runner {
 public:
  Runner(const PreparedCase& prepared, const pipeline::StageSpec& stage, const std::string& subject,
         const TensorMap& inputs, const StageOutcome& outcome, const RelatedRun& run)
      : prepared_(prepared), stage_(stage), subject_(subject), inputs_(inputs), base_(outcome), run_(run) {
    for (const auto& [name, tensor] : inputs) input_map_.emplace(name, &tensor);
  }

  Result<RelationResults> hold(const StageRelations& group) {
    const auto trials = goldens::make_trials(group.relations, group.subject, input_map_, {seed(), true});
    if (!trials) return tl::unexpected(trials.error());
    results_.inapplicable = trials->inapplicable;
    for (const Trial& trial : trials->trials) {
      if (trial.total) {
        hold_total(trial);
      } else if (const auto held = hold_trial(group, trial); !held) {
        return tl::unexpected(held.error());
      }
    }
    return std::move(results_);
  }

 private:
  std::uint64_t seed() const { return std::strtoull(std::string(prepared_.c.get("seed", "1")).c_str(), nullptr, 10); }

  OutputResult result_of(const Trial& trial, const std::string& output) const {
    return {stage_.name, output, subject_, trial.name, "relation", {}, ""};
  }
  void fail(const Trial& trial, const std::string& output, std::string words) {
    OutputResult failed = result_of(trial, output);
    failed.comparison.rule = "relations";
    failed.pattern = std::move(words);
    results_.outputs.push_back(std::move(failed));
  }

  void hold_total(const Trial& trial) {
    const std::string& output = trial.outputs.front();
    const auto actual = base_.outputs.find(output);
    if (actual == base_.outputs.end()) return;
    const auto total = goldens::total_of(actual->second);
    if (!total) return fail(trial, output, total.error().message);
    Tensor found(DType::i64, {1}), expected(DType::i64, {1});
    found.as<std::int64_t>()[0] = *total;
    expected.as<std::int64_t>()[0] = *trial.total;
    add(trial, output, found, expected, {}, {});
  }

  Result<void> hold_trial(const StageRelations& group, const Trial& trial) {
    TensorMap inputs = inputs_;
    for (auto& [name, tensor] : trial.change()) inputs.insert_or_assign(name, std::move(tensor));
    const auto shaped = reshape(prepared_, stage_, group, trial, inputs);
    if (!shaped) {
      results_.inapplicable.push_back(fmt::format("{}: {}", trial.name, shaped.error().message));
      return {};
    }
    const auto related = run_(inputs, shaped->bindings, shaped->tensors);
    if (!related) return tl::unexpected(related.error());
    if (related->report.status == device::RunStatus::unsupported) {
      results_.inapplicable.push_back(fmt::format("{}: {}", trial.name, related->report.reason));
      return {};
    }
    const bool completed = related->report.status == device::RunStatus::completed;
    if (!completed || !related->stray_write.empty()) {
      fail(trial, trial.outputs.front(),
           completed ? fmt::format("{}{}", kStrayWrite, related->stray_write)
                     : fmt::format("the related run ended with {}: {}", device::name(related->report.status),
                                   related->report.reason));
      return {};
    }
    const std::size_t before = results_.outputs.size();
    for (const std::string& output : trial.outputs) hold_output(trial, output, *related);
    const bool failed = std::any_of(results_.outputs.begin() + static_cast<std::ptrdiff_t>(before),
                                    results_.outputs.end(), [](const OutputResult& o) { return !o.comparison.passed; });
    if (failed && results_.failed.inputs.empty()) keep(trial, std::move(inputs), *related);
    return {};
  }

  void hold_output(const Trial& trial, const std::string& output, const StageOutcome& related) {
    const auto before = base_.outputs.find(output), after = related.outputs.find(output);
    if (before == base_.outputs.end() || after == related.outputs.end()) return;
    const goldens::Expected expected = trial.expect(output, before->second, mask_of(base_, output));
    add(trial, output, after->second, expected.value, expected.free, mask_of(related, output));
  }

  void add(const Trial& trial, const std::string& output, const Tensor& found, const Tensor& expected,
           std::span<const std::uint8_t> free, std::span<const std::uint8_t> unwritten) {
    const compare::Reference reference{&expected, nullptr, nullptr, free};
    auto comparison = compare::compare(found, reference, compare::Policy{}, unwritten);
    if (!comparison) return fail(trial, output, comparison.error().message);
    OutputResult result = result_of(trial, output);
    if (!comparison->passed) result.pattern = compare::describe_pattern(found, reference, *comparison, unwritten);
    result.comparison = std::move(*comparison);
    results_.outputs.push_back(std::move(result));
  }

  void keep(const Trial& trial, TensorMap inputs, const StageOutcome& related) {
    results_.failed.inputs = std::move(inputs);
    for (const std::string& output : trial.outputs) {
      const auto before = base_.outputs.find(output), after = related.outputs.find(output);
      if (before == base_.outputs.end() || after == related.outputs.end()) continue;
      results_.failed.outputs.emplace(output, after->second);
      results_.failed.outputs.emplace(output + ".expected", trial.expect(output, before->second, {}).value);
    }
  }

  const PreparedCase& prepared_;
  const pipeline::StageSpec& stage_;
  const std::string& subject_;
  const TensorMap& inputs_;
  const StageOutcome& base_;
  const RelatedRun& run_;
  goldens::InputMap input_map_;
  RelationResults results_;
};

// An element that the subject never wrote fails whatever relations say, unless it stands in an unused slot.
std::optional<OutputResult> never_written(const pipeline::StageSpec& stage, const std::string& subject,
                                          const std::string& output, const StageOutcome& outcome,
                                          const std::vector<StageRelations>& groups, const goldens::InputMap& inputs) {
  const auto mask = mask_of(outcome, output);
  if (std::ranges::find(mask, std::uint8_t{1}) == mask.end()) return std::nullopt;
  const Tensor& value = outcome.outputs.find(output)->second;
  std::vector<std::uint8_t> open(mask.size(), 0);
  for (const StageRelations& group : groups) {
    const auto trials = goldens::make_trials(group.relations, group.subject, inputs, {1, false});
    if (!trials) continue;
    for (const Trial& trial : trials->trials) {
      if (!std::holds_alternative<goldens::PaddingRelation>(group.relations[trial.relation])) continue;
      const auto unused = trial.expect(output, value, {}).free;
      for (std::size_t i = 0; i < open.size(); ++i) open[i] |= unused[i];
    }
  }
  const compare::Reference itself{&value, nullptr, nullptr, open};
  auto comparison = compare::compare(value, itself, compare::Policy{}, mask);
  if (!comparison || comparison->passed) return std::nullopt;
  OutputResult result{stage.name, output, subject, "itself", "relation", std::move(*comparison), "never written"};
  return result;
}

}  // namespace

Result<RelationResults> run_relations(const PreparedCase& prepared, const pipeline::StageSpec& stage,
                                      const std::string& subject, const TensorMap& inputs, const StageOutcome& outcome,
                                      const RelatedRun& run) {
  const auto groups = stage_relations(*prepared.pipeline, stage, prepared.bindings, prepared.tensors);
  if (!groups) return tl::unexpected(groups.error());
  RelationResults all;
  goldens::InputMap input_map;
  for (const auto& [name, tensor] : inputs) input_map.emplace(name, &tensor);
  for (const std::string& output : stage.outputs)
    if (auto unwritten = never_written(stage, subject, output, outcome, *groups, input_map))
      all.outputs.push_back(std::move(*unwritten));
  if (groups->empty()) all.inapplicable.emplace_back("no relations are declared");
  if (!run) {
    all.inapplicable.emplace_back("relations need a backend that runs, not files");
    return all;
  }
  for (const StageRelations& group : *groups) {
    auto held = Runner(prepared, stage, subject, inputs, outcome, run).hold(group);
    if (!held) return tl::unexpected(held.error());
    std::ranges::move(held->outputs, std::back_inserter(all.outputs));
    std::ranges::move(held->inapplicable, std::back_inserter(all.inapplicable));
    if (all.failed.inputs.empty()) all.failed = std::move(held->failed);
  }
  return all;
}

}  // namespace assay::run

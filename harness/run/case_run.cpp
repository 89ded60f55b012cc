#include "harness/run/case_run.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <utility>

#include "harness/run/assumed.h"
#include "harness/run/relation_run.h"
#include "harness/run/verdict.h"

namespace assay::run {
namespace {

using compare::Comparison;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }
using device::RunStatus;

std::string_view oracle_name(const pipeline::GoldenSource& golden) {
  constexpr std::array<std::string_view, 4> kNames = {"", "builtin", "npy", "command"};
  return kNames[golden.index()];
}

std::span<const std::uint8_t> mask_of(const StageOutcome& outcome, const std::string& output) {
  const auto found = outcome.unwritten.find(output);
  return found == outcome.unwritten.end() ? std::span<const std::uint8_t>()
                                          : std::span<const std::uint8_t>(found->second);
}

// Elements that one of two subjects never wrote. An empty mask: it wrote all.
std::vector<std::uint8_t> either(std::span<const std::uint8_t> a, std::span<const std::uint8_t> b) {
  std::vector<std::uint8_t> mask(std::max(a.size(), b.size()), 0);
  for (std::size_t i = 0; i < a.size(); ++i) mask[i] |= a[i];
  for (std::size_t i = 0; i < b.size(); ++i) mask[i] |= b[i];
  return mask;
}

// "rank 1: " for an output that every rank has: where its elements are wrong.
std::string ranks_of(const std::vector<ResolvedTensor>& tensors, const std::string& output, const Comparison& comparison,
                     std::span<const std::uint8_t> unwritten, std::span<const std::uint8_t> open) {
  const auto tensor =
      std::find_if(tensors.begin(), tensors.end(), [&](const ResolvedTensor& t) { return t.name == output; });
  if (tensor == tensors.end() || tensor->ranks < 2) return "";
  const std::int64_t each = element_count(tensor->shape) / tensor->ranks;
  std::set<std::int64_t> ranks;
  for (const std::int64_t index : comparison.mismatch_indices) ranks.insert(index / each);
  for (std::size_t i = 0; i < unwritten.size(); ++i)
    if (unwritten[i] != 0 && (open.empty() || open[i] == 0)) ranks.insert(static_cast<std::int64_t>(i) / each);
  if (ranks.empty()) return "";
  const bool some = comparison.mismatches > static_cast<std::int64_t>(comparison.mismatch_indices.size());
  return fmt::format("rank{} {}{}: ", ranks.size() > 1 ? "s" : "", fmt::join(ranks, ", "), some ? " at least" : "");
}

// The figures stay those of bit equality; the verdict is the peers', who may not look at the output at all.
void judge_by_peer(const compare::PeerOpinion& opinion, Comparison& comparison) {
  comparison.rule = "peer: " + opinion.rule;
  const bool accepts = !opinion.checks || opinion.accepts;
  // A check may refuse a tensor without an element beyond its tolerance: infinities, too many zeros.
  comparison.mismatches = accepts ? 0 : std::max<std::int64_t>(opinion.beyond, 1);
  comparison.passed = accepts && comparison.unwritten == 0;
  if (opinion.checks) return;
  comparison.unconstrained += std::exchange(comparison.compared, 0);
}

compare::Reference reference_of(const goldens::GoldenOutput& golden) {
  return {&golden.value, &golden.lo, &golden.hi, golden.open};
}

}  // namespace

TensorMap inputs_of(const pipeline::StageSpec& stage, const TensorMap& values) {
  TensorMap inputs;
  for (const std::string& name : stage.inputs)
    if (const auto found = values.find(name); found != values.end()) inputs.insert(*found);
  return inputs;
}

namespace {

// The same, for as long as the stage is at hand: weights of a production shape are too large to copy.
TensorMap take_inputs(const pipeline::StageSpec& stage, TensorMap& values) {
  TensorMap inputs;
  for (const std::string& name : stage.inputs)
    if (auto value = values.extract(name)) inputs.insert(std::move(value));
  return inputs;
}

}  // namespace

void record(Subject& subject, const StageOutcome& outcome) {
  BackendResult& result = subject.result;
  result.seconds += outcome.seconds;
  result.device_seconds += outcome.report.device_seconds;
  result.instructions += outcome.report.instructions;
  result.status = device::name(outcome.report.status);
  result.reason = outcome.report.reason;
  subject.alive = outcome.report.status == RunStatus::completed;
  if (outcome.report.status == RunStatus::fault && !result.diagnostics.empty())
    result.reason = result.diagnostics.back();
  if (!outcome.stray_write.empty()) result.diagnostics.push_back(std::string(kStrayWrite) + outcome.stray_write);
  if (!subject.alive) return;
  for (const auto& [name, value] : outcome.outputs) subject.values.insert_or_assign(name, value);
}

CaseRun::CaseRun(const PreparedCase& prepared, bool contract_fma) : prepared_(prepared), contract_fma_(contract_fma) {
  result_.c = prepared.c;
  result_.id = case_id(prepared.c);
}

void CaseRun::add_subject(std::string name, device::Backend* backend, TensorMap inputs) {
  Subject subject;
  subject.name = subject.result.backend = std::move(name);
  subject.backend = backend;
  subject.values = std::move(inputs);
  subjects_.push_back(std::move(subject));
}

void CaseRun::add_skipped(std::string name, std::string reason) {
  BackendResult skipped;
  skipped.backend = std::move(name);
  skipped.status = "skipped";
  skipped.reason = std::move(reason);
  result_.backends.push_back(std::move(skipped));
}

void CaseRun::begin_invocation(const TensorMap& inputs) {
  at_first_stage_ = true;
  suffix_ = fmt::format("{}{}", kInvocationMark, prepared_.bindings.invocation);
  for (Subject& subject : subjects_) subject.values = inputs;
}

Result<std::vector<CaseRun::Answer>> CaseRun::collect(const pipeline::StageSpec& stage, const Source& source,
                                                      StageResult& result) {
  std::vector<Answer> answers;
  for (Subject& subject : subjects_) {
    if (!subject.alive) continue;
    Answer answer{&subject, take_inputs(stage, subject.values), {}, {}, contract_fma_ && !subject.is_simulator()};
    const Clock::time_point begin = Clock::now();
    auto outcome = source(stage, answer.inputs, subject);
    result.times.push_back({subject.name, seconds_since(begin)});
    if (!outcome) return tl::unexpected(outcome.error());
    answer.outcome = std::move(*outcome);
    record(subject, answer.outcome);
    for (const device::Diagnostic& diagnostic : answer.outcome.report.diagnostics)
      broken_rules_.push_back(diagnostic.rule);
    answers.push_back(std::move(answer));
  }
  return answers;
}

// The golden for what this subject received, and returned where that decides; shared with an earlier one of the same
// bits.
Result<void> CaseRun::evaluate_golden(const pipeline::StageSpec& stage, std::vector<Answer>& answers,
                                      std::size_t index) {
  Answer& answer = answers[index];
  const bool set_valued = is_set_valued(stage);
  for (std::size_t i = 0; i < index; ++i) {
    const Answer& earlier = answers[i];
    if (earlier.contraction != answer.contraction || earlier.inputs != answer.inputs || earlier.golden.empty())
      continue;
    if (set_valued && earlier.outcome.outputs != answer.outcome.outputs) continue;
    answer.golden = earlier.golden;
    return {};
  }
  Profile profile = prepared_.profile;
  if (answer.contraction) profile.contraction = Contraction::allowed;
  auto golden = stage_golden(*prepared_.pipeline, stage, prepared_.bindings, prepared_.tensors, answer.inputs, profile,
                             set_valued ? &answer.outcome.outputs : nullptr);
  if (!golden) return tl::unexpected(golden.error());
  answer.golden = std::move(*golden);
  return {};
}

compare::Policy CaseRun::policy_of(const pipeline::StageSpec& stage, const std::string& output,
                                   bool contraction) const {
  if (prepared_.policy) return *prepared_.policy;
  const auto own = stage.policies.find(output);
  compare::Policy policy = own == stage.policies.end() ? prepared_.pipeline->policy : own->second;
  // Fused, an underflowing product keeps its sign where two roundings give +0; the enclosure speaks of values.
  if (contraction && std::holds_alternative<compare::Bound>(policy.rule)) policy.zero = compare::ZeroRule::sign_ignored;
  return policy;
}

// What the peers would say of an output; of indices, with the weights the subject reports beside them.
compare::PeerOpinion CaseRun::peer_opinion(const Answer& answer, const std::string& output,
                                           const compare::Reference& reference) const {
  const std::string& set = prepared_.bindings.peer_set;
  if (set.empty()) return {};
  const auto weights = answer.outcome.outputs.find("weights");
  return compare::peer_opinion(answer.outcome.outputs.find(output)->second, *reference.value, reference.open,
                               compare::peer_rule(set, output),
                               weights == answer.outcome.outputs.end() ? nullptr : &weights->second);
}

Result<void> CaseRun::compare_with_golden(const pipeline::StageSpec& stage, const Answer& answer, StageResult& result) {
  for (const std::string& output : stage.outputs) {
    const auto golden = answer.golden.find(output);
    if (golden == answer.golden.end()) continue;
    const Tensor& actual = answer.outcome.outputs.find(output)->second;
    const compare::Reference reference = reference_of(golden->second);
    compare::Policy policy = policy_of(stage, output, answer.contraction);
    OutputResult one{stage.name, output, answer.subject->name, "golden", std::string(oracle_name(stage.golden)),
                     {},         "",     peer_opinion(answer, output, reference)};
    const bool by_peer = std::holds_alternative<compare::Peer>(policy.rule);
    if (by_peer) policy.rule = compare::Bits{};
    auto comparison = compare::compare(actual, reference, policy, mask_of(answer.outcome, output));
    if (!comparison) return tl::unexpected(comparison.error());
    if (by_peer) judge_by_peer(one.peer, *comparison);
    name_assumption(golden->second, *comparison);
    if (!comparison->passed)
      one.pattern = ranks_of(prepared_.tensors, output, *comparison, mask_of(answer.outcome, output), reference.open) +
                    compare::describe_pattern(actual, reference, *comparison, mask_of(answer.outcome, output));
    one.comparison = std::move(*comparison);
    result.outputs.push_back(std::move(one));
  }
  return {};
}

// Bit by bit; where bits differ although both satisfy the golden, by the golden's enclosure or the policy.
Result<void> CaseRun::compare_with_simulator(const pipeline::StageSpec& stage, const Answer& device,
                                             const Answer& simulator, StageResult& result) {
  const bool set_valued = is_set_valued(stage);
  const auto admissible = [&](const Answer& answer, const std::string& output) {
    return std::any_of(result.outputs.begin(), result.outputs.end(), [&](const OutputResult& one) {
      return one.output == output && one.subject == answer.subject->name && one.reference == "golden" &&
             one.comparison.passed;
    });
  };
  for (const std::string& output : stage.outputs) {
    // Two admissible answers of several need not be one.
    if (set_valued && admissible(device, output) && admissible(simulator, output)) continue;
    const Tensor& actual = device.outcome.outputs.find(output)->second;
    const auto golden = device.golden.find(output);  // the wider one where contraction is allowed
    const bool has_golden = golden != device.golden.end();
    compare::Reference reference{&simulator.outcome.outputs.find(output)->second, nullptr, nullptr, {}};
    if (has_golden) reference.open = golden->second.open;
    // Without a golden, only this comparison can say what the simulator left unwritten: poison may equal a result
    // (NaN).
    const auto mask = either(mask_of(device.outcome, output),
                             has_golden ? std::span<const std::uint8_t>() : mask_of(simulator.outcome, output));
    compare::Policy policy = policy_of(stage, output, device.contraction);
    if (std::holds_alternative<compare::Peer>(policy.rule)) continue;
    const bool is_bound = std::holds_alternative<compare::Bound>(policy.rule);
    if (has_golden || is_bound || result.by_relations) policy.rule = compare::Bits{};
    auto comparison = compare::compare(actual, reference, policy, mask);
    if (comparison && !comparison->passed && has_golden) {
      if (is_bound) reference.lo = &golden->second.lo, reference.hi = &golden->second.hi;
      auto relaxed = compare::compare(actual, reference, policy_of(stage, output, device.contraction), mask);
      if (relaxed && relaxed->passed) comparison = std::move(relaxed);
    }
    if (!comparison) return tl::unexpected(comparison.error());
    OutputResult one{stage.name, output, device.subject->name, simulator.subject->name, "peer", {}, "", {}};
    if (!comparison->passed)
      one.pattern = ranks_of(prepared_.tensors, output, *comparison, mask, reference.open) +
                    compare::describe_pattern(actual, reference, *comparison, mask);
    one.comparison = std::move(*comparison);
    result.outputs.push_back(std::move(one));
  }
  return {};
}

// A verdict by an enclosure that has a width rests on the profile's numbers.
void CaseRun::name_assumption(const goldens::GoldenOutput& golden, Comparison& comparison) const {
  constexpr std::string_view kBound = "bound";
  if (!comparison.rule.starts_with(kBound) || golden.lo == golden.hi || !arithmetic_is_assumed(prepared_.profile))
    return;
  comparison.rule.insert(kBound.size(), "(assumed)");
}

bool CaseRun::is_by_relations(const pipeline::StageSpec& stage) const {
  return !stage.outputs.empty() &&
         std::holds_alternative<compare::Relations>(policy_of(stage, stage.outputs.front(), false).rule);
}

Result<void> CaseRun::hold_relations(const pipeline::StageSpec& stage, const Answer& answer, const Related& related,
                                     StageResult& result) {
  RelatedRun run;
  if (related)
    run = [&](const TensorMap& inputs, const Bindings& bindings, const std::vector<ResolvedTensor>& tensors) {
      return related(inputs, bindings, tensors, *answer.subject);
    };
  auto held = run_relations(prepared_, stage, answer.subject->name, answer.inputs, answer.outcome, run);
  if (!held) return tl::unexpected(held.error());
  std::move(held->outputs.begin(), held->outputs.end(), std::back_inserter(result.outputs));
  if (result.inapplicable.empty()) result.inapplicable = std::move(held->inapplicable);
  TensorMap& kept = related_failures_[answer.subject->name];
  for (auto& [name, tensor] : held->failed.inputs) kept.emplace("related." + name, std::move(tensor));
  for (auto& [name, tensor] : held->failed.outputs) kept.emplace("related." + name, std::move(tensor));
  return {};
}

// The goldens' own values go on to the next stage's golden; what subjects made of theirs is measured against them.
Result<void> CaseRun::follow_chain(const pipeline::StageSpec& stage, std::vector<Answer>& answers) {
  if (prepared_.pipeline->stages.size() < 2 || answers.empty()) return {};
  const bool is_first = std::exchange(at_first_stage_, false);
  if (is_first) chain_.emplace();
  const bool has_golden = std::holds_alternative<pipeline::BuiltinGolden>(stage.golden) && !is_set_valued(stage);
  if (!chain_ || !has_golden || is_by_relations(stage)) {
    chain_.reset();
    return {};
  }
  const auto is_followed = [&](const Answer& answer) {
    return std::all_of(answer.inputs.begin(), answer.inputs.end(), [&](const auto& input) {
      const auto made = chain_->find(input.first);
      return made == chain_->end() || made->second == input.second;
    });
  };
  const auto same = std::find_if(answers.begin(), answers.end(), [&](const Answer& answer) {
    return !answer.contraction && !answer.golden.empty() && is_followed(answer);
  });
  // Inputs of the pipeline are the same for every subject and every golden.
  const auto exchange_made = [&] {
    for (auto& [name, value] : *chain_)
      if (const auto given = answers.front().inputs.find(name); given != answers.front().inputs.end())
        std::swap(given->second, value);
  };
  Result<goldens::GoldenMap> golden = goldens::GoldenMap{};
  if (same != answers.end()) {
    golden = same->golden;
  } else {
    exchange_made();
    golden = stage_golden(*prepared_.pipeline, stage, prepared_.bindings, prepared_.tensors, answers.front().inputs,
                          prepared_.profile);
    exchange_made();
  }
  if (!golden) return tl::unexpected(golden.error());
  for (const auto& [output, one] : *golden) {
    chain_->insert_or_assign(output, one.value);
    for (const Answer& answer : answers) {
      if (is_first || !answer.subject->alive) continue;
      const compare::Reference reference{&one.value, nullptr, nullptr, one.open};
      const auto distance = compare::compare(answer.outcome.outputs.find(output)->second, reference, compare::Policy{},
                                             mask_of(answer.outcome, output));
      if (!distance) return tl::unexpected(distance.error());
      result_.end_to_end.push_back(
          {output + suffix_, answer.subject->name, distance->max_ulps, distance->max_abs, distance->compared});
    }
  }
  return {};
}

void CaseRun::keep_tensors(const pipeline::StageSpec& stage, std::vector<Answer>& answers, bool went_wrong) {
  const bool is_last = stage.name == prepared_.pipeline->stages.back().name;
  if (failure_kept_ || answers.empty() || !(went_wrong || is_last)) return;
  failure_kept_ = went_wrong;
  failure_ = {};
  failure_.inputs = is_last ? std::move(answers.front().inputs) : answers.front().inputs;
  for (const auto& [name, golden] : answers.front().golden) {
    failure_.golden.emplace(name, golden.value);
    if (golden.lo == golden.value && golden.hi == golden.value) continue;
    failure_.golden.emplace(name + ".lo", golden.lo);
    failure_.golden.emplace(name + ".hi", golden.hi);
  }
  for (const Answer& answer : answers) {
    TensorMap& actual = failure_.actual[answer.subject->name] = answer.outcome.outputs;
    if (const auto related = related_failures_.find(answer.subject->name); related != related_failures_.end())
      actual.insert(related->second.begin(), related->second.end());
  }
}

Result<void> CaseRun::run_stage(const pipeline::StageSpec& stage, const Source& source, const Related& related) {
  StageResult result;
  auto answers = collect(stage, source, result);
  if (!answers) return tl::unexpected(answers.error());
  double golden_seconds = 0, comparison_seconds = 0;
  result.stage = stage.name;
  result.by_relations = is_by_relations(stage);
  related_failures_.clear();
  for (std::size_t i = 0; i < answers->size(); ++i) {
    Answer& answer = (*answers)[i];
    if (!answer.subject->alive) continue;
    if (result.by_relations) {
      if (const auto held = hold_relations(stage, answer, related, result); !held) return tl::unexpected(held.error());
      continue;
    }
    const Clock::time_point begin = Clock::now();
    if (const auto golden = evaluate_golden(stage, *answers, i); !golden) return tl::unexpected(golden.error());
    golden_seconds += seconds_since(begin);
    const Clock::time_point evaluated = Clock::now();
    if (const auto compared = compare_with_golden(stage, answer, result); !compared)
      return tl::unexpected(compared.error());
    comparison_seconds += seconds_since(evaluated);
  }
  const Clock::time_point judged = Clock::now();
  const auto simulator = std::find_if(answers->begin(), answers->end(), [](const Answer& answer) {
    return answer.subject->is_simulator() && answer.subject->alive;
  });
  for (const Answer& device : *answers) {
    const bool comparable = simulator != answers->end() && device.subject->alive && !device.subject->is_simulator() &&
                            device.inputs == simulator->inputs;
    if (!comparable) continue;
    if (const auto compared = compare_with_simulator(stage, device, *simulator, result); !compared)
      return tl::unexpected(compared.error());
  }
  result.blame = blame_of(result);
  const bool stray =
      std::any_of(answers->begin(), answers->end(), [](const Answer& a) { return !a.outcome.stray_write.empty(); });
  const bool stopped = std::any_of(answers->begin(), answers->end(), [](const Answer& a) { return !a.subject->alive; });
  const auto followed = follow_chain(stage, *answers);
  keep_tensors(stage, *answers, stray || stopped || result.blame != compare::Blame::none);
  for (Answer& answer : *answers) answer.subject->values.merge(answer.inputs);
  result.times.push_back({"golden", golden_seconds});
  result.times.push_back({"comparison", comparison_seconds + seconds_since(judged)});
  result.stage += suffix_;
  for (OutputResult& output : result.outputs) output.stage = result.stage;
  result_.stages.push_back(std::move(result));
  return followed;
}

Result<CaseResult> CaseRun::finish() {
  std::vector<BackendResult> all;
  for (const Subject& subject : subjects_) all.push_back(subject.result);
  std::move(result_.backends.begin(), result_.backends.end(), std::back_inserter(all));
  result_.backends = std::move(all);
  std::vector<std::string> observed = decide(result_, *prepared_.pipeline);
  observed.insert(observed.end(), broken_rules_.begin(), broken_rules_.end());
  if (const auto applied = apply_expectation(result_, observed); !applied) return tl::unexpected(applied.error());
  return std::move(result_);
}

}  // namespace assay::run

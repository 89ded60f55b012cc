#include "harness/fuzz/fuzz.h"

#include <fmt/format.h>
#include <rapidcheck/detail/TestListenerAdapter.h>

namespace assay::fuzz {
namespace {

using Clock = std::chrono::steady_clock;
constexpr int kBatch = 50;  // cases per RapidCheck run, so that a time limit is looked at in between

bool fails(compare::Verdict verdict) {
  using enum compare::Verdict;
  return verdict == failed || verdict == error || verdict == crash || verdict == hang;
}

// What makes two failures the same kind: the verdict and the first stage that is not in order, with its blame.
std::string signature(const run::CaseResult& result) {
  std::string text(compare::name(result.verdict));
  for (const run::StageResult& stage : result.stages)
    if (stage.blame != compare::Blame::none) return fmt::format("{} {} {}", text, stage.stage, describe(stage.blame));
  return text;
}

// The property's state over one fuzzing run. RapidCheck calls the property again and again while it shrinks; after the
// first failure every call is a shrink, and once the budget is spent every call passes, which ends the shrinking.
class Campaign {
 public:
  Campaign(const FuzzOptions& options, const Execute& execute, const Progress& progress)
      : options_(options), execute_(execute), progress_(progress), begin_(Clock::now()) {}

  bool time_left() const { return !options_.time || Clock::now() - begin_ < *options_.time; }
  bool runs_left() const {
    const std::int64_t runs = options_.runs.value_or(options_.time ? INT64_MAX : 200);
    return outcome_.cases < runs;
  }
  bool going() const { return !outcome_.counterexample && !broken_ && time_left() && runs_left(); }

  void property(const run::Case& c) {
    if (outcome_.counterexample) {
      if (shrink_fails(c)) RC_FAIL("");
      return;
    }
    if (!going()) return;
    auto result = execute_(c);
    if (!result) {
      discard(result.error());
      return;
    }
    count(*result);
    if (fails(result->verdict)) {
      signature_ = signature(*result);
      shrinking_since_ = Clock::now();
      outcome_.counterexample = std::move(*result);
      RC_FAIL("");
    }
  }

  Result<FuzzOutcome> finish() {
    if (broken_) return tl::unexpected(*broken_);
    outcome_.seconds = std::chrono::duration<double>(Clock::now() - begin_).count();
    if (!outcome_.counterexample && checked_ == 0)
      return bad_input("{} cases were drawn and {} executed, but nothing was checked: no case passed",
                       outcome_.cases + outcome_.discarded, outcome_.cases);
    return std::move(outcome_);
  }

 private:
  void discard(const Error& error) {
    if (error.kind != ErrorKind::bad_input) broken_ = error;
    ++outcome_.discarded;
    if (outcome_.cases == 0 && outcome_.discarded > 2000) broken_ = error;
    if (!broken_) RC_DISCARD("contradictory");
  }

  void count(const run::CaseResult& result) {
    ++outcome_.cases;
    if (const auto fill = result.c.values.find("fill"); fill != result.c.values.end()) ++outcome_.fills[fill->second];
    if (result.verdict == compare::Verdict::passed || result.verdict == compare::Verdict::xfail) ++checked_;
    if (progress_) progress_(outcome_);
  }

  bool shrink_fails(const run::Case& c) {
    if (outcome_.shrinks >= options_.shrink_runs || Clock::now() - shrinking_since_ > options_.shrink_time) {
      outcome_.shrink_budget_spent = true;
      return false;
    }
    ++outcome_.shrinks;
    auto result = execute_(c);
    if (!result || !fails(result->verdict) || signature(*result) != signature_) return false;
    outcome_.counterexample = std::move(*result);
    return true;
  }

  const FuzzOptions& options_;
  const Execute& execute_;
  const Progress& progress_;
  Clock::time_point begin_, shrinking_since_;
  FuzzOutcome outcome_;
  std::string signature_;
  std::int64_t checked_ = 0;
  std::optional<Error> broken_;
};

// A cell that the matrix reader takes as one literal value: "|" would separate alternatives.

}  // namespace

Result<FuzzOutcome> fuzz(const FuzzOptions& options, const Execute& execute, const Progress& progress) {
  Campaign campaign(options, execute, progress);
  for (std::uint64_t batch = 0; campaign.going(); ++batch) {
    rc::detail::TestParams parameters;
    parameters.seed = options.seed * 1'000'003 + batch;
    parameters.maxSuccess = kBatch;
    parameters.maxDiscardRatio = 100;
    const auto generator = any_case(options.space);
    // With a listener and reproduction data of our own RapidCheck reads no configuration and prints nothing.
    rc::detail::TestListenerAdapter silent;
    rc::detail::checkTestable([&] { campaign.property(*generator); }, rc::detail::TestMetadata{}, parameters, silent,
                              std::unordered_map<std::string, rc::detail::Reproduce>{});
  }
  return campaign.finish();
}

}  // namespace assay::fuzz

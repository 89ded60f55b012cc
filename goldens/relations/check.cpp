#include "goldens/relations/check.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "goldens/relations/bits.h"

namespace assay::goldens {
namespace {

bool same(DType dtype, std::uint64_t a, std::uint64_t b) {
  if (a == b) return true;
  return exponent_field(dtype) && std::isnan(float_value(dtype, a)) && std::isnan(float_value(dtype, b));
}

class Checker {
 public:
  Checker(const Stage& stage, const StageRequest& request) : stage_(stage), request_(request) {}

  Result<RelationCheck> run(const TrialOptions& options) {
    const RelationSubject subject = relation_subject(stage_, request_.inputs, request_.parameters);
    const auto trials = make_trials(stage_.relations, subject, request_.inputs, options);
    if (!trials) return tl::unexpected(trials.error());
    auto base = evaluate(stage_, request_);
    if (!base) return tl::unexpected(base.error());
    base_ = std::move(*base);
    result_.inapplicable = trials->inapplicable;
    result_.trials.assign(stage_.relations.size(), 0);
    for (const Trial& trial : trials->trials) {
      ++result_.trials[trial.relation];
      if (trial.total) {
        hold_total(trial);
      } else if (const auto held = hold(trial); !held) {
        return tl::unexpected(held.error());
      }
    }
    return std::move(result_);
  }

 private:
  std::string place(const Trial& trial) const {
    return fmt::format("{}, {}", describe(stage_.relations[trial.relation]), trial.name);
  }

  void hold_total(const Trial& trial) {
    const auto output = base_.find(trial.outputs.front());
    if (output == base_.end()) return;
    if (std::ranges::count(output->second.open, std::uint8_t{1}) > 0) {
      result_.inapplicable.push_back(place(trial) + ": some elements are open");
      return;
    }
    const auto total = total_of(output->second.value);
    result_.compared += output->second.value.size();
    if (!total) {
      result_.violations.push_back(fmt::format("{}: {}", place(trial), total.error().message));
    } else if (*total != *trial.total) {
      result_.violations.push_back(fmt::format("{}: the sum is {}", place(trial), *total));
    }
  }

  Result<void> hold(const Trial& trial) {
    const TensorMap changed = trial.change();
    InputMap inputs = request_.inputs;
    for (const auto& [name, tensor] : changed) inputs.insert_or_assign(name, &tensor);
    Parameters parameters = request_.parameters;
    for (const auto& [name, extent] : trial.extents)
      if (const auto given = parameters.find(name); given != parameters.end()) given->second = extent;
    const auto related = evaluate(stage_, {inputs, parameters, request_.options, request_.profile, nullptr});
    if (!related) {
      // Not every extent is legal.
      (trial.extents.empty() ? result_.violations : result_.inapplicable)
          .push_back(fmt::format("{}: {}", place(trial), related.error().message));
      return {};
    }
    for (const std::string& name : trial.outputs) {
      const auto before = std::as_const(base_).find(name), after = related->find(name);
      if (before == base_.end() && after == related->end()) continue;
      if (before == base_.end() || after == related->end()) {
        result_.violations.push_back(fmt::format("{}: output {} is there only once", place(trial), name));
        continue;
      }
      compare(trial, name, before->second, after->second);
    }
    return {};
  }

  void compare(const Trial& trial, const std::string& output, const GoldenOutput& before, const GoldenOutput& after) {
    const Expected value = trial.expect(output, before.value, before.open);
    const bool is_scaled = std::holds_alternative<PowerOfTwoRelation>(stage_.relations[trial.relation]);
    compare_open(trial, output, trial.expect(output, before.value, {}).free, value.free, after.open);
    compare_tensor(trial, output, value, after.value);
    if (is_scaled) return;
    compare_tensor(trial, output + ".lo", trial.expect(output, before.lo, before.open), after.lo);
    compare_tensor(trial, output + ".hi", trial.expect(output, before.hi, before.open), after.hi);
  }

  // `unsaid`: elements of which the relation says nothing whether or not they are open.
  void compare_open(const Trial& trial, const std::string& output, std::span<const std::uint8_t> unsaid,
                    std::span<const std::uint8_t> expected, std::span<const std::uint8_t> found) {
    if (expected.size() != found.size()) return;  // compare_tensor tells of the shape
    for (std::size_t i = 0; i < found.size(); ++i)
      if (!unsaid[i] && expected[i] != found[i]) {
        result_.violations.push_back(fmt::format("{}: output {}[{}] is {}open, expected it {}open", place(trial),
                                                 output, i, found[i] ? "" : "not ", expected[i] ? "" : "not "));
        return;
      }
  }

  void compare_tensor(const Trial& trial, const std::string& output, const Expected& expected, const Tensor& found) {
    if (found.dtype() != expected.value.dtype() || found.shape() != expected.value.shape()) {
      result_.violations.push_back(fmt::format("{}: output {} is {} {}, expected {} {}", place(trial), output,
                                               name(found.dtype()), to_string(found.shape()),
                                               name(expected.value.dtype()), to_string(expected.value.shape())));
      return;
    }
    std::int64_t differ = 0, first = -1;
    for (std::int64_t i = 0; i < found.size(); ++i) {
      if (expected.free[static_cast<std::size_t>(i)]) continue;
      ++result_.compared;
      if (same(found.dtype(), found.bits(i), expected.value.bits(i))) continue;
      if (differ++ == 0) first = i;
    }
    if (differ == 0) return;
    result_.violations.push_back(
        fmt::format("{}: output {}, {} of {} elements differ, the first is [{}]: found 0x{:x}, "
                    "expected 0x{:x}",
                    place(trial), output, differ, found.size(), first, found.bits(first), expected.value.bits(first)));
  }

  const Stage& stage_;
  const StageRequest& request_;
  GoldenMap base_;
  RelationCheck result_;
};

}  // namespace

Result<RelationCheck> check_relations(const Stage& stage, const StageRequest& request, const TrialOptions& options) {
  return Checker(stage, request).run(options);
}

}  // namespace assay::goldens

// Test support: a golden held against the relations that its stage declares.
#pragma once

#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "goldens/relations/check.h"
#include "goldens/stages/stage_test_support.h"

namespace assay::goldens {

// EXPECT_TRUE(relations_hold(call)): every declared relation has a trial on the call's inputs and holds in all of them.
// `except`: relations (by a part of their description) that these inputs are known not to allow.
inline ::testing::AssertionResult relations_hold(const StageCall& call, const std::vector<std::string>& except = {},
                                                 std::uint64_t seed = 1) {
  const auto stage = find_stage(call.stage);
  if (!stage) return ::testing::AssertionFailure() << stage.error().message;
  InputMap inputs;
  for (const auto& [name, tensor] : call.inputs) inputs[name] = &tensor;
  const auto checked =
      check_relations(**stage, {inputs, call.parameters, call.options, call.profile}, TrialOptions{seed, true});
  if (!checked) return ::testing::AssertionFailure() << checked.error().message;
  if (!checked->violations.empty())
    return ::testing::AssertionFailure() << fmt::format("{}", fmt::join(checked->violations, "\n"));
  if ((*stage)->relations.empty() || checked->compared == 0)
    return ::testing::AssertionFailure() << call.stage << ": nothing was held against anything";
  for (std::size_t i = 0; i < checked->trials.size(); ++i) {
    const std::string words = describe((*stage)->relations[i]);
    const bool excused =
        std::ranges::any_of(except, [&](const std::string& part) { return words.find(part) != std::string::npos; });
    if (checked->trials[i] == 0 && !excused)
      return ::testing::AssertionFailure()
             << fmt::format("{}: no trial of '{}': {}", call.stage, words, fmt::join(checked->inapplicable, "; "));
  }
  return ::testing::AssertionSuccess();
}

}  // namespace assay::goldens

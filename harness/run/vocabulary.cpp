#include <algorithm>
#include <map>
#include <memory>

#include "harness/compare/policy.h"
#include "harness/core/fill.h"
#include "harness/core/profile/profile.h"
#include "harness/device/backend.h"
#include "harness/run/execute.h"
#include "harness/run/matrix.h"

namespace assay::run {
namespace {

std::optional<std::string> check_profile(std::string_view name) {
  const auto known = profile_names();
  if (std::find(known.begin(), known.end(), name) != known.end()) return std::nullopt;
  return fmt::format("unknown profile '{}', expected one of {}", name, fmt::join(known, ", "));
}

std::optional<std::string> check_policy(std::string_view text) {
  const auto policy = compare::parse_policy(text);
  return policy ? std::nullopt : std::optional(policy.error().message);
}

std::optional<std::string> check_expect(std::string_view text) {
  const auto checked = check_expectation(text);
  return checked ? std::nullopt : std::optional(checked.error().message);
}

std::optional<std::string> check_fill(const pipeline::Pipeline& pipeline, std::string_view text) {
  if (pipeline.fills.contains(text)) return std::nullopt;
  const auto spec = parse_fill(text);
  if (spec) return std::nullopt;
  std::vector<std::string_view> own;
  for (const auto& [name, tensors] : pipeline.fills) own.push_back(name);
  if (own.empty()) return spec.error().message;
  return fmt::format("{}; pipeline '{}' adds {}", spec.error().message, pipeline.name, fmt::join(own, ", "));
}

// Pipelines by the name they were asked for; read once.
class PipelineCache {
 public:
  explicit PipelineCache(std::vector<std::filesystem::path> directories) : directories_(std::move(directories)) {}

  Result<const pipeline::Pipeline*> get(std::string_view name) {
    if (const auto known = pipelines_.find(name); known != pipelines_.end()) return known->second.get();
    auto read = pipeline::find_pipeline(name, directories_);
    if (!read) return tl::unexpected(read.error());
    auto kept = std::make_unique<pipeline::Pipeline>(std::move(*read));
    return pipelines_.emplace(std::string(name), std::move(kept)).first->second.get();
  }

 private:
  std::vector<std::filesystem::path> directories_;
  std::map<std::string, std::unique_ptr<pipeline::Pipeline>, std::less<>> pipelines_;
};

}  // namespace

std::optional<std::string> check_backend(std::string_view specification) {
  const std::string_view name = specification.substr(0, specification.find(':'));
  std::vector<std::string_view> known;
  for (const device::BackendRecord& record : device::backend_records()) known.push_back(record.name);
  if (std::find(known.begin(), known.end(), name) != known.end()) return std::nullopt;
  return fmt::format("unknown backend '{}', expected one of {}", specification, fmt::join(known, ", "));
}

Vocabulary make_vocabulary(std::vector<std::filesystem::path> directories) {
  Vocabulary vocabulary;
  vocabulary.pipeline = [cache = std::make_shared<PipelineCache>(std::move(directories))](std::string_view name) {
    return cache->get(name);
  };
  vocabulary.fill = check_fill;
  vocabulary.policy = check_policy;
  vocabulary.profile = check_profile;
  vocabulary.backend = check_backend;
  vocabulary.expect = check_expect;
  return vocabulary;
}

}  // namespace assay::run

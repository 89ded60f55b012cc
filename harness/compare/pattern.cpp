#include "harness/compare/pattern_parts.h"
#include "harness/compare/policy.h"

namespace assay::compare {

namespace {

void append(std::string& text, const std::string& part) {
  if (part.empty()) return;
  if (!text.empty()) text += "; ";
  text += part;
}

std::string describe_unwritten(const Shape& shape, std::span<const std::uint8_t> unwritten,
                               std::span<const std::uint8_t> open) {
  std::vector<std::int64_t> indices;
  for (std::size_t i = 0; i < unwritten.size(); ++i)
    if (unwritten[i] != 0 && (open.empty() || open[i] == 0)) indices.push_back(static_cast<std::int64_t>(i));
  return indices.empty() ? "" : "never written: " + describe_positions(shape, indices);
}

}  // namespace

std::string describe_pattern(const Tensor& actual, const Reference& reference, const Comparison& comparison,
                             std::span<const std::uint8_t> unwritten) {
  std::string text = describe_unwritten(actual.shape(), unwritten, reference.open);
  const std::vector<std::int64_t>& indices = comparison.mismatch_indices;
  if (indices.empty() || reference.value == nullptr) return text;
  std::string where = describe_positions(actual.shape(), indices);
  if (comparison.mismatches > static_cast<std::int64_t>(indices.size()))
    where = fmt::format("{} mismatches, of which the first {}: {}", comparison.mismatches, indices.size(), where);
  append(text, where);
  const Mismatches mismatches{actual, *reference.value, indices};
  const std::string moved = describe_moves(mismatches);
  append(text, moved.empty() ? describe_values(mismatches) : moved);
  return text;
}

}  // namespace assay::compare

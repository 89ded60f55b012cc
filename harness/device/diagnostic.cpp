#include <fmt/ranges.h>

#include "harness/device/backend.h"

namespace assay::device {

std::string to_string(const Diagnostic& diagnostic, std::string_view file) {
  std::string text = fmt::format("{}:{}:{}: {}: {}", file, diagnostic.location.line, diagnostic.location.column,
                                 diagnostic.rule, diagnostic.message);
  text += fmt::format(" [function {}, block {}", diagnostic.function, diagnostic.block);
  if (!diagnostic.loop_indices.empty())
    text += fmt::format(", loop indices {}", fmt::join(diagnostic.loop_indices, ", "));
  text += "]";
  if (diagnostic.related)
    text += fmt::format("\n{}:{}:{}: related location", file, diagnostic.related->line, diagnostic.related->column);
  return text;
}

}  // namespace assay::device

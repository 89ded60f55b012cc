// Reads textual .pto modules of tiers T0 to T6 (pto-format.md sections 1 and 5) into the IR. Both tile spellings, any
// key order, generic form, elided prefixes and the old spellings are accepted; what this version does not execute is
// refused by name. Checks syntax, SSA scoping and that each use names the type of its definition; everything else is
// the verifier's. Memory, nesting depth and time are bounded by the size of the text.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "harness/core/error.h"
#include "harness/pto/ir.h"

namespace assay::pto {

inline constexpr std::size_t kMaxFileBytes = std::size_t{64} << 20;
inline constexpr int kMaxNesting = 128;                 // regions, attributes and types inside one another
inline constexpr std::size_t kMaxOperations = 1 << 20;  // in one module

// Something accepted that has no effect here, such as an unknown attribute.
struct Warning {
  Location location;
  std::string message;
};

// `file` is only for messages. Errors are bad input at file:line:column with the line and a caret.
Result<Module> parse(std::string_view text, std::string_view file, std::vector<Warning>* warnings = nullptr);
// Same, from a file of at most kMaxFileBytes.
Result<Module> read_file(const std::filesystem::path& path, std::vector<Warning>* warnings = nullptr);

}  // namespace assay::pto

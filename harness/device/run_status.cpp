#include <array>

#include "harness/device/backend.h"

namespace assay::device {
namespace {

constexpr std::array<std::string_view, 8> kNames{"completed", "fault", "unsupported", "budget",
                                                 "deadlock",  "error", "crash",       "hang"};

}  // namespace

std::string_view name(RunStatus status) { return kNames[static_cast<std::size_t>(status)]; }

std::optional<RunStatus> parse_run_status(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i)
    if (kNames[i] == name) return static_cast<RunStatus>(i);
  return std::nullopt;
}

}  // namespace assay::device

// Options that `assay kernel` and `assay lint` share: what is launched.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "harness/cli/kernel_plan.h"

namespace CLI {
class App;
}

namespace assay::cli {

inline constexpr const char* kOrderHelp =
    "auto: explicit where the function synchronises; program: every operation completes at once; explicit: pipes run "
    "asynchronously";

// --arg --blocks --ranks --tasks --launches. `tasks` is the list as written.
void add_launch_options(CLI::App& command, KernelRequest& request, std::string& tasks);

// "a,b" as its words.
std::vector<std::string> split_words(std::string_view text);

}  // namespace assay::cli

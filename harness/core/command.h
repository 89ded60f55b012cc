// Runs a shell command of the user's with a time limit: device owners' programs and goldens that are commands.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "harness/core/error.h"

namespace assay {

struct CommandOutcome {
  bool timed_out = false;  // killed at the limit, with everything it started in its process group
  int exit_status = 0;     // when it ended by itself
  int signal = 0;          // when a signal ended it; 0 otherwise
  std::string output;      // the last `kept` bytes of stdout and stderr together
  bool succeeded() const { return !timed_out && signal == 0 && exit_status == 0; }
};

// "exit status 3", "killed by signal 11 (Segmentation fault)", "no end after 2 s".
std::string describe(const CommandOutcome& outcome, std::chrono::milliseconds limit);

// Runs `command` by /bin/sh -c in a process group of its own, with no standard input. Error: it could not be started.
Result<CommandOutcome> run_command(const std::string& command, std::chrono::milliseconds limit,
                                   std::size_t kept = 16 * 1024);

// The text as one word of the shell.
std::string shell_quoted(std::string_view text);
// `text` with every {name} replaced by the quoted value.
std::string with_placeholder(std::string_view text, std::string_view name, std::string_view value);

}  // namespace assay

// Test support: the binary run in a folder, as its users run it.
#pragma once

#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <string>

namespace assay::cli::testing {

struct Invocation {
  int exit_code = -1;
  std::string output;  // standard output and error together
};

// A shell command in the folder.
inline Invocation shell_in(const std::filesystem::path& folder, const std::string& text) {
  const std::string command = "cd " + folder.string() + " && ( " + text + " ) 2>&1";
  Invocation result;
  FILE* pipe = popen(command.c_str(), "r");
  if (!pipe) return result;
  std::array<char, 4096> block;
  for (std::size_t count = 0; (count = fread(block.data(), 1, block.size(), pipe)) > 0;)
    result.output.append(block.data(), count);
  const int status = pclose(pipe);
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

}  // namespace assay::cli::testing

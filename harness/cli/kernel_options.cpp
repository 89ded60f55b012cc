#include "harness/cli/kernel_options.h"

#include <CLI/CLI.hpp>

#include "harness/cli/checks.h"

namespace assay::cli {

void add_launch_options(CLI::App& command, KernelRequest& request, std::string& tasks) {
  command
      .add_option("--arg", request.arguments,
                  "NAME=VALUE, POSITION=VALUE or VALUE; repeat. Pointers take @file.npy, a fill such as normal:seed=3, "
                  "or poison; what is not given is inferred and chosen")
      ->allow_extra_args(false);
  command.add_option("--blocks", request.blocks, "number of blocks (default: the file's assay.blocks, else 1)")
      ->check(at_least(1));
  command
      .add_option("--ranks", request.ranks,
                  "number of ranks, each with its own tensors (default: the file's assay.ranks, else 1)")
      ->check(at_least(1));
  command.add_option("--tasks", tasks,
                     "functions to run one after the other over tensors matched by argument name, as in f,g");
  command
      .add_option("--launches", request.launches,
                  "repeat the tasks without clearing memory (default: the file's assay.launches, else 1)")
      ->check(at_least(1));
}

std::vector<std::string> split_words(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    words.emplace_back(text.substr(0, comma));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return words;
}

}  // namespace assay::cli

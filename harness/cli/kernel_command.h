// The subcommand `assay kernel`.
#pragma once

namespace CLI {
class App;
}

namespace assay::cli {

// Adds it to the application; its callback sets the exit code.
void register_kernel_command(CLI::App& app, int& exit_code);

}  // namespace assay::cli

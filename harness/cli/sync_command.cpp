// The subcommand `assay sync`: a kernel in source form, with the synchronisation a compiler would add.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "harness/cli/command.h"
#include "harness/cli/lint.h"
#include "harness/core/file.h"
#include "harness/pto/insert_sync.h"
#include "harness/pto/printer.h"
#include "harness/pto/reader.h"
#include "harness/pto/verifier.h"

namespace assay::cli {
namespace {

struct Parsed {
  std::string file, out, profile;
};

Result<std::string> synchronised(const Parsed& parsed) {
  auto module = pto::read_file(parsed.file);
  if (!module) return tl::unexpected(module.error());
  if (const auto verified = pto::verify(*module); !verified) return tl::unexpected(verified.error());
  const auto profile = load_profile(parsed.profile.empty() ? profile_of(*module) : parsed.profile);
  if (!profile) return tl::unexpected(profile.error());
  const pto::Module made = pto::insert_sync(*module, *profile);
  if (const auto verified = pto::verify(made); !verified)
    return internal_error("the synchronised form does not verify: {}", to_string(verified.error()));
  return pto::print(made);
}

int run_command(const Parsed& parsed) {
  const auto text = synchronised(parsed);
  if (!text) return report_error(text.error());
  if (parsed.out.empty()) {
    std::cout << *text;
    return 0;
  }
  const auto written = write_text(parsed.out, *text);
  return written ? 0 : report_error(written.error());
}

}  // namespace

void register_sync_command(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "sync", "Print a .pto file with flags, barriers and cache write-backs in every function that has none");
  const auto parsed = std::make_shared<Parsed>();
  command->add_option("FILE", parsed->file, "textual .pto file")->required();
  command->add_option("--out", parsed->out, "file instead of standard output");
  command->add_option("--profile", parsed->profile, "machine profile (default: the file's pto.target_arch)");
  command->callback([parsed, &exit_code] { exit_code = run_command(*parsed); });
}

}  // namespace assay::cli

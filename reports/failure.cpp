#include "reports/failure.h"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

#include "harness/core/file.h"
#include "harness/core/manifest.h"

namespace assay::reports {

namespace {

// Backend specifications such as "process:./run.sh" become folder names.
std::string folder_name(std::string_view text) {
  std::string name(text.substr(0, 64));
  std::replace_if(
      name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) == 0 && c != '-' && c != '_'; }, '_');
  return name;
}

bool is_id(std::string_view id) {
  return !id.empty() && id.size() <= 64 &&
         std::all_of(id.begin(), id.end(), [](unsigned char c) { return std::isalnum(c) != 0; });
}

Result<void> write_group(const std::filesystem::path& directory, const TensorMap& tensors, const std::string& role) {
  if (tensors.empty()) return {};
  Roles roles;
  for (const auto& [name, tensor] : tensors) roles[name] = role;
  auto written = write_tensors(directory, tensors, roles);
  if (!written) return tl::unexpected(written.error());
  return {};
}

}  // namespace

Result<std::filesystem::path> write_failure(const std::filesystem::path& directory, const run::CaseResult& result,
                                            const FailureTensors& tensors) {
  if (!is_id(result.id)) return internal_error("case id '{}' is no folder name", result.id);
  const std::filesystem::path folder = directory / result.id;
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  if (failed) return unavailable("cannot create {}: {}", folder.string(), failed.message());

  Result<void> done = write_group(folder / "inputs", tensors.inputs, "input");
  if (done) done = write_group(folder / "golden", tensors.golden, "golden");
  for (const auto& [backend, outputs] : tensors.actual)
    if (done) done = write_group(folder / ("actual-" + folder_name(backend)), outputs, "output");
  const auto text = [](const nlohmann::json& json) {
    return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  };
  if (done) done = write_text(folder / "divergence.json", text(nlohmann::json(result)));
  if (done) done = write_text(folder / "replay.txt", run::replay_line(result.c) + "\n");
  if (!done) return tl::unexpected(done.error());
  return folder;
}

}  // namespace assay::reports

#include "reports/reporter.h"

namespace assay::reports {

Result<std::unique_ptr<ReporterSet>> file_reporters(const std::filesystem::path& directory, bool append) {
  std::error_code failed;
  std::filesystem::create_directories(directory, failed);
  if (failed) return bad_input("{}: cannot be created: {}", directory.string(), failed.message());
  auto set = std::make_unique<ReporterSet>();
  for (auto make : {+[](const std::filesystem::path&d, bool a) { return csv_reporter(d / "results.csv", a); },
                    +[](const std::filesystem::path&d, bool) { return json_reporter(d / "summary.json"); },
                    +[](const std::filesystem::path&d, bool) { return junit_reporter(d / "junit.xml"); },
                    +[](const std::filesystem::path&d, bool) { return html_reporter(d / "report.html"); }}) {
    auto reporter = make(directory, append);
    if (!reporter) return tl::unexpected(reporter.error());
    set->add(std::move(*reporter));
  }
  return set;
}

}  // namespace assay::reports

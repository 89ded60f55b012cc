// Reports listen to the events of a run: started, one per finished case, finished. Several listen at once; none changes
// what another sees. Every event can fail (a full disk) and says so.
#pragma once

#include <filesystem>
#include <functional>
#include <iosfwd>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "harness/core/error.h"
#include "harness/run/case.h"
#include "reports/summary.h"

namespace assay::reports {

struct BackendInfo {
  std::string name;         // "sim", "opencl"
  std::string description;  // "PoCL 3.1 on pthread-..., 2 GiB max allocation"; empty when it is missing
  std::string missing;      // why it is not available; empty when it is
};

struct RunInfo {
  std::string command_line;
  std::string replay_options;  // what the replay of one case needs besides its line: " --pipelines DIR"
  std::uint64_t seed = 0;
  std::vector<BackendInfo> backends;
  std::string machine;                                       // processor, threads, operating system
  std::string started;                                       // ISO 8601, UTC
  std::int64_t cases = 0;                                    // that will run; 0: unknown
  std::map<std::string, std::string, std::less<>> versions;  // "assay" -> "0.1.0", ...
};

class Reporter {
 public:
  virtual ~Reporter() = default;
  virtual Result<void> run_started(const RunInfo& info) = 0;
  virtual Result<void> case_finished(const run::CaseResult& result) = 0;
  // Once, last; also after an interrupt, with what had finished by then.
  virtual Result<void> run_finished(const Summary& summary) = 0;
};

// Hands every event to every member; the first error is returned after all have been called.
class ReporterSet : public Reporter {
 public:
  void add(std::unique_ptr<Reporter> reporter) { members_.push_back(std::move(reporter)); }
  Result<void> run_started(const RunInfo& info) override;
  Result<void> case_finished(const run::CaseResult& result) override;
  Result<void> run_finished(const Summary& summary) override;

 private:
  std::vector<std::unique_ptr<Reporter>> members_;
};

struct ConsoleOptions {
  bool terminal = false;          // a progress line that is rewritten; otherwise a plain line now and then
  bool color = false;             // ANSI colours
  int width = 80;                 // columns of the terminal
  std::size_t failures = 20;      // failing cases printed in full
  double plain_every = 10;        // seconds between plain progress lines
  std::function<double()> clock;  // seconds, monotonic; empty: the system's
};
// What suits a file descriptor: terminal by isatty, colours only there and not with NO_COLOR or TERM=dumb.
ConsoleOptions console_options(int file_descriptor);
// Failures as they come, progress, and at the end the table of verdicts by pipeline, fill and backend.
std::unique_ptr<Reporter> console_reporter(std::ostream& out, ConsoleOptions options = {});

// results.csv: a header and one row per case, flushed per case; RFC 4180 quoting, LF line ends. `append` continues an
// existing file (--resume): its header must be ours. Columns and their meaning: csv_columns().
Result<std::unique_ptr<Reporter>> csv_reporter(const std::filesystem::path& file, bool append = false);
struct CsvColumn {
  std::string_view name, meaning;
};
std::span<const CsvColumn> csv_columns();
// summary.json, written at the end: run, counts, matrix, failures with the fills that caught them, and in full the
// cases that need attention (at most 10000; "cases_omitted" counts the rest).
Result<std::unique_ptr<Reporter>> json_reporter(const std::filesystem::path& file);
// junit.xml: complete and well-formed after every case, so an interrupted run loses nothing.
Result<std::unique_ptr<Reporter>> junit_reporter(const std::filesystem::path& file);
// A browser stays usable up to about here; passing cases lose their details first, then their rows, and the page says
// so.
struct HtmlLimits {
  std::size_t detail_bytes = std::size_t{32} << 20;  // of embedded data
  std::size_t row_bytes = std::size_t{64} << 20;
};
// report.html, self-contained, written at the end.
Result<std::unique_ptr<Reporter>> html_reporter(const std::filesystem::path& file, HtmlLimits limits = {});

// The four files in one folder, which is created: results.csv, summary.json, junit.xml, report.html.
Result<std::unique_ptr<ReporterSet>> file_reporters(const std::filesystem::path& directory, bool append = false);

}  // namespace assay::reports

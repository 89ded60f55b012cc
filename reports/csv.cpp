// results.csv. One row per case; a spreadsheet and `cut` both read it.
#include <fstream>

#include "harness/core/file.h"
#include "reports/facts.h"
#include "reports/reporter.h"

namespace assay::reports {

namespace {

constexpr std::array<CsvColumn, 33> kColumns{{
    {"id", "16 hex digits: hash of what the case is"},
    {"verdict", "passed, failed, unverified, xfail, xpass, skipped, unsupported, error, crash or hang"},
    {"pipeline", "name of the pipeline"},
    {"fill", "name of the fill"},
    {"seed", "seed of the fill"},
    {"backends", "backends that took part, joined by +"},
    {"reason", "one line that explains the verdict"},
    {"blame", "which of device, simulator and golden diverges"},
    {"stage", "stage of the output described by the next columns: the first mismatch, else the farthest in ulps"},
    {"output", "its tensor"},
    {"subject", "backend that computed it"},
    {"reference", "what it was compared with: golden or a backend"},
    {"oracle", "where the reference comes from: builtin, npy, command or peer"},
    {"policy", "rule of the comparison"},
    {"pattern", "where and how it mismatches, in words"},
    {"mismatches", "elements of it that do not match"},
    {"max_ulps", "largest distance in representable values, also when it passes"},
    {"max_abs", "largest absolute difference"},
    {"smallest_rtol", "smallest rtol with atol 0 that would pass; infinite when none would"},
    {"smallest_atol", "smallest atol with rtol 0 that would pass; infinite when none would"},
    {"compared", "elements compared, over all outputs of the case"},
    {"unconstrained", "elements the specification leaves open, over all outputs"},
    {"unwritten", "elements never written, over all outputs"},
    {"seconds", "wall time of the case"},
    {"device_seconds", "device event time, over all backends"},
    {"instructions", "executed operations, over all backends"},
    {"slack", "under bound: observed over allowed error of the output's worst element; above 1 or infinite: outside"},
    {"median_width", "under bound: width of the output's enclosure in representable values, median"},
    {"max_width", "the same, greatest"},
    {"peer", "what the peers' own tolerance says of the output: accepts, rejects or not checked; not judged"},
    {"end_to_end_ulps", "of a chain: distance from what the goldens alone make of the case's inputs; not judged"},
    {"stage_seconds", "of a chain: wall time of each stage's parts, 'gate sim=0.1 golden=0.2 comparison=0.01; ...'"},
    {"case", "the case as key=value pairs, as --replay takes them"},
}};

std::string csv_field(std::string_view field) {
  if (field.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(field);
  std::string text = "\"";
  for (const char c : field) {
    if (c == '"') text += '"';
    text += c;
  }
  return text + '"';
}

std::string row_text(const std::vector<std::string>& fields) {
  std::string text;
  for (const std::string& field : fields) text += (text.empty() ? "" : ",") + csv_field(field);
  return text + '\n';
}

std::string header_text() {
  std::vector<std::string> names;
  for (const CsvColumn& column : kColumns) names.emplace_back(column.name);
  return row_text(names);
}

void add_output(std::vector<std::string>& fields, const run::OutputResult* output) {
  if (output == nullptr) {
    fields.resize(fields.size() + 12);
    return;
  }
  const compare::Comparison& c = output->comparison;
  for (const std::string& text : {output->stage, output->output, output->subject, output->reference, output->oracle,
                                  c.rule, printable(output->pattern)})
    fields.push_back(text);
  fields.push_back(fmt::format("{}", c.mismatches));
  fields.push_back(fmt::format("{}", c.max_ulps));
  for (const double number : {c.max_abs, c.smallest_rtol, c.smallest_atol}) fields.push_back(number_text(number));
}

void add_enclosure(std::vector<std::string>& fields, const run::OutputResult* output) {
  if (output == nullptr || !output->comparison.rule.starts_with("bound")) {
    fields.resize(fields.size() + 3);
    return;
  }
  fields.push_back(number_text(output->comparison.slack));
  fields.push_back(fmt::format("{}", output->comparison.median_width));
  fields.push_back(fmt::format("{}", output->comparison.max_width));
}

std::string peer_text(const run::OutputResult* output) {
  if (output == nullptr || output->peer.rule.empty()) return "";
  return !output->peer.checks ? "not checked" : output->peer.accepts ? "accepts" : "rejects";
}

std::string end_to_end_text(const run::CaseResult& result) {
  if (result.end_to_end.empty()) return "";
  std::int64_t greatest = 0;
  for (const run::EndToEnd& one : result.end_to_end) greatest = std::max(greatest, one.max_ulps);
  return fmt::format("{}", greatest);
}

std::string stage_seconds_text(const run::CaseResult& result) {
  if (result.stages.size() < 2) return "";
  std::string text;
  for (const run::StageResult& stage : result.stages) {
    text += (text.empty() ? "" : "; ") + stage.stage;
    for (const run::StageTime& time : stage.times) text += fmt::format(" {}={:.3f}", time.part, time.seconds);
  }
  return text;
}

std::string case_row(const run::CaseResult& result) {
  std::string backends;
  for (const std::string& name : backends_of(result)) backends += (backends.empty() ? "" : "+") + name;
  double device_seconds = 0;
  std::uint64_t instructions = 0;
  for (const run::BackendResult& backend : result.backends)
    device_seconds += backend.device_seconds, instructions += backend.instructions;

  std::vector<std::string> fields{result.id, std::string(compare::name(result.verdict))};
  for (const char* key : {"pipeline", "fill", "seed"}) fields.emplace_back(result.c.get(key));
  fields.push_back(backends);
  fields.push_back(printable(result.reason));
  fields.emplace_back(blame_text(result));
  add_output(fields, leading_output(result));
  for (const std::int64_t count : {result.compared, result.unconstrained, result.unwritten})
    fields.push_back(fmt::format("{}", count));
  fields.push_back(fmt::format("{:.6f}", result.seconds));
  fields.push_back(fmt::format("{:.9f}", device_seconds));
  fields.push_back(fmt::format("{}", instructions));
  add_enclosure(fields, leading_output(result));
  fields.push_back(peer_text(leading_output(result)));
  fields.push_back(end_to_end_text(result));
  fields.push_back(stage_seconds_text(result));
  fields.push_back(run::replay_line(result.c));
  return row_text(fields);
}

class CsvReporter : public Reporter {
 public:
  CsvReporter(std::ofstream stream, std::filesystem::path file) : stream_(std::move(stream)), file_(std::move(file)) {}

  Result<void> run_started(const RunInfo&) override { return {}; }
  Result<void> case_finished(const run::CaseResult& result) override { return put(case_row(result)); }
  Result<void> run_finished(const Summary&) override { return {}; }

  Result<void> put(const std::string& text) {
    stream_ << text << std::flush;
    if (!stream_) return unavailable("cannot write {}", file_.string());
    return {};
  }

 private:
  std::ofstream stream_;
  std::filesystem::path file_;
};

// Whether the file has rows of ours to continue. Error: rows of something else.
Result<bool> has_our_rows(const std::filesystem::path& file) {
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored) || std::filesystem::file_size(file, ignored) == 0) return false;
  const std::string header = header_text();
  auto start = read_prefix(file, header.size());
  if (!start) return tl::unexpected(start.error());
  const std::string_view found(reinterpret_cast<const char*>(start->data()), start->size());
  if (found != header)
    return bad_input("{}: its header is not that of this version; move the file away or choose another --out",
                     file.string());
  return true;
}

}  // namespace

std::span<const CsvColumn> csv_columns() { return kColumns; }

Result<std::unique_ptr<Reporter>> csv_reporter(const std::filesystem::path& file, bool append) {
  bool continues = false;
  if (append) {
    const auto ours = has_our_rows(file);
    if (!ours) return tl::unexpected(ours.error());
    continues = *ours;
  }
  std::ofstream stream(file, std::ios::binary | (continues ? std::ios::app : std::ios::trunc));
  if (!stream) return unavailable("cannot write {}", file.string());
  auto reporter = std::make_unique<CsvReporter>(std::move(stream), file);
  if (!continues)
    if (auto done = reporter->put(header_text()); !done) return tl::unexpected(done.error());
  return reporter;
}

}  // namespace assay::reports

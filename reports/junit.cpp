// junit.xml. The file ends well-formed after every case: the closing tags are overwritten by the next one, and the
// counts stand in attributes of fixed width that are rewritten in place.
#include <fstream>
#include <pugixml.hpp>
#include <sstream>

#include "reports/facts.h"
#include "reports/reporter.h"

namespace assay::reports {

using compare::Verdict;

namespace {

constexpr std::string_view kTail = "</testsuite>\n</testsuites>\n";
constexpr std::size_t kHeadWidth = 200;

struct Counts {
  std::int64_t tests = 0, failures = 0, errors = 0, skipped = 0;
  double seconds = 0;
};

// How JUnit sees a verdict. Only passed and xfail pass.
enum class Outcome { pass, failure, error, skip };
Outcome outcome_of(const run::CaseResult& result) {
  switch (result.verdict) {
    case Verdict::passed:
    case Verdict::xfail:
      return Outcome::pass;
    case Verdict::skipped:
    case Verdict::unsupported:
      return Outcome::skip;
    case Verdict::failed:
    case Verdict::xpass:
      return Outcome::failure;
    case Verdict::unverified:
      return unverified_is_expected(result) ? Outcome::skip : Outcome::failure;
    case Verdict::error:
    case Verdict::crash:
    case Verdict::hang:
      return Outcome::error;
  }
  return Outcome::error;
}

std::string attributes(const Counts& counts) {
  return fmt::format(R"( tests="{}" failures="{}" errors="{}" skipped="{}" time="{:.3f}")", counts.tests,
                     counts.failures, counts.errors, counts.skipped, counts.seconds);
}

// Both opening tags, padded with spaces inside the tags to a fixed width.
std::string head(const Counts& counts) {
  std::string suites = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"assay\"" + attributes(counts);
  std::string suite = "<testsuite name=\"assay\"" + attributes(counts);
  suites.resize(std::max(suites.size(), kHeadWidth), ' ');
  suite.resize(std::max(suite.size(), kHeadWidth), ' ');
  return suites + ">\n" + suite + ">\n";
}

std::string details(const run::CaseResult& result) {
  std::string text;
  for (const run::StageResult& stage : result.stages)
    for (const run::OutputResult& output : stage.outputs) {
      const compare::Comparison& c = output.comparison;
      if (c.passed) continue;
      text += fmt::format(
          "{} {}: {} against {}: {} of {} elements mismatch under {}, {} never written, largest distance {}{}{}\n",
          stage.stage, output.output, output.subject, output.reference, c.mismatches, c.compared, c.rule, c.unwritten,
          ulps_text(c.max_ulps), output.pattern.empty() ? "" : ": ", output.pattern);
    }
  for (const run::BackendResult& backend : result.backends)
    for (const std::string& diagnostic : backend.diagnostics) text += backend.backend + ": " + diagnostic + "\n";
  return text;
}

// Every line made printable; line ends are kept.
std::string printable_lines(const std::string& text) {
  std::istringstream lines(text);
  std::string clean;
  for (std::string line; std::getline(lines, line);) clean += printable(line) + "\n";
  return clean;
}

std::string case_element(const run::CaseResult& result, std::string_view replay_options) {
  pugi::xml_document document;
  pugi::xml_node node = document.append_child("testcase");
  run::Case parameters = result.c;
  parameters.values.erase("pipeline");
  const std::string name = run::replay_line(parameters);
  node.append_attribute("classname") = printable(result.c.get("pipeline", "unknown")).c_str();
  node.append_attribute("name") = printable(name.empty() ? result.id : name).c_str();
  node.append_attribute("time") = fmt::format("{:.6f}", result.seconds).c_str();

  const std::string verdict(compare::name(result.verdict));
  const std::string message = printable(verdict + (result.reason.empty() ? "" : ": " + result.reason));
  const Outcome outcome = outcome_of(result);
  if (outcome == Outcome::failure || outcome == Outcome::error) {
    pugi::xml_node problem = node.append_child(outcome == Outcome::failure ? "failure" : "error");
    problem.append_attribute("type") = verdict.c_str();
    problem.append_attribute("message") = message.c_str();
    problem.text() = printable_lines(details(result)).c_str();
  } else if (outcome == Outcome::skip) {
    node.append_child("skipped").append_attribute("message") = message.c_str();
  }
  node.append_child("system-out").text() = printable(replay_command(result.c, replay_options)).c_str();
  std::ostringstream out;
  node.print(out, "  ", pugi::format_indent);
  return out.str();
}

class JunitReporter : public Reporter {
 public:
  JunitReporter(std::fstream stream, std::filesystem::path file) : stream_(std::move(stream)), file_(std::move(file)) {}

  Result<void> run_started(const RunInfo& info) override {
    replay_options_ = info.replay_options;
    return rewrite("");
  }

  Result<void> case_finished(const run::CaseResult& result) override {
    ++counts_.tests;
    counts_.seconds += result.seconds;
    const Outcome outcome = outcome_of(result);
    counts_.failures += outcome == Outcome::failure;
    counts_.errors += outcome == Outcome::error;
    counts_.skipped += outcome == Outcome::skip;
    return rewrite(case_element(result, replay_options_));
  }

  Result<void> run_finished(const Summary&) override { return {}; }

 private:
  // Puts an element before the tail and the counts into the head. The head is rewritten last: a file cut short between
  // the two still parses.
  Result<void> rewrite(const std::string& element) {
    if (end_ == 0) {
      stream_ << head(counts_);
      end_ = stream_.tellp();
    }
    stream_.seekp(end_);
    stream_ << element;
    end_ = stream_.tellp();
    stream_ << kTail;
    stream_.seekp(0);
    stream_ << head(counts_) << std::flush;
    if (!stream_) return unavailable("cannot write {}", file_.string());
    return {};
  }

  std::fstream stream_;
  std::filesystem::path file_;
  std::streamoff end_ = 0;  // where the tail starts
  Counts counts_;
  std::string replay_options_;
};

}  // namespace

Result<std::unique_ptr<Reporter>> junit_reporter(const std::filesystem::path& file) {
  std::fstream stream(file, std::ios::binary | std::ios::in | std::ios::out | std::ios::trunc);
  if (!stream) return unavailable("cannot write {}", file.string());
  return std::make_unique<JunitReporter>(std::move(stream), file);
}

}  // namespace assay::reports

// report.html: one file that needs no network. The data travel as JSON inside a script element; the scripts under
// templates/ draw everything from it.
#include <cmath>
#include <map>

#include "harness/core/file.h"
#include "reports/assets.h"
#include "reports/facts.h"
#include "reports/summary_json.h"

namespace assay::reports {

using nlohmann::json;

namespace {

constexpr std::size_t kFirstShown = 8;

// Names in order of first appearance and their positions.
class Names {
 public:
  std::size_t operator()(const std::string& name) {
    const auto [at, fresh] = index_.try_emplace(name, names_.size());
    if (fresh) names_.push_back(name);
    return at->second;
  }
  const std::vector<std::string>& all() const { return names_; }

 private:
  std::map<std::string, std::size_t> index_;
  std::vector<std::string> names_;
};

json number(double value) { return std::isfinite(value) ? json(value) : json(nullptr); }

json first_node(const compare::Comparison& comparison) {
  json first = json::array();
  const bool bound = comparison.rule.starts_with("bound");
  for (const compare::ElementMismatch& m : comparison.first) {
    if (first.size() == kFirstShown) break;
    first.push_back({m.index, fmt::format("{:#x}", m.actual), fmt::format("{:#x}", m.expected),
                     bound ? fmt::format("{:#x}", m.lo) : "", bound ? fmt::format("{:#x}", m.hi) : "", m.ulps});
  }
  return first;
}

json output_node(const run::OutputResult& output) {
  const compare::Comparison& c = output.comparison;
  json node = json::array({output.stage, output.output, output.subject, output.reference, output.oracle, c.rule,
                           c.passed ? 1 : 0, c.mismatches, c.compared, c.unwritten, c.max_ulps, number(c.max_abs),
                           number(c.smallest_rtol), number(c.smallest_atol), output.pattern, first_node(c)});
  const compare::PeerOpinion& peer = output.peer;
  if (c.rule.starts_with("bound"))
    node.push_back({number(c.slack), c.median_width, c.max_width});
  else if (!peer.rule.empty())
    node.push_back(nullptr);
  if (!peer.rule.empty()) node.push_back({peer.checks ? (peer.accepts ? 1 : 0) : -1, peer.rule, peer.beyond, peer.allowed});
  return node;
}

// Puts text where it cannot end the script element it stands in, and keeps it JSON.
std::string inside_script(const std::string& text) {
  std::string safe;
  safe.reserve(text.size());
  for (const char c : text) {
    if (c == '<') {
      safe += "\\u003c";
    } else {
      safe += c;
    }
  }
  return safe;
}

void replace(std::string& page, std::string_view mark, std::string_view text) {
  const std::size_t at = page.find(mark);
  if (at != std::string::npos) page.replace(at, mark.size(), text);
}

class HtmlReporter : public Reporter {
 public:
  HtmlReporter(std::filesystem::path file, HtmlLimits limits) : file_(std::move(file)), limits_(limits) {}

  Result<void> run_started(const RunInfo& info) override {
    info_ = info;
    return {};
  }

  Result<void> case_finished(const run::CaseResult& result) override {
    const bool attention = needs_attention(result);
    if (!attention && rows_.size() > limits_.row_bytes) {
      ++omitted_;
      return {};
    }
    const std::string row = dump(case_node(result, attention || rows_.size() < limits_.detail_bytes), -1);
    rows_ += (rows_.empty() ? "" : ",\n") + row;
    return {};
  }

  Result<void> run_finished(const Summary& summary) override {
    json verdicts = json::array();
    for (std::size_t i = 0; i < kVerdicts; ++i) verdicts.push_back(compare::name(static_cast<compare::Verdict>(i)));
    const json node{{"run", to_node(info_)},      {"summary", to_node(summary)},   {"omitted", omitted_},
                    {"verdicts", verdicts},       {"pipelines", pipelines_.all()}, {"fills", fills_.all()},
                    {"backends", backends_.all()}};
    std::string data = dump(node, -1);
    data.pop_back();  // the closing brace
    data += ",\"cases\":[\n" + rows_ + "]}";

    std::string page(kPage);
    replace(page, "@@JS@@", "(() => {\n" + std::string(kScript) + "})();");
    replace(page, "@@CHART@@", kChart);
    replace(page, "@@CSS@@", kStyle);
    replace(page, "@@DATA@@", inside_script(data));  // last: what it holds is nobody's template
    return write_text(file_, page);
  }

 private:
  json case_node(const run::CaseResult& result, bool with_details) {
    run::Case parameters = result.c;
    for (const char* key : {"pipeline", "fill", "backends"}) parameters.values.erase(key);
    json outputs = json::array(), backends = json::array();
    for (const std::string& name : backends_of(result)) backends.push_back(backend_node(result, name));
    if (with_details)
      for (const run::StageResult& stage : result.stages)
        for (const run::OutputResult& output : stage.outputs) outputs.push_back(output_node(output));
    return json{{"i", result.id},
                {"v", static_cast<int>(result.verdict)},
                {"p", pipelines_(std::string(result.c.get("pipeline", "unknown")))},
                {"f", fills_(std::string(result.c.get("fill", "default")))},
                {"c", run::replay_line(parameters)},
                {"l", replay_command(result.c, info_.replay_options)},
                {"r", result.reason},
                {"w", blame_text(result)},
                {"a", needs_attention(result) ? 1 : 0},
                {"s", result.seconds},
                {"n", {result.compared, result.unconstrained, result.unwritten}},
                {"b", backends},
                {"o", outputs},
                {"t", with_details ? stage_times(result) : json::array()}};
  }

  // Of a chain: [stage, [part, seconds]...].
  static json stage_times(const run::CaseResult& result) {
    json stages = json::array();
    if (result.stages.size() < 2) return stages;
    for (const run::StageResult& stage : result.stages) {
      json row = json::array({stage.stage});
      for (const run::StageTime& time : stage.times) row.push_back(json::array({time.part, time.seconds}));
      stages.push_back(std::move(row));
    }
    return stages;
  }

  json backend_node(const run::CaseResult& result, const std::string& name) {
    run::BackendResult found;
    for (const run::BackendResult& backend : result.backends)
      if (backend.backend == name) found = backend;
    return json::array({backends_(name), static_cast<int>(backend_verdict(result, name)), found.status, found.reason,
                        found.seconds, found.device_seconds, found.instructions, found.diagnostics});
  }

  std::filesystem::path file_;
  HtmlLimits limits_;
  RunInfo info_;
  Names pipelines_, fills_, backends_;
  std::string rows_;  // JSON objects, separated by commas
  std::int64_t omitted_ = 0;
};

}  // namespace

Result<std::unique_ptr<Reporter>> html_reporter(const std::filesystem::path& file, HtmlLimits limits) {
  return std::make_unique<HtmlReporter>(file, limits);
}

}  // namespace assay::reports

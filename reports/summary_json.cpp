#include "reports/summary_json.h"

#include "harness/core/file.h"

namespace assay::reports {

using nlohmann::json;

namespace {

constexpr std::size_t kMostCases = 10'000;

json counts_node(const VerdictCounts& counts) {
  json node = json::object();
  for (std::size_t i = 0; i < kVerdicts; ++i)
    if (counts.of[i] > 0) node[std::string(compare::name(static_cast<compare::Verdict>(i)))] = counts.of[i];
  return node;
}

json failure_node(const Failure& failure) {
  json fills = json::object();
  for (const auto& [fill, found] : failure.fills) fills[fill] = json{{"caught", found.caught}, {"ran", found.ran}};
  return json{{"pipeline", failure.pipeline},
              {"where", failure.where},
              {"cases", failure.cases},
              {"fills", fills},
              {"example", failure.example}};
}

class JsonReporter : public Reporter {
 public:
  explicit JsonReporter(std::filesystem::path file) : file_(std::move(file)) {}

  Result<void> run_started(const RunInfo& info) override {
    info_ = info;
    return {};
  }
  Result<void> case_finished(const run::CaseResult& result) override {
    if (!needs_attention(result)) return {};
    if (cases_.size() < kMostCases) {
      cases_.push_back(result);
    } else {
      ++omitted_;
    }
    return {};
  }
  Result<void> run_finished(const Summary& summary) override {
    json node{{"format", 1}, {"run", to_node(info_)}, {"summary", to_node(summary)}, {"cases_omitted", omitted_}};
    node["cases"] = cases_;
    return write_text(file_, dump(node, 1) + "\n");
  }

 private:
  std::filesystem::path file_;
  RunInfo info_;
  std::vector<run::CaseResult> cases_;
  std::int64_t omitted_ = 0;
};

}  // namespace

json to_node(const RunInfo& info) {
  json backends = json::array();
  for (const BackendInfo& backend : info.backends)
    backends.push_back({{"name", backend.name}, {"description", backend.description}, {"missing", backend.missing}});
  return json{{"command_line", info.command_line}, {"seed", info.seed},       {"backends", backends},
              {"machine", info.machine},           {"started", info.started}, {"cases", info.cases},
              {"versions", info.versions}};
}

json to_node(const Summary& summary) {
  json pipelines = json::object(), cells = json::array(), failures = json::array();
  for (const auto& [pipeline, counts] : summary.pipelines) pipelines[pipeline] = counts_node(counts);
  for (const auto& [cell, counts] : summary.cells)
    cells.push_back({{"pipeline", cell.pipeline},
                     {"fill", cell.fill},
                     {"backend", cell.backend},
                     {"worst", compare::name(counts.worst())},
                     {"verdicts", counts_node(counts)}});
  for (const Failure& failure : summary.failures) failures.push_back(failure_node(failure));
  json node{{"cases", summary.cases()},
            {"ran", summary.ran()},
            {"verdicts", counts_node(summary.verdicts)},
            {"pipelines", pipelines},
            {"cells", cells},
            {"failures", failures},
            {"compared", summary.compared},
            {"unconstrained", summary.unconstrained},
            {"unwritten", summary.unwritten},
            {"unverified_expected", summary.unverified_expected},
            {"seconds", summary.seconds},
            {"case_seconds", summary.case_seconds},
            {"exit_code", exit_code(summary)},
            {"exit_reason", explain_exit(summary)}};
  if (const PeerUse& peers = summary.peers; peers.failing + peers.passing > 0)
    node["peers"] = {{"failing", peers.failing},
                     {"failing_accepted", peers.failing_accepted},
                     {"failing_unchecked", peers.failing_unchecked},
                     {"passing", peers.passing},
                     {"passing_rejected", peers.passing_rejected}};
  for (const auto& [output, use] : summary.enclosures)
    node["enclosures"][output] = {{"slack", use.slack},
                                  {"median_width", use.median_width},
                                  {"max_width", use.max_width},
                                  {"comparisons", use.comparisons}};
  return node;
}

std::string dump(const json& node, int indent) { return node.dump(indent, ' ', false, json::error_handler_t::replace); }

Result<std::unique_ptr<Reporter>> json_reporter(const std::filesystem::path& file) {
  return std::make_unique<JsonReporter>(file);
}

}  // namespace assay::reports

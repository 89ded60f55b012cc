#include <map>
#include <nlohmann/json.hpp>

#include "harness/cli/lint_report.h"
#include "harness/run/version.h"

namespace assay::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string dump(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";  // source text need not be UTF-8
}

Json position(pto::Location location) { return {{"line", location.line}, {"column", location.column}}; }

Json json_of(const LintedFile& file, const Finding& finding) {
  Json json{{"rule", finding.rule}, {"severity", name(finding.severity)}, {"message", finding.message}};
  if (const Rule* rule = find_rule(finding.rule)) json["help"] = rule->fix;
  if (finding.location.line > 0) {
    json["location"] = position(finding.location);
    json["source"] = source_line(file, finding.location);
  }
  if (!finding.function.empty()) json["function"] = finding.function;
  if (finding.related) {
    json["related"] = position(*finding.related);
    json["related_source"] = source_line(file, *finding.related);
    if (!finding.related_function.empty()) json["related_function"] = finding.related_function;
  }
  if (!finding.schedules.empty()) {
    json["block"] = finding.block;
    json["rank"] = finding.rank;
    if (!finding.core.empty()) json["core"] = finding.core;
    json["schedules"] = finding.schedules;
  }
  json["fingerprint"] = fingerprint(file, finding);
  return json;
}

// ---- SARIF 2.1.0 (OASIS standard); the numbers are its sections

std::string_view level(Severity severity) { return name(severity); }  // 3.27.10: note, warning, error

// 3.4.4: a URI reference; relative paths stay relative.
std::string uri(const std::string& path) {
  std::string text = path.starts_with('/') ? "file://" : "";
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) || std::string_view("-._~/").find(c) != std::string_view::npos)
      text += c;
    else
      text += fmt::format("%{:02X}", byte);
  }
  return text;
}

Json rule_json(const Rule& rule) {  // 3.49
  return {{"id", rule.name},
          {"name", rule.name},
          {"shortDescription", {{"text", fmt::format("{}.", rule.says)}}},
          {"fullDescription", {{"text", fmt::format("{}. Specified in {}.", rule.says, rule.clause)}}},
          {"help", {{"text", fmt::format("{}.", rule.fix)}}},
          {"defaultConfiguration", {{"level", level(rule.severity)}}}};
}

Json physical(const LintedFile& file, pto::Location location) {  // 3.29
  Json json{{"artifactLocation", {{"uri", uri(file.file)}}}};
  if (location.line > 0) {
    json["region"] = {{"startLine", location.line}, {"startColumn", std::max(location.column, 1)}};
    if (const std::string line = source_line(file, location); !line.empty())
      json["region"]["snippet"] = {{"text", line}};
  }
  return json;
}

Json location_json(const LintedFile& file, pto::Location location, const std::string& function) {  // 3.28
  Json json{{"physicalLocation", physical(file, location)}};
  if (!function.empty()) json["logicalLocations"] = Json::array({{{"name", function}, {"kind", "function"}}});
  return json;
}

// `alike`: how many findings before it have its fingerprint.
Json result_json(const LintedFile& file, const Finding& finding, int alike) {  // 3.27
  std::string message = finding.message;
  if (!finding.schedules.empty()) message += fmt::format(" ({})", describe_schedules(finding));
  Json json{{"ruleId", finding.rule},
            {"level", level(finding.severity)},
            {"message", {{"text", message}}},
            {"locations", Json::array({location_json(file, finding.location, finding.function)})}};
  if (const Rule* rule = find_rule(finding.rule)) json["ruleIndex"] = rule - rules().data();
  if (finding.related) {
    Json related = location_json(file, *finding.related,
                                 finding.related_function.empty() ? finding.function : finding.related_function);
    related["id"] = 1;
    related["message"] = {{"text", "the other location"}};
    json["relatedLocations"] = Json::array({related});
  }
  // GitHub takes results of one rule and file with equal line hashes for one and the same.
  const std::string print = fingerprint(file, finding);
  json["partialFingerprints"] = {{"assayFinding/v1", print},
                                 {"primaryLocationLineHash", fmt::format("{}:{}", print, alike + 1)}};
  return json;
}

}  // namespace

std::string lint_json(std::span<const LintedFile> files) {
  Json list = Json::array();
  std::size_t count = 0;
  for (const LintedFile& file : files) {
    Json runs = Json::array(), findings = Json::array();
    for (const LintedRun& run : file.runs) runs.push_back({{"tasks", run.tasks}, {"arguments", run.arguments}});
    for (const Finding& finding : file.findings) findings.push_back(json_of(file, finding));
    count += file.findings.size();
    list.push_back({{"file", file.file}, {"profile", file.profile}, {"runs", runs}, {"findings", findings}});
  }
  return dump({{"tool", "assay"}, {"version", run::version()}, {"count", count}, {"files", list}});
}

std::string lint_sarif(std::span<const LintedFile> files, std::span<const Error> failures) {
  Json all_rules = Json::array(), results = Json::array(), artifacts = Json::array();
  Json notifications = Json::array();
  for (const Rule& rule : rules()) all_rules.push_back(rule_json(rule));
  for (const LintedFile& file : files) {
    artifacts.push_back({{"location", {{"uri", uri(file.file)}}}});
    std::map<std::string, int> alike;
    for (const Finding& finding : file.findings)
      results.push_back(result_json(file, finding, alike[fingerprint(file, finding)]++));
  }
  for (const Error& error : failures)  // 3.58
    notifications.push_back({{"level", "error"}, {"message", {{"text", to_string(error)}}}});
  Json invocation{{"executionSuccessful", failures.empty()}};  // 3.20
  if (!failures.empty()) invocation["toolExecutionNotifications"] = notifications;
  const Json driver{{"name", "assay"}, {"version", run::version()}, {"rules", all_rules}};
  const Json run{{"tool", {{"driver", driver}}},
                 {"invocations", Json::array({invocation})},
                 {"columnKind", "unicodeCodePoints"},
                 {"artifacts", artifacts},
                 {"results", results}};
  return dump({{"$schema", "https://json.schemastore.org/sarif-2.1.0.json"},
               {"version", "2.1.0"},
               {"runs", Json::array({run})}});
}

}  // namespace assay::cli

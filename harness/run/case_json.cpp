// CaseResult as JSON: what a worker hands back and what summary.json holds. Absent fields read as their defaults.
#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "harness/run/case.h"

namespace assay::run {

using compare::Comparison;
using compare::ElementMismatch;
using nlohmann::json;

namespace {

// JSON has no infinity; a tolerance that no number satisfies is written as null.
json finite_or_null(double value) { return std::isfinite(value) ? json(value) : json(nullptr); }
double number_or_infinity(const json& node, const char* key) {
  if (!node.contains(key)) return 0;
  return node.at(key).is_null() ? std::numeric_limits<double>::infinity() : node.at(key).get<double>();
}

json to_node(const ElementMismatch& m) {
  return json{{"index", m.index}, {"actual", m.actual}, {"expected", m.expected},
              {"lo", m.lo},       {"hi", m.hi},         {"ulps", m.ulps}};
}

ElementMismatch to_mismatch(const json& node) {
  ElementMismatch m;
  m.index = node.value("index", m.index);
  m.actual = node.value("actual", m.actual);
  m.expected = node.value("expected", m.expected);
  m.lo = node.value("lo", m.lo);
  m.hi = node.value("hi", m.hi);
  m.ulps = node.value("ulps", m.ulps);
  return m;
}

// Without mismatch_indices: `first` and the pattern's words are what a reader needs.
json to_node(const Comparison& c) {
  json first = json::array();
  for (const ElementMismatch& mismatch : c.first) first.push_back(to_node(mismatch));
  json node{{"passed", c.passed},
            {"elements", c.elements},
            {"compared", c.compared},
            {"unconstrained", c.unconstrained},
            {"unwritten", c.unwritten},
            {"mismatches", c.mismatches},
            {"worst_index", c.worst_index},
            {"max_ulps", c.max_ulps},
            {"max_abs", finite_or_null(c.max_abs)},
            {"smallest_rtol", finite_or_null(c.smallest_rtol)},
            {"smallest_atol", finite_or_null(c.smallest_atol)},
            {"rule", c.rule},
            {"first", first}};
  if (c.slack_index >= 0 || c.max_width > 0) {
    node["slack"] = finite_or_null(c.slack);
    node["slack_index"] = c.slack_index;
    node["median_width"] = c.median_width;
    node["max_width"] = c.max_width;
  }
  return node;
}

Comparison to_comparison(const json& node) {
  Comparison c;
  c.passed = node.value("passed", c.passed);
  c.elements = node.value("elements", c.elements);
  c.compared = node.value("compared", c.compared);
  c.unconstrained = node.value("unconstrained", c.unconstrained);
  c.unwritten = node.value("unwritten", c.unwritten);
  c.mismatches = node.value("mismatches", c.mismatches);
  c.worst_index = node.value("worst_index", c.worst_index);
  c.max_ulps = node.value("max_ulps", c.max_ulps);
  c.max_abs = number_or_infinity(node, "max_abs");
  c.smallest_rtol = number_or_infinity(node, "smallest_rtol");
  c.smallest_atol = number_or_infinity(node, "smallest_atol");
  c.slack = number_or_infinity(node, "slack");
  c.slack_index = node.value("slack_index", c.slack_index);
  c.median_width = node.value("median_width", c.median_width);
  c.max_width = node.value("max_width", c.max_width);
  c.rule = node.value("rule", c.rule);
  for (const json& item : node.value("first", json::array())) c.first.push_back(to_mismatch(item));
  return c;
}

}  // namespace

void to_json(json& node, const OutputResult& o) {
  node = json{{"stage", o.stage},         {"output", o.output}, {"subject", o.subject},
              {"reference", o.reference}, {"oracle", o.oracle}, {"comparison", to_node(o.comparison)},
              {"pattern", o.pattern}};
  if (o.peer.rule.empty()) return;
  node["peer"] = {{"rule", o.peer.rule},         {"checks", o.peer.checks}, {"accepts", o.peer.accepts},
                  {"elements", o.peer.elements}, {"beyond", o.peer.beyond}, {"allowed", o.peer.allowed}};
}

void from_json(const json& node, OutputResult& o) {
  o.stage = node.value("stage", o.stage);
  o.output = node.value("output", o.output);
  o.subject = node.value("subject", o.subject);
  o.reference = node.value("reference", o.reference);
  o.oracle = node.value("oracle", o.oracle);
  o.comparison = to_comparison(node.value("comparison", json::object()));
  o.pattern = node.value("pattern", o.pattern);
  const json peer = node.value("peer", json::object());
  o.peer.rule = peer.value("rule", o.peer.rule);
  o.peer.checks = peer.value("checks", o.peer.checks);
  o.peer.accepts = peer.value("accepts", o.peer.accepts);
  o.peer.elements = peer.value("elements", o.peer.elements);
  o.peer.beyond = peer.value("beyond", o.peer.beyond);
  o.peer.allowed = peer.value("allowed", o.peer.allowed);
}

void to_json(json& node, const StageResult& s) {
  node = json{{"stage", s.stage}, {"blame", kBlameNames[static_cast<std::size_t>(s.blame)]}, {"outputs", s.outputs}};
  if (s.by_relations) node["inapplicable"] = s.inapplicable;
  for (const StageTime& time : s.times) node["times"].push_back({{"part", time.part}, {"seconds", time.seconds}});
}

void from_json(const json& node, StageResult& s) {
  s.stage = node.value("stage", s.stage);
  for (const json& time : node.value("times", json::array()))
    s.times.push_back({time.value("part", std::string()), time.value("seconds", 0.0)});
  const std::string blame = node.value("blame", std::string("none"));
  const auto found = std::find(kBlameNames.begin(), kBlameNames.end(), blame);
  if (found == kBlameNames.end()) throw json::other_error::create(501, "blame '" + blame + "' is unknown", &node);
  s.blame = static_cast<compare::Blame>(found - kBlameNames.begin());
  s.outputs = node.value("outputs", s.outputs);
  s.by_relations = node.contains("inapplicable");
  s.inapplicable = node.value("inapplicable", s.inapplicable);
}

void to_json(json& node, const BackendResult& b) {
  node = json{{"backend", b.backend},          {"status", b.status},   {"reason", b.reason},
              {"diagnostics", b.diagnostics},  {"seconds", b.seconds}, {"device_seconds", b.device_seconds},
              {"instructions", b.instructions}};
}

void from_json(const json& node, BackendResult& b) {
  b.backend = node.value("backend", b.backend);
  b.status = node.value("status", b.status);
  b.reason = node.value("reason", b.reason);
  b.diagnostics = node.value("diagnostics", b.diagnostics);
  b.seconds = node.value("seconds", b.seconds);
  b.device_seconds = node.value("device_seconds", b.device_seconds);
  b.instructions = node.value("instructions", b.instructions);
}

void to_json(json& node, const CaseResult& r) {
  node = json{{"case", r.c.values},
              {"id", r.id},
              {"verdict", compare::name(r.verdict)},
              {"reason", r.reason},
              {"stages", r.stages},
              {"backends", r.backends},
              {"compared", r.compared},
              {"unconstrained", r.unconstrained},
              {"unwritten", r.unwritten},
              {"seconds", r.seconds}};
  if (!r.judged) node["judged"] = false;
  for (const EndToEnd& one : r.end_to_end)
    node["end_to_end"].push_back({{"output", one.output},
                                  {"subject", one.subject},
                                  {"max_ulps", one.max_ulps},
                                  {"max_abs", finite_or_null(one.max_abs)},
                                  {"compared", one.compared}});
}

// Throws nlohmann::json::exception on wrong types and unknown verdicts; readers of untrusted JSON catch it.
void from_json(const json& node, CaseResult& r) {
  for (const auto& [key, value] : node.at("case").items()) r.c.values[key] = value.get<std::string>();
  r.id = node.value("id", r.id);
  const auto word = node.at("verdict").get<std::string>();
  const auto verdict = compare::parse_verdict(word);
  if (!verdict) throw json::other_error::create(501, "verdict '" + word + "' is unknown", &node);
  r.verdict = *verdict;
  r.reason = node.value("reason", r.reason);
  r.judged = node.value("judged", r.judged);
  r.stages = node.value("stages", r.stages);
  r.backends = node.value("backends", r.backends);
  for (const json& item : node.value("end_to_end", json::array()))
    r.end_to_end.push_back({item.value("output", std::string()), item.value("subject", std::string()),
                            item.value("max_ulps", std::int64_t{0}), number_or_infinity(item, "max_abs"),
                            item.value("compared", std::int64_t{0})});
  r.compared = node.value("compared", r.compared);
  r.unconstrained = node.value("unconstrained", r.unconstrained);
  r.unwritten = node.value("unwritten", r.unwritten);
  r.seconds = node.value("seconds", r.seconds);
}

}  // namespace assay::run

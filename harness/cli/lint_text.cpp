#include <algorithm>
#include <set>

#include "harness/cli/lint_report.h"
#include "harness/pto/lexer.h"

namespace assay::cli {
namespace {

std::string place(const LintedFile& file, pto::Location location) {
  return location.line == 0 ? file.file : fmt::format("{}:{}:{}", file.file, location.line, location.column);
}

std::string excerpt_of(const LintedFile& file, pto::Location location) {
  if (!file.source || location.line == 0) return "";
  const std::string text = pto::excerpt(*file.source, location);
  return text.empty() ? "" : text + "\n";
}

std::string context(const Finding& finding) {
  if (finding.function.empty()) return "";
  std::string text = " [@" + finding.function;
  if (!finding.schedules.empty()) {
    if (finding.rank != 0) text += fmt::format(", rank {}", finding.rank);
    text += fmt::format(", block {}", finding.block);
    if (!finding.core.empty()) text += ", " + finding.core;
    text += ", " + describe_schedules(finding);
  }
  return text + "]";
}

std::string line_of(const LintedFile& file, const Finding& finding) {
  std::string text = fmt::format("{}: {}: {}: {}{}\n", place(file, finding.location), name(finding.severity),
                                 finding.rule, finding.message, context(finding));
  text += excerpt_of(file, finding.location);
  if (finding.related && (finding.related != finding.location || !finding.related_function.empty())) {
    text += fmt::format("{}: note: the other location{}\n", place(file, *finding.related),
                        finding.related_function.empty() ? "" : ", in @" + finding.related_function);
    text += excerpt_of(file, *finding.related);
  }
  return text;
}

std::string counted(std::size_t count, std::string_view what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

}  // namespace

std::string source_line(const LintedFile& file, pto::Location location) {
  if (!file.source || location.line < 1) return "";
  std::size_t begin = 0;
  for (int line = 1; line < location.line; ++line) {
    begin = file.source->find('\n', begin);
    if (begin == std::string::npos) return "";
    ++begin;
  }
  std::string_view text(*file.source);
  text = text.substr(begin, text.find('\n', begin) - begin);
  const auto is_space = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return std::string(text);
}

std::string fingerprint(const LintedFile& file, const Finding& finding) {
  std::uint64_t hash = 0xcbf29ce484222325;  // FNV-1a, 64 bits
  const auto add = [&](std::string_view text) {
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    hash = hash * 0x100000001b3;  // ends the part
  };
  add(finding.rule);
  add(finding.function);
  add(source_line(file, finding.location));
  add(finding.related ? source_line(file, *finding.related) : "");
  return fmt::format("{:016x}", hash);
}

std::string describe_schedules(const Finding& finding) {
  const std::size_t count = finding.schedules.size();
  if (count == 0) return "";
  if (count == 1) return finding.schedules[0];
  return fmt::format("{} and {} more schedule{}", finding.schedules[0], count - 1, count == 2 ? "" : "s");
}

std::string lint_text(std::span<const LintedFile> files) {
  std::string text;
  std::size_t findings = 0;
  std::set<std::string, std::less<>> helped;  // rules whose remedy has been said
  for (const LintedFile& file : files) {
    for (const Finding& finding : file.findings) {
      text += line_of(file, finding);
      const Rule* rule = find_rule(finding.rule);
      if (rule && helped.insert(finding.rule).second) text += fmt::format("  help: {}\n", rule->fix);
    }
    for (const LintedRun& run : file.runs)
      if (!file.findings.empty() && !run.chosen.empty())
        text += fmt::format("{}: {} ran with {} (chosen; --arg gives others)\n", file.file, run.tasks, run.chosen);
    findings += file.findings.size();
  }
  const std::string where = counted(files.size(), "file");
  return text + (findings == 0 ? fmt::format("nothing found in {}\n", where)
                               : fmt::format("{} in {}\n", counted(findings, "finding"), where));
}

}  // namespace assay::cli

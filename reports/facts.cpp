#include "reports/facts.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>

namespace assay::reports {

namespace {

// Length of the UTF-8 sequence at the front of the text, or 0 when it is none (overlong forms and surrogates included).
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const auto continues = [&](std::size_t i) { return (byte(i) & 0xC0U) == 0x80U; };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF && continues(1)) return 2;
  if (lead >= 0xE0 && lead <= 0xEF && continues(1) && continues(2)) {
    const bool overlong = lead == 0xE0 && byte(1) < 0xA0, surrogate = lead == 0xED && byte(1) >= 0xA0;
    return overlong || surrogate ? 0 : 3;
  }
  if (lead >= 0xF0 && lead <= 0xF4 && continues(1) && continues(2) && continues(3)) {
    const bool overlong = lead == 0xF0 && byte(1) < 0x90, beyond = lead == 0xF4 && byte(1) >= 0x90;
    return overlong || beyond ? 0 : 4;
  }
  return 0;
}

}  // namespace

const run::OutputResult* leading_output(const run::CaseResult& result) {
  const run::OutputResult* leading = nullptr;
  for (const run::StageResult& stage : result.stages)
    for (const run::OutputResult& output : stage.outputs) {
      if (!output.comparison.passed) return &output;
      if (leading == nullptr || output.comparison.max_ulps > leading->comparison.max_ulps) leading = &output;
    }
  return leading;
}

std::string_view blame_text(const run::StageResult& stage) {
  return stage.by_relations ? compare::describe_by_relations(stage.blame) : compare::describe(stage.blame);
}

std::string_view blame_text(const run::CaseResult& result) {
  for (const run::StageResult& stage : result.stages)
    if (stage.blame != compare::Blame::none) return blame_text(stage);
  return {};
}

std::string replay_command(const run::Case& c, std::string_view options) {
  std::string command = "assay run --replay '";
  for (const char character : run::replay_line(c)) {
    if (character == '\'') {
      command += "'\\''";
    } else {
      command += character;
    }
  }
  return command + "'" + std::string(options);
}

std::string printable(std::string_view text) {
  std::string clean;
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const auto lead = static_cast<unsigned char>(text[0]);
    if (lead == '\n' || lead == '\r') {
      clean += ' ';
    } else if (length == 0 || (lead < 0x20 && lead != '\t') || lead == 0x7F) {
      clean += "\xEF\xBF\xBD";
    } else {
      clean += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return clean;
}

std::string ulps_text(std::int64_t ulps) {
  if (ulps == std::numeric_limits<std::int64_t>::max()) return "NaN or over 63 bits";
  return fmt::format("{} ulp{}", ulps, ulps == 1 ? "" : "s");
}

std::string number_text(double value) { return std::isfinite(value) ? fmt::format("{}", value) : "infinite"; }

std::string duration_text(double seconds) {
  if (!(seconds >= 0)) return "?";
  if (seconds < 1) return fmt::format("{:.2f} s", seconds);
  if (seconds < 60) return fmt::format("{:.1f} s", seconds);
  if (seconds >= 1e9) return "?";
  const auto whole = static_cast<std::int64_t>(seconds);
  if (whole < 3600) return fmt::format("{}:{:02}", whole / 60, whole % 60);
  return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
}

}  // namespace assay::reports

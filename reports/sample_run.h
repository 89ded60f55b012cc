// A made-up run for the tests of this folder: every verdict once, backends that disagree, and texts that try to break
// out of each format.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

#include "reports/reporter.h"

namespace assay::reports::testing {

inline constexpr const char* kHostile = "</script><img src=x onerror=alert(1)>, \"quoted\" & 'single'\n\x01 end]]>";

inline RunInfo sample_info(std::int64_t cases) {
  RunInfo info;
  info.command_line = "assay run cases/smoke.csv --backend sim,opencl --out out/smoke";
  info.seed = 1;
  info.backends = {{"sim", "a2a3 functional machine, program order", ""},
                   {"opencl", "PoCL 3.1 on pthread-x86-64, 2 GiB largest allocation", ""},
                   {"process", "", "no command was given"}};
  info.machine = "2 x86-64 cores, Debian 12";
  info.started = "2026-01-02T03:04:05Z";
  info.cases = cases;
  info.versions = {{"assay", "0.1.0"}, {"pocl", "3.1"}};
  return info;
}

inline run::OutputResult output(const std::string& subject, bool passed, std::int64_t max_ulps) {
  run::OutputResult result;
  result.stage = "ffn_add", result.output = "y", result.subject = subject, result.reference = "golden";
  result.oracle = "builtin";
  compare::Comparison& c = result.comparison;
  c.rule = "bits", c.passed = passed, c.elements = 320, c.compared = 320, c.max_ulps = max_ulps;
  c.max_abs = static_cast<double>(max_ulps) / 128, c.smallest_rtol = c.max_abs / 2, c.smallest_atol = c.max_abs;
  if (!passed) {
    c.mismatches = 40, c.worst_index = 8;
    for (std::int64_t i = 0; i < 3; ++i) c.first.push_back({8 + i, 0x3F81, 0x3F80, 0, 0, 1});
    result.pattern =
        "columns 8..15 of every row; every mismatch is one ulp away from zero, as when ties are rounded away";
  }
  return result;
}

inline run::BackendResult backend(const std::string& name, const std::string& status = "completed") {
  run::BackendResult result;
  result.backend = name, result.status = status, result.seconds = name == "sim" ? 0.002 : 0.004;
  result.device_seconds = name == "opencl" ? 0.000125 : 0;
  result.instructions = 48;
  return result;
}

inline run::CaseResult sample_case(int number, compare::Verdict verdict, const std::string& pipeline,
                                   const std::string& fill) {
  run::CaseResult result;
  result.c.values = {
      {"pipeline", pipeline},    {"fill", fill}, {"seed", "1"}, {"T", std::to_string(5 + number)}, {"D", "64"},
      {"backends", "sim+opencl"}};
  result.id =
      fmt::format("{:016x}", 0x1234567890ABCDEFULL + static_cast<std::uint64_t>(number) * 0x0101010101010101ULL);
  result.verdict = verdict;
  result.seconds = 0.0125 * (number + 1);
  return result;
}

inline run::CaseResult compared_case(int number, compare::Verdict verdict, const std::string& pipeline,
                                     const std::string& fill, bool sim, bool opencl) {
  run::CaseResult result = sample_case(number, verdict, pipeline, fill);
  run::StageResult stage;
  stage.stage = "ffn_add";
  stage.blame = compare::assign_blame(opencl, sim, sim == opencl);
  stage.outputs = {output("sim", sim, sim ? 0 : 1), output("opencl", opencl, opencl ? 0 : 1)};
  result.stages = {stage};
  result.backends = {backend("sim"), backend("opencl")};
  result.compared = 640, result.unconstrained = number;
  return result;
}

inline std::vector<run::CaseResult> sample_results() {
  using compare::Verdict;
  std::vector<run::CaseResult> results{compared_case(0, Verdict::passed, "ffn_add", "uniform", true, true),
                                       compared_case(1, Verdict::passed, "ffn_add", "normal", true, true),
                                       compared_case(2, Verdict::failed, "ffn_add", "ties", true, false),
                                       compared_case(3, Verdict::failed, "ffn_add", "ties", false, false),
                                       compared_case(4, Verdict::xfail, "cast_bf16", "ties", true, false),
                                       compared_case(5, Verdict::xpass, "cast_bf16", "uniform", true, true),
                                       sample_case(6, Verdict::unverified, "cast_bf16", "specials"),
                                       sample_case(7, Verdict::skipped, "cast_bf16", "normal"),
                                       sample_case(8, Verdict::unsupported, "quant_rows", "normal"),
                                       sample_case(9, Verdict::error, "quant_rows", "ties"),
                                       sample_case(10, Verdict::crash, "quant_rows", "specials"),
                                       sample_case(11, Verdict::hang, "quant_rows", "uniform")};
  results[2].reason = "opencl differs from the golden in ffn_add.y";
  results[3].reason = kHostile;
  results[3].c.values["tags"] = "it's <b>&amp;</b>";
  run::OutputResult& nan = results[3].stages[0].outputs[1];
  nan.comparison.max_ulps = std::numeric_limits<std::int64_t>::max();
  nan.comparison.max_abs = nan.comparison.smallest_rtol = nan.comparison.smallest_atol =
      std::numeric_limits<double>::infinity();
  nan.comparison.unwritten = 5, nan.pattern = kHostile;
  results[3].unwritten = 5;
  results[3].backends[1].diagnostics = {"ffn_add.pto:12:5: bounds: " + std::string(kHostile)};
  results[6].reason = "every element is left open by the specification";
  results[7].c.values["expect"] = "skip:needs a5";
  results[7].reason = "needs a5";
  results[8].backends = {backend("sim", "unsupported"), backend("opencl", "unsupported")};
  results[8].reason = results[8].backends[0].reason = results[8].backends[1].reason = "explicit order";
  results[9].reason = "the worker sent a broken message";
  results[10].reason = "the worker was ended by signal 11";
  results[11].reason = "time limit of 2 s";
  return results;
}

inline std::string read_all(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

// Removed when the tests end.
struct ScratchRoot {
  std::filesystem::path path = std::filesystem::temp_directory_path() / fmt::format("assay_reports_{}", getpid());
  ScratchRoot() = default;
  ScratchRoot(const ScratchRoot&) = delete;
  ScratchRoot& operator=(const ScratchRoot&) = delete;
  ~ScratchRoot() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
};

// A new empty folder.
inline std::filesystem::path scratch(const std::string& name) {
  static const ScratchRoot root;
  const std::filesystem::path folder = root.path / name;
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  return folder;
}

// Plays a run to a reporter; the wall time of the whole is 2.5 s.
inline void play(Reporter& reporter, const std::vector<run::CaseResult>& results) {
  SummaryBuilder builder;
  if (!reporter.run_started(sample_info(static_cast<std::int64_t>(results.size()))))
    throw std::runtime_error("started");
  for (const run::CaseResult& result : results) {
    builder.add(result);
    if (!reporter.case_finished(result)) throw std::runtime_error("case");
  }
  if (!reporter.run_finished(builder.summary(2.5))) throw std::runtime_error("finished");
}

}  // namespace assay::reports::testing

#include "harness/cli/lint.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>

#include "harness/cli/kernel_fixture.h"
#include "harness/cli/kernel_run.h"
#include "harness/cli/lint_report.h"
#include "harness/cli/sarif_shape.h"
#include "harness/core/file.h"
#include "harness/device/schedule.h"

namespace assay::cli {
namespace {

using testing::Folder;
using testing::ScriptedBackend;

std::string text_of(const std::filesystem::path& file) { return read_text(file, 1 << 24).value(); }

// ---- the catalogue

TEST(LintRules, NamesAreUniqueAndRowsAreComplete) {
  std::set<std::string_view> names;
  for (const Rule& rule : rules()) {
    EXPECT_TRUE(names.insert(rule.name).second) << rule.name;
    for (const std::string_view text : {rule.says, rule.fix, rule.clause}) EXPECT_FALSE(text.empty()) << rule.name;
    EXPECT_FALSE(rule.says.ends_with('.')) << rule.name;
    EXPECT_EQ(find_rule(rule.name), &rule);
  }
  EXPECT_EQ(find_rule("no-such-rule"), nullptr);
}

// Text of the sources that report findings.
std::vector<std::string> sources() {
  std::vector<std::string> texts;
  const auto add = [&](const std::filesystem::path& file) {
    const std::string name = file.filename().string();
    if ((name.ends_with(".cpp") || name.ends_with(".h")) && name.find("test") == std::string::npos)
      texts.push_back(text_of(file));
  };
  for (const auto& entry : std::filesystem::recursive_directory_iterator(ASSAY_SOURCE_DIR "/harness/sim"))
    add(entry.path());
  for (const char* file : {"lint.cpp", "lint_static.cpp"}) add(std::string(ASSAY_SOURCE_DIR "/harness/cli/") + file);
  return texts;
}

TEST(LintRules, HoldEveryRuleOfTheSimulator) {
  const std::regex named(
      "(?:(?:fault(?:_at_\\w+)?|diagnostic|finding)\\(\\s*|\\brule = )\"([a-z-]+)\"|\"(race-[a-z]+)\"");
  std::set<std::string> found;
  for (const std::string& text : sources())
    for (std::sregex_iterator match(text.begin(), text.end(), named), end; match != end; ++match)
      found.insert((*match)[1].matched ? (*match)[1].str() : (*match)[2].str());
  EXPECT_GT(found.size(), 30U);
  for (const std::string& rule : found) EXPECT_NE(find_rule(rule), nullptr) << rule;
}

TEST(LintRules, AreAllReportedBySomebody) {
  const std::vector<std::string> texts = sources();
  for (const Rule& rule : rules()) {
    const std::string literal = fmt::format("\"{}\"", rule.name);
    EXPECT_TRUE(std::ranges::any_of(texts, [&](const std::string& text) { return text.find(literal) != text.npos; }))
        << rule.name;
  }
}

TEST(LintRules, TheDocumentListsEachWithItsSeverity) {
  const std::string document = text_of(ASSAY_SOURCE_DIR "/docs/lint.md");
  for (const Rule& rule : rules()) {
    const std::string row = fmt::format("| `{}` | {} | {} |", rule.name, name(rule.severity), rule.says);
    EXPECT_NE(document.find(row), std::string::npos) << row;
  }
}

// ---- findings

std::string module_with(std::string_view arch, std::string_view body) {
  return fmt::format("module attributes {{pto.target_arch = \"{}\"}} {{\nfunc.func @f() {{\n{}  return\n}}\n}}\n", arch,
                     body);
}

class LintTest : public ::testing::Test {
 protected:
  Folder folder{::testing::UnitTest::GetInstance()->current_test_info()->name()};
  LintOptions options = [] {
    LintOptions made;
    made.schedules = {{device::Schedule::Kind::canonical, 0}, {device::Schedule::Kind::seeded, 1}};
    return made;
  }();

  Result<LintedFile> lint_text_with(std::string_view text, testing::Behaviour behaviour) {
    ScriptedBackend backend(std::move(behaviour));
    return lint(folder.write("k.pto", text), options, backend);
  }
  std::vector<std::string> rules_of(std::string_view text) {
    const auto linted = lint_text_with(text, [](const auto&, const auto&) { return device::RunReport{}; });
    if (!linted) return {to_string(linted.error())};
    std::vector<std::string> names;
    for (const Finding& finding : linted->findings) names.push_back(finding.rule);
    return names;
  }
};

using Names = std::vector<std::string>;

TEST_F(LintTest, PlannersConventionsAreNoErrorsOfTheMachine) {
  constexpr std::string_view kLeft =
      "  %a = arith.constant {} : i64\n  %t = pto.alloc_tile addr = %a : !pto.tile_buf<left, 16x16xf16, "
      "blayout=row_major, slayout=row_major>\n";
  EXPECT_EQ(rules_of(module_with("a2a3", fmt::format(fmt::runtime(kLeft), 1024))), Names{});
  EXPECT_EQ(rules_of(module_with("a2a3", fmt::format(fmt::runtime(kLeft), 1056))), Names{"planner-alignment"});
  constexpr std::string_view kVec =
      "  %a = arith.constant {} : i64\n  %t = pto.alloc_tile addr = %a : !pto.tile_buf<vec, 1x8xf32>\n";
  EXPECT_EQ(rules_of(module_with("a5", fmt::format(fmt::runtime(kVec), 253952 - 32))), Names{});
  EXPECT_EQ(rules_of(module_with("a5", fmt::format(fmt::runtime(kVec), 253952))), Names{"planner-capacity"});
  EXPECT_EQ(rules_of(module_with("a2a3", fmt::format(fmt::runtime(kVec), 253952))),
            Names{});  // the machine's to refuse
  EXPECT_EQ(find_rule("planner-alignment")->severity, Severity::note);
  options.least = Severity::warning;
  EXPECT_EQ(rules_of(module_with("a2a3", fmt::format(fmt::runtime(kLeft), 1056))), Names{});
}

TEST_F(LintTest, TargetsWithoutAProfile) {
  EXPECT_EQ(rules_of(module_with("a7", "")), Names{"unknown-target"});
  EXPECT_EQ(rules_of(module_with("a3", "")), Names{});
  options.profile = "a5";
  EXPECT_EQ(rules_of(module_with("a7", "")), Names{});
}

TEST_F(LintTest, AnAbsentOperationIsOneFinding) {
  const auto linted = lint_text_with(
      module_with("a2a3",
                  "  %c = arith.constant 0 : i64\n  %t = pto.alloc_tile addr = %c : !pto.tile_buf<vec, 8x8xf32>\n"
                  "  pto.tinterleave ins(%t, %t : !pto.tile_buf<vec, 8x8xf32>, !pto.tile_buf<vec, 8x8xf32>) "
                  "outs(%t, %t : !pto.tile_buf<vec, 8x8xf32>, !pto.tile_buf<vec, 8x8xf32>)\n"),
      [](const auto&, const auto&) {
        device::RunReport report;
        report.status = device::RunStatus::unsupported;
        report.reason = "pto.tinterleave is no instruction of a2a3, line 5";
        return report;
      });
  ASSERT_TRUE(linted) << to_string(linted.error());
  ASSERT_EQ(linted->findings.size(), 1U);
  EXPECT_EQ(linted->findings[0].rule, "absent-op");
}

TEST_F(LintTest, ExtentsLeftOpen) {
  EXPECT_EQ(rules_of(module_with("a2a3", "  %t = pto.alloc_tile : !pto.tile_buf<vec, 8x8xf32, valid=?x8>\n")),
            Names{"unset-extent"});
  EXPECT_EQ(rules_of(module_with("a2a3",
                                 "  %n = arith.constant 3 : index\n"
                                 "  %t = pto.alloc_tile valid_row = %n : !pto.tile_buf<vec, 8x8xf32, valid=?x8>\n")),
            Names{});
}

TEST_F(LintTest, TheVerifiersFindingsEndTheMatter) {
  const auto found = rules_of(
      "func.func @f() {\n  %t = pto.alloc_tile : !pto.tile_buf<vec, 8x3xf32>\n  %u = pto.alloc_tile : "
      "!pto.tile_buf<vec, 8x3xf32>\n  return\n}\n");
  EXPECT_EQ(found, (Names{"verify", "verify"}));
}

TEST_F(LintTest, BadInputIsAnError) {
  for (const std::string_view text : {"func.func @f() {", "nonsense", "func.func @f(%x: !pto.vreg) { return }"}) {
    const auto linted = lint_text_with(text, [](const auto&, const auto&) { return device::RunReport{}; });
    ASSERT_FALSE(linted) << text;
    EXPECT_EQ(linted.error().kind, ErrorKind::bad_input);
  }
}

device::Diagnostic race(int line, int related) {
  device::Diagnostic diagnostic;
  diagnostic.rule = "race-war";
  diagnostic.message = "bytes";
  diagnostic.function = "copy";
  diagnostic.location = {line, 5};
  diagnostic.related = pto::Location{related, 5};
  return diagnostic;
}

TEST_F(LintTest, AFindingIsReportedOnceWithTheSchedulesThatShowIt) {
  const auto linted = lint_text_with(testing::kCopy, [](const auto& launch, const device::RunOptions& run) {
    device::RunReport report = testing::copy(launch, run);
    if (run.schedule.kind == device::Schedule::Kind::canonical) return report;
    report.status = device::RunStatus::fault;
    report.reason = "race-war";
    report.diagnostics = {race(12, 11), race(12, 11), race(12, 10), race(11, 10)};
    return report;
  });
  ASSERT_TRUE(linted) << to_string(linted.error());
  ASSERT_EQ(linted->findings.size(), 3U);
  EXPECT_EQ(linted->findings[0].location.line, 12);  // as they happened: the cause comes first
  EXPECT_EQ(linted->findings[2].location.line, 11);
  for (const Finding& finding : linted->findings) EXPECT_EQ(finding.schedules, Names{"seed=1"});
}

TEST_F(LintTest, WhatARunLeaves) {
  const auto found = [&](testing::Behaviour behaviour) {
    const auto linted = lint_text_with(testing::kCopy, std::move(behaviour));
    if (!linted) return Names{to_string(linted.error())};
    Names names;
    for (const Finding& finding : linted->findings) names.push_back(finding.rule);
    return names;
  };
  EXPECT_EQ(found(testing::copy), Names{});
  EXPECT_EQ(found([](const auto&, const auto&) { return device::RunReport{}; }), Names{"unwritten-output"});
  EXPECT_EQ(found([](const auto& launch, const auto&) {
              testing::words(launch, 1)[3] = 1;
              return device::RunReport{};
            }),
            Names{"partly-written-output"});
  EXPECT_EQ(found([](const auto& launch, const auto& run) {
              testing::copy(launch, run);
              testing::words(launch, 0)[0] ^= 1;
              return device::RunReport{};
            }),
            Names{"stray-write"});
  EXPECT_EQ(found([](const auto& launch, const device::RunOptions& run) {
              testing::copy(launch, run);
              testing::words(launch, 1)[0] = static_cast<std::uint32_t>(run.schedule.seed);
              return device::RunReport{};
            }),
            Names{"schedule-dependent"});
  EXPECT_EQ(found([](const auto&, const auto&) {
              return device::RunReport{device::RunStatus::unsupported, "pto.tx", {}, 0, 0};
            }),
            Names{"unsupported"});
  EXPECT_EQ(found([](const auto&, const auto&) {
              return device::RunReport{device::RunStatus::budget, "", {}, 0, 0};
            }),
            Names{"budget"});
}

TEST_F(LintTest, ABrokenSimulatorIsNoFinding) {
  const auto linted = lint_text_with(testing::kCopy, [](const auto&, const auto&) {
    return device::RunReport{device::RunStatus::crash, "signal 11", {}, 0, 0};
  });
  ASSERT_FALSE(linted);
  EXPECT_EQ(exit_code(linted.error()), 3);
}

// ---- reports

TEST_F(LintTest, SarifHasWhatTheStandardAsksFor) {
  const auto linted = lint_text_with(testing::kCopy, [](const auto& launch, const device::RunOptions& run) {
    device::RunReport report = testing::copy(launch, run);
    report.status = device::RunStatus::fault;
    report.diagnostics = {race(12, 11)};
    return report;
  });
  ASSERT_TRUE(linted);
  const auto json = nlohmann::json::parse(lint_sarif(std::span(&*linted, 1)));
  EXPECT_EQ(json.at("version"), "2.1.0");
  EXPECT_EQ(testing::SarifShape::violations(json), Names{});
  EXPECT_TRUE(json.at("$schema").get<std::string>().find("sarif") != std::string::npos);
  const auto& run = json.at("runs").at(0);
  const auto& driver = run.at("tool").at("driver");
  EXPECT_EQ(driver.at("name"), "assay");
  ASSERT_EQ(driver.at("rules").size(), rules().size());
  for (const auto& rule : driver.at("rules"))
    for (const char* text : {"shortDescription", "fullDescription", "help"})
      EXPECT_FALSE(rule.at(text).at("text").get<std::string>().empty()) << rule;
  ASSERT_EQ(run.at("results").size(), 1U);
  const auto& result = run.at("results").at(0);
  EXPECT_EQ(driver.at("rules").at(result.at("ruleIndex").get<std::size_t>()).at("id"), result.at("ruleId"));
  EXPECT_EQ(result.at("level"), "error");
  EXPECT_FALSE(result.at("message").at("text").get<std::string>().empty());
  const auto& region = result.at("locations").at(0).at("physicalLocation").at("region");
  EXPECT_EQ(region.at("startLine"), 12);
  EXPECT_EQ(region.at("startColumn"), 5);
  EXPECT_EQ(result.at("relatedLocations").at(0).at("physicalLocation").at("region").at("startLine"), 11);
  EXPECT_EQ(result.at("partialFingerprints").at("assayFinding/v1").get<std::string>().size(), 16U);
}

TEST(SarifShape, FindsWhatTheStandardDoesNotAllow) {
  const auto violations = [](std::string_view change) {
    auto log = nlohmann::json::parse(R"({"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "assay"}},
      "results": [{"message": {"text": "broken"}, "level": "error"}]}]})");
    log.merge_patch(nlohmann::json::parse(change));
    return testing::SarifShape::violations(log).size();
  };
  EXPECT_EQ(violations("{}"), 0U);
  EXPECT_EQ(violations(R"({"version": "2.0.0"})"), 1U);
  EXPECT_EQ(violations(R"({"version": null})"), 1U);
  EXPECT_EQ(violations(R"({"verison": "2.1.0"})"), 1U);
  EXPECT_EQ(violations(R"({"runs": [{"tool": {"driver": {}}}]})"), 1U);
  EXPECT_EQ(
      violations(R"({"runs": [{"tool": {"driver": {"name": "a"}}, "results": [{"message": {}, "level": "bad"}]}]})"),
      2U);
}

TEST_F(LintTest, SarifTellsEqualLinesApartAndWhatWasNotLinted) {
  LintedFile file;
  file.file = "k.pto";
  file.source = std::make_shared<const std::string>("a\na\n");
  for (const int line : {1, 2}) {
    file.findings.emplace_back();
    file.findings.back().rule = "bounds";
    file.findings.back().location = {line, 1};
  }
  const std::vector<Error> failures{Error{ErrorKind::bad_input, "none.pto: no such file", {}, {}}};
  const auto log = nlohmann::json::parse(lint_sarif(std::span(&file, 1), failures));
  EXPECT_EQ(testing::SarifShape::violations(log), Names{});
  const auto& run = log.at("runs").at(0);
  std::set<std::string> hashes;
  for (const auto& result : run.at("results"))
    hashes.insert(result.at("partialFingerprints").at("primaryLocationLineHash").get<std::string>());
  EXPECT_EQ(hashes.size(), 2U);
  const auto& invocation = run.at("invocations").at(0);
  EXPECT_FALSE(invocation.at("executionSuccessful").get<bool>());
  EXPECT_EQ(invocation.at("toolExecutionNotifications").at(0).at("message").at("text"), "none.pto: no such file");
}

TEST_F(LintTest, TextSaysWhatToDoOnceAndWhichScalarsWereChosen) {
  const auto linted = lint_text_with(testing::kCopy, [](const auto& launch, const device::RunOptions& run) {
    device::RunReport report = testing::copy(launch, run);
    report.status = device::RunStatus::fault;
    report.diagnostics = {race(12, 11), race(11, 10), race(12, 12)};
    return report;
  });
  ASSERT_TRUE(linted);
  const std::string text = lint_text(std::span(&*linted, 1));
  const std::string help = fmt::format("  help: {}\n", find_rule("race-war")->fix);
  EXPECT_NE(text.find(help), std::string::npos) << text;
  EXPECT_EQ(text.find(help), text.rfind(help)) << text;
  EXPECT_NE(text.find(": @copy ran with rows = 16, k = 1"), std::string::npos) << text;
  EXPECT_EQ(text.find(":12:5: note:"), std::string::npos) << text;  // a place is not its own other location
}

TEST_F(LintTest, FoldersStandForTheirFiles) {
  const auto below = folder.write("b.pto", "").parent_path();
  folder.write("a.pto", "");
  folder.write("c.txt", "");
  const std::vector<std::string> named{"first.pto", below.string()};
  const auto files = files_to_lint(named);
  ASSERT_TRUE(files);
  EXPECT_EQ(*files, (std::vector<std::filesystem::path>{"first.pto", below / "a.pto", below / "b.pto"}));
}

TEST_F(LintTest, FingerprintsSurviveEditsElsewhere) {
  LintedFile file;
  file.source = std::make_shared<const std::string>("a\n  b\nc\n");
  Finding finding;
  finding.rule = "bounds";
  finding.function = "f";
  finding.location = {2, 3};
  const std::string before = fingerprint(file, finding);
  file.source = std::make_shared<const std::string>("new\na\nb  \nc\n");
  finding.location = {3, 1};
  EXPECT_EQ(fingerprint(file, finding), before);
  finding.location = {4, 1};
  EXPECT_NE(fingerprint(file, finding), before);
  EXPECT_EQ(source_line(file, {9, 1}), "");
}

// ---- schedules

TEST(Schedule, WordsRoundTrip) {
  for (const char* text : {"canonical", "worst", "seed=0", "seed=18446744073709551615"})
    EXPECT_EQ(device::to_string(device::parse_schedule(text).value()), text);
  for (const char* text : {"", "seed", "seed=", "seed=-1", "seed=1x", "best", "seed=18446744073709551616"})
    EXPECT_FALSE(device::parse_schedule(text)) << text;
  for (const char* text : {"auto", "program", "explicit"})
    EXPECT_EQ(device::name(device::parse_order(text).value()), text);
  EXPECT_FALSE(device::parse_order("any"));
  EXPECT_EQ(default_schedules().size(), 10U);
}

}  // namespace
}  // namespace assay::cli

// Whole outputs against approved files under testdata/, and what must hold whatever they look like.
#include <gtest/gtest.h>
#include <pty.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>
#include <pugixml.hpp>

#include "harness/core/manifest.h"
#include "reports/facts.h"
#include "reports/failure.h"
#include "reports/sample_run.h"

namespace assay::reports {
namespace {

using compare::Verdict;
using nlohmann::json;
using testing::kHostile;
using testing::play;
using testing::read_all;
using testing::sample_results;
using testing::scratch;

// The approved file is part of the source. To change it on purpose, review the received file and copy it there.
void expect_approved(const std::string& received, const std::string& name) {
  const std::filesystem::path approved = std::filesystem::path(ASSAY_SOURCE_DIR) / "reports" / "testdata" / name;
  if (received == read_all(approved)) return;
  std::filesystem::create_directories("received");
  const std::filesystem::path file = std::filesystem::absolute("received") / name;
  std::ofstream(file, std::ios::binary) << received;
  ADD_FAILURE() << "compare " << approved << " with " << file;
}

// A clock that advances by a quarter second per look.
ConsoleOptions ticking(bool terminal, bool color) {
  ConsoleOptions options;
  options.terminal = terminal, options.color = color, options.plain_every = 1;
  options.clock = [now = 100.0]() mutable { return now += 0.25; };
  return options;
}

TEST(Console, PrintsPlainLinesWithoutATerminal) {
  std::ostringstream out;
  play(*console_reporter(out, ticking(false, false)), sample_results());
  expect_approved(out.str(), "console.txt");
  EXPECT_EQ(out.str().find('\x1b'), std::string::npos);
  EXPECT_EQ(out.str().find('\r'), std::string::npos);
  EXPECT_EQ(out.str().find('\x01'), std::string::npos);
}

TEST(Console, RewritesOneProgressLineOnATerminal) {
  std::ostringstream out;
  play(*console_reporter(out, ticking(true, true)), sample_results());
  expect_approved(out.str(), "console_terminal.txt");
  EXPECT_NE(out.str().find(" left"), std::string::npos);
  EXPECT_NE(out.str().find("\x1b[31mfailed\x1b[0m"), std::string::npos);
}

TEST(Console, LimitsThePrintedFailures) {
  std::ostringstream out;
  ConsoleOptions options = ticking(false, false);
  options.failures = 1;
  play(*console_reporter(out, options), sample_results());
  EXPECT_NE(out.str().find("further failures are not printed"), std::string::npos);
  EXPECT_EQ(out.str().find("time limit of 2 s"), std::string::npos);
}

TEST(Console, TakesColoursFromTheEnvironment) {
  EXPECT_FALSE(console_options(-1).terminal);
  EXPECT_FALSE(console_options(-1).color);
  int controller = -1, terminal = -1;
  if (openpty(&controller, &terminal, nullptr, nullptr, nullptr) != 0)
    GTEST_SKIP() << "this system gives out no pseudo-terminals: " << std::strerror(errno);
  setenv("TERM", "xterm", 1);
  unsetenv("NO_COLOR");
  EXPECT_TRUE(console_options(terminal).terminal);
  EXPECT_TRUE(console_options(terminal).color);
  setenv("NO_COLOR", "1", 1);
  EXPECT_TRUE(console_options(terminal).terminal);
  EXPECT_FALSE(console_options(terminal).color);
  unsetenv("NO_COLOR");
  setenv("TERM", "dumb", 1);
  EXPECT_FALSE(console_options(terminal).color);
  close(terminal);
  close(controller);
}

TEST(Console, SaysWhenNothingRan) {
  std::ostringstream out;
  play(*console_reporter(out, ticking(false, false)), {});
  EXPECT_NE(out.str().find("exit 1: no case was run"), std::string::npos);
}

// RFC 4180, as a reader sees it.
std::vector<std::vector<std::string>> parse_csv(const std::string& text) {
  std::vector<std::vector<std::string>> rows(1, std::vector<std::string>(1));
  bool inside = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string& field = rows.back().back();
    if (inside && text[i] == '"' && i + 1 < text.size() && text[i + 1] == '"') {
      field += text[i++];
    } else if (text[i] == '"') {
      inside = !inside;
    } else if (!inside && text[i] == ',') {
      rows.back().emplace_back();
    } else if (!inside && text[i] == '\n') {
      rows.emplace_back(1);
    } else {
      field += text[i];
    }
  }
  rows.pop_back();
  return rows;
}

TEST(Csv, IsAsApproved) {
  const auto folder = scratch("csv");
  play(**csv_reporter(folder / "results.csv"), sample_results());
  expect_approved(read_all(folder / "results.csv"), "results.csv");
}

TEST(Csv, GivesBackEveryCase) {
  const auto folder = scratch("csv_back");
  const auto results = sample_results();
  play(**csv_reporter(folder / "results.csv"), results);
  const auto rows = parse_csv(read_all(folder / "results.csv"));
  ASSERT_EQ(rows.size(), results.size() + 1);
  for (const auto& row : rows) ASSERT_EQ(row.size(), csv_columns().size());
  EXPECT_EQ(rows[0].back(), "case");
  for (std::size_t i = 0; i < results.size(); ++i) {
    EXPECT_EQ(rows[i + 1][0], results[i].id);
    EXPECT_EQ(rows[i + 1][1], compare::name(results[i].verdict));
    const auto back = run::parse_replay(rows[i + 1].back());
    ASSERT_TRUE(back);
    EXPECT_EQ(back->values, results[i].c.values);
  }
}

TEST(Csv, IsCompleteAfterEveryCaseAndContinuesOnResume) {
  const auto file = scratch("csv_resume") / "results.csv";
  const auto results = sample_results();
  {
    auto reporter = *csv_reporter(file);
    ASSERT_TRUE(reporter->case_finished(results[0]));
    EXPECT_EQ(parse_csv(read_all(file)).size(), 2U);
  }
  auto reporter = *csv_reporter(file, true);
  ASSERT_TRUE(reporter->case_finished(results[1]));
  const auto rows = parse_csv(read_all(file));
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[2][0], results[1].id);
}

TEST(Csv, DoesNotContinueAnotherTable) {
  const auto file = scratch("csv_other") / "results.csv";
  std::ofstream(file) << "a,b\n1,2\n";
  const auto reporter = csv_reporter(file, true);
  ASSERT_FALSE(reporter);
  EXPECT_EQ(reporter.error().kind, ErrorKind::bad_input);
  EXPECT_EQ(read_all(file), "a,b\n1,2\n");
}

TEST(Json, IsAsApproved) {
  const auto folder = scratch("json");
  play(**json_reporter(folder / "summary.json"), sample_results());
  expect_approved(read_all(folder / "summary.json"), "summary.json");
  const json node = json::parse(read_all(folder / "summary.json"));
  EXPECT_EQ(node["summary"]["exit_code"], 3);
  EXPECT_EQ(node["cases"].size(), 7U);
  const auto back = node["cases"][1].get<run::CaseResult>();
  EXPECT_EQ(back.reason, kHostile);
}

TEST(Junit, IsAsApproved) {
  const auto folder = scratch("junit");
  play(**junit_reporter(folder / "junit.xml"), sample_results());
  expect_approved(read_all(folder / "junit.xml"), "junit.xml");
}

TEST(Junit, IsWellFormedAfterEveryCaseAndCountsAgree) {
  const auto file = scratch("junit_each") / "junit.xml";
  auto reporter = *junit_reporter(file);
  ASSERT_TRUE(reporter->run_started(testing::sample_info(12)));
  int number = 0;
  for (const run::CaseResult& result : sample_results()) {
    ASSERT_TRUE(reporter->case_finished(result));
    pugi::xml_document document;
    ASSERT_TRUE(document.load_file(file.c_str()));
    const pugi::xml_node suite = document.child("testsuites").child("testsuite");
    const auto count = [&](const char* query) { return static_cast<int>(suite.select_nodes(query).size()); };
    EXPECT_EQ(suite.attribute("tests").as_int(), ++number);
    EXPECT_EQ(count("testcase"), number);
    EXPECT_EQ(suite.attribute("failures").as_int(), count("testcase/failure"));
    EXPECT_EQ(suite.attribute("errors").as_int(), count("testcase/error"));
    EXPECT_EQ(suite.attribute("skipped").as_int(), count("testcase/skipped"));
  }
}

TEST(Junit, PassesOnlyWhatPassed) {
  const auto file = scratch("junit_pass") / "junit.xml";
  const auto results = sample_results();
  play(**junit_reporter(file), results);
  pugi::xml_document document;
  ASSERT_TRUE(document.load_file(file.c_str()));
  std::size_t at = 0;
  for (const pugi::xml_node node : document.child("testsuites").child("testsuite").children("testcase")) {
    const Verdict verdict = results[at++].verdict;
    const bool bad = node.child("failure") || node.child("error");
    const bool may_pass = verdict == Verdict::passed || verdict == Verdict::xfail;
    const bool is_skip = verdict == Verdict::skipped || verdict == Verdict::unsupported;
    EXPECT_EQ(bad, !may_pass && !is_skip) << compare::name(verdict);
    EXPECT_EQ(static_cast<bool>(node.child("skipped")), is_skip) << compare::name(verdict);
    EXPECT_NE(std::string(node.child("system-out").text().get()).find("assay run --replay"), std::string::npos);
  }
  EXPECT_EQ(at, results.size());
}

// The JSON inside report.html.
std::string html_data(const std::string& page) {
  const std::string start = "<script type=\"application/json\" id=\"data\">";
  const std::size_t from = page.find(start) + start.size();
  return page.substr(from, page.find("</script>", from) - from);
}

TEST(Html, CarriesTheWholeRun) {
  const auto folder = scratch("html");
  play(**html_reporter(folder / "report.html"), sample_results());
  const json data = json::parse(html_data(read_all(folder / "report.html")));
  expect_approved(data.dump(1) + "\n", "report_data.json");
  EXPECT_EQ(data["cases"].size(), sample_results().size());
  EXPECT_EQ(data["cases"][3]["r"], kHostile);
}

TEST(Html, NeedsNoNetworkAndHasEveryPart) {
  const auto folder = scratch("html_parts");
  play(**html_reporter(folder / "report.html"), sample_results());
  const std::string page = read_all(folder / "report.html");
  for (const char* mark : {"@@", " src=\"http", "<link", "@import", "url(http", "fetch("})
    EXPECT_EQ(page.find(mark), std::string::npos) << mark;
  EXPECT_NE(page.find("Chart.js v"), std::string::npos);
  EXPECT_NE(page.find("prefers-color-scheme: dark"), std::string::npos);
}

TEST(Html, CannotBeBrokenOutOf) {
  const auto folder = scratch("html_hostile");
  auto results = sample_results();
  results[0].reason = "@@JS@@ @@CHART@@ @@DATA@@ <!-- <script> \xe2\x80\xa8 \xff\xfe";
  play(**html_reporter(folder / "report.html"), results);
  const std::string page = read_all(folder / "report.html");
  EXPECT_EQ(page.find("<img"), std::string::npos);
  EXPECT_EQ(page.find("<!--"), std::string::npos);
  const std::string data = html_data(page);
  EXPECT_EQ(data.find('<'), std::string::npos);
  const json node = json::parse(data);
  EXPECT_EQ(node["cases"][3]["r"], kHostile);
  EXPECT_NE(node["cases"][0]["r"].get<std::string>().find("@@JS@@"), std::string::npos);
  // Only the script elements of the template end.
  std::size_t ends = 0;
  for (std::size_t at = page.find("</script>"); at != std::string::npos; at = page.find("</script>", at + 1)) ++ends;
  EXPECT_EQ(ends, 3U);
}

TEST(Html, TellsHowManyRowsItLeftOut) {
  const auto folder = scratch("html_many");
  auto reporter = *html_reporter(folder / "report.html", {20'000, 60'000});
  ASSERT_TRUE(reporter->run_started(testing::sample_info(301)));
  SummaryBuilder builder;
  for (int i = 0; i <= 300; ++i) {
    const bool good = i < 300;
    const run::CaseResult result =
        testing::compared_case(i, good ? Verdict::passed : Verdict::failed, "ffn_add", "ties", true, good);
    builder.add(result);
    ASSERT_TRUE(reporter->case_finished(result));
  }
  ASSERT_TRUE(reporter->run_finished(builder.summary(1)));
  const json data = json::parse(html_data(read_all(folder / "report.html")));
  const json& rows = data["cases"];
  const auto omitted = data["omitted"].get<std::int64_t>();
  EXPECT_GT(omitted, 0);
  EXPECT_EQ(static_cast<std::int64_t>(rows.size()) + omitted, 301);
  EXPECT_EQ(rows[0]["o"].size(), 2U);
  EXPECT_TRUE(rows[rows.size() - 2]["o"].empty());
  // What needs a look is always there in full.
  EXPECT_EQ(rows.back()["v"], static_cast<int>(Verdict::failed));
  EXPECT_EQ(rows.back()["o"].size(), 2U);
}

TEST(FailureFolder, HoldsEverythingNeededToLookAtTheCase) {
  const auto folder = scratch("failures");
  FailureTensors tensors;
  tensors.inputs["x"] = Tensor(DType::f32, {2, 3});
  tensors.golden["y"] = Tensor(DType::bf16, {2, 3});
  tensors.golden["y.lo"] = Tensor(DType::bf16, {2, 3});
  tensors.actual["sim"]["y"] = Tensor(DType::bf16, {2, 3});
  tensors.actual["process:./run.sh {bundle}"]["y"] = Tensor(DType::bf16, {2, 3});
  tensors.actual["sim"]["y"].set_bits(4, 0x3F80);
  const run::CaseResult result = sample_results()[3];
  const auto written = write_failure(folder, result, tensors);
  ASSERT_TRUE(written) << written.error().message;
  EXPECT_EQ(*written, folder / result.id);
  EXPECT_EQ(*read_tensors(*written / "inputs"), tensors.inputs);
  EXPECT_EQ(*read_tensors(*written / "golden"), tensors.golden);
  EXPECT_EQ(*read_tensors(*written / "actual-sim"), tensors.actual["sim"]);
  EXPECT_TRUE(std::filesystem::exists(*written / "actual-process___run_sh__bundle_" / "y.npy"));
  const auto back = json::parse(read_all(*written / "divergence.json")).get<run::CaseResult>();
  EXPECT_EQ(back.c.values, result.c.values);
  EXPECT_EQ(back.stages[0].outputs[0].comparison.mismatches, 40);
  const std::string replay = read_all(*written / "replay.txt");
  EXPECT_EQ(run::parse_replay(replay)->values, result.c.values);
  // Writing it again replaces it.
  tensors.inputs["x"].set_bits(0, 1);
  ASSERT_TRUE(write_failure(folder, result, tensors));
  EXPECT_EQ(*read_tensors(*written / "inputs"), tensors.inputs);
}

TEST(FailureFolder, RefusesAnIdThatLeavesTheFolder) {
  run::CaseResult result = sample_results()[3];
  for (const char* id : {"", "../x", "a/b", "."}) {
    result.id = id;
    EXPECT_FALSE(write_failure(scratch("bad_id"), result, {})) << id;
  }
}

TEST(Files, AreAllWrittenAndErrorsAreReported) {
  const auto folder = scratch("files") / "new" / "folder";
  play(**file_reporters(folder), sample_results());
  for (const char* name : {"results.csv", "summary.json", "junit.xml", "report.html"})
    EXPECT_GT(std::filesystem::file_size(folder / name), 100U) << name;
  EXPECT_FALSE(file_reporters(folder / "results.csv" / "below"));
  EXPECT_FALSE(csv_reporter(folder / "missing" / "results.csv"));
  EXPECT_FALSE(junit_reporter(folder / "missing" / "junit.xml"));
}

TEST(Facts, QuoteForTheShellAndCleanText) {
  run::Case c;
  c.values = {{"pipeline", "p"}, {"note", "it's"}};
  EXPECT_EQ(replay_command(c), "assay run --replay 'note=it'\\''s pipeline=p'");
  EXPECT_EQ(replay_command(c, " --pipelines /a"), "assay run --replay 'note=it'\\''s pipeline=p' --pipelines /a");
  EXPECT_EQ(printable("a\x01\x7f\xff z\n\xc3\xa4"), "a\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD z \xc3\xa4");
  // Overlong, a surrogate and beyond Unicode: one replacement per byte.
  EXPECT_EQ(printable("\xc0\x80\xed\xa0\x80\xf4\x90\x80\x80").size(), 9 * 3U);
  EXPECT_EQ(duration_text(0.125), "0.12 s");
  EXPECT_EQ(duration_text(59.94), "59.9 s");
  EXPECT_EQ(duration_text(3725), "1:02:05");
}

}  // namespace
}  // namespace assay::reports

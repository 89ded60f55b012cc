#include "harness/run/worker_pool.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <map>
#include <thread>

#include "harness/core/scratch_directory.h"
#include "harness/run/worker_process.h"

namespace assay::run {
namespace {

using compare::Verdict;

class PoolTest : public ::testing::Test {
 protected:
  PoolTest() {
    options_.command = {ASSAY_FAKE_WORKER, "well"};
    options_.timeout = 20;
  }

  // Runs one job per act; the results by act, errors as verdict error with the message as reason.
  Result<bool> run(const std::vector<std::string>& acts, std::map<std::string, std::string> more = {}) {
    results_.clear();
    std::size_t next = 0;
    PoolEvents events;
    events.next = [&]() -> std::optional<Job> {
      if (next == acts.size()) return std::nullopt;
      Job job{next, {}};
      job.c.values = {{"act", acts[next]}, {"n", std::to_string(next)}};
      job.c.values.insert(more.begin(), more.end());
      ++next;
      return job;
    };
    events.finished = [&](const Job& job, Outcome outcome) -> Result<void> {
      CaseResult result;
      if (auto* error = std::get_if<Error>(&outcome)) {
        result.verdict = Verdict::error;
        result.reason = std::string(name(error->kind)) + ": " + error->message;
      } else {
        result = std::get<CaseResult>(outcome);
        EXPECT_EQ(result.id, case_id(job.c));
      }
      EXPECT_FALSE(results_.contains(job.sequence));
      results_[job.sequence] = result;
      return {};
    };
    return run_pool(options_, events);
  }

  Verdict verdict(std::size_t sequence) { return results_.at(sequence).verdict; }
  std::string reason(std::size_t sequence) { return results_.at(sequence).reason; }

  PoolOptions options_;
  std::map<std::size_t, CaseResult> results_;
};

TEST_F(PoolTest, RunsEveryJobOnce) {
  for (const int jobs : {1, 2, 4}) {
    options_.jobs = jobs;
    EXPECT_TRUE(run(std::vector<std::string>(200, "pass")).value());
    EXPECT_EQ(results_.size(), 200u);
    for (const auto& [sequence, result] : results_) EXPECT_EQ(result.verdict, Verdict::passed);
  }
  EXPECT_TRUE(run({}).value());
}

TEST_F(PoolTest, ACrashCostsItsCaseAndNothingElse) {
  options_.jobs = 2;
  ASSERT_TRUE(run({"pass", "crash", "pass", "exit", "pass", "fail"}));
  EXPECT_EQ(results_.size(), 6u);
  EXPECT_EQ(verdict(1), Verdict::crash);
  EXPECT_EQ(reason(1), "signal SIGSEGV (Segmentation fault); last output: two | three | about to fall over");
  EXPECT_EQ(verdict(3), Verdict::crash);
  EXPECT_EQ(reason(3), "exit status 7");
  EXPECT_EQ(verdict(4), Verdict::passed);
  EXPECT_EQ(verdict(5), Verdict::failed);
}

TEST_F(PoolTest, AHangIsKilledAtItsTimeout) {
  options_.timeout = 0.15;
  const auto start = std::chrono::steady_clock::now();
  ASSERT_TRUE(run({"hang", "pass"}));
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  EXPECT_EQ(verdict(0), Verdict::hang);
  EXPECT_EQ(reason(0), "no answer within 0.15 s");
  EXPECT_EQ(verdict(1), Verdict::passed);
  EXPECT_GE(results_.at(0).seconds, 0.15);
  EXPECT_LT(seconds.count(), 5);
}

TEST_F(PoolTest, TheTimeoutOfACaseComesFirst) {
  ASSERT_TRUE(run({"hang"}, {{"timeout", "0.05"}}));
  EXPECT_EQ(reason(0), "no answer within 0.05 s");
}

TEST_F(PoolTest, NonsenseIsAnErrorOfTheHarness) {
  ASSERT_TRUE(run({"garbage", "pass", "stranger", "pass", "throw", "bad_input", "pass"}));
  EXPECT_EQ(verdict(0), Verdict::error);
  EXPECT_NE(reason(0).find("no valid answer: found 10 bytes that are no message"), std::string::npos) << reason(0);
  EXPECT_EQ(verdict(2), Verdict::error);
  EXPECT_NE(reason(2).find("answered job 99999 that it was not given"), std::string::npos) << reason(2);
  EXPECT_EQ(reason(4), "internal: unexpected exception: thrown on purpose");
  EXPECT_EQ(reason(5), "bad_input: golden.npy: truncated");
  for (const std::size_t good : {1u, 3u, 6u}) EXPECT_EQ(verdict(good), Verdict::passed);
}

TEST_F(PoolTest, AGreedyWorkerIsReplaced) {
  options_.memory = 128 << 20;
  ASSERT_TRUE(run({"grow", "pass"}));
  EXPECT_EQ(verdict(0), Verdict::crash);
  EXPECT_NE(reason(0).find("memory limit: "), std::string::npos) << reason(0);
  EXPECT_NE(reason(0).find("128 MiB allowed"), std::string::npos) << reason(0);
  EXPECT_EQ(verdict(1), Verdict::passed);
}

TEST_F(PoolTest, ASubjectMayPrintMuch) {
  ASSERT_TRUE(run({"chatty", "chatty", "pass"}));
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(verdict(i), Verdict::passed);
}

TEST_F(PoolTest, WhatASubjectStartsDiesWithIt) {
  const auto scratch = ScratchDirectory::make();
  const auto file = scratch->path() / "alive";
  options_.timeout = 0.2;
  ASSERT_TRUE(run({"child"}, {{"file", file.string()}}));
  EXPECT_EQ(verdict(0), Verdict::hang);
  ASSERT_TRUE(std::filesystem::exists(file));
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  const auto size = std::filesystem::file_size(file);
  std::this_thread::sleep_for(std::chrono::milliseconds(60));
  EXPECT_EQ(std::filesystem::file_size(file), size);
}

TEST_F(PoolTest, WorkersThatCannotStartEndTheSweep) {
  const auto message = [&] {
    const auto done = run({"pass"});
    EXPECT_TRUE(results_.empty());
    EXPECT_EQ(done.error().kind, ErrorKind::internal);
    return done.error().message;
  };
  options_.command[1] = "die";
  EXPECT_EQ(message(), "three workers in a row could not be started: exit status 5; last output: no such library");
  options_.command[1] = "mute";
  options_.start_timeout = 0.05;
  EXPECT_EQ(message(), "three workers in a row could not be started: no answer within 0.05 s");
  options_.command[1] = "old";
  options_.start_timeout = 20;
  EXPECT_EQ(message(), "the worker speaks protocol 99, expected 1");
  options_.command = {"/nonexistent/worker"};
  EXPECT_NE(message().find("cannot be started: No such file"), std::string::npos);
}

TEST_F(PoolTest, StopsWhenAsked) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe(ends.data()), 0);
  options_.stop_descriptor = ends[0];
  options_.timeout = 30;
  std::thread asker([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    EXPECT_EQ(write(ends[1], "x", 1), 1);
  });
  const auto done = run({"pass", "hang", "pass"});
  asker.join();
  ASSERT_TRUE(done);
  EXPECT_FALSE(*done);
  EXPECT_EQ(results_.size(), 1u);
  for (const int end : ends) close(end);
}

TEST_F(PoolTest, ProbeTellsBackends) {
  options_.setup.probe = {"sim", "opencl"};
  options_.command[1] = "missing";
  const auto ready = probe_worker(options_);
  ASSERT_TRUE(ready);
  ASSERT_EQ(ready->backends.size(), 2u);
  EXPECT_EQ(ready->backends[0].missing, "");
  EXPECT_EQ(ready->backends[1].missing, "no platform");
  options_.command[1] = "die";
  EXPECT_NE(probe_worker(options_).error().message.find("exit status 5; last output: no such library"),
            std::string::npos);
  options_.command[1] = "mute";
  options_.start_timeout = 0.05;
  EXPECT_FALSE(probe_worker(options_));
}

TEST(Protocol, MessagesRoundTrip) {
  WorkerSetup setup{Mode::verify, "/x y", {"/p", "q"}, {"sim"}, true, "/f", true, 5, {"opencl"}, 3};
  const auto again = decode_request(encode(Request(setup)));
  ASSERT_TRUE(again);
  const auto& got = std::get<WorkerSetup>(*again);
  EXPECT_EQ(encode(Request(got)), encode(Request(setup)));
  EXPECT_EQ(got.mode, Mode::verify);
  EXPECT_EQ(got.pipeline_directories, setup.pipeline_directories);
  EXPECT_EQ(got.threads, 3);
  const ErrorReply error{3, {ErrorKind::bad_input, "m", TextPosition{"f", 1, 2}, "e\n^"}};
  const auto reply = decode_reply(encode(Reply(error)));
  ASSERT_TRUE(reply);
  EXPECT_EQ(to_string(std::get<ErrorReply>(*reply).error), to_string(error.error));
  EXPECT_TRUE(rc::check("cases of any text survive", [](const std::map<std::string, std::string>& values) {
    CaseRequest request{7, {}};
    for (const auto& [key, value] : values) {
      const auto ascii = [](std::string text) {
        for (char& c : text) c = static_cast<char>(c & 0x7f);
        return text;
      };
      request.c.values[ascii(key)] = ascii(value);
    }
    const std::string line = encode(Request(request));
    RC_ASSERT(line.find('\n') == std::string::npos);
    const auto decoded = decode_request(line);
    RC_ASSERT(decoded.has_value());
    RC_ASSERT(std::get<CaseRequest>(*decoded).c.values == request.c.values);
  }));
}

TEST(Protocol, AnyBytesGiveAMessageOrOneError) {
  for (const char* bad :
       {"", "{}", "[]", "7", "null", "{\"is\":\"ready\"}", "{\"is\":1}", "{\"is\":\"result\",\"sequence\":-1}",
        "{\"is\":\"result\",\"sequence\":1,\"result\":[]}", "{\"is\":\"error\",\"sequence\":1,\"kind\":\"x\"}"})
    EXPECT_FALSE(decode_reply(bad)) << bad;
  for (const char* bad : {"", "{\"do\":\"case\"}", "{\"do\":\"case\",\"sequence\":1,\"case\":{\"a\":1}}",
                          "{\"do\":\"dance\"}", "{\"do\":\"setup\",\"mode\":\"x\"}"})
    EXPECT_FALSE(decode_request(bad)) << bad;
  EXPECT_TRUE(rc::check("random bytes", [](const std::string& bytes) { RC_ASSERT(!decode_reply(bytes).has_value()); }));
}

TEST(Protocol, LinesAreCutWhereverTheBytesAre) {
  EXPECT_TRUE(rc::check("any chunks", [] {
    const auto text = *rc::gen::container<std::string>(rc::gen::element('a', 'b', '\n'));
    LineBuffer buffer(1000);
    std::string joined;
    for (std::size_t at = 0; at < text.size();) {
      const auto length = *rc::gen::inRange<std::size_t>(1, 6);
      RC_ASSERT(buffer.append(std::string_view(text).substr(at, length)));
      at += length;
      while (auto line = buffer.next()) joined += *line + '\n';
    }
    RC_ASSERT(joined == text.substr(0, text.rfind('\n') + 1));
  }));
  LineBuffer small(4);
  EXPECT_TRUE(small.append("abc\nabcd\nab"));
  EXPECT_FALSE(small.append("cde"));
}

TEST(WorkerProcess, DescribesHowItEnded) {
  EXPECT_EQ(describe(ExitStatus{true, 11}), "signal SIGSEGV (Segmentation fault)");
  EXPECT_EQ(describe(ExitStatus{false, 3}), "exit status 3");
}

}  // namespace
}  // namespace assay::run

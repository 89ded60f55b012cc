#include "harness/core/command.h"

#include <gtest/gtest.h>

namespace assay {
namespace {

using std::chrono::milliseconds;

CommandOutcome run(const std::string& command, milliseconds limit = milliseconds(5000), std::size_t kept = 1024) {
  auto outcome = run_command(command, limit, kept);
  EXPECT_TRUE(outcome.has_value());
  return outcome.value_or(CommandOutcome{});
}

TEST(Command, ReportsExitStatusAndOutput) {
  const CommandOutcome good = run("echo out; echo err >&2");
  EXPECT_TRUE(good.succeeded());
  EXPECT_EQ(good.output, "out\nerr\n");
  const CommandOutcome bad = run("exit 3");
  EXPECT_FALSE(bad.succeeded());
  EXPECT_EQ(bad.exit_status, 3);
  EXPECT_EQ(describe(bad, milliseconds(1)), "exit status 3");
}

TEST(Command, ReportsSignals) {
  const CommandOutcome crashed = run("kill -SEGV $$");
  EXPECT_EQ(crashed.signal, 11);
  EXPECT_FALSE(crashed.succeeded());
  EXPECT_EQ(run("sh -c 'kill -ABRT $$'; exit $?").signal, 6);
}

TEST(Command, EndsWhatDoesNotEnd) {
  const auto begin = std::chrono::steady_clock::now();
  const CommandOutcome hung = run("sleep 60 & sleep 60", milliseconds(150));
  EXPECT_TRUE(hung.timed_out);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
  EXPECT_EQ(describe(hung, milliseconds(150)), "no end after 0.15 s");
}

TEST(Command, AChildLeftRunningDoesNotHoldTheCallerUp) {
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_TRUE(run("sleep 60 & exit 0", milliseconds(20'000)).succeeded());
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
}

TEST(Command, KeepsTheEndOfALongOutput) {
  const CommandOutcome outcome = run("for i in 1 2 3 4 5 6 7 8 9; do echo line $i; done", milliseconds(5000), 14);
  EXPECT_EQ(outcome.output, "line 8\nline 9\n");
}

TEST(Command, PlaceholdersAreOneShellWord) {
  EXPECT_EQ(with_placeholder("run {bundle} -o {bundle}/x", "bundle", "a b'c"), "run 'a b'\\''c' -o 'a b'\\''c'/x");
  EXPECT_EQ(run("printf %s " + shell_quoted("it's $HOME `x` \"y\"")).output, "it's $HOME `x` \"y\"");
}

}  // namespace
}  // namespace assay

#include "harness/core/command.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

extern char** environ;

namespace assay {
namespace {

using Clock = std::chrono::steady_clock;

class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { reset(); }
  void reset(int fd = -1) {
    if (fd_ >= 0) close(fd_);
    fd_ = fd;
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

Result<pid_t> spawn(const std::string& command, int output) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, output, 1);
  posix_spawn_file_actions_adddup2(&actions, output, 2);
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  posix_spawnattr_setpgroup(&attributes, 0);
  const char* const arguments[] = {"sh", "-c", command.c_str(), nullptr};
  pid_t child = 0;
  const int failed =
      posix_spawn(&child, "/bin/sh", &actions, &attributes, const_cast<char* const*>(arguments), environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (failed != 0) return internal_error("cannot start /bin/sh: {}", std::strerror(failed));
  return child;
}

void keep_tail(std::string& output, std::string_view more, std::size_t kept) {
  output += more;
  if (output.size() > kept) output.erase(0, output.size() - kept);
}

// Reads until the pipe closes, the child ends or the deadline passes; true when the deadline passed.
bool collect(int pipe, pid_t child, Clock::time_point deadline, std::size_t kept, std::string& output, int& status) {
  char buffer[4096];
  bool open = true;
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return true;
    pollfd waiting{pipe, POLLIN, 0};
    const int wait_ms = static_cast<int>(std::min<long long>(left, 20));
    if (open && poll(&waiting, 1, wait_ms) > 0) {
      const ssize_t got = read(pipe, buffer, sizeof buffer);
      if (got > 0)
        keep_tail(output, {buffer, static_cast<std::size_t>(got)}, kept);
      else
        open = false;
      if (got > 0) continue;
    } else if (!open) {
      usleep(2000);
    }
    if (waitpid(child, &status, WNOHANG) != child) continue;
    // What it wrote last may still be in the pipe, which something it started may keep open.
    for (pollfd rest{pipe, POLLIN, 0}; open && poll(&rest, 1, 0) > 0;) {
      const ssize_t got = read(pipe, buffer, sizeof buffer);
      if (got <= 0) break;
      keep_tail(output, {buffer, static_cast<std::size_t>(got)}, kept);
    }
    return false;
  }
}

}  // namespace

std::string describe(const CommandOutcome& outcome, std::chrono::milliseconds limit) {
  if (outcome.timed_out) return fmt::format("no end after {} s", static_cast<double>(limit.count()) / 1000.0);
  if (outcome.signal != 0) return fmt::format("killed by signal {} ({})", outcome.signal, strsignal(outcome.signal));
  return fmt::format("exit status {}", outcome.exit_status);
}

Result<CommandOutcome> run_command(const std::string& command, std::chrono::milliseconds limit, std::size_t kept) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return internal_error("cannot make a pipe: {}", std::strerror(errno));
  Descriptor reading(ends[0]), writing(ends[1]);
  auto child = spawn(command, writing.get());
  if (!child) return tl::unexpected(child.error());
  writing.reset();
  CommandOutcome outcome;
  int status = 0;
  outcome.timed_out = collect(reading.get(), *child, Clock::now() + limit, kept, outcome.output, status);
  kill(-*child, SIGKILL);  // the group: what the command left running, and at the deadline the command itself
  if (outcome.timed_out)
    waitpid(*child, &status, 0);
  else if (WIFSIGNALED(status))
    outcome.signal = WTERMSIG(status);
  else
    outcome.exit_status = WEXITSTATUS(status);
  // A shell reports a signal that ended its command as 128 + signal.
  if (outcome.exit_status > 128 && outcome.exit_status < 128 + 65) outcome.signal = outcome.exit_status - 128;
  return outcome;
}

std::string shell_quoted(std::string_view text) {
  std::string quoted = "'";
  for (char c : text) {
    if (c == '\'')
      quoted += "'\\''";
    else
      quoted += c;
  }
  return quoted + "'";
}

std::string with_placeholder(std::string_view text, std::string_view name, std::string_view value) {
  const std::string placeholder = fmt::format("{{{}}}", name);
  std::string result(text);
  for (std::size_t at = 0; (at = result.find(placeholder, at)) != std::string::npos;) {
    const std::string word = shell_quoted(value);
    result.replace(at, placeholder.size(), word);
    at += word.size();
  }
  return result;
}

}  // namespace assay

#include "harness/run/worker_process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <thread>

namespace assay::run {
namespace {

// Above the descriptors the child gets, so that none is overwritten before it is copied.
Result<FileDescriptor> lifted(int descriptor) {
  const int high = fcntl(descriptor, F_DUPFD_CLOEXEC, 16);
  const int reason = errno;
  close(descriptor);
  if (high < 0) return internal_error("no file descriptor left: {}", std::strerror(reason));
  return FileDescriptor(high);
}

struct Pair {
  FileDescriptor ours, theirs;
};

Result<Pair> lifted_pair(std::array<int, 2> ends) {
  auto ours = lifted(ends[0]);
  auto theirs = lifted(ends[1]);
  if (!ours) return tl::unexpected(ours.error());
  if (!theirs) return tl::unexpected(theirs.error());
  fcntl(ours->get(), F_SETFL, fcntl(ours->get(), F_GETFL) | O_NONBLOCK);
  return Pair{std::move(*ours), std::move(*theirs)};
}

Result<Pair> socket_pair() {
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return internal_error("no socket pair: {}", std::strerror(errno));
  return lifted_pair(ends);
}

Result<Pair> log_pipe() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return internal_error("no pipe: {}", std::strerror(errno));
  return lifted_pair(ends);
}

// The child starts with default signal handling and nothing blocked, in a group of its own: an interrupt typed at the
// terminal reaches the parent alone, and a kill reaches what the child has started.
class SpawnAttributes {
 public:
  SpawnAttributes(int channel, int log) {
    posix_spawn_file_actions_init(&actions_);
    posix_spawn_file_actions_addopen(&actions_, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions_, log, 1);
    posix_spawn_file_actions_adddup2(&actions_, log, 2);
    posix_spawn_file_actions_adddup2(&actions_, channel, kWorkerDescriptor);
    posix_spawn_file_actions_addclosefrom_np(&actions_, kWorkerDescriptor + 1);
    posix_spawnattr_init(&attributes_);
    posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    sigset_t set;
    sigemptyset(&set);
    posix_spawnattr_setsigmask(&attributes_, &set);
    sigfillset(&set);
    posix_spawnattr_setsigdefault(&attributes_, &set);
  }
  SpawnAttributes(const SpawnAttributes&) = delete;
  SpawnAttributes& operator=(const SpawnAttributes&) = delete;
  ~SpawnAttributes() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }
  const posix_spawn_file_actions_t* actions() const { return &actions_; }
  const posix_spawnattr_t* attributes() const { return &attributes_; }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

}  // namespace

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
  std::swap(value_, other.value_);
  return *this;
}

FileDescriptor::~FileDescriptor() {
  if (value_ >= 0) close(value_);
}

std::string describe(const ExitStatus& status) {
  if (!status.signalled) return fmt::format("exit status {}", status.number);
  const char* abbreviation = sigabbrev_np(status.number);
  return fmt::format("signal SIG{} ({})", abbreviation ? abbreviation : std::to_string(status.number).c_str(),
                     strsignal(status.number));
}

Result<WorkerProcess> WorkerProcess::start(const std::vector<std::string>& command) {
  auto channel = socket_pair();
  if (!channel) return tl::unexpected(channel.error());
  auto log = log_pipe();
  if (!log) return tl::unexpected(log.error());
  const SpawnAttributes spawn(channel->theirs.get(), log->theirs.get());
  std::vector<std::string> words = command;
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  pid_t pid = -1;
  const int code = posix_spawn(&pid, arguments[0], spawn.actions(), spawn.attributes(), arguments.data(), environ);
  if (code != 0) return internal_error("worker '{}' cannot be started: {}", command[0], std::strerror(code));
  WorkerProcess worker;
  worker.pid_ = pid;
  worker.channel_ = std::move(channel->ours);
  worker.log_ = std::move(log->ours);
  return worker;
}

WorkerProcess::WorkerProcess(WorkerProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      channel_(std::move(other.channel_)),
      log_(std::move(other.log_)),
      outgoing_(std::move(other.outgoing_)),
      printed_(std::move(other.printed_)),
      lines_(std::move(other.lines_)) {}

WorkerProcess& WorkerProcess::operator=(WorkerProcess&& other) noexcept {
  std::swap(pid_, other.pid_);
  channel_ = std::move(other.channel_);
  log_ = std::move(other.log_);
  std::swap(outgoing_, other.outgoing_);
  std::swap(printed_, other.printed_);
  std::swap(lines_, other.lines_);
  return *this;
}

WorkerProcess::~WorkerProcess() { kill(); }

void WorkerProcess::send(std::string_view line) {
  outgoing_ += line;
  outgoing_ += '\n';
}

bool WorkerProcess::flush() {
  while (!outgoing_.empty()) {
    const ssize_t sent = ::send(channel_.get(), outgoing_.data(), outgoing_.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      outgoing_.erase(0, static_cast<std::size_t>(sent));
    } else if (errno != EINTR) {
      return errno == EAGAIN;
    }
  }
  return true;
}

bool WorkerProcess::receive() {
  std::array<char, 1 << 16> block;
  while (true) {
    const ssize_t count = ::recv(channel_.get(), block.data(), block.size(), 0);
    if (count > 0) {
      if (!lines_.append({block.data(), static_cast<std::size_t>(count)})) return false;
    } else if (count == 0) {
      return false;
    } else if (errno != EINTR) {
      return errno == EAGAIN;
    }
  }
}

void WorkerProcess::drain_log() {
  std::array<char, 1 << 14> block;
  while (log_) {
    const ssize_t count = ::read(log_.get(), block.data(), block.size());
    if (count > 0) {
      printed_.append(block.data(), static_cast<std::size_t>(count));
      if (printed_.size() > 2 * kLogBytes) printed_.erase(0, printed_.size() - kLogBytes);
    } else if (count == 0) {
      log_ = FileDescriptor();
    } else if (errno != EINTR) {
      return;
    }
  }
}

std::int64_t WorkerProcess::resident_bytes() const {
  std::ifstream statm(fmt::format("/proc/{}/statm", pid_));
  std::int64_t total = 0, resident = 0;
  if (!(statm >> total >> resident)) return 0;
  return resident * sysconf(_SC_PAGESIZE);
}

std::optional<ExitStatus> WorkerProcess::wait(double seconds) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (pid_ > 0) {
    int status = 0;
    const pid_t done = waitpid(pid_, &status, WNOHANG);
    if (done == pid_) {
      pid_ = -1;
      if (WIFSIGNALED(status)) return ExitStatus{true, WTERMSIG(status)};
      return ExitStatus{false, WEXITSTATUS(status)};
    }
    if ((done < 0 && errno != EINTR) || std::chrono::steady_clock::now() >= end) break;
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  return std::nullopt;
}

std::optional<ExitStatus> WorkerProcess::kill() {
  if (pid_ <= 0) return std::nullopt;
  ::kill(-pid_, SIGKILL);
  ::kill(pid_, SIGKILL);
  auto status = wait(5);
  pid_ = -1;
  return status;
}

std::optional<ExitStatus> WorkerProcess::finish() {
  const pid_t group = pid_;
  if (auto status = wait(2)) {
    ::kill(-group, SIGKILL);  // what it started and left behind
    return status;
  }
  return kill();
}

}  // namespace assay::run

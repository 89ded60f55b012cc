// A worker as its parent sees it: a child started by exec in a process group of its own, a socket to talk over, and
// what it printed. Never blocks on the child.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "harness/core/error.h"
#include "harness/run/protocol.h"

namespace assay::run {

class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int value) : value_(value) {}
  FileDescriptor(FileDescriptor&& other) noexcept : value_(std::exchange(other.value_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept;
  ~FileDescriptor();
  int get() const { return value_; }
  explicit operator bool() const { return value_ >= 0; }

 private:
  int value_ = -1;
};

// How a child ended.
struct ExitStatus {
  bool signalled = false;
  int number = 0;  // signal or exit status
};
// "signal SIGSEGV (Segmentation fault)", "exit status 3".
std::string describe(const ExitStatus& status);

class WorkerProcess {
 public:
  // `command`: program and arguments.
  static Result<WorkerProcess> start(const std::vector<std::string>& command);
  WorkerProcess(WorkerProcess&& other) noexcept;
  WorkerProcess& operator=(WorkerProcess&& other) noexcept;
  // Kills the process group and waits for it.
  ~WorkerProcess();

  pid_t pid() const { return pid_; }
  int channel() const { return channel_.get(); }
  int log() const { return log_.get(); }
  bool wants_to_send() const { return !outgoing_.empty(); }

  // Queues a line; flush sends what the child takes now. False: the child has closed its end.
  void send(std::string_view line);
  bool flush();
  // Reads what is there. False: the child has closed its end, or sent an endless line.
  bool receive();
  std::optional<std::string> next_line() { return lines_.next(); }
  // Reads what the child printed; kept up to the last kLogBytes.
  void drain_log();
  const std::string& printed() const { return printed_; }
  void clear_log() { printed_.clear(); }

  // Bytes resident now; 0 when the process is gone.
  std::int64_t resident_bytes() const;
  // Sends SIGKILL to the whole group and waits up to five seconds. Nothing: the process cannot be ended (it waits in
  // the kernel); it is left behind.
  std::optional<ExitStatus> kill();
  // Waits a moment for a process that has closed its channel, then kills it.
  std::optional<ExitStatus> finish();

  static constexpr std::size_t kLogBytes = 16 << 10;

 private:
  WorkerProcess() = default;
  std::optional<ExitStatus> wait(double seconds);

  pid_t pid_ = -1;
  FileDescriptor channel_, log_;
  std::string outgoing_, printed_;
  LineBuffer lines_;
};

}  // namespace assay::run

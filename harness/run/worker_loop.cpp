#include "harness/run/worker_loop.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <exception>

#include "harness/run/version.h"

namespace assay::run {
namespace {

// A worker must not outlive its sweep, leave core files, or hand its channel to what the subject starts.
void settle_process(int descriptor) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
  fcntl(descriptor, F_SETFD, FD_CLOEXEC);
}

class Channel {
 public:
  explicit Channel(int descriptor) : descriptor_(descriptor) {}

  // Nothing: the sweep has closed its end.
  std::optional<std::string> read_line() {
    std::array<char, 1 << 16> block;
    while (true) {
      if (auto line = lines_.next()) return line;
      const ssize_t count = ::recv(descriptor_, block.data(), block.size(), 0);
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0 || !lines_.append({block.data(), static_cast<std::size_t>(count)})) return std::nullopt;
    }
  }

  bool write_line(std::string line) {
    line += '\n';
    for (std::size_t sent = 0; sent < line.size();) {
      const ssize_t count = ::send(descriptor_, line.data() + sent, line.size() - sent, MSG_NOSIGNAL);
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return false;
      sent += static_cast<std::size_t>(count);
    }
    return true;
  }

 private:
  int descriptor_;
  LineBuffer lines_;
};

class Server {
 public:
  explicit Server(const WorkerService& service) : service_(service) {}

  Reply answer(const Request& request) {
    const auto* c = std::get_if<CaseRequest>(&request);
    const std::uint64_t sequence = c ? c->sequence : 0;
    try {
      return c ? execute(*c) : configure(std::get<WorkerSetup>(request));
    } catch (const std::exception& exception) {
      return ErrorReply{sequence, internal_error("unexpected exception: {}", exception.what()).value()};
    }
  }

 private:
  Reply configure(const WorkerSetup& setup) {
    auto handler = service_.configure(setup);
    if (!handler) return ErrorReply{0, handler.error()};
    handler_ = std::move(*handler);
    ReadyReply ready{kProtocol, std::string(version()), {}};
    for (const std::string& backend : setup.probe) ready.backends.push_back(service_.probe(backend));
    return ready;
  }

  Reply execute(const CaseRequest& request) {
    if (!handler_) return ErrorReply{request.sequence, internal_error("a case came before the set-up").value()};
    auto result = handler_(request.c);
    if (!result) return ErrorReply{request.sequence, result.error()};
    return ResultReply{request.sequence, std::move(*result)};
  }

  const WorkerService& service_;
  CaseHandler handler_;
};

}  // namespace

int serve_worker(int descriptor, const WorkerService& service) {
  struct stat status {};
  if (fstat(descriptor, &status) != 0 || !S_ISSOCK(status.st_mode)) return 3;
  settle_process(descriptor);
  Channel channel(descriptor);
  Server server(service);
  while (auto line = channel.read_line()) {
    const auto request = decode_request(*line);
    if (!request) return 3;
    std::string answer = encode(server.answer(*request));
    // What the subject printed belongs to this case and not to the next.
    std::fflush(nullptr);
    if (!channel.write_line(std::move(answer))) return 0;
  }
  return 0;
}

}  // namespace assay::run

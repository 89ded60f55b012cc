// What sweep and worker say to each other: one JSON object a line over a socket that is the worker's descriptor 3. Its
// standard output and error belong to the subject.
//   sweep:  {"do":"setup", ...}  {"do":"case","sequence":7,"case":{"T":"5", ...}}
//   worker: {"is":"ready","protocol":1,"version":"0.1.0","backends":[...]}
//           {"is":"result","sequence":7,"result":{...}}  {"is":"error","sequence":7,"kind":"bad_input","message":"..."}
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "harness/core/error.h"
#include "harness/run/case.h"
#include "reports/reporter.h"

namespace assay::run {

inline constexpr int kWorkerDescriptor = 3;
inline constexpr int kProtocol = 1;
inline constexpr std::size_t kMaxLine = 64u << 20;

// What a worker does with a case.
enum class Mode : std::uint8_t { check, inputs, run, verify };

struct WorkerSetup {
  Mode mode = Mode::check;
  std::filesystem::path exchange;  // folder of the cases' .npy files, for every mode but check
  std::vector<std::filesystem::path> pipeline_directories;
  std::vector<std::string> backends;
  bool backends_required = false;
  std::filesystem::path failures;
  bool contract_fma = false;
  std::int64_t case_memory = 0;    // bytes of a case's tensors; 0: the default
  std::vector<std::string> probe;  // backends whose availability the ready message is to tell
  int threads = 0;                 // that goldens may use; 0: one per processor
};
struct CaseRequest {
  std::uint64_t sequence = 0;
  Case c;
};
using Request = std::variant<WorkerSetup, CaseRequest>;

struct ReadyReply {
  int protocol = kProtocol;
  std::string version;
  std::vector<reports::BackendInfo> backends;
};
struct ResultReply {
  std::uint64_t sequence = 0;
  CaseResult result;
};
struct ErrorReply {
  std::uint64_t sequence = 0;
  Error error;
};
using Reply = std::variant<ReadyReply, ResultReply, ErrorReply>;

// One line, without the newline.
std::string encode(const Request& request);
std::string encode(const Reply& reply);
// Errors: not JSON, not a message, a missing or ill-typed field.
Result<Request> decode_request(std::string_view line);
Result<Reply> decode_reply(std::string_view line);

// Cuts a stream of bytes into lines.
class LineBuffer {
 public:
  explicit LineBuffer(std::size_t limit = kMaxLine) : limit_(limit) {}
  // False: a line longer than the limit.
  bool append(std::string_view bytes);
  std::optional<std::string> next();

 private:
  std::size_t limit_, scanned_ = 0;
  std::string pending_;
};

std::string_view name(ErrorKind kind);
std::optional<ErrorKind> parse_error_kind(std::string_view name);

}  // namespace assay::run

#include "harness/run/protocol.h"

#include <array>
#include <nlohmann/json.hpp>

namespace assay::run {

using nlohmann::json;

namespace {

constexpr std::array<std::pair<Mode, std::string_view>, 4> kModes{
    {{Mode::check, "check"}, {Mode::inputs, "inputs"}, {Mode::run, "run"}, {Mode::verify, "verify"}}};
constexpr std::array<std::pair<ErrorKind, std::string_view>, 3> kKinds{
    {{ErrorKind::bad_input, "bad_input"}, {ErrorKind::unavailable, "unavailable"}, {ErrorKind::internal, "internal"}}};

// Text of subjects may be any bytes; what is not UTF-8 is replaced, not thrown over.
std::string one_line(const json& node) { return node.dump(-1, ' ', false, json::error_handler_t::replace); }

json node_of(const WorkerSetup& setup) {
  std::string_view mode;
  for (const auto& [value, word] : kModes)
    if (value == setup.mode) mode = word;
  std::vector<std::string> directories;
  for (const auto& directory : setup.pipeline_directories) directories.push_back(directory.string());
  return {{"do", "setup"},
          {"mode", mode},
          {"exchange", setup.exchange.string()},
          {"pipelines", directories},
          {"backends", setup.backends},
          {"backends_required", setup.backends_required},
          {"failures", setup.failures.string()},
          {"contract_fma", setup.contract_fma},
          {"case_memory", setup.case_memory},
          {"probe", setup.probe},
          {"threads", setup.threads}};
}

json node_of(const CaseRequest& request) {
  return {{"do", "case"}, {"sequence", request.sequence}, {"case", request.c.values}};
}

json node_of(const ReadyReply& ready) {
  json backends = json::array();
  for (const auto& backend : ready.backends)
    backends.push_back({{"name", backend.name}, {"description", backend.description}, {"missing", backend.missing}});
  return {{"is", "ready"}, {"protocol", ready.protocol}, {"version", ready.version}, {"backends", backends}};
}

json node_of(const ResultReply& reply) {
  return {{"is", "result"}, {"sequence", reply.sequence}, {"result", reply.result}};
}

json node_of(const ErrorReply& reply) {
  json node{{"is", "error"},
            {"sequence", reply.sequence},
            {"kind", name(reply.error.kind)},
            {"message", reply.error.message},
            {"excerpt", reply.error.excerpt}};
  if (reply.error.where)
    node["where"] = {
        {"file", reply.error.where->file}, {"line", reply.error.where->line}, {"column", reply.error.where->column}};
  return node;
}

WorkerSetup setup_of(const json& node) {
  WorkerSetup setup;
  const auto mode = node.at("mode").get<std::string>();
  bool known = false;
  for (const auto& [value, word] : kModes) {
    if (word != mode) continue;
    setup.mode = value;
    known = true;
  }
  if (!known) throw json::other_error::create(501, "mode '" + mode + "' is unknown", &node);
  setup.exchange = node.at("exchange").get<std::string>();
  for (const auto& directory : node.at("pipelines"))
    setup.pipeline_directories.emplace_back(directory.get<std::string>());
  setup.backends = node.at("backends").get<std::vector<std::string>>();
  setup.backends_required = node.at("backends_required").get<bool>();
  setup.failures = node.at("failures").get<std::string>();
  setup.contract_fma = node.at("contract_fma").get<bool>();
  setup.case_memory = node.at("case_memory").get<std::int64_t>();
  setup.probe = node.at("probe").get<std::vector<std::string>>();
  setup.threads = node.at("threads").get<int>();
  return setup;
}

CaseRequest case_of(const json& node) {
  CaseRequest request;
  request.sequence = node.at("sequence").get<std::uint64_t>();
  for (const auto& [key, value] : node.at("case").items()) request.c.values[key] = value.get<std::string>();
  return request;
}

ReadyReply ready_of(const json& node) {
  ReadyReply ready{node.at("protocol").get<int>(), node.at("version").get<std::string>(), {}};
  for (const auto& backend : node.at("backends"))
    ready.backends.push_back({backend.at("name").get<std::string>(), backend.at("description").get<std::string>(),
                              backend.at("missing").get<std::string>()});
  return ready;
}

ErrorReply error_of(const json& node) {
  ErrorReply reply;
  reply.sequence = node.at("sequence").get<std::uint64_t>();
  const auto kind = node.at("kind").get<std::string>();
  const auto parsed = parse_error_kind(kind);
  if (!parsed) throw json::other_error::create(501, "error kind '" + kind + "' is unknown", &node);
  reply.error = {*parsed, node.at("message").get<std::string>(), {}, node.value("excerpt", "")};
  if (node.contains("where")) {
    const json& where = node.at("where");
    reply.error.where =
        TextPosition{where.at("file").get<std::string>(), where.at("line").get<int>(), where.at("column").get<int>()};
  }
  return reply;
}

// Parses the line and hands it to `read`, whose exceptions become errors.
template <class Message, class Read>
Result<Message> decode(std::string_view line, Read read) {
  try {
    return read(json::parse(line));
  } catch (const json::exception& exception) {
    return internal_error("found {} bytes that are no message: {}", line.size(), exception.what());
  }
}

}  // namespace

std::string_view name(ErrorKind kind) {
  for (const auto& [value, word] : kKinds)
    if (value == kind) return word;
  return "";
}

std::optional<ErrorKind> parse_error_kind(std::string_view name) {
  for (const auto& [value, word] : kKinds)
    if (word == name) return value;
  return std::nullopt;
}

std::string encode(const Request& request) {
  return one_line(std::visit([](const auto& message) { return node_of(message); }, request));
}

std::string encode(const Reply& reply) {
  return one_line(std::visit([](const auto& message) { return node_of(message); }, reply));
}

Result<Request> decode_request(std::string_view line) {
  return decode<Request>(line, [](const json& node) -> Result<Request> {
    const auto what = node.at("do").get<std::string>();
    if (what == "setup") return setup_of(node);
    if (what == "case") return case_of(node);
    return internal_error("unknown request '{}'", what);
  });
}

Result<Reply> decode_reply(std::string_view line) {
  return decode<Reply>(line, [](const json& node) -> Result<Reply> {
    const auto what = node.at("is").get<std::string>();
    if (what == "ready") return ready_of(node);
    if (what == "result")
      return ResultReply{node.at("sequence").get<std::uint64_t>(), node.at("result").get<CaseResult>()};
    if (what == "error") return error_of(node);
    return internal_error("unknown reply '{}'", what);
  });
}

bool LineBuffer::append(std::string_view bytes) {
  pending_ += bytes;
  // Only the rest behind the last newline may still grow.
  const std::size_t last = pending_.rfind('\n');
  return pending_.size() - (last == std::string::npos ? 0 : last + 1) <= limit_;
}

std::optional<std::string> LineBuffer::next() {
  const std::size_t end = pending_.find('\n', scanned_);
  if (end == std::string::npos) {
    scanned_ = pending_.size();
    return std::nullopt;
  }
  std::string line = pending_.substr(0, end);
  pending_.erase(0, end + 1);
  scanned_ = 0;
  return line;
}

}  // namespace assay::run

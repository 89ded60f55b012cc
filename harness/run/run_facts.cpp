#include "harness/run/run_facts.h"

#include <fmt/chrono.h>
#include <sys/utsname.h>

#include <charconv>
#include <chrono>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

namespace assay::run {
namespace {

std::uint64_t number(std::string_view text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace

StoreFacts facts_of(const reports::RunInfo& info) {
  nlohmann::json backends = nlohmann::json::array();
  for (const reports::BackendInfo& backend : info.backends)
    backends.push_back({{"name", backend.name}, {"description", backend.description}, {"missing", backend.missing}});
  return {{"command_line", info.command_line},
          {"replay_options", info.replay_options},
          {"seed", std::to_string(info.seed)},
          {"machine", info.machine},
          {"started", info.started},
          {"cases", std::to_string(info.cases)},
          {"backends", backends.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)},
          {"versions", nlohmann::json(info.versions).dump()}};
}

reports::RunInfo info_of(const StoreFacts& facts) {
  const auto text = [&](std::string_view key) {
    const auto found = facts.find(key);
    return found == facts.end() ? std::string() : found->second;
  };
  reports::RunInfo info;
  info.command_line = text("command_line");
  info.replay_options = text("replay_options");
  info.seed = number(text("seed"));
  info.machine = text("machine");
  info.started = text("started");
  info.cases = static_cast<std::int64_t>(number(text("cases")));
  try {
    const auto backends = nlohmann::json::parse(text("backends"));
    const auto versions = nlohmann::json::parse(text("versions"));
    for (const auto& backend : backends)
      info.backends.push_back({backend.at("name").get<std::string>(), backend.at("description").get<std::string>(),
                               backend.at("missing").get<std::string>()});
    for (const auto& [key, value] : versions.items()) info.versions[key] = value.get<std::string>();
  } catch (const nlohmann::json::exception&) {
    // A store is a file like any other: what does not parse is left out of the report's head.
  }
  return info;
}

std::string machine_description() {
  std::string processor = "unknown processor";
  std::ifstream cpuinfo("/proc/cpuinfo");
  for (std::string line; std::getline(cpuinfo, line);) {
    const std::size_t colon = line.find(": ");
    if (!line.starts_with("model name") || colon == std::string::npos) continue;
    processor = line.substr(colon + 2);
    break;
  }
  utsname system{};
  uname(&system);
  return fmt::format("{}, {} threads, {} {}", processor, std::thread::hardware_concurrency(), system.sysname,
                     system.release);
}

std::string utc_now() {
  const auto now = std::chrono::system_clock::now();
  const auto milliseconds =
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() % 1000;
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(std::chrono::system_clock::to_time_t(now)),
                     milliseconds);
}

}  // namespace assay::run

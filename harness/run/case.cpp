#include "harness/run/case.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

namespace assay::run {
namespace {

constexpr std::size_t kLongestLine = 64 * 1024;
// How to treat a case, not what it is.
constexpr std::array<std::string_view, 4> kTreatment = {"backends", "expect", "tags", "timeout"};

bool is_plain(std::string_view value) {
  return !value.empty() && std::all_of(value.begin(), value.end(),
                                       [](unsigned char c) { return c > ' ' && c != '"' && c != '\\' && c != 0x7f; });
}

std::string quoted(std::string_view value) {
  std::string text = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') text += '\\';
    if (c == '\n') {
      text += "\\n";
    } else if (c == '\r') {
      text += "\\r";
    } else {
      text += c;
    }
  }
  return text + '"';
}

// Reads `key=value key="quoted value" ...` from left to right.
class ReplayParser {
 public:
  explicit ReplayParser(std::string_view line) : line_(line) {}

  Result<Case> parse() {
    Case result;
    for (skip_spaces(); at_ < line_.size(); skip_spaces()) {
      const std::size_t start = at_;
      const auto key = parse_key();
      if (!key) return tl::unexpected(key.error());
      auto value = at_ < line_.size() && line_[at_] == '"' ? parse_quoted() : Result<std::string>(parse_plain());
      if (!value) return tl::unexpected(value.error());
      if (!result.values.emplace(*key, std::move(*value)).second)
        return bad_input("replay line, column {}: key '{}' stands twice", start + 1, *key);
    }
    if (result.values.empty()) return bad_input("the replay line is empty; expected 'pipeline=NAME key=value ...'");
    return result;
  }

 private:
  bool at_space() const { return std::isspace(static_cast<unsigned char>(line_[at_])) != 0; }
  void skip_spaces() {
    while (at_ < line_.size() && at_space()) ++at_;
  }
  Result<std::string> parse_key() {
    const std::size_t start = at_;
    while (at_ < line_.size() && line_[at_] != '=' && !at_space()) ++at_;
    const std::string key(line_.substr(start, at_ - start));
    if (at_ == line_.size() || line_[at_] != '=')
      return bad_input("replay line, column {}: '{}' is not key=value", start + 1, key);
    if (key.empty()) return bad_input("replay line, column {}: a value without a key", start + 1);
    ++at_;
    return key;
  }
  std::string parse_plain() {
    const std::size_t start = at_;
    while (at_ < line_.size() && !at_space()) ++at_;
    return std::string(line_.substr(start, at_ - start));
  }
  Result<std::string> parse_quoted() {
    const std::size_t start = at_++;
    std::string value;
    for (; at_ < line_.size(); ++at_) {
      char c = line_[at_];
      if (c == '"') {
        ++at_;
        if (at_ < line_.size() && !at_space())
          return bad_input("replay line, column {}: text behind the closing quote", at_ + 1);
        return value;
      }
      if (c == '\\' && at_ + 1 < line_.size()) {
        c = line_[++at_];
        c = c == 'n' ? '\n' : c == 'r' ? '\r' : c;
      }
      value += c;
    }
    return bad_input("replay line, column {}: the quote is not closed", start + 1);
  }

  std::string_view line_;
  std::size_t at_ = 0;
};

}  // namespace

std::string_view Case::get(std::string_view key, std::string_view otherwise) const {
  const auto found = values.find(key);
  return found == values.end() ? otherwise : std::string_view(found->second);
}

// FNV-1a over "key\0value\0", then the finalizer of SplitMix64, which spreads the last bytes over all bits.
std::string case_id(const Case& c) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  const auto add = [&hash](std::string_view text) {
    for (const char byte : text) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3U;
    hash = hash * 0x100000001b3U;
  };
  for (const auto& [key, value] : c.values) {
    if (std::find(kTreatment.begin(), kTreatment.end(), key) != kTreatment.end()) continue;
    add(key);
    add(value);
  }
  hash = (hash ^ (hash >> 30)) * 0xbf58476d1ce4e5b9U;
  hash = (hash ^ (hash >> 27)) * 0x94d049bb133111ebU;
  return fmt::format("{:016x}", hash ^ (hash >> 31));
}

std::string replay_line(const Case& c) {
  std::string line;
  for (const auto& [key, value] : c.values) {
    if (!line.empty()) line += ' ';
    line += key + '=' + (is_plain(value) ? value : quoted(value));
  }
  return line;
}

Result<Case> parse_replay(std::string_view line) {
  if (line.size() > kLongestLine)
    return bad_input("the replay line has {} bytes; at most {} are read", line.size(), kLongestLine);
  return ReplayParser(line).parse();
}

}  // namespace assay::run

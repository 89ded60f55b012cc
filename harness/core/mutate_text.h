// Test support: damaged variants of a valid text, for the robustness tests of readers.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "harness/core/random.h"

namespace assay {

// One to four random edits: a byte replaced, removed, inserted, a stretch repeated, the end cut off. The same (text,
// index) gives the same result.
inline std::string mutate_text(std::string_view text, std::uint64_t index) {
  const RandomStream random(index, "mutate");
  std::string result(text);
  const std::uint64_t edits = 1 + scale_to(random.bits(0), 4);
  for (std::uint64_t edit = 1; edit <= edits; ++edit) {
    const PhiloxCounter words = random.block(edit);
    const auto at = static_cast<std::size_t>(scale_to(std::uint64_t{words[0]} << 32, result.size() + 1));
    const auto length = std::min<std::size_t>(words[3] % 16, result.size() - at);
    switch (words[1] % 6) {
      case 0:
        result.insert(at, 1, static_cast<char>(words[2]));
        break;
      case 1:
        result.insert(at, 1, "(){}[]'\",:0123456789.-+*%<=&|!x\n"[words[2] % 33]);
        break;
      case 2:
        result.insert(at, result.substr(at, length));
        break;
      case 3:
        result.erase(at, length);
        break;
      case 4:
        result.resize(at);
        break;
      default:
        if (at < result.size()) result[at] = static_cast<char>(words[2]);
    }
  }
  return result;
}

}  // namespace assay

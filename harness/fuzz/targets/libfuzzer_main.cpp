// libFuzzer's entry. ASSAY_FUZZ_TARGET is one of the functions of targets.h. Half of the mutations are libFuzzer's, on
// bytes; the others are on lines, numbers and names, so that more of the results are kernels.
#include <algorithm>
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "harness/fuzz/targets/targets.h"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

namespace {

struct Piece {
  std::size_t begin, end;
};

// Lines, or maximal stretches of characters that `part` accepts behind a character that `starts` it.
std::vector<Piece> lines_of(const std::string& text) {
  std::vector<Piece> lines;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size() - 1) + 1;
    lines.push_back({begin, end});
    begin = end;
  }
  return lines;
}
template <class Starts, class Part>
std::vector<Piece> pieces_of(const std::string& text, const Starts& starts, const Part& part) {
  std::vector<Piece> pieces;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!starts(text[i])) continue;
    std::size_t end = i + 1;
    while (end < text.size() && part(text[end])) ++end;
    pieces.push_back({i, end});
    i = end;
  }
  return pieces;
}

bool is_digit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }
bool is_name(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

void mutate_structure(std::string& text, std::minstd_rand& random) {
  const auto pick = [&](const std::vector<Piece>& pieces) { return pieces[random() % pieces.size()]; };
  const std::vector<Piece> lines = lines_of(text);
  if (lines.empty()) return;
  const Piece line = pick(lines), other = pick(lines);
  const std::string copy = text.substr(line.begin, line.end - line.begin);
  switch (random() % 5) {
    case 0:
      text.erase(line.begin, line.end - line.begin);
      return;
    case 1:
      text.insert(other.begin, copy);
      return;
    case 2:  // move
      text.insert(other.begin, copy);
      text.erase(line.begin + (other.begin <= line.begin ? copy.size() : 0), copy.size());
      return;
    case 3: {
      static constexpr const char* kNumbers[] = {
          "0",  "1",    "2",     "3",      "7",       "8",          "15",
          "16", "17",   "31",    "32",     "64",      "128",        "255",
          "-1", "4096", "65536", "196608", "1048576", "2147483647", "-9223372036854775808"};
      const auto numbers = pieces_of(text, is_digit, is_digit);
      if (numbers.empty()) return;
      const Piece number = pick(numbers);
      text.replace(number.begin, number.end - number.begin, kNumbers[random() % std::size(kNumbers)]);
      return;
    }
    default: {
      const auto names = pieces_of(
          text, [](char c) { return c == '%'; }, is_name);
      if (names.empty()) return;
      const Piece name = pick(names), replacement = pick(names);
      const std::string word = text.substr(replacement.begin, replacement.end - replacement.begin);
      text.replace(name.begin, name.end - name.begin, word);
      return;
    }
  }
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned int seed) {
  std::minstd_rand random(seed);
  if (size == 0 || random() % 2 == 0) return LLVMFuzzerMutate(data, size, max_size);
  std::string text(reinterpret_cast<const char*>(data), size);
  for (std::size_t count = 1 + random() % 3; count > 0; --count) mutate_structure(text, random);
  const std::size_t length = std::min(text.size(), max_size);
  std::copy_n(text.begin(), length, data);
  return length;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  assay::fuzz::ASSAY_FUZZ_TARGET({reinterpret_cast<const char*>(data), size});
  return 0;
}

// What one matrix cell stands for: a list of values. "64", "uniform|ties", "1..64", "1..64+8", "1..64*2", and any of
// these joined by '|'; "\|" stands for the character itself. Integers become canonical: "064" is "64".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "harness/core/error.h"

namespace assay::run {

// first, first+step, ... ; count >= 1.
struct IntegerRange {
  std::int64_t first = 0, step = 1, count = 0;
};

// The values of a cell in the order written. Ranges are kept as ranges: a cell of a million values costs a few words.
class CellValues {
 public:
  // Errors (no position; the caller knows it): an empty alternative, a range that is empty or endless, more than
  // kMaxValues values.
  static Result<CellValues> parse(std::string_view text);
  static CellValues single(std::string value);

  static constexpr std::int64_t kMaxValues = 1 << 24;

  std::int64_t size() const { return size_; }
  // 0 <= index < size().
  std::string at(std::int64_t index) const;
  // Whether every value is a decimal 64-bit integer; then integer_at gives it.
  bool integers() const;
  std::int64_t integer_at(std::int64_t index) const;
  // The values written out one by one, without the ranges.
  std::vector<std::string> words() const;
  // Over all values, which are integers.
  std::int64_t minimum() const;
  std::int64_t maximum() const;

 private:
  using Alternative = std::variant<std::string, IntegerRange>;
  const Alternative& locate(std::int64_t& index) const;

  std::vector<Alternative> alternatives_;
  std::vector<std::int64_t> starts_;  // index of each alternative's first value
  std::int64_t size_ = 0;
};

// The whole text as a decimal 64-bit integer, optional minus sign.
bool parse_integer(std::string_view text, std::int64_t& value);

}  // namespace assay::run

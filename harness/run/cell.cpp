#include "harness/run/cell.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>

namespace assay::run {
namespace {

struct RangeText {
  std::string_view first, last, step;
  char kind = '+';
};

bool looks_like_integer(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// A range is "integer..rest"; anything else that holds ".." is a word.
std::optional<RangeText> split_range(std::string_view text) {
  const std::size_t dots = text.find("..");
  if (dots == std::string_view::npos || !looks_like_integer(text.substr(0, dots))) return std::nullopt;
  RangeText range{text.substr(0, dots), text.substr(dots + 2), "1"};
  const std::size_t mark = range.last.find_first_of("+*");
  if (mark != std::string_view::npos) {
    range.kind = range.last[mark];
    range.step = range.last.substr(mark + 1);
    range.last = range.last.substr(0, mark);
  }
  return range;
}

// The end of the alternative that starts at `start`: the next '|' that no backslash precedes.
std::size_t alternative_end(std::string_view text, std::size_t start) {
  for (std::size_t i = start; i < text.size(); ++i)
    if (text[i] == '|' && (i == start || text[i - 1] != '\\')) return i;
  return text.size();
}

std::string without_escapes(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i)
    if (text[i] != '\\' || i + 1 == text.size() || text[i + 1] != '|') plain += text[i];
  return plain;
}

Result<std::vector<std::string>> geometric(std::int64_t first, std::int64_t last, std::int64_t factor) {
  if (first < 1 || factor < 2) return bad_input("a range with '*' needs a first value from 1 and a factor from 2");
  std::vector<std::string> values;
  for (std::int64_t value = first; value <= last; value *= factor) {
    values.push_back(std::to_string(value));
    if (value > last / factor) break;
  }
  return values;
}

}  // namespace

bool parse_integer(std::string_view text, std::int64_t& value) {
  if (!looks_like_integer(text)) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size();
}

CellValues CellValues::single(std::string value) {
  CellValues cell;
  cell.alternatives_.emplace_back(std::move(value));
  cell.starts_.push_back(0);
  cell.size_ = 1;
  return cell;
}

Result<CellValues> CellValues::parse(std::string_view text) {
  CellValues cell;
  const auto add = [&cell](Alternative alternative, std::int64_t count) {
    cell.starts_.push_back(cell.size_);
    cell.alternatives_.push_back(std::move(alternative));
    cell.size_ += count;
  };
  for (std::size_t start = 0; start <= text.size();) {
    const std::size_t end = alternative_end(text, start);
    std::string_view piece = text.substr(start, end - start);
    while (piece.starts_with(' ')) piece.remove_prefix(1);
    while (piece.ends_with(' ')) piece.remove_suffix(1);
    if (piece.empty())
      return bad_input("found an empty alternative in '{}', expected a value on both sides of '|'", text);
    start = end + 1;
    const auto range = split_range(piece);
    if (!range) {
      std::int64_t integer = 0;
      add(parse_integer(piece, integer) ? std::to_string(integer) : without_escapes(piece), 1);
      continue;
    }
    std::int64_t first = 0, last = 0, step = 0;
    if (!parse_integer(range->first, first) || !parse_integer(range->last, last) || !parse_integer(range->step, step))
      return bad_input("found range '{}', expected FIRST..LAST, FIRST..LAST+STEP or FIRST..LAST*FACTOR", piece);
    if (last < first) return bad_input("range '{}' expands to nothing: {} is below {}", piece, last, first);
    if (range->kind == '*') {
      auto values = geometric(first, last, step);
      if (!values) return bad_input("{}: '{}'", values.error().message, piece);
      for (std::string& value : *values) add(std::move(value), 1);
      continue;
    }
    if (step < 1) return bad_input("range '{}' has step {}, expected at least 1", piece, step);
    // Unsigned: the distance of two 64-bit integers always fits.
    const std::uint64_t steps =
        (static_cast<std::uint64_t>(last) - static_cast<std::uint64_t>(first)) / static_cast<std::uint64_t>(step);
    if (steps >= static_cast<std::uint64_t>(kMaxValues))
      return bad_input("range '{}' has more than {} values", piece, kMaxValues);
    const auto count = static_cast<std::int64_t>(steps) + 1;
    add(IntegerRange{first, step, count}, count);
    if (cell.size_ > kMaxValues) return bad_input("more than {} values in one cell", kMaxValues);
  }
  return cell;
}

const CellValues::Alternative& CellValues::locate(std::int64_t& index) const {
  const auto next = std::upper_bound(starts_.begin(), starts_.end(), index);
  const auto which = static_cast<std::size_t>(next - starts_.begin()) - 1;
  index -= starts_[which];
  return alternatives_[which];
}

std::string CellValues::at(std::int64_t index) const {
  const Alternative& alternative = locate(index);
  if (const auto* word = std::get_if<std::string>(&alternative)) return *word;
  const auto& range = std::get<IntegerRange>(alternative);
  return std::to_string(range.first + index * range.step);
}

bool CellValues::integers() const {
  std::int64_t ignored = 0;
  return std::all_of(alternatives_.begin(), alternatives_.end(), [&](const Alternative& alternative) {
    const auto* word = std::get_if<std::string>(&alternative);
    return !word || parse_integer(*word, ignored);
  });
}

std::int64_t CellValues::integer_at(std::int64_t index) const {
  const Alternative& alternative = locate(index);
  if (const auto* range = std::get_if<IntegerRange>(&alternative)) return range->first + index * range->step;
  std::int64_t value = 0;
  parse_integer(std::get<std::string>(alternative), value);
  return value;
}

std::vector<std::string> CellValues::words() const {
  std::vector<std::string> words;
  for (const Alternative& alternative : alternatives_)
    if (const auto* word = std::get_if<std::string>(&alternative)) words.push_back(*word);
  return words;
}

std::int64_t CellValues::minimum() const {
  std::int64_t least = std::numeric_limits<std::int64_t>::max();
  for (std::size_t i = 0; i < alternatives_.size(); ++i) least = std::min(least, integer_at(starts_[i]));
  return least;
}

std::int64_t CellValues::maximum() const {
  std::int64_t greatest = std::numeric_limits<std::int64_t>::min();
  for (std::size_t i = 0; i < alternatives_.size(); ++i) {
    const std::int64_t last = (i + 1 < alternatives_.size() ? starts_[i + 1] : size_) - 1;
    greatest = std::max(greatest, integer_at(last));
  }
  return greatest;
}

}  // namespace assay::run

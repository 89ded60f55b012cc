#include "harness/sim/ring.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace assay::sim {
namespace {

// What copies for a vector core 1 that never asks may cost.
constexpr std::size_t kMaxKeptBytes = std::size_t{32} << 20;

std::int64_t extent(const Cargo& cargo, Split split) { return by_rows(split) ? cargo.rows : cargo.cols; }

// Rows [row, row + rows) and columns [col, col + cols) of what is there.
Cargo part_of(const Cargo& from, std::int64_t row, std::int64_t col, std::int64_t rows, std::int64_t cols) {
  Cargo part;
  part.dtype = from.dtype;
  part.rows = std::clamp<std::int64_t>(from.rows - row, 0, rows);
  part.cols = std::clamp<std::int64_t>(from.cols - col, 0, cols);
  const std::int64_t width = info(from.dtype).bits / 8;
  const auto bytes = [](std::int64_t count) { return static_cast<std::size_t>(count); };
  part.data.resize(bytes(part.rows * part.cols * width));
  if (!from.defined.empty()) part.defined.resize(part.data.size());
  for (std::int64_t r = 0; r < part.rows && part.cols > 0; ++r) {
    const std::int64_t source = ((row + r) * from.cols + col) * width, to = r * part.cols * width;
    std::memcpy(part.data.data() + to, from.data.data() + source, bytes(part.cols * width));
    if (!from.defined.empty())
      std::memcpy(part.defined.data() + to, from.defined.data() + source, bytes(part.cols * width));
  }
  return part;
}

// Puts a part into a larger rectangle.
void place(Cargo& into, const Cargo& part, std::int64_t row, std::int64_t col) {
  const std::int64_t width = info(into.dtype).bits / 8;
  const std::size_t run = static_cast<std::size_t>(part.cols * width);
  if (run == 0) return;
  if (into.defined.empty() && !part.defined.empty()) into.defined.assign(into.data.size(), 1);
  for (std::int64_t r = 0; r < part.rows; ++r) {
    const std::int64_t to = ((row + r) * into.cols + col) * width, from = r * part.cols * width;
    std::memcpy(into.data.data() + to, part.data.data() + from, run);
    if (!part.defined.empty()) std::memcpy(into.defined.data() + to, part.defined.data() + from, run);
  }
}

}  // namespace

std::string_view name(Direction direction) {
  return direction == Direction::to_vector ? "cube to vector" : "vector to cube";
}

Ring::Ring(Direction direction, std::int64_t vector_cores, Shape shape)
    : direction_(direction),
      vector_cores_(std::min(vector_cores, kLanes)),
      shape_(shape),
      slot_freed_(static_cast<std::size_t>(shape.slots)) {}

std::int64_t Ring::writers(Split split) const {
  return direction_ == Direction::to_cube && split != Split::none ? vector_cores_ : 1;
}
std::int64_t Ring::readers(Split split) const {
  return direction_ == Direction::to_vector && split != Split::none ? vector_cores_ : 1;
}

bool Ring::is_complete(const Entry& entry) const {
  for (std::int64_t lane = 0; lane < writers(entry.split); ++lane)
    if (!entry.parts[index(lane)].origin.op) return false;
  return true;
}

bool Ring::is_freed(std::int64_t number) const {
  if (number < first_) return true;
  for (std::int64_t lane = 0; lane < readers(entry(number).split); ++lane)
    if (freed_[index(lane)] <= number) return false;
  return true;
}

bool Ring::is_slot_free(std::int64_t entry) const {
  const std::int64_t before = entry - shape_.slots;
  return before < 0 || (before < first_ + static_cast<std::int64_t>(entries_.size()) && is_freed(before));
}

bool Ring::can_push(std::int64_t lane) const { return is_slot_free(pushed(lane)); }

const Clock& Ring::reused(std::int64_t lane) const { return freed_slot(pushed(lane)); }

std::string Ring::check_parts(const Entry& entry) const {
  const Cargo &first = entry.parts[0].cargo, &second = entry.parts[1].cargo;
  if (first.dtype != second.dtype) return fmt::format("parts of {} and of {}", name(first.dtype), name(second.dtype));
  const bool rows = by_rows(entry.split);
  const std::int64_t a = extent(first, entry.split), b = extent(second, entry.split);
  if ((rows ? first.cols != second.cols : first.rows != second.rows) || a != b + surplus(entry.split))
    return fmt::format("parts of {}x{} and {}x{} for split {}", first.rows, first.cols, second.rows, second.cols,
                       static_cast<int>(entry.split));
  return "";
}

std::string Ring::push(std::int64_t lane, Split split, Cargo part, Origin origin, const Clock& done) {
  const std::int64_t number = pushed_[index(lane)]++;
  if (number < first_) return "";  // the entry was vector core 0's alone, and is gone
  while (number >= first_ + static_cast<std::int64_t>(entries_.size())) entries_.emplace_back();
  Entry& target = entry(number);
  const bool is_first =
      std::none_of(target.parts.begin(), target.parts.end(), [](const Part& p) { return p.origin.op; });
  if (!is_first && target.split != split)
    return fmt::format("split {} where the other vector core pushed entry {} with split {}", static_cast<int>(split),
                       number, static_cast<int>(target.split));
  if (split != Split::none && vector_cores_ < kLanes) return "a split entry for a single vector core";
  target.split = split;
  kept_bytes_ += part.data.size();
  target.parts[index(lane)] = {std::move(part), origin};
  if (lane < writers(split)) target.clock.join(done);
  const Part& pushed = target.parts[index(lane)];
  if (direction_ == Direction::to_cube) return split != Split::none && is_complete(target) ? check_parts(target) : "";
  const std::int64_t size = split == Split::none ? 0 : extent(pushed.cargo, split);
  if (split != Split::none && size % 2 != surplus(split))
    return fmt::format("split {} of {} {}", static_cast<int>(split), size, by_rows(split) ? "rows" : "columns");
  return "";
}

bool Ring::can_pop(std::int64_t lane) const {
  const std::int64_t number = popped(lane);
  if (number < first_) return true;  // the copy is gone: pop says so
  return number < first_ + static_cast<std::int64_t>(entries_.size()) && is_complete(entry(number));
}

Cargo Ring::assemble(const Entry& entry) const {
  if (direction_ == Direction::to_vector || entry.split == Split::none) return entry.parts[0].cargo;
  const Cargo &first = entry.parts[0].cargo, &second = entry.parts[1].cargo;
  const bool rows = by_rows(entry.split);
  Cargo whole;
  whole.dtype = first.dtype;
  whole.rows = rows ? first.rows + second.rows : first.rows;
  whole.cols = rows ? first.cols : first.cols + second.cols;
  whole.data.resize(first.data.size() + second.data.size());
  place(whole, first, 0, 0);
  place(whole, second, rows ? first.rows : 0, rows ? 0 : first.cols);
  return whole;
}

Ring::Popped Ring::pop(std::int64_t lane, std::int64_t rows, std::int64_t cols, Split split, Origin origin) {
  const std::int64_t number = popped_[index(lane)]++;
  Popped popped;
  if (number < first_) {
    popped.mismatch = fmt::format("entry {}, whose slot has been taken again long since", number);
    return popped;
  }
  Entry& source = entry(number);
  popped.clock = source.clock;
  popped.pushed_by = source.parts[0].origin;
  if (source.split != split) {
    popped.mismatch = fmt::format("split {} of an entry pushed with split {}", static_cast<int>(split),
                                  static_cast<int>(source.split));
    return popped;
  }
  const Cargo whole = assemble(source);
  std::int64_t row = 0, col = 0, own_rows = whole.rows, own_cols = whole.cols;
  const bool divides = direction_ == Direction::to_vector && split != Split::none;
  if (divides) {
    std::int64_t& own = by_rows(split) ? own_rows : own_cols;
    own = lane == 0 ? own - own / 2 : own / 2;
  }
  if (rows < 0) rows = own_rows;
  if (cols < 0) cols = own_cols;
  source.taken[index(lane)] = {by_rows(split) ? rows : cols, origin};
  if (divides) {
    // The reader finds its part by the extents of the tile it pops into (pto-isa 2.1: TPOP).
    if (lane == 1) (by_rows(split) ? row : col) = source.taken[1].extent + surplus(split);
    const std::int64_t first = source.taken[0].extent, second = source.taken[1].extent;
    if (first >= 0 && second >= 0 && (first != second + surplus(split) || first + second < extent(whole, split)))
      popped.mismatch = fmt::format("{} and {} {} of the {} pushed with split {}", first, second,
                                    by_rows(split) ? "rows" : "columns", extent(whole, split), static_cast<int>(split));
  }
  popped.cargo = part_of(whole, row, col, rows, cols);
  return popped;
}

std::int64_t Ring::held(std::int64_t lane) const { return popped_[index(lane)] - freed_[index(lane)]; }

void Ring::free(std::int64_t lane, const Clock& done) {
  const std::int64_t number = freed_[index(lane)]++;
  if (number >= first_ && lane < readers(entry(number).split)) slot_freed_[index(number % shape_.slots)].join(done);
  drop_finished();
}

void Ring::drop_finished() {
  const auto wanted = [&](std::int64_t number) {  // by a vector core 1 that reads copies
    return direction_ == Direction::to_vector && vector_cores_ > 1 && freed_[1] <= number;
  };
  while (!entries_.empty() && is_complete(entries_.front()) && is_freed(first_) &&
         (!wanted(first_) || kept_bytes_ > kMaxKeptBytes)) {
    for (const Part& part : entries_.front().parts) kept_bytes_ -= part.cargo.data.size();
    entries_.pop_front();
    ++first_;
  }
}

std::vector<Ring::Leftover> Ring::leftovers() const {
  std::vector<Leftover> found;
  for (std::int64_t number = first_; number < first_ + static_cast<std::int64_t>(entries_.size()); ++number) {
    const Entry& left = entry(number);
    for (std::int64_t lane = 0; lane < readers(left.split); ++lane) {
      if (freed_[index(lane)] > number) continue;
      const bool was_popped = popped_[index(lane)] > number;
      const Origin pushed_by = left.parts[0].origin.op ? left.parts[0].origin : left.parts[1].origin;
      found.push_back({number, lane, was_popped, was_popped ? left.taken[index(lane)].origin : pushed_by});
    }
  }
  return found;
}

}  // namespace assay::sim

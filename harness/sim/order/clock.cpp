#include "harness/sim/order/clock.h"

#include <algorithm>

namespace assay::sim {
namespace {

using Times = Clock::Times;
using Link = std::shared_ptr<const void>;
constexpr unsigned kChildBits = 4;
using Inner = std::array<Link, std::size_t{1} << kChildBits>;

const Inner& inner(const Link& link) { return *static_cast<const Inner*>(link.get()); }
const Times& leaf(const Link& link) { return *static_cast<const Times*>(link.get()); }

std::size_t child(std::uint32_t core, unsigned height) {
  return (core >> (kChildBits * (height - 1))) % (std::size_t{1} << kChildBits);
}
bool is_beyond(std::uint32_t core, unsigned height) {
  return kChildBits * height < 32 && (core >> (kChildBits * height)) != 0;
}

bool covers(const Times& a, const Times& b) {
  for (std::size_t pipe = 0; pipe < a.size(); ++pipe)
    if (a[pipe] < b[pipe]) return false;
  return true;
}

void raise_to(Times& times, const Times& other) {
  for (std::size_t pipe = 0; pipe < times.size(); ++pipe) times[pipe] = std::max(times[pipe], other[pipe]);
}

const Times* find(const Clock::Tree& root, std::uint32_t core) {
  if (!root.tree || is_beyond(core, root.height)) return nullptr;
  const Link* at = &root.tree;
  for (unsigned height = root.height; height > 0; --height) {
    at = &inner(*at)[child(core, height)];
    if (!*at) return nullptr;
  }
  return &leaf(*at);
}

// One of the arguments wherever it covers the other, so that equal parts stay shared.
Link joined(const Link& a, const Link& b, unsigned height) {
  if (!b || a == b) return a;
  if (!a) return b;
  if (height == 0) {
    if (covers(leaf(a), leaf(b))) return a;
    if (covers(leaf(b), leaf(a))) return b;
    auto times = std::make_shared<Times>(leaf(a));
    raise_to(*times, leaf(b));
    return times;
  }
  Inner children;
  bool is_a = true, is_b = true;
  for (std::size_t i = 0; i < children.size(); ++i) {
    children[i] = joined(inner(a)[i], inner(b)[i], height - 1);
    is_a = is_a && children[i] == inner(a)[i];
    is_b = is_b && children[i] == inner(b)[i];
  }
  if (is_a) return a;
  if (is_b) return b;
  return std::make_shared<Inner>(std::move(children));
}

Link with(const Link& at, unsigned height, std::uint32_t core, const Times& times) {
  if (height == 0) {
    auto raised = std::make_shared<Times>(times);
    if (at) raise_to(*raised, leaf(at));
    return raised;
  }
  auto node = at ? std::make_shared<Inner>(inner(at)) : std::make_shared<Inner>();
  Link& below = (*node)[child(core, height)];
  below = with(below, height - 1, core, times);
  return node;
}

void raise_height(Clock::Tree& root, unsigned height) {
  while (root.height < height) {
    if (root.tree) {
      auto above = std::make_shared<Inner>();
      (*above)[0] = std::move(root.tree);
      root.tree = std::move(above);
    }
    ++root.height;
  }
}

}  // namespace

std::uint64_t Clock::elsewhere(std::uint32_t core, std::size_t pipe) const {
  const Times* times = find(rest_, core);
  return times ? (*times)[pipe] : 0;
}

void Clock::learn(std::uint32_t core, const Times& times) {
  if (const Times* known = find(rest_, core); known && sim::covers(*known, times)) return;
  unsigned height = std::max(rest_.height, 1U);
  while (is_beyond(core, height)) ++height;
  raise_height(rest_, height);
  rest_.tree = with(rest_.tree, rest_.height, core, times);
}

void Clock::advance(Epoch epoch) {
  const std::uint32_t core = epoch.actor / pto::kPipes;
  const std::size_t pipe = epoch.actor % pto::kPipes;
  if (home_ == kNoCore) home_ = core;
  if (core == home_) {
    times_[pipe] = std::max(times_[pipe], epoch.time);
    return;
  }
  Times times{};
  times[pipe] = epoch.time;
  learn(core, times);
}

void Clock::join(const Clock& other) {
  if (other.home_ == kNoCore || this == &other) return;
  if (home_ == kNoCore) {
    *this = other;
    return;
  }
  if (other.rest_.tree && other.rest_.tree != rest_.tree && other.rest_.tree != absorbed_) {
    if (!rest_.tree || rest_.tree == other.absorbed_) {
      rest_ = other.rest_;
    } else {
      Tree theirs = other.rest_;
      raise_height(theirs, rest_.height);
      raise_height(rest_, theirs.height);
      rest_.tree = joined(rest_.tree, theirs.tree, rest_.height);
      absorbed_ = other.rest_.tree;
    }
    if (const Times* known = find(rest_, home_)) raise_to(times_, *known);
  }
  if (other.home_ == home_) {
    raise_to(times_, other.times_);
  } else if (const Times* known = find(rest_, other.home_); !known || !sim::covers(*known, other.times_)) {
    learn(other.home_, other.times_);
    learn(home_, times_);  // whoever joins this clock then needs nothing but its tree, and shares it
  }
}

}  // namespace assay::sim

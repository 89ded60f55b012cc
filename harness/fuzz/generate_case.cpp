#include "harness/fuzz/generate_case.h"

#include <algorithm>
#include <cstdlib>

namespace assay::fuzz {
namespace {

rc::Gen<std::int64_t> any_extent(std::int64_t min, std::int64_t max) {
  const std::vector<std::int64_t> edges = edge_extents(min, max);
  // inRange draws near `min` for small sizes.
  const auto any = rc::gen::inRange<std::int64_t>(min, max + 1);
  return edges.empty() ? any : rc::gen::oneOf(rc::gen::elementOf(edges), any);
}

std::int64_t lowest(const pipeline::Parameter& parameter) { return parameter.min.value_or(1); }

void draw_parameter(const pipeline::Parameter& parameter, const CaseSpace& space, run::Case& c) {
  if (!parameter.choices.empty()) {
    c.values[parameter.name] = *rc::gen::elementOf(parameter.choices);
    return;
  }
  const std::int64_t min = lowest(parameter);
  const std::int64_t max = std::max(min, std::min(parameter.max.value_or(space.largest_extent), space.largest_extent));
  c.values[parameter.name] = std::to_string(*any_extent(min, max));
}

// Smaller values of an integer, the boldest first: the least, then halfway to it, and so on down to one less.
std::vector<std::string> smaller(std::int64_t value, std::int64_t least) {
  std::vector<std::string> values;
  for (std::int64_t step = value - least; step > 0; step /= 2) values.push_back(std::to_string(value - step));
  return values;
}

// Everything in front of `word` in the list.
std::vector<std::string> earlier(const std::vector<std::string>& words, std::string_view word) {
  const auto at = std::find(words.begin(), words.end(), word);
  return at == words.end() ? std::vector<std::string>{} : std::vector<std::string>(words.begin(), at);
}

std::int64_t number(const run::Case& c, std::string_view key) {
  const std::string text(c.get(key, "0"));
  return std::strtoll(text.c_str(), nullptr, 10);
}

// Every case one step smaller than `c`: without the offset, a smaller extent, an earlier word or fill, a smaller seed.
std::vector<run::Case> smaller_cases(const CaseSpace& space, const run::Case& c) {
  std::vector<run::Case> cases;
  const auto add = [&](const std::string& key, const std::vector<std::string>& values) {
    if (space.fixed.values.contains(key)) return;
    for (const std::string& value : values) {
      run::Case smaller = c;
      smaller.values[key] = value;
      cases.push_back(std::move(smaller));
    }
  };
  if (c.values.contains("offset") && !space.fixed.values.contains("offset")) {
    run::Case without = c;
    without.values.erase("offset");
    cases.push_back(std::move(without));
  }
  for (const pipeline::Parameter& parameter : space.pipeline->parameters) {
    if (parameter.choices.empty())
      add(parameter.name, smaller(number(c, parameter.name), lowest(parameter)));
    else
      add(parameter.name, earlier(parameter.choices, c.get(parameter.name)));
  }
  add("fill", earlier(space.fills, c.get("fill")));
  if (c.values.contains("offset")) add("offset", smaller(number(c, "offset"), 1));
  add("seed", smaller(number(c, "seed"), 0));
  return cases;
}

}  // namespace

std::vector<std::int64_t> edge_extents(std::int64_t min, std::int64_t max) {
  std::vector<std::int64_t> edges;
  if (min <= 1 && max >= 1) edges.push_back(1);
  for (std::int64_t power = 8; power - 1 <= max && power <= 8192; power *= 2)
    for (std::int64_t extent : {power - 1, power, power + 1})
      if (extent >= min && extent <= max) edges.push_back(extent);
  return edges;
}

rc::Gen<run::Case> any_case(const CaseSpace& space) {
  const auto drawn = rc::gen::noShrink(rc::gen::exec([space] {
    run::Case c = space.fixed;
    c.values.try_emplace("pipeline", space.pipeline->name);
    for (const pipeline::Parameter& parameter : space.pipeline->parameters)
      if (!space.fixed.values.contains(parameter.name)) draw_parameter(parameter, space, c);
    if (!space.fixed.values.contains("fill")) c.values["fill"] = *rc::gen::elementOf(space.fills);
    if (!space.fixed.values.contains("offset")) {
      const std::int64_t offset = *rc::gen::inRange<std::int64_t>(0, space.largest_offset + 1);
      if (offset != 0) c.values["offset"] = std::to_string(offset);
    }
    if (!space.fixed.values.contains("seed")) c.values["seed"] = std::to_string(*rc::gen::inRange(0, 1'000'000));
    return c;
  }));
  return rc::gen::shrink(drawn,
                         [space](const run::Case& c) { return rc::seq::fromContainer(smaller_cases(space, c)); });
}

}  // namespace assay::fuzz

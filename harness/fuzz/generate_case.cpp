#include "harness/fuzz/generate_case.h"

#include <algorithm>

namespace assay::fuzz {
namespace {

rc::Gen<std::int64_t> any_extent(std::int64_t min, std::int64_t max) {
  const std::vector<std::int64_t> edges = edge_extents(min, max);
  // inRange draws near `min` for small sizes and shrinks towards it.
  const auto any = rc::gen::inRange<std::int64_t>(min, max + 1);
  return edges.empty() ? any : rc::gen::oneOf(rc::gen::elementOf(edges), any);
}

void draw_parameter(const pipeline::Parameter& parameter, const CaseSpace& space, run::Case& c) {
  if (!parameter.choices.empty()) {
    c.values[parameter.name] = *rc::gen::elementOf(parameter.choices);
    return;
  }
  const std::int64_t min = parameter.min.value_or(1);
  const std::int64_t max = std::max(min, std::min(parameter.max.value_or(space.largest_extent), space.largest_extent));
  c.values[parameter.name] = std::to_string(*any_extent(min, max));
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
  return rc::gen::exec([space] {
    run::Case c = space.fixed;
    c.values["pipeline"] = space.pipeline->name;
    for (const pipeline::Parameter& parameter : space.pipeline->parameters)
      if (!space.fixed.values.contains(parameter.name)) draw_parameter(parameter, space, c);
    if (!space.fixed.values.contains("fill")) c.values["fill"] = *rc::gen::elementOf(space.fills);
    if (!space.fixed.values.contains("offset")) {
      const std::int64_t offset = *rc::gen::inRange<std::int64_t>(0, space.largest_offset + 1);
      if (offset != 0) c.values["offset"] = std::to_string(offset);
    }
    if (!space.fixed.values.contains("seed")) c.values["seed"] = std::to_string(*rc::gen::inRange(0, 1'000'000));
    return c;
  });
}

}  // namespace assay::fuzz

#include "harness/bisect/first_divergence.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "harness/compare/policy.h"

namespace assay::bisect {
namespace {

constexpr std::size_t kElementsKept = 64;

std::uint64_t element_bits(const device::TraceEvent& event, std::int64_t index) {
  const auto width = static_cast<std::size_t>(info(event.dtype).bits / 8);
  std::uint64_t bits = 0;
  std::memcpy(&bits, event.data.data() + static_cast<std::size_t>(index) * width, width);
  return bits;
}

// Bits within one NaN class are equal: payloads differ between machines (host-performance.md).
bool same_value(DType dtype, std::uint64_t a, std::uint64_t b) {
  if (a == b) return true;
  return info(dtype).is_float && std::isnan(compare::to_double(dtype, a)) && std::isnan(compare::to_double(dtype, b));
}

bool same_shape(const device::TraceEvent& a, const device::TraceEvent& b) {
  return a.op_id == b.op_id && a.function == b.function && a.block == b.block && a.rows == b.rows && a.cols == b.cols &&
         a.dtype == b.dtype && a.data.size() == b.data.size() && a.element_offsets == b.element_offsets &&
         a.loop_indices == b.loop_indices;
}

// Bound of an f32 sum in any order: (n-1) * 2^-24 * sum of magnitudes to first order; twice, for two machines.
std::vector<double> sum_allowance(const device::TraceEvent& source) {
  std::vector<double> rows(static_cast<std::size_t>(source.rows), 0.0);
  for (std::int64_t i = 0; i < source.rows * source.cols; ++i)
    rows[static_cast<std::size_t>(i / source.cols)] +=
        std::abs(compare::to_double(source.dtype, element_bits(source, i)));
  for (double& row : rows) row *= 2.0 * static_cast<double>(source.cols) * 0x1p-24;
  return rows;
}

}  // namespace

DivergenceFinder::DivergenceFinder(const pto::Function& function, const Profile& a, const Profile& b)
    : extents_(function), operations_(pto::preorder(function)), function_(function.name) {
  for (const auto& [key, ulp] : a.ulp) bound_[key] += ulp;
  for (const auto& [key, ulp] : b.ulp) bound_[key] += ulp;
}

DivergenceFinder::Allowance DivergenceFinder::allowance(const pto::Operation& op) const {
  const pto::OpInfo& row = info(op.code);
  if (row.contract == pto::Contract::bounded) {
    const auto bound = bound_.find(row.bound_key);
    const double ulps = bound == bound_.end() ? 0.0 : bound->second;
    return {static_cast<std::int64_t>(std::ceil(ulps)), {}, fmt::format("{} ulp ({})", ulps, row.bound_key)};
  }
  if (row.contract == pto::Contract::reduction) {
    const std::vector<Extent> reads = extents_.reads(op);
    const auto source = reads.empty() ? last_write_.end() : last_write_.find(reads.front().begin);
    if (source != last_write_.end()) return {0, sum_allowance(source->second), "any order of an f32 sum"};
  }
  return {0, {}, "exact"};
}

void DivergenceFinder::enter_block(std::int64_t block) {
  if (block == block_) return;
  block_ = block;
  tainted_.clear();
  last_write_.clear();
}

bool DivergenceFinder::inputs_tainted(const pto::Operation& op) const {
  if (everything_tainted_) return true;
  const std::vector<Extent> reads = extents_.reads(op);
  return std::any_of(reads.begin(), reads.end(), [&](const Extent& read) {
    return std::any_of(tainted_.begin(), tainted_.end(), [&](const Extent& t) { return t.overlaps(read); });
  });
}

void DivergenceFinder::record(const device::TraceEvent& event, const pto::Operation& op, bool differs) {
  if (event.writes != pto::Writes::tile) {
    everything_tainted_ = everything_tainted_ || differs;
    return;
  }
  for (const Extent& extent : extents_.writes(op)) {
    if (differs)
      tainted_.push_back(extent);
    else
      std::erase_if(tainted_, [&](const Extent& t) { return extent.covers(t); });
    last_write_[extent.begin] = event;
  }
}

std::optional<Divergence> DivergenceFinder::compare(const device::TraceEvent& a, const device::TraceEvent& b) {
  enter_block(a.block);
  if (!same_shape(a, b)) {
    Divergence divergence{a, b, {}, 0, "same operations and shapes", true};
    return divergence;
  }
  if (a.data == b.data) {
    if (a.function == function_ && a.op_id < operations_.size()) record(a, *operations_[a.op_id], false);
    return std::nullopt;
  }
  if (a.function != function_ || a.op_id >= operations_.size()) return std::nullopt;
  const pto::Operation& op = *operations_[a.op_id];
  const bool passed_on = inputs_tainted(op);
  const Allowance allowed = allowance(op);
  Divergence divergence{a, b, {}, 0, allowed.text, false};
  bool differs = false;
  for (std::int64_t i = 0; i < a.rows * a.cols; ++i) {
    const std::uint64_t left = element_bits(a, i), right = element_bits(b, i);
    if (same_value(a.dtype, left, right)) continue;
    differs = true;
    const std::int64_t ulps = compare::ulp_distance(a.dtype, left, right);
    const auto row = static_cast<std::size_t>(i / a.cols);
    const double distance = std::abs(compare::to_double(a.dtype, left) - compare::to_double(a.dtype, right));
    const bool within = allowed.absolute.empty() ? ulps <= allowed.ulps : distance <= allowed.absolute[row];
    if (passed_on || within) {
      ++stepped_over_;
      continue;
    }
    ++divergence.count;
    if (divergence.elements.size() < kElementsKept)
      divergence.elements.push_back({i / a.cols, i % a.cols, left, right, ulps});
  }
  record(a, op, differs);
  if (divergence.count > 0) return divergence;
  return std::nullopt;
}

}  // namespace assay::bisect

#include "harness/compare/peer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace assay::compare {
namespace {

struct Row {
  std::string_view set, output;
  PeerRule rule;
};

std::span<const Row> rows() {
  static const std::vector<Row> table{
#define ASSAY_PEER(set, output, rule) {set, output, PeerRule rule},
#include "harness/compare/peer_tolerances.inc"
#undef ASSAY_PEER
  };
  return table;
}

// Python's round: to the nearest, ties to even.
std::int64_t rounded(double value) { return static_cast<std::int64_t>(std::nearbyint(value)); }

// Calls visit(actual, expected) for each element that is looked at.
template <class Visitor>
void for_each(const Tensor& actual, const Tensor& reference, std::span<const std::uint8_t> open, const Visitor& visit) {
  for (std::int64_t i = 0; i < actual.size(); ++i)
    if (open.empty() || open[static_cast<std::size_t>(i)] == 0)
      visit(to_double(actual.dtype(), actual.bits(i)), to_double(actual.dtype(), reference.bits(i)));
}

struct Counting {
  const Tensor& actual;
  const Tensor& reference;
  std::span<const std::uint8_t> open;
  const Tensor* values;
  PeerOpinion opinion;

  bool is_open(std::int64_t i) const { return !open.empty() && open[static_cast<std::size_t>(i)] != 0; }

  // Elements for which `beyond` holds, of which `most` times their number may be.
  template <class Beyond>
  void count(double most, const Beyond& beyond) {
    for_each(actual, reference, open, [&](double a, double e) { opinion.beyond += beyond(a, e) ? 1 : 0; });
    opinion.allowed = rounded(most * static_cast<double>(opinion.elements));
    opinion.accepts = opinion.beyond <= opinion.allowed;
  }

  void operator()(const NotChecked&) {}
  void operator()(const Bits&) {
    for (std::int64_t i = 0; i < actual.size(); ++i)
      opinion.beyond += !is_open(i) && actual.bits(i) != reference.bits(i) ? 1 : 0;
    opinion.accepts = opinion.beyond == 0;
  }
  void operator()(const Allclose& rule) {
    count(0, [&](double a, double e) {
      const double gap = std::abs(a - e);  // no tolerance covers an infinite one, which rtol * |e| may match
      return !(a == e || (std::isfinite(gap) && gap <= rule.atol + rule.rtol * std::abs(e)));
    });
  }
  void operator()(const Ratio& rule) {
    bool finite = true;
    for_each(actual, reference, open, [&](double a, double e) { finite = finite && std::isfinite(a) && std::isfinite(e); });
    count(rule.most, [&](double a, double e) { return !(std::abs(a - e) <= rule.atol + rule.rtol * std::abs(e)); });
    opinion.accepts = opinion.accepts && finite;
  }
  void operator()(const Reldiff& rule) {
    count(rule.most, [&](double a, double e) {
      const double gap = std::abs(a - e);
      const double scale = std::max({std::abs(a), std::abs(e), std::ldexp(1.0, -14) / rule.threshold}) + 1e-9;
      return !((gap < rule.threshold ? gap : gap / scale) <= rule.threshold);
    });
  }
  void operator()(const IdSet&) {
    const std::int64_t width = actual.shape().empty() ? 1 : std::max<std::int64_t>(actual.shape().back(), 1);
    for (std::int64_t row = 0; row < actual.size(); row += width) {
      std::vector<std::uint64_t> found, wanted;
      for (std::int64_t i = row; i < row + width; ++i) {
        if (is_open(i)) continue;
        found.push_back(actual.bits(i));
        wanted.push_back(reference.bits(i));
      }
      std::sort(found.begin(), found.end());
      std::sort(wanted.begin(), wanted.end());
      opinion.beyond += found == wanted ? 0 : 1;
    }
    opinion.accepts = opinion.beyond == 0;
  }
  void operator()(const TopkPair&) {
    const std::int64_t width = actual.shape().empty() ? 1 : std::max<std::int64_t>(actual.shape().back(), 1);
    const auto value = [&](std::int64_t i) { return to_double(values->dtype(), values->bits(i)); };
    for (std::int64_t i = 0; i < actual.size(); ++i) {
      if (is_open(i) || actual.bits(i) == reference.bits(i)) continue;
      const bool descends = values && values->shape() == actual.shape() &&
                            (i % width == 0 || value(i - 1) >= value(i)) &&
                            (i % width == width - 1 || value(i) >= value(i + 1));
      opinion.beyond += descends ? 0 : 1;
    }
    opinion.accepts = opinion.beyond == 0;
  }
  void operator()(const ResultCmp& rule) {
    constexpr std::int64_t kMostZeros = 1000;
    std::int64_t zeros = 0;
    for_each(actual, reference, open, [&](double a, double e) {
      const double gap = std::abs(a - e);
      const bool nan = std::isnan(a) != std::isnan(e);
      opinion.beyond += nan || (gap > rule.eps && std::abs(gap / e) > rule.eps) ? 1 : 0;
      zeros += a == 0 && e != 0 ? 1 : 0;
    });
    opinion.allowed = static_cast<std::int64_t>(std::floor(static_cast<double>(opinion.elements) * rule.eps));
    opinion.accepts = opinion.beyond <= opinion.allowed && zeros <= kMostZeros;
  }
};

struct Text {
  std::string operator()(const NotChecked&) const { return "not checked"; }
  std::string operator()(const Bits&) const { return "exact"; }
  std::string operator()(const Allclose& r) const { return fmt::format("allclose(rtol={},atol={})", r.rtol, r.atol); }
  std::string operator()(const Ratio& r) const {
    return fmt::format("ratio(rtol={},atol={},most={})", r.rtol, r.atol, r.most);
  }
  std::string operator()(const Reldiff& r) const {
    return fmt::format("reldiff(threshold={},most={})", r.threshold, r.most);
  }
  std::string operator()(const IdSet&) const { return "id_set"; }
  std::string operator()(const TopkPair&) const { return "topk_pair"; }
  std::string operator()(const ResultCmp& r) const { return fmt::format("result_cmp(eps={})", r.eps); }
};

}  // namespace

PeerRule peer_rule(std::string_view set, std::string_view output) {
  for (const Row& row : rows())
    if (row.set == set && row.output == output) return row.rule;
  return NotChecked{};
}

bool is_peer_set(std::string_view set) {
  return std::any_of(rows().begin(), rows().end(), [&](const Row& row) { return row.set == set; });
}

std::string to_string(const PeerRule& rule) { return std::visit(Text{}, rule); }

PeerOpinion peer_opinion(const Tensor& actual, const Tensor& reference, std::span<const std::uint8_t> open,
                         const PeerRule& rule, const Tensor* values) {
  Counting counting{actual, reference, open, values, {}};
  counting.opinion.checks = !std::holds_alternative<NotChecked>(rule);
  counting.opinion.elements = actual.size() - std::count_if(open.begin(), open.end(), [](auto o) { return o != 0; });
  counting.opinion.rule = to_string(rule);
  std::visit(counting, rule);
  return counting.opinion;
}

}  // namespace assay::compare

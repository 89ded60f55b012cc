#include "goldens/enclosure/nearly_point_products.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>

#include "goldens/enclosure/ends.h"
#include "goldens/enclosure/sums.h"
#include "goldens/parallel.h"

namespace assay::goldens {
namespace {

// Of a run's products: their sum, the sum of the positive ones, that of the magnitudes of the negative ones (sums.h).
// The last two are halves of the sum of magnitudes plus and minus the sum. That doubles their error of n 2^-53 (P+ +
// P-), which the bound multiplies by (n - 1) 2^-24 < 1/2; TreeTerms allows the sum itself twice its error, so this is
// covered. Lanes have a fixed number, so the result does not depend on the machine's vectors.
struct RunSums {
  double all = 0, positive = 0, negative = 0;

  RunSums(const float* x, const float* w, std::size_t count) {
    constexpr std::size_t kLanes = 8;
    double sums[kLanes]{}, magnitudes[kLanes]{};
    std::size_t k = 0;
    for (; k + kLanes <= count; k += kLanes)
      for (std::size_t lane = 0; lane < kLanes; ++lane) {
        const double product = x[k + lane] * w[k + lane];  // rounded to float32, as an implementation holds it
        sums[lane] += product;
        magnitudes[lane] += std::fabs(product);
      }
    for (std::size_t lane = 0; k < count; ++k, ++lane) {
      const double product = x[k] * w[k];
      sums[lane] += product;
      magnitudes[lane] += std::fabs(product);
    }
    double magnitude = 0;
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      all += sums[lane];
      magnitude += magnitudes[lane];
    }
    positive = std::max((magnitude + all) / 2, 0.0);
    negative = std::max((magnitude - all) / 2, 0.0);
  }
};

// A row as its points, zero where an element is not one, and the columns of those.
struct NearlyPoints {
  std::vector<float> points;
  std::vector<std::uint32_t> others;

  explicit NearlyPoints(std::span<const Hull> x) : points(x.size()) {
    for (std::size_t k = 0; k < x.size(); ++k)
      if (is_point(x[k]) && std::isfinite(x[k].lo))
        points[k] = x[k].lo;
      else
        others.push_back(static_cast<std::uint32_t>(k));
  }
};

// One element of the product; nothing where a product of points is not finite, or every product is zero: then the sign
// of the sum is the products' own.
std::optional<Hull> element(const HullArithmetic& math, std::span<const Hull> x, const NearlyPoints& row,
                            std::span<const float> w) {
  const std::size_t chunk = math.freedom().sum_chunk == 0 ? w.size() : math.freedom().sum_chunk;
  Hull result = Hull::of(0.0F);
  bool has_terms = false;
  auto other = row.others.begin();
  for (std::size_t begin = 0; begin < w.size(); begin += chunk) {
    const std::size_t count = std::min(chunk, w.size() - begin);
    const RunSums sums(row.points.data() + begin, w.data() + begin, count);
    if (!std::isfinite(sums.all)) return std::nullopt;
    const auto last = std::lower_bound(other, row.others.end(), begin + count);
    TreeTerms terms;
    terms.add_finite(count - static_cast<std::size_t>(last - other), sums.all, sums.all, sums.positive, sums.negative);
    for (; other != last; ++other) {
      const Hull product = math.product(x[*other], math.input(w[*other]));
      terms.add(product.lo, product.hi, product.nan, false);
    }
    has_terms = has_terms || sums.positive + sums.negative > 0;
    result = math.sum(result, terms.result(false));
  }
  return has_terms ? std::optional(result) : std::nullopt;
}

}  // namespace

std::vector<Hull> multiply_nearly_points(const HullArithmetic& math, std::span<const Hull> x, const WeightMatrix& w) {
  const NumericFreedom& freedom = math.freedom();
  // Fused products are not rounded, flushed ones may be zero, and sums in one order need their order.
  if (freedom.contraction || freedom.flush_subnormals || freedom.sum_order == SumOrder::sequential || w.input_major ||
      w.inputs == 0)
    return math.multiply(x, w);
  std::vector<Hull> y(x.size() / w.inputs * w.outputs);
  parallel_for(x.size() / w.inputs, [&](std::size_t r) {
    const auto hulls = x.subspan(r * w.inputs, w.inputs);
    const NearlyPoints row(hulls);
    std::vector<Hull> weights(w.inputs);
    for (std::size_t n = 0; n < w.outputs; ++n) {
      const auto values = w.values.subspan(n * w.inputs, w.inputs);
      const std::optional<Hull> sum = element(math, hulls, row, values);
      if (!sum) std::ranges::transform(values, weights.begin(), [&](float value) { return math.input(value); });
      y[r * w.outputs + n] = sum ? *sum : math.dot(hulls, weights);
    }
  });
  return y;
}

}  // namespace assay::goldens

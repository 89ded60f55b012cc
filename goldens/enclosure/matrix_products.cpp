// Matrix products of the number types: outputs in panels of neighbours, one vector lane each, so that every sum keeps
// its order and the bits do not depend on the machine's vectors or threads.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <optional>

#include "goldens/enclosure/ends.h"
#include "goldens/enclosure/hull.h"
#include "goldens/enclosure/strict.h"
#include "goldens/enclosure/sums.h"
#include "goldens/parallel.h"

namespace assay::goldens {
namespace {

constexpr std::size_t kPanel = 8, kRowBlock = 16;

// The weights of outputs [first, first + kPanel) as [inputs][kPanel]; outputs that do not exist weigh 0.
std::vector<float> panel_of(const WeightMatrix& w, std::size_t first) {
  const std::size_t present = std::min(kPanel, w.outputs - first);
  std::vector<float> panel(w.inputs * kPanel);
  for (std::size_t k = 0; k < w.inputs; ++k)
    for (std::size_t n = 0; n < present; ++n)
      panel[k * kPanel + n] = w.values[w.input_major ? k * w.outputs + first + n : (first + n) * w.inputs + k];
  return panel;
}

// visit(row, panel, first) for every row and panel.
template <class Visit>
void for_panels(const WeightMatrix& w, std::size_t rows, Visit visit) {
  const std::size_t panels = (w.outputs + kPanel - 1) / kPanel, blocks = (rows + kRowBlock - 1) / kRowBlock;
  parallel_for(panels * blocks, [&](std::size_t index) {
    const std::size_t first = index / blocks * kPanel, begin = index % blocks * kRowBlock;
    const std::vector<float> panel = panel_of(w, first);
    for (std::size_t r = begin; r < std::min(begin + kRowBlock, rows); ++r) visit(r, panel.data(), first);
  });
}

std::size_t chunk_of(std::size_t chunk, std::size_t inputs) {
  return chunk == 0 ? std::max<std::size_t>(inputs, 1) : chunk;
}

// Vectors as wide as a register of every machine in use; wider ones are kept in memory.
using Floats [[gnu::vector_size(4 * sizeof(float))]] = float;
using Doubles [[gnu::vector_size(2 * sizeof(double))]] = double;

struct FourSums {
  Doubles low{}, high{};
  void add(const Floats& x) {
    low += __builtin_convertvector(__builtin_shufflevector(x, x, 0, 1), Doubles);
    high += __builtin_convertvector(__builtin_shufflevector(x, x, 2, 3), Doubles);
  }
  void store(double* to) const {
    std::memcpy(to, &low, sizeof low);
    std::memcpy(to + 2, &high, sizeof high);
  }
};

// The sums of a run's products, of their positive parts and of the magnitudes of their negative ones (sums.h).
struct RunSums {
  std::array<double, kPanel> all, positive, negative;

  RunSums(const float* x, const float* panel, std::size_t count) {
    for (std::size_t n = 0; n < kPanel; n += 4) {
      FourSums sums, above, beneath;
      const Floats zero{};
      for (std::size_t k = 0; k < count; ++k) {
        Floats w;
        std::memcpy(&w, panel + k * kPanel + n, sizeof w);
        const Floats product = w * x[k];  // rounded to float32, as an implementation holds it
        sums.add(product);
        above.add(product > zero ? product : zero);
        beneath.add(product < zero ? -product : zero);
      }
      sums.store(&all[n]);
      above.store(&positive[n]);
      beneath.store(&negative[n]);
    }
  }
};

// A row as its points, zero where an element is not one, and the columns of those.
struct Row {
  std::vector<float> points;
  std::vector<std::size_t> others;

  explicit Row(std::span<const Hull> x) : points(x.size()) {
    for (std::size_t k = 0; k < x.size(); ++k)
      if (is_point(x[k]) && std::isfinite(x[k].lo))
        points[k] = x[k].lo;
      else
        others.push_back(k);
  }
};

// Whether every run is so long that its bound leaves room for the exact sum rounded once, which dot() admits apart.
// Proof, with u, E, P+ and P- of sums.h: let run j of C have n_j terms, M_j the greater of its P+ and P-, and M the sum
// of all M_j; E_j <= M_j. The exact products add up to within u (P+ + P-) <= 2 u M of the rounded ones, and rounding
// their sum moves it by u M. A run's end lies (n_j - 1) u M_j or more beyond the run's sum, less a step of float32, at
// most 4 u M_j; and of the C - 1 additions of runs each rounds by at most u 2 M (1 + C u). So the end stays beyond the
// exact sum where n_j - 1 >= 3 + 4 + 2 (C - 1) in every run. What underflows, n 2^-150 of products and C 2^-149 of
// steps, is below u M where P+ + P- >= n 2^-120 (kLeastSum).
bool runs_hold_exact_sum(std::size_t inputs, std::size_t chunk) {
  const std::size_t runs = (inputs + chunk - 1) / chunk;
  return inputs > 0 && inputs - (runs - 1) * chunk >= 3 * runs + 8;
}
constexpr double kLeastSum = 0x1p-120;

using PanelSums = std::array<std::optional<Hull>, kPanel>;

// A row of the panel's outputs; nothing where a product of points is not finite, or the products are so small that they
// underflow, or all zero: then the sign of the sum is the products' own. The orders of sums are free, nothing is fused
// or flushed, and runs_hold_exact_sum.
PanelSums free_sums(const HullArithmetic& math, std::span<const Hull> x, const Row& row, const float* panel) {
  const std::size_t chunk = chunk_of(math.freedom().sum_chunk, x.size());
  PanelSums result;
  result.fill(Hull::of(0.0F));
  std::array<double, kPanel> magnitude{};
  auto other = row.others.begin();
  for (std::size_t begin = 0; begin < x.size(); begin += chunk) {
    const std::size_t count = std::min(chunk, x.size() - begin);
    const RunSums sums(row.points.data() + begin, panel + begin * kPanel, count);
    const auto last = std::lower_bound(other, row.others.end(), begin + count);
    for (std::size_t n = 0; n < kPanel; ++n) {
      if (!std::isfinite(sums.all[n])) result[n] = std::nullopt;
      if (!result[n]) continue;
      magnitude[n] += sums.positive[n] + sums.negative[n];
      TreeTerms terms;
      terms.add_finite(count - static_cast<std::size_t>(last - other), sums.all[n], sums.all[n], sums.positive[n],
                       sums.negative[n]);
      for (auto k = other; k != last; ++k) {
        const Hull product = math.product(x[*k], math.input(panel[*k * kPanel + n]));
        terms.add(product.lo, product.hi, product.nan, false);
      }
      result[n] = math.sum(*result[n], terms.result(false));
    }
    other = last;
  }
  for (std::size_t n = 0; n < kPanel; ++n)
    if (!(magnitude[n] >= static_cast<double>(x.size()) * kLeastSum)) result[n] = std::nullopt;
  return result;
}

}  // namespace

std::vector<float> StrictArithmetic::multiply(std::span<const float> x, const WeightMatrix& w) const {
  const std::size_t rows = w.inputs == 0 ? 0 : x.size() / w.inputs, chunk = chunk_of(sum_chunk, w.inputs);
  std::vector<float> y(rows * w.outputs);
  for_panels(w, rows, [&](std::size_t r, const float* panel, std::size_t first) {
    std::array<float, kPanel> result{};
    for (std::size_t begin = 0; begin < w.inputs; begin += chunk) {
      std::array<float, kPanel> partial{};
      for (std::size_t k = begin; k < std::min(begin + chunk, w.inputs); ++k)
        for (std::size_t n = 0; n < kPanel; ++n) partial[n] += x[r * w.inputs + k] * panel[k * kPanel + n];
      for (std::size_t n = 0; n < kPanel; ++n) result[n] += partial[n];
    }
    std::copy_n(result.begin(), std::min(kPanel, w.outputs - first), &y[r * w.outputs + first]);
  });
  return y;
}

std::vector<Hull> HullArithmetic::multiply(std::span<const Hull> x, const WeightMatrix& w) const {
  const std::size_t rows = w.inputs == 0 ? 0 : x.size() / w.inputs;
  // Fused products are not rounded, flushed ones may be zero, and sums in one order need their order.
  const bool free = !freedom_.contraction && !freedom_.flush_subnormals && freedom_.sum_order != SumOrder::sequential &&
                    runs_hold_exact_sum(w.inputs, chunk_of(freedom_.sum_chunk, w.inputs));
  std::vector<Row> split;
  if (free)
    for (std::size_t r = 0; r < rows; ++r) split.emplace_back(x.subspan(r * w.inputs, w.inputs));
  std::vector<Hull> y(rows * w.outputs);
  for_panels(w, rows, [&](std::size_t r, const float* panel, std::size_t first) {
    const std::span row = x.subspan(r * w.inputs, w.inputs);
    const PanelSums sums = free ? free_sums(*this, row, split[r], panel) : PanelSums{};
    std::vector<Hull> weights;
    for (std::size_t n = 0; n < std::min(kPanel, w.outputs - first); ++n) {
      if (!sums[n]) {
        weights.resize(w.inputs);
        for (std::size_t k = 0; k < w.inputs; ++k) weights[k] = input(panel[k * kPanel + n]);
      }
      y[r * w.outputs + first + n] = sums[n] ? *sums[n] : dot(row, weights);
    }
  });
  return y;
}

}  // namespace assay::goldens

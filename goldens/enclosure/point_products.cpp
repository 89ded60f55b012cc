// Outputs are taken in panels of neighbours, one vector lane each, so that every sum keeps its order.
#include "goldens/enclosure/point_products.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "goldens/enclosure/sums.h"
#include "goldens/parallel.h"

namespace assay::goldens {
namespace {

constexpr std::size_t kPanel = 32;

// The weights of outputs [first, first + kPanel) as [inputs][kPanel]; outputs that do not exist weigh 0.
std::vector<float> panel_of(const WeightMatrix& w, std::size_t first) {
  const std::size_t present = std::min(kPanel, w.outputs - first);
  std::vector<float> panel(w.inputs * kPanel);
  for (std::size_t k = 0; k < w.inputs; ++k)
    for (std::size_t n = 0; n < present; ++n)
      panel[k * kPanel + n] = w.values[w.input_major ? k * w.outputs + first + n : (first + n) * w.inputs + k];
  return panel;
}

// visit(begin, end) for runs of `chunk` inputs, or one run of all where chunk is 0.
template <class Visit>
void for_runs(std::size_t inputs, std::size_t chunk, Visit visit) {
  if (chunk == 0) chunk = std::max<std::size_t>(inputs, 1);
  for (std::size_t begin = 0; begin < inputs; begin += chunk) visit(begin, std::min(begin + chunk, inputs));
}

// row_of(r, panel, first): one row of one panel.
template <class RowOf>
void for_panels(const WeightMatrix& w, std::size_t rows, RowOf row_of) {
  parallel_for((w.outputs + kPanel - 1) / kPanel, [&](std::size_t index) {
    const std::vector<float> panel = panel_of(w, index * kPanel);
    for (std::size_t r = 0; r < rows; ++r) row_of(r, panel, index * kPanel);
  });
}

std::size_t rows_of(std::span<const float> x, const WeightMatrix& w) { return w.inputs == 0 ? 0 : x.size() / w.inputs; }

// The sums of a run's products, of their positive parts and of the magnitudes of their negative ones (sums.h).
struct RunSums {
  std::array<double, kPanel> all{}, positive{}, negative{};

  RunSums(const float* x, const float* panel, std::size_t count) {
    for (std::size_t k = 0; k < count; ++k)
      for (std::size_t n = 0; n < kPanel; ++n) {
        const double product = x[k] * panel[k * kPanel + n];
        all[n] += product;
        positive[n] += product > 0 ? product : 0;
        negative[n] += product < 0 ? -product : 0;
      }
  }
};

}  // namespace

std::vector<float> multiply_points(const StrictArithmetic& math, std::span<const float> x, const WeightMatrix& w) {
  const std::size_t rows = rows_of(x, w);
  std::vector<float> y(rows * w.outputs);
  for_panels(w, rows, [&](std::size_t r, const std::vector<float>& panel, std::size_t first) {
    std::array<float, kPanel> result{};
    for_runs(w.inputs, math.sum_chunk, [&](std::size_t begin, std::size_t end) {
      std::array<float, kPanel> partial{};
      for (std::size_t k = begin; k < end; ++k)
        for (std::size_t n = 0; n < kPanel; ++n) partial[n] += x[r * w.inputs + k] * panel[k * kPanel + n];
      for (std::size_t n = 0; n < kPanel; ++n) result[n] += partial[n];
    });
    std::copy_n(result.begin(), std::min(kPanel, w.outputs - first),
                y.begin() + static_cast<std::ptrdiff_t>(r * w.outputs + first));
  });
  return y;
}

std::vector<Hull> multiply_points(const HullArithmetic& math, std::span<const float> x, const WeightMatrix& w) {
  const std::size_t rows = rows_of(x, w);
  std::vector<Hull> y(rows * w.outputs);
  const NumericFreedom& freedom = math.freedom();
  // Fused products are not rounded, flushed ones may be zero, and sums in one order need their order.
  const bool summable = !freedom.contraction && !freedom.flush_subnormals && freedom.sum_order != SumOrder::sequential;
  const auto one_by_one = [&](std::size_t r, const std::vector<float>& panel, std::size_t n) {
    std::vector<Hull> a(w.inputs), b(w.inputs);
    for (std::size_t k = 0; k < w.inputs; ++k) {
      a[k] = math.input(x[r * w.inputs + k]);
      b[k] = math.input(panel[k * kPanel + n]);
    }
    return math.dot(a, b);
  };
  for_panels(w, rows, [&](std::size_t r, const std::vector<float>& panel, std::size_t first) {
    std::array<Hull, kPanel> result;
    result.fill(Hull::of(0.0F));
    std::array<bool, kPanel> settled{};  // finite, and not a sum of zeros, whose sign is their own
    std::array<bool, kPanel> finite;
    finite.fill(true);
    if (summable)
      for_runs(w.inputs, freedom.sum_chunk, [&](std::size_t begin, std::size_t end) {
        const RunSums sums(x.data() + r * w.inputs + begin, panel.data() + begin * kPanel, end - begin);
        for (std::size_t n = 0; n < kPanel; ++n) {
          TreeTerms terms;
          terms.add_finite(end - begin, sums.all[n], sums.all[n], sums.positive[n], sums.negative[n]);
          finite[n] = finite[n] && std::isfinite(sums.all[n]);
          settled[n] = settled[n] || sums.positive[n] > 0 || sums.negative[n] > 0;
          if (finite[n]) result[n] = math.sum(result[n], terms.result(false));
        }
      });
    for (std::size_t n = 0; n < std::min(kPanel, w.outputs - first); ++n)
      y[r * w.outputs + first + n] = settled[n] && finite[n] ? result[n] : one_by_one(r, panel, n);
  });
  return y;
}

}  // namespace assay::goldens

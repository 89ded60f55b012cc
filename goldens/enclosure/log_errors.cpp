#include "goldens/enclosure/log_errors.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace assay::goldens {
namespace {

constexpr std::size_t kMaxSources = 96;

// The entries of a line start at line * (rows ? n : 1) and are (rows ? 1 : n) apart.
struct Line {
  std::size_t begin, step;
};
Line line_of(std::size_t line, std::size_t n, bool rows) { return rows ? Line{line * n, 1} : Line{line, n}; }

}  // namespace

void LogErrors::add(std::vector<double> element, std::vector<double> common, bool rows) {
  if (sources_.size() >= kMaxSources) merge();
  const std::size_t entries = streams_ * streams_;
  Source source{std::vector<double>(entries * entries), std::move(element), std::move(common), rows};
  for (std::size_t i = 0; i < entries; ++i) source.response[i * entries + i] = 1;
  sources_.push_back(std::move(source));
}

void LogErrors::normalise(std::span<const double> weights, bool rows) {
  const std::size_t n = streams_, entries = n * n;
  for (Source& source : sources_)
    for (std::size_t origin = 0; origin < entries; ++origin) {
      const std::span errors = std::span(source.response).subspan(origin * entries, entries);
      for (std::size_t each = 0; each < n; ++each) {
        const Line line = line_of(each, n, rows);
        double mean = 0;
        for (std::size_t k = 0; k < n; ++k)
          mean += weights[line.begin + k * line.step] * errors[line.begin + k * line.step];
        for (std::size_t k = 0; k < n; ++k) errors[line.begin + k * line.step] -= mean;
      }
    }
}

void LogErrors::scale(std::span<const double> factors) {
  const std::size_t entries = streams_ * streams_;
  for (Source& source : sources_)
    for (std::size_t i = 0; i < source.response.size(); ++i) source.response[i] *= factors[i % entries];
}

std::vector<double> LogErrors::bounds() const {
  const std::size_t n = streams_, entries = n * n;
  std::vector<double> result(entries), together(entries);
  for (const Source& source : sources_)
    for (std::size_t each = 0; each < n; ++each) {
      const Line line = line_of(each, n, source.rows);
      std::ranges::fill(together, 0.0);
      for (std::size_t k = 0; k < n; ++k) {
        const std::size_t origin = line.begin + k * line.step;
        const double* response = source.response.data() + origin * entries;
        for (std::size_t i = 0; i < entries; ++i) {
          result[i] += source.element[origin] * std::fabs(response[i]);
          together[i] += response[i];
        }
      }
      for (std::size_t i = 0; i < entries; ++i) result[i] += source.common[each] * std::fabs(together[i]);
    }
  return result;
}

// What all errors amount to so far, as one source of independent errors: wider, but valid.
void LogErrors::merge() {
  std::vector<double> all = bounds();
  sources_.clear();
  add(std::move(all), std::vector<double>(streams_), true);
}

}  // namespace assay::goldens

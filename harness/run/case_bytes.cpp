#include "harness/run/case_bytes.h"

#include <algorithm>
#include <future>
#include <thread>
#include <unordered_map>

#include "harness/run/execute.h"

namespace assay::run {
namespace {

// A factor of a row that is no parameter of the pipeline: how far apart its values stand in the ordinal, and how many.
struct OtherFactor {
  std::int64_t inner = 1, size = 1;
};

std::vector<OtherFactor> other_factors(const MatrixRow& row) {
  std::vector<OtherFactor> others;
  std::int64_t inner = 1;
  for (std::size_t i = row.factors.size(); i-- > 0;) {
    const std::int64_t size = row.factors[i].values.size();
    if (!find_parameter(*row.pipeline, row.factors[i].key)) others.push_back({inner, size});
    inner *= size;
  }
  return others;
}

// The ordinal with the digits of those factors set to zero: cases that share it need the same bytes.
std::int64_t parameter_key(const std::vector<OtherFactor>& others, std::int64_t ordinal) {
  std::int64_t key = ordinal;
  for (const OtherFactor& other : others) key -= ordinal / other.inner % other.size * other.inner;
  return key;
}

// Entries [begin, end) of the plan into `bytes`.
Result<void> compute(const Plan& plan, std::size_t begin, std::size_t end, std::vector<std::int64_t>& bytes) {
  PlanWalker walker(plan);
  std::unordered_map<std::int64_t, std::int64_t> known;
  std::vector<OtherFactor> others;
  for (std::size_t i = begin; i < end; ++i) {
    const PlanEntry& entry = plan.entries()[i];
    if (i == begin || entry.row != plan.entries()[i - 1].row) {
      known.clear();
      others = other_factors(plan.matrix().rows[entry.row]);
    }
    const auto [at, fresh] = known.try_emplace(parameter_key(others, entry.ordinal), 0);
    if (fresh) {
      auto needed = bytes_needed(*plan.matrix().rows[entry.row].pipeline, walker.at(i));
      if (!needed) return tl::unexpected(needed.error());
      at->second = *needed;
    }
    bytes[i] = at->second;
  }
  return {};
}

}  // namespace

Result<std::vector<std::int64_t>> case_bytes(const Plan& plan) {
  std::vector<std::int64_t> bytes(plan.entries().size());
  const std::size_t parts = bytes.size() < 10'000 ? 1 : std::max(1u, std::thread::hardware_concurrency());
  std::vector<std::future<Result<void>>> running;
  for (std::size_t part = 0; part < parts; ++part)
    running.push_back(std::async(std::launch::async, [&, part] {
      return compute(plan, bytes.size() * part / parts, bytes.size() * (part + 1) / parts, bytes);
    }));
  Result<void> done;
  for (auto& part : running)
    if (auto result = part.get(); !result && done) done = result;
  if (!done) return tl::unexpected(done.error());
  return bytes;
}

}  // namespace assay::run

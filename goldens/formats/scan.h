// Test support: a fast conversion held against an exact one for every float32, without evaluating the exact one 2^32
// times.
//
// Over the magnitudes of one sign in ascending order both conversions are step functions. The fast one is evaluated
// everywhere and cut into runs of equal output; the exact one is evaluated at the first and the last input of each run.
// Rounding is monotone, so between two inputs where the exact conversion gives the same output it gives no other: the
// two are equal on the whole run. That every output has one run only is counted by the caller: the fast form is then
// monotone too.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdint>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

namespace assay::goldens {

inline constexpr std::uint32_t kFirstNonFinite = 0x7F800000;  // infinity's pattern
inline constexpr std::uint32_t kScanBlock = 1 << 13;          // inputs and outputs of a block fit the first-level cache

// Positions i with y[i] != y[i + 1], ascending.
template <class Code>
void find_steps(std::span<const Code> y, std::vector<std::size_t>& steps) {
  steps.clear();
  constexpr std::size_t kPart = 256;
  for (std::size_t begin = 0; begin + 1 < y.size(); begin += kPart) {
    const std::size_t end = std::min(begin + kPart, y.size() - 1);
    Code difference = 0;
    for (std::size_t i = begin; i < end; ++i) difference = static_cast<Code>(difference | (y[i] ^ y[i + 1]));
    if (difference == 0) continue;
    for (std::size_t i = begin; i < end; ++i)
      if (y[i] != y[i + 1]) steps.push_back(i);
  }
}

// The inputs of one block, and one more so that a step between two blocks belongs to the first of them.
class ScanInputs {
 public:
  std::span<const float> fill(std::uint32_t first, bool negative) {
    const std::uint32_t count = std::min(kScanBlock + 1, kFirstNonFinite - first);
    const std::uint32_t sign = negative ? 0x80000000u : 0;
    for (std::uint32_t i = 0; i < count; ++i) x_[i] = std::bit_cast<float>(sign | (first + i));
    return std::span(x_).first(count);
  }

 private:
  std::vector<float> x_ = std::vector<float>(kScanBlock + 1);
};

// Ranges of blocks over all threads: work(worker, first, end, negative) for each range of finite magnitudes.
// Worker: made once per thread.
template <class Worker, class Join>
void scan_all(const Join& join) {
  constexpr std::uint32_t kRanges = 255;  // 0x7F800000 = 255 * 2^23
  std::atomic<std::uint32_t> next{0};
  std::mutex mutex;
  const auto work = [&] {
    Worker worker;
    for (std::uint32_t i; (i = next.fetch_add(1)) < 2 * kRanges;)
      worker.range((i / 2) << 23, ((i / 2) + 1) << 23, i % 2 != 0);
    const std::lock_guard lock(mutex);
    join(worker);
  };
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < std::max(1u, std::thread::hardware_concurrency()); ++i) threads.emplace_back(work);
  for (std::thread& thread : threads) thread.join();
}

}  // namespace assay::goldens

// The fast bf16 rounding over all 2^32 float32 patterns in every mode, saturating and not.
//
// 2^16 blocks of 2^16 patterns share their upper half h, so their magnitudes lie from the value of code h up to, but
// not including, that of code h + 1. Each block is (1) compared everywhere with a reference that works on values: the
// place of x between its two neighbours by exact distances in double; (2) checked against the exact definition over
// unbounded integers at its first and last pattern and on both sides of every step of the fast form's output. Between
// steps the output is constant and rounding is monotone, so (2) proves the block without 2^16 slow evaluations.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cmath>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "goldens/exact/rounding.h"
#include "goldens/formats/bf16.h"

namespace assay::goldens {
namespace {

constexpr std::size_t kBlock = 1 << 16;
constexpr std::array kModes{Rounding::rint, Rounding::round, Rounding::floor,
                            Rounding::ceil, Rounding::trunc, Rounding::odd};

// 0: x is the lower neighbour; 1, 2, 3: below, at, above the middle.
void classify(std::span<const float> x, double lower, double upper, std::span<std::uint8_t> place) {
  for (std::size_t i = 0; i < kBlock; ++i) {
    const double magnitude = std::fabs(static_cast<double>(x[i]));
    const double over = magnitude - lower, under = upper - magnitude;  // exact: at most 24 significant bits
    place[i] = static_cast<std::uint8_t>((over > 0) + (over >= under) + (over > under));
  }
}

// The least place from which `mode` goes up to code + 1; 4: never.
std::uint8_t threshold(Rounding mode, std::uint32_t code) {
  const bool negative = code >> 15, odd = code & 1;
  switch (mode) {
    case Rounding::rint:
      return odd ? 2 : 3;
    case Rounding::round:
      return 2;
    case Rounding::floor:
      return negative ? 1 : 4;
    case Rounding::ceil:
      return negative ? 4 : 1;
    case Rounding::trunc:
      return 4;
    case Rounding::odd:
      return odd ? 4 : 1;
  }
  return 0;
}

bool differs(std::span<const std::uint16_t> y, std::span<const std::uint8_t> place, std::uint32_t code,
             std::uint8_t from) {
  std::uint32_t difference = 0;
  for (std::size_t i = 0; i < kBlock; ++i) difference |= y[i] ^ (code + (place[i] >= from));
  return difference != 0;
}

class BlockChecker {
 public:
  // The first complaint, or empty.
  std::string check(std::uint32_t upper_half) {
    neighbours_.clear();
    upper_half_ = upper_half;
    for (std::uint32_t low = 0; low < kBlock; ++low) x_[low] = std::bit_cast<float>((upper_half << 16) | low);
    const std::uint32_t magnitude = upper_half & 0x7FFF;
    if (magnitude >= kBf16.infinity()) return check_non_finite();
    const double upper = magnitude + 1 == kBf16.infinity() ? 0x1p128 : value(magnitude + 1);
    classify(x_, value(magnitude), upper, place_);
    if (!std::ranges::is_sorted(place_)) return complaint(0, "places are not in order");
    for (const Rounding mode : kModes)
      for (const bool saturate : {false, true})
        if (std::string found = check_finite(mode, saturate); !found.empty()) return found;
    return {};
  }
  std::int64_t exact_checks() const { return exact_checks_; }

 private:
  static double value(std::uint32_t code) { return decode_bf16(static_cast<std::uint16_t>(code)); }

  std::string complaint(std::size_t low, std::string_view what) const {
    return fmt::format("input {:#010x}: got {:#06x}, {}", (upper_half_ << 16) | low, y_[low], what);
  }

  std::string check_finite(Rounding mode, bool saturate) {
    encode_bf16(x_, mode, saturate, y_);
    const bool clamped = saturate && (upper_half_ & 0x7FFF) == kBf16.max_finite();
    const std::uint8_t from = clamped ? std::uint8_t{4} : threshold(mode, upper_half_);
    if (differs(y_, place_, upper_half_, from)) return complaint(0, "block differs from the reference by distances");
    for (std::size_t low = 0; low < kBlock; low = step_after(low))
      for (const std::size_t probe : {low, step_after(low) - 1})
        if (y_[probe] != exact(probe, mode, saturate)) return complaint(probe, "the exact definition differs");
    return {};
  }

  // The first pattern after `low` with another output; outputs are in order because they equal the reference's.
  std::size_t step_after(std::size_t low) const {
    const auto rest = std::span(y_).subspan(low);
    return low + static_cast<std::size_t>(
                     std::ranges::partition_point(rest, [&](auto code) { return code == y_[low]; }) - rest.begin());
  }

  std::uint32_t exact(std::size_t low, Rounding mode, bool saturate) {
    ++exact_checks_;
    const auto [place, fresh] = neighbours_.try_emplace(low);
    if (fresh) {
      const Dyadic number = absolute(exact_value(x_[low]));
      place->second = find_neighbours(kBf16, [&](const Dyadic& d) { return number <=> d; });
    }
    return pick(kBf16, place->second, upper_half_ >> 15, mode, saturate);
  }

  std::string check_non_finite() {
    const bool infinite = (upper_half_ & 0x7FFF) == kBf16.infinity();
    for (const Rounding mode : kModes)
      for (const bool saturate : {false, true}) {
        encode_bf16(x_, mode, saturate, y_);
        if (infinite && y_[0] != upper_half_ - (saturate ? 1 : 0)) return complaint(0, "expected the infinity's rule");
        for (std::size_t low = infinite ? 1 : 0; low < kBlock; ++low)
          if ((y_[low] & 0x7FFF) <= kBf16.infinity()) return complaint(low, "expected NaN");
      }
    return {};
  }

  std::uint32_t upper_half_ = 0;
  std::vector<float> x_ = std::vector<float>(kBlock);
  std::vector<std::uint16_t> y_ = std::vector<std::uint16_t>(kBlock);
  std::vector<std::uint8_t> place_ = std::vector<std::uint8_t>(kBlock);
  std::map<std::size_t, Neighbours> neighbours_;
  std::int64_t exact_checks_ = 0;
};

TEST(Bf16Exhaustive, EveryInputInEveryMode) {
  std::atomic<std::uint32_t> next{0}, done{0};
  std::atomic<std::int64_t> exact_checks{0}, complaints_left{20};
  std::mutex mutex;
  std::vector<std::string> complaints;  // the first few
  const auto work = [&] {
    BlockChecker checker;
    for (std::uint32_t half; (half = next.fetch_add(1)) < kBlock; ++done)
      if (std::string found = checker.check(half); !found.empty() && complaints_left-- > 0) {
        const std::lock_guard lock(mutex);
        complaints.push_back(std::move(found));
      }
    exact_checks += checker.exact_checks();
  };
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < std::max(1u, std::thread::hardware_concurrency()); ++i) threads.emplace_back(work);
  for (std::thread& thread : threads) thread.join();
  for (const std::string& complaint : complaints) ADD_FAILURE() << complaint;
  EXPECT_EQ(done, kBlock);
  // First and last pattern of each of the 2 * 0x7F80 finite blocks, per mode and saturation, at the least.
  EXPECT_GE(exact_checks, std::int64_t{2} * 0x7F80 * 2 * 12);
}

}  // namespace
}  // namespace assay::goldens

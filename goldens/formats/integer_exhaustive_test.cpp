// float32 to int8 and int16 for every finite float32 in every mode (scan.h); to int32, whose steps are too many to
// scan, by classes of significands: for every exponent, what decides is the integer part and the place of the rest
// against none, one half and one.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <set>

#include "goldens/exact/rounding.h"
#include "goldens/formats/format_samples.h"
#include "goldens/formats/integer.h"
#include "goldens/formats/scan.h"

namespace assay::goldens {
namespace {

using boost::multiprecision::cpp_int;

// Clamped to `bits`.
std::int64_t exact_integer(float x, Rounding mode, int bits) {
  const cpp_int high = (cpp_int(1) << (bits - 1)) - 1, low = -high - 1;
  const cpp_int exact = round_to_integer(exact_value(x), mode);
  return static_cast<std::int64_t>(exact > high ? high : exact < low ? low : exact);
}

template <class Int>
class IntegerScan {
 public:
  void block(std::span<const float> x, bool first, bool last) {
    const auto y = std::span(y_).first(x.size());
    for (const Rounding mode : kModes) {
      to_integers(x, mode, y);
      find_steps<Int>(y, steps_);
      for (const std::size_t step : steps_)
        for (const std::size_t i : {step, step + 1}) compare(x[i], y[i], mode);
      if (first) compare(x.front(), y.front(), mode);
      if (last) compare(x.back(), y.back(), mode);
      count_[static_cast<std::size_t>(mode)][std::signbit(x.front())] += steps_.size();
    }
  }
  std::size_t steps(Rounding mode, bool negative) const { return count_[static_cast<std::size_t>(mode)][negative]; }
  const std::vector<std::string>& complaints() const { return complaints_; }

 private:
  void compare(float x, std::int64_t actual, Rounding mode) {
    const int bits = 8 * static_cast<int>(sizeof(Int));
    const std::int64_t expected = exact_integer(x, mode, bits);
    const bool same = actual == expected && to_integer<Int>(x, mode, true) == static_cast<Int>(expected);
    if (!same && complaints_.size() < 10)
      complaints_.push_back(fmt::format("i{} {} of {}: got {}, expected {}", bits, name(mode), x, actual, expected));
  }

  std::vector<Int> y_ = std::vector<Int>(kScanBlock + 1);
  std::vector<std::size_t> steps_;
  std::size_t count_[kModes.size()][2] = {};
  std::vector<std::string> complaints_;
};

struct Worker {
  void range(std::uint32_t first, std::uint32_t end, bool negative) {
    for (std::uint32_t at = first; at < end; at += kScanBlock) {
      const auto x = inputs.fill(at, negative);
      bytes.block(x, at == first, at + kScanBlock >= end);
      words.block(x, at == first, at + kScanBlock >= end);
    }
  }
  ScanInputs inputs;
  IntegerScan<std::int8_t> bytes;
  IntegerScan<std::int16_t> words;
};

TEST(IntegerExhaustive, EveryFiniteFloat32ToInt8AndInt16) {
  std::map<std::tuple<int, Rounding, bool>, std::size_t> counts;
  scan_all<Worker>([&](const Worker& worker) {
    for (const auto* complaints : {&worker.bytes.complaints(), &worker.words.complaints()})
      for (const std::string& complaint : *complaints) ADD_FAILURE() << complaint;
    for (const Rounding mode : kModes)
      for (const bool negative : {false, true}) {
        counts[{8, mode, negative}] += worker.bytes.steps(mode, negative);
        counts[{16, mode, negative}] += worker.words.steps(mode, negative);
      }
  });
  ASSERT_EQ(counts.size(), 2 * kModes.size() * 2);
  // Every integer of the sign is reached, and once: the fast form is monotone.
  for (const auto& [key, count] : counts)
    EXPECT_EQ(count, (std::size_t{1} << (std::get<int>(key) - 1)) - (std::get<bool>(key) ? 0 : 1));
}

// Significands of 24 bits whose lowest `rest` bits are at and around 0, one half and one, under integer parts that are
// least, largest and in between, odd and even.
std::set<std::uint32_t> significands(int rest) {
  std::set<std::uint32_t> result;
  const std::uint32_t one = 1u << rest, half = one / 2;
  const std::uint32_t least = (0x800000u >> rest) << rest;
  for (const std::uint32_t top :
       {least, least + one, 0xFFFFFFu & ~(one - 1), 0xAAAAAAu & ~(one - 1), 0xD5D5D5u & ~(one - 1)})
    for (const std::uint32_t low : {0u, 1u, half - 1, half, half + 1, one - 1})
      if (const std::uint32_t s = top | (low & (one - 1)); s >= 0x800000 && s <= 0xFFFFFF) result.insert(s);
  return result;
}

TEST(IntegerClasses, Int32AndInt64) {
  std::vector<float> x;
  for (int exponent = -149; exponent <= 104; ++exponent)  // of the last of 24 bits
    for (const std::uint32_t s : significands(std::clamp(-exponent, 1, 23)))
      for (const float sign : {1.0f, -1.0f}) x.push_back(sign * std::ldexp(static_cast<float>(s), exponent));
  ASSERT_GT(x.size(), 4000u);
  std::vector<std::int32_t> y(x.size());
  for (const Rounding mode : kModes)
    for (const InstructionSet set : instruction_sets()) {
      to_integers(x, mode, y, set);
      for (std::size_t i = 0; i < x.size(); ++i) {
        ASSERT_EQ(y[i], exact_integer(x[i], mode, 32)) << x[i] << name(mode) << name(set);
        ASSERT_EQ(to_integer<std::int32_t>(x[i], mode, true), y[i]) << x[i] << name(mode);
        if (set == InstructionSet::plain) {
          ASSERT_EQ(to_integer<std::int64_t>(x[i], mode, true), exact_integer(x[i], mode, 64)) << x[i] << name(mode);
        }
      }
    }
}

}  // namespace
}  // namespace assay::goldens

// Narrowing of every float32 to every format in every mode under every rule, against the exact definition (scan.h).
// The scan runs without saturation; the other rules change nothing but what an overflowing, zero or non-finite operand
// gives, and are compared on both sides of every step, where all of these are met. bf16 has a loop of its own for the
// default rules: for every operand the one for other rules gives the same.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>

#include "goldens/formats/encode_loops.h"
#include "goldens/formats/float_rounding.h"
#include "goldens/formats/format_samples.h"
#include "goldens/formats/narrow.h"
#include "goldens/formats/scan.h"

namespace assay::goldens {
namespace {

struct Complaints {
  std::vector<std::string> first;  // the first few
  void add(std::string text) {
    if (first.size() < 10) first.push_back(std::move(text));
  }
};

// One format's outputs for the blocks of one thread.
template <class Code>
class FormatScan {
 public:
  explicit FormatScan(DType dtype) : dtype_(dtype), format_(binary_format(dtype)) {}

  // ends: whether the first and last input of the block are to be compared too.
  void block(std::span<const float> x, bool first, bool last, Complaints& complaints) {
    neighbours_.clear();
    const auto y = std::span(y_).first(x.size());
    for (const Rounding mode : kModes) {
      encode_codes(dtype_, instruction_sets().back(), x, mode, {}, y);
      if (dtype_ == DType::bf16) compare_loops(x, y, mode, complaints);
      find_steps<Code>(y, steps_);
      for (const std::size_t step : steps_)
        for (const std::size_t i : {step, step + 1}) compare(x[i], y[i], mode, complaints);
      if (first) compare(x.front(), y.front(), mode, complaints);
      if (last) compare(x.back(), y.back(), mode, complaints);
      count_[static_cast<std::size_t>(mode)][std::signbit(x.front())] += steps_.size();
    }
  }

  DType dtype() const { return dtype_; }
  std::size_t steps(Rounding mode, bool negative) const { return count_[static_cast<std::size_t>(mode)][negative]; }
  std::int64_t comparisons() const { return comparisons_; }

 private:
  // Rules that differ from the default in what NaN gives.
  void compare_loops(std::span<const float> x, std::span<const Code> y, Rounding mode, Complaints& complaints) {
    const auto other = std::span(other_).first(x.size());
    encode_codes(dtype_, instruction_sets().back(), x, mode, {.nan = NanResult::positive_nan}, other);
    if (!std::ranges::equal(y, other))
      complaints.add(fmt::format("{} {} from {:#010x} on: the loops for default and other rules differ", name(dtype_),
                                 name(mode), std::bit_cast<std::uint32_t>(x.front())));
  }

  void compare(float x, std::uint32_t code, Rounding mode, Complaints& complaints) {
    const auto [found, fresh] = neighbours_.try_emplace(std::bit_cast<std::uint32_t>(x));
    if (fresh) {
      const Dyadic magnitude = absolute(exact_value(x));
      found->second = find_neighbours(format_, [&](const Dyadic& d) { return magnitude <=> d; });
    }
    expect(x, code, mode, {}, found->second, complaints);
    for (const NarrowingRules& rules : rules_)
      expect(x, encode(dtype_, x, mode, rules), mode, rules, found->second, complaints);
  }

  void expect(float x, std::uint32_t actual, Rounding mode, const NarrowingRules& rules, const Neighbours& neighbours,
              Complaints& complaints) {
    ++comparisons_;
    const std::uint32_t expected = narrow_exact(format_, neighbours, std::signbit(x), mode, rules);
    if (actual != expected)
      complaints.add(fmt::format("{} {} of {:#010x} overflow {}: got {:#x}, expected {:#x}", name(dtype_), name(mode),
                                 std::bit_cast<std::uint32_t>(x), static_cast<int>(rules.overflow), actual, expected));
  }

  DType dtype_;
  BinaryFormat format_;
  std::vector<Code> y_ = std::vector<Code>(kScanBlock + 1), other_ = y_;
  std::vector<std::size_t> steps_;
  std::map<std::uint32_t, Neighbours> neighbours_;
  std::vector<NarrowingRules> rules_ = all_rules();
  std::size_t count_[kModes.size()][2] = {};
  std::int64_t comparisons_ = 0;
};

struct Worker {
  void range(std::uint32_t first, std::uint32_t end, bool negative) {
    for (std::uint32_t at = first; at < end; at += kScanBlock) {
      const auto x = inputs.fill(at, negative);
      for (auto& scan : wide) scan.block(x, at == first, at + kScanBlock >= end, complaints);
      for (auto& scan : narrow) scan.block(x, at == first, at + kScanBlock >= end, complaints);
    }
  }

  ScanInputs inputs;
  std::vector<FormatScan<std::uint16_t>> wide{FormatScan<std::uint16_t>(DType::f16),
                                              FormatScan<std::uint16_t>(DType::bf16)};
  std::vector<FormatScan<std::uint8_t>> narrow{
      FormatScan<std::uint8_t>(DType::e4m3fn), FormatScan<std::uint8_t>(DType::e4m3fnuz),
      FormatScan<std::uint8_t>(DType::e5m2), FormatScan<std::uint8_t>(DType::e2m1)};
  Complaints complaints;
};

// Steps by format, mode and sign.
using StepCounts = std::map<std::tuple<DType, Rounding, bool>, std::size_t>;

void add_counts(const auto& scans, StepCounts& counts, std::int64_t& comparisons) {
  for (const auto& scan : scans) {
    for (const Rounding mode : kModes)
      for (const bool negative : {false, true}) counts[{scan.dtype(), mode, negative}] += scan.steps(mode, negative);
    comparisons += scan.comparisons();
  }
}

// The largest magnitude that finite operands reach, the overflow's included; by the definition.
std::uint32_t reached(BinaryFormat format, Rounding mode, bool negative) {
  const float largest = std::numeric_limits<float>::max();
  const std::uint32_t code = narrow_exact(format, negative ? -largest : largest, mode, {});
  if (format.is_nan(code) || (format.has_infinity() && (code & ~format.sign_bit()) == format.infinity()))
    return format.overflow();
  return code & ~format.sign_bit();
}

TEST(NarrowExhaustive, EveryFiniteFloat32InEveryMode) {
  StepCounts counts;
  std::int64_t comparisons = 0;
  scan_all<Worker>([&](const Worker& worker) {
    for (const std::string& complaint : worker.complaints.first) ADD_FAILURE() << complaint;
    add_counts(worker.wide, counts, comparisons);
    add_counts(worker.narrow, counts, comparisons);
  });
  std::size_t steps = 0;
  for (const auto& [key, count] : counts) {
    const auto [dtype, mode, negative] = key;
    // As many steps as there are codes to reach: none is reached twice, so the fast form is monotone.
    EXPECT_EQ(count, reached(binary_format(dtype), mode, negative)) << name(dtype) << ' ' << name(mode) << negative;
    steps += count;
  }
  EXPECT_EQ(counts.size(), kNarrowFormats.size() * kModes.size() * 2);
  EXPECT_GE(comparisons, static_cast<std::int64_t>(2 * steps * (1 + all_rules().size())));
}

template <class Code>
void expect_non_finite(DType dtype) {
  const BinaryFormat format = binary_format(dtype);
  std::vector<float> x(1 << 16);
  std::vector<Code> y(x.size());
  for (const Rounding mode : kModes)
    for (const NarrowingRules& rules : {NarrowingRules{}, NarrowingRules{Overflow::satall, NanResult::maximum, true}})
      for (std::uint32_t first = kFirstNonFinite; first != 0; first += 1 << 16) {
        if (first == 0x80000000) first |= kFirstNonFinite;  // on to the negative ones
        for (std::uint32_t i = 0; i < x.size(); ++i) x[i] = std::bit_cast<float>(first + i);
        encode_codes(dtype, instruction_sets().back(), x, mode, rules, std::span(y));
        const auto expected = [&](std::size_t i) { return narrow_exact(format, x[i], mode, rules); };
        ASSERT_EQ(y[0], expected(0)) << name(dtype) << std::hex << first;
        const auto nan = static_cast<Code>(expected(1));
        ASSERT_TRUE(std::all_of(y.begin() + 1, y.end(), [&](Code code) { return code == nan; })) << std::hex << first;
      }
}

TEST(NarrowExhaustive, EveryInfinityAndNan) {
  for (const DType dtype : kNarrowFormats)
    info(dtype).bits == 16 ? expect_non_finite<std::uint16_t>(dtype) : expect_non_finite<std::uint8_t>(dtype);
}

}  // namespace
}  // namespace assay::goldens

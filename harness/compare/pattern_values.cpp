// What is wrong with mismatched values. A phrase holds for every mismatch; the first that does is used, the most
// telling ones first.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "harness/compare/format.h"
#include "harness/compare/pattern_parts.h"

namespace assay::compare {

namespace {

constexpr std::size_t kTelling = 3;  // mismatches before a common direction, factor or offset means something

template <class Format>
class Values {
 public:
  using Word = typename Format::Word;

  explicit Values(const Mismatches& mismatches) : mismatches_(mismatches) {
    for (const std::int64_t index : mismatches.indices)
      pairs_.emplace_back(static_cast<Word>(mismatches.actual.bits(index)),
                          static_cast<Word>(mismatches.expected.bits(index)));
  }

  std::string describe() const {
    for (const auto rule :
         {&Values::specials, &Values::sign_of_zero, &Values::zeros, &Values::subnormals, &Values::constant,
          &Values::sign_flipped, &Values::steps, &Values::factor, &Values::offset, &Values::direction})
      if (auto words = (this->*rule)()) return *words;
    return {};
  }

 private:
  using Words = std::optional<std::string>;

  template <class Predicate>
  bool all(Predicate predicate) const {
    return std::all_of(pairs_.begin(), pairs_.end(),
                       [&](const auto& pair) { return predicate(pair.first, pair.second); });
  }
  bool all_finite() const {
    return all([](Word a, Word e) { return !Format::is_special(a) && !Format::is_special(e); });
  }
  bool expected_varies() const {
    return pairs_.size() >= kTelling && !all([this](Word, Word e) { return e == pairs_.front().second; });
  }

  static std::string_view class_name(Word word) {
    return Format::is_nan(word) ? "NaN" : Format::is_inf(word) ? "infinity" : "a finite value";
  }

  Words specials() const {
    if (!all([](Word a, Word e) { return Format::is_special(a) || Format::is_special(e); })) return std::nullopt;
    const auto actual = class_name(pairs_.front().first), expected = class_name(pairs_.front().second);
    if (!all([&](Word a, Word e) { return class_name(a) == actual && class_name(e) == expected; }))
      return "only NaN and infinities";
    if (actual != expected) return fmt::format("{} where {} is expected", actual, expected);
    return actual == "NaN" ? "NaN in both, not matched by the policy" : "infinity of the wrong sign";
  }

  Words sign_of_zero() const {
    if (!all([](Word a, Word e) { return Format::is_zero(a) && Format::is_zero(e); })) return std::nullopt;
    return "only the sign of zero";
  }

  Words zeros() const {
    if (all([](Word a, Word e) { return Format::is_zero(a) && Format::is_subnormal(e); }))
      return "only subnormals, flushed to zero";
    if (all([](Word a, Word) { return Format::is_zero(a); })) {
      const auto bytes = mismatches_.actual.bytes();
      const bool whole = std::all_of(bytes.begin(), bytes.end(), [](std::byte byte) { return byte == std::byte{0}; });
      return whole && mismatches_.actual.size() > 1 ? "actual is all zero" : "actual is zero there";
    }
    if (pairs_.size() >= kTelling && all([](Word, Word e) { return Format::is_zero(e); }))
      return "zero is expected there";
    return std::nullopt;
  }

  Words subnormals() const {
    const bool only = all([](Word a, Word e) {
      return (Format::is_subnormal(a) || Format::is_zero(a)) && (Format::is_subnormal(e) || Format::is_zero(e));
    });
    return only ? Words("only subnormals") : std::nullopt;
  }

  Words constant() const {
    const Word value = pairs_.front().first;
    if (!expected_varies() || !all([&](Word a, Word) { return a == value; })) return std::nullopt;
    const std::string text = fmt::format("{}", Format::value(value));
    if (is_extreme(value)) return "saturated: actual is " + text + " there";
    return "actual is the constant " + text + " there";
  }

  static bool is_extreme(Word value) {
    if constexpr (Format::kFloat) {
      return Format::magnitude(value) == Format::kMaxFinite;
    } else {
      constexpr Word sign = static_cast<Word>(Word{1} << (Format::kBits - 1));
      const bool is_signed = Format::negative(sign);
      const Word highest = is_signed ? static_cast<Word>(sign - 1) : static_cast<Word>(~Word{0});
      return value == highest || (is_signed && value == sign);
    }
  }

  Words sign_flipped() const {
    const bool flipped = all([](Word a, Word e) {
      if (Format::is_special(a) || Format::is_special(e) || Format::is_zero(e)) return false;
      if constexpr (Format::kFloat) {
        return (a ^ e) == static_cast<Word>(Format::kSign);
      } else {
        return Format::negative(a) != Format::negative(e) && static_cast<Word>(a + e) == 0;
      }
    });
    return flipped ? Words("the sign is flipped") : std::nullopt;
  }

  // All one step off, and in which direction.
  Words steps() const {
    if (!all_finite() || !all([](Word a, Word e) { return distance<Format>(a, e) == 1; })) return std::nullopt;
    const std::string step = Format::kFloat ? "one ulp" : "one";
    if (pairs_.size() < kTelling) return "off by " + step;
    const std::string every = "every mismatch is " + step;
    if (all(away)) return every + " away from zero, as when ties are rounded away";
    if (all(toward)) return every + " toward zero, as when rounding truncates";
    if (all([](Word a, Word e) { return Format::key(a) > Format::key(e); })) return every + " up";
    if (all([](Word a, Word e) { return Format::key(a) < Format::key(e); })) return every + " down";
    return every + " off, in both directions";
  }

  Words factor() const {
    if (Format::kWide || !expected_varies() || !all_finite()) return std::nullopt;
    const double first = Format::value(pairs_.front().second);
    if (first == 0) return std::nullopt;
    const double ratio = Format::value(pairs_.front().first) / first;
    if (!all([&](Word a, Word e) { return !Format::is_zero(e) && Format::value(a) == ratio * Format::value(e); }))
      return std::nullopt;
    return fmt::format("actual is {} times the expected", ratio);
  }

  Words offset() const {
    if (Format::kWide || !expected_varies() || !all_finite()) return std::nullopt;
    const double offset = Format::value(pairs_.front().first) - Format::value(pairs_.front().second);
    if (!all([&](Word a, Word e) { return Format::value(a) == Format::value(e) + offset; })) return std::nullopt;
    return fmt::format("actual is the expected {} {}", offset < 0 ? "minus" : "plus", std::abs(offset));
  }

  Words direction() const {
    if (pairs_.size() < 2 * kTelling || !all_finite()) return std::nullopt;
    std::int64_t most = 0;
    for (const auto& [a, e] : pairs_) most = std::max(most, distance<Format>(a, e));
    const std::string step = fmt::format("up to {} {}", most, Format::kFloat ? "ulp" : "off");
    if (all(away)) return "every mismatch is too large in magnitude, " + step;
    if (all(toward)) return "every mismatch is too small in magnitude, " + step;
    return step;
  }

  // Farther from zero than expected, on the same side.
  static bool away(Word a, Word e) {
    const auto x = Format::key(a), y = Format::key(e), zero = decltype(x){0};
    return (y >= zero && x > y) || (y <= zero && x < y);
  }
  static bool toward(Word a, Word e) {
    const auto x = Format::key(a), y = Format::key(e), zero = decltype(x){0};
    return (y > zero && x < y && x >= zero) || (y < zero && x > y && x <= zero);
  }

  const Mismatches& mismatches_;
  std::vector<std::pair<Word, Word>> pairs_;  // actual, expected
};

}  // namespace

std::string describe_values(const Mismatches& mismatches) {
  return visit_format(mismatches.actual.dtype(),
                      [&]<class Format>(Format) { return Values<Format>(mismatches).describe(); });
}

}  // namespace assay::compare

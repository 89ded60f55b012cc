// The comparator: blocks of elements that are bit-equal are skipped, blocks that pass are screened by vectorisable
// loops, all others go element by element through `judge`, the one definition of a match.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

#include "harness/compare/format.h"
#include "harness/compare/policy.h"
#include "harness/compare/width.h"

namespace assay::compare {

namespace {

constexpr std::int64_t kBlock = 1024;  // elements; even, so that packed e2m1 blocks start on a byte
constexpr std::size_t kFirst = 20;
constexpr std::size_t kIndices = std::size_t{1} << 20;
constexpr std::int64_t kFar = std::numeric_limits<std::int64_t>::max();
constexpr double kInfinite = std::numeric_limits<double>::infinity();

// The policy with its defaults resolved.
struct Rules {
  enum class Kind : std::uint8_t { bits, ulps, allclose, bound } kind = Kind::bits;
  std::int64_t limit = 0;
  double rtol = 0, atol = 0;
  NanRule nan = NanRule::any_nan;
  bool max_finite_too = false;
  bool zero_sign = true;             // the sign of zero decides under this rule
  bool tolerance_zero_sign = false;  // and under a tolerance with the same modifiers

  explicit Rules(const Policy& policy)
      : kind(static_cast<Kind>(policy.rule.index())),
        nan(policy.nan),
        max_finite_too(policy.inf == InfRule::max_finite_too),
        zero_sign(policy.zero.value_or(kind == Kind::bits ? ZeroRule::sign_matters : ZeroRule::sign_ignored) ==
                  ZeroRule::sign_matters),
        tolerance_zero_sign(policy.zero == ZeroRule::sign_matters) {
    if (const auto* ulps = std::get_if<Ulps>(&policy.rule)) limit = ulps->limit;
    if (const auto* close = std::get_if<Allclose>(&policy.rule)) rtol = close->rtol, atol = close->atol;
  }
};

// 64-bit integers are measured in long double, which holds them exactly; everything else fits a double.
template <class Format>
using Real = std::conditional_t<Format::kWide, long double, double>;
static_assert(std::numeric_limits<long double>::digits >= 64);

template <class Format>
Real<Format> exact_value(typename Format::Word word) {
  if constexpr (Format::kWide) {
    return static_cast<long double>(Format::key(word));
  } else {
    return Format::finite(word);
  }
}

// |a - e| of two finite words.
template <class Format>
Real<Format> difference(typename Format::Word a, typename Format::Word e) {
  if constexpr (Format::kWide) {
    const auto x = Format::key(a), y = Format::key(e);
    const auto gap = x > y ? static_cast<std::uint64_t>(x) - static_cast<std::uint64_t>(y)
                           : static_cast<std::uint64_t>(y) - static_cast<std::uint64_t>(x);
    return static_cast<long double>(gap);
  } else {
    return std::abs(Format::finite(a) - Format::finite(e));
  }
}

// The smallest double that is not below `value`.
template <class T>
double round_up(T value) {
  const double nearest = static_cast<double>(value);
  return static_cast<T>(nearest) < value ? std::nextafter(nearest, kInfinite) : nearest;
}

// The smallest double r for which gap <= r * magnitude holds as the comparator evaluates it.
template <class T>
double smallest_ratio(T gap, T magnitude) {
  if (gap == 0) return 0;
  if (magnitude == 0) return kInfinite;
  double ratio = static_cast<double>(gap / magnitude);
  while (!(gap <= static_cast<T>(ratio) * magnitude)) ratio = std::nextafter(ratio, kInfinite);
  while (ratio > 0) {
    const double lower = std::nextafter(ratio, 0.0);
    if (!(gap <= static_cast<T>(lower) * magnitude)) break;
    ratio = lower;
  }
  return ratio;
}

template <class Format>
struct Block {
  const typename Format::Word *actual = nullptr, *expected = nullptr, *lo = nullptr, *hi = nullptr;
  const std::uint8_t *open = nullptr, *unwritten = nullptr;
  std::int64_t first = 0;
  std::int64_t count = 0;

  bool is_open(std::int64_t i) const { return open != nullptr && open[i] != 0; }
  bool is_unwritten(std::int64_t i) const { return unwritten != nullptr && unwritten[i] != 0; }
};

std::int64_t count_set(const std::uint8_t* mask, std::int64_t count) {
  std::int64_t set = 0;
  if (mask != nullptr)
    for (std::int64_t i = 0; i < count; ++i) set += mask[i] != 0;
  return set;
}

// What one element's pair of values comes to.
struct Judgement {
  bool match = false;
  std::int64_t ulps = 0;
  double abs = 0;         // rounded up
  double rtol = 0;        // smallest that would pass
  bool tolerable = true;  // some absolute tolerance passes
};

template <class Format>
class Judge {
 public:
  using Word = typename Format::Word;
  explicit Judge(const Rules& rules) : rules_(rules) {}

  Judgement operator()(Word a, Word e, Word lo, Word hi) const {
    if (Format::is_nan(a) || Format::is_nan(e)) return judge_nan(a, e);
    if (a != e && (Format::is_inf(a) || Format::is_inf(e))) return judge_infinity(a, e, lo, hi);
    Judgement judgement;
    judgement.ulps = distance<Format>(a, e);
    const auto gap = a == e ? Real<Format>{0} : difference<Format>(a, e);
    const auto magnitude = Format::is_inf(e) ? Real<Format>{0} : std::abs(exact_value<Format>(e));
    judgement.abs = round_up(gap);
    judgement.rtol = smallest_ratio(gap, magnitude);
    const bool other_zero = a != e && judgement.ulps == 0;  // +0 against -0
    judgement.match = accepts(a, e, lo, hi, judgement.ulps, gap, magnitude) && !(other_zero && rules_.zero_sign);
    if (other_zero && rules_.tolerance_zero_sign) judgement.tolerable = false, judgement.rtol = kInfinite;
    return judgement;
  }

  // lo <= a <= hi in value order; with zero_sign, -0 lies below +0.
  bool inside(Word a, Word lo, Word hi) const {
    if (Format::is_nan(lo) || Format::is_nan(hi)) return false;
    if (rules_.zero_sign && Format::is_zero(a)) {
      if (Format::negative(a) && Format::is_zero(lo) && !Format::negative(lo)) return false;
      if (!Format::negative(a) && Format::is_zero(hi) && Format::negative(hi)) return false;
    }
    return Format::key(lo) <= Format::key(a) && Format::key(a) <= Format::key(hi);
  }

 private:
  Judgement judge_nan(Word a, Word e) const {
    const bool both = Format::is_nan(a) && Format::is_nan(e);
    const bool match = both && (rules_.nan == NanRule::any_nan || (rules_.nan == NanRule::same_bits && a == e));
    if (match) return {true, 0, 0, 0, true};
    return {false, kFar, kInfinite, kInfinite, false};
  }

  // a != e and at least one is infinite.
  Judgement judge_infinity(Word a, Word e, Word lo, Word hi) const {
    const std::int64_t ulps = distance<Format>(a, e);
    const bool neighbours = ulps == 1 && Format::negative(a) == Format::negative(e);
    if (rules_.max_finite_too && neighbours) return {true, ulps, 0, 0, true};
    const bool match = rules_.kind == Rules::Kind::bound && enclosed(a, lo, hi);
    return {match, ulps, kInfinite, kInfinite, false};
  }

  bool accepts(Word a, Word e, Word lo, Word hi, std::int64_t ulps, Real<Format> gap, Real<Format> magnitude) const {
    using T = Real<Format>;
    switch (rules_.kind) {
      case Rules::Kind::bits:
        return ulps == 0;
      case Rules::Kind::ulps:
        return ulps <= rules_.limit;
      case Rules::Kind::allclose:
        return a == e || gap <= T{rules_.atol} + T{rules_.rtol} * magnitude;
      case Rules::Kind::bound:
        return enclosed(a, lo, hi);
    }
    return false;
  }

  // Inside, or with max_finite_too its twin is: the infinity of a largest finite value and the other way round.
  bool enclosed(Word a, Word lo, Word hi) const {
    if (inside(a, lo, hi)) return true;
    if constexpr (Format::kFloat) {
      if (!rules_.max_finite_too) return false;
      if (Format::is_inf(a)) return inside(static_cast<Word>(a - 1), lo, hi);
      const Word next = static_cast<Word>(a + 1);
      return Format::magnitude(a) == Format::kMaxFinite && Format::is_inf(next) && inside(next, lo, hi);
    }
    return false;
  }

  const Rules& rules_;
};

template <class Format>
class Comparer {
 public:
  using Word = typename Format::Word;
  using Key = typename Format::Key;

  Comparer(const Tensor& actual, const Reference& reference, std::span<const std::uint8_t> unwritten,
           const Rules& rules)
      : actual_(actual), reference_(reference), unwritten_(unwritten), rules_(rules), judge_(rules) {}

  Result<Comparison> run() {
    result_.elements = actual_.size();
    for (std::int64_t first = 0; first < actual_.size(); first += kBlock) {
      const Block<Format> block = load(first);
      if (block.lo != nullptr) count_widths(block);
      if (skip_equal(block) || screen(block)) continue;
      if (auto done = judge_block(block); !done) return tl::unexpected(done.error());
    }
    result_.compared = result_.elements - result_.unconstrained - result_.unwritten;
    result_.passed = result_.mismatches == 0 && result_.unwritten == 0;
    result_.median_width = widths_.median();
    result_.max_width = widths_.greatest();
    if (!tolerable_) result_.smallest_atol = kInfinite;
    if (result_.mismatches > 0) result_.worst_index = worst_mismatch_;
    return std::move(result_);
  }

 private:
  Block<Format> load(std::int64_t first) {
    Block<Format> block;
    block.first = first;
    block.count = std::min(kBlock, actual_.size() - first);
    block.actual = words(actual_, block, 0);
    block.expected = words(*reference_.value, block, 1);
    if (rules_.kind == Rules::Kind::bound) {
      block.lo = words(*reference_.lo, block, 2);
      block.hi = words(*reference_.hi, block, 3);
    }
    if (!reference_.open.empty()) block.open = reference_.open.data() + first;
    if (!unwritten_.empty()) block.unwritten = unwritten_.data() + first;
    return block;
  }

  // The block's words; packed nibbles are spread into scratch.
  const Word* words(const Tensor& tensor, const Block<Format>& block, std::size_t slot) {
    if constexpr (Format::kBits >= 8) {
      return tensor.as<Word>().data() + block.first;
    } else {
      std::vector<Word>& nibbles = scratch_[slot];
      nibbles.resize(kBlock);
      for (std::int64_t i = 0; i < block.count; ++i)
        nibbles[static_cast<std::size_t>(i)] = static_cast<Word>(tensor.bits(block.first + i));
      return nibbles.data();
    }
  }

  void count_widths(const Block<Format>& block) {
    const auto size = static_cast<std::size_t>(block.count) * sizeof(Word);
    if (block.open == nullptr && std::memcmp(block.lo, block.hi, size) == 0) return widths_.add(0, block.count);
    for (std::int64_t i = 0; i < block.count; ++i)
      if (!block.is_open(i)) widths_.add(width<Format>(block.lo[i], block.hi[i]), 1);
  }

  // A block whose elements all match because they have the same bits.
  bool skip_equal(const Block<Format>& block) {
    const auto size = static_cast<std::size_t>(block.count) * sizeof(Word);
    if (std::memcmp(block.actual, block.expected, size) != 0) return false;
    if (rules_.kind == Rules::Kind::bound &&
        (std::memcmp(block.lo, block.expected, size) != 0 || std::memcmp(block.hi, block.expected, size) != 0))
      return false;
    if (Format::kHasNan && rules_.nan == NanRule::never &&
        std::any_of(block.actual, block.actual + block.count, [](Word word) { return Format::is_nan(word); }))
      return false;
    if (block.open == nullptr && block.unwritten == nullptr) return true;
    const std::int64_t open = count_set(block.open, block.count);
    if (block.unwritten != nullptr)
      for (std::int64_t i = 0; i < block.count; ++i) result_.unwritten += block.unwritten[i] != 0 && !block.is_open(i);
    result_.unconstrained += open;
    return true;
  }

  // A block that passes without special values and masks. False: not such a block, or not decided here.
  bool screen(const Block<Format>& block) {
    if constexpr (!Format::kWide) {
      if (rules_.kind == Rules::Kind::bits) return false;
      if (count_set(block.open, block.count) + count_set(block.unwritten, block.count) > 0) return false;
      const std::optional<Key> gap = screen_keys(block);
      if (!gap || !screen_values(block)) return false;
      if (*gap > 0 && rules_.kind == Rules::Kind::bound)
        for (std::int64_t i = 0; i < block.count; ++i)
          note_slack(block.actual[i], block.expected[i], block.lo[i], block.hi[i], true, block.first + i);
      if (static_cast<std::int64_t>(*gap) > result_.max_ulps) {
        std::int64_t i = 0;
        while (distance<Format>(block.actual[i], block.expected[i]) != static_cast<std::int64_t>(*gap)) ++i;
        note_ulps(static_cast<std::int64_t>(*gap), block.first + i);
      }
      return true;
    }
    return false;
  }

  // Largest distance in the block, or nothing when an element is special or misses a limit in keys.
  std::optional<Key> screen_keys(const Block<Format>& block) const {
    const bool bound = rules_.kind == Rules::Kind::bound;
    const Key limit = rules_.kind == Rules::Kind::ulps && rules_.limit < std::numeric_limits<Key>::max()
                          ? static_cast<Key>(rules_.limit)
                          : std::numeric_limits<Key>::max();
    const Key zero_sign = rules_.zero_sign ? 1 : 0;
    Key largest = 0;
    Key bad = 0;
    for (std::int64_t i = 0; i < block.count; ++i) {
      const Word a = block.actual[i], e = block.expected[i];
      const Key x = Format::key(a), y = Format::key(e);
      const Key gap = x > y ? x - y : y - x;
      largest = std::max(largest, gap);
      bad |= static_cast<Key>(Format::is_special(a)) | static_cast<Key>(Format::is_special(e));
      bad |= static_cast<Key>(x == 0) & static_cast<Key>(a != e) & zero_sign;
    }
    if (bad != 0 || largest > limit) return std::nullopt;
    return !bound || within_bounds(block) ? std::optional<Key>(largest) : std::nullopt;
  }

  bool within_bounds(const Block<Format>& block) const {
    Key bad = 0;
    for (std::int64_t i = 0; i < block.count; ++i) {
      const Key x = Format::key(block.actual[i]), y = Format::key(block.expected[i]);
      const Key lo = Format::key(block.lo[i]), hi = Format::key(block.hi[i]);
      bad |= static_cast<Key>(x < lo) | static_cast<Key>(x > hi) | static_cast<Key>(y < lo) | static_cast<Key>(y > hi);
      bad |= static_cast<Key>(Format::is_special(block.lo[i])) | static_cast<Key>(Format::is_special(block.hi[i]));
      if (rules_.zero_sign) bad |= static_cast<Key>(x == 0);
    }
    return bad == 0;
  }

  // Finite values: the value rule, the largest difference, and whether the smallest rtol so far still suffices.
  bool screen_values(const Block<Format>& block) {
    const bool allclose = rules_.kind == Rules::Kind::allclose;
    const double rtol = allclose ? rules_.rtol : 0, atol = allclose ? rules_.atol : kInfinite;
    const double enough = result_.smallest_rtol;
    double largest = 0;
    std::int64_t bad = 0, beyond = 0;
    for (std::int64_t i = 0; i < block.count; ++i) {
      const double e = Format::finite(block.expected[i]);
      const double gap = std::abs(Format::finite(block.actual[i]) - e);
      const double magnitude = std::abs(e);
      largest = gap > largest ? gap : largest;
      bad |= gap <= atol + rtol * magnitude ? 0 : 1;
      beyond |= gap <= enough * magnitude ? 0 : 1;
    }
    if (bad != 0) return false;
    note_abs(largest);
    if (beyond != 0) raise_rtol(block);
    return true;
  }

  void raise_rtol(const Block<Format>& block) {
    for (std::int64_t i = 0; i < block.count; ++i) {
      const double magnitude = std::abs(Format::finite(block.expected[i]));
      const double gap = std::abs(Format::finite(block.actual[i]) - Format::finite(block.expected[i]));
      if (!(gap <= result_.smallest_rtol * magnitude))
        result_.smallest_rtol = std::max(result_.smallest_rtol, smallest_ratio(gap, magnitude));
    }
  }

  Result<void> judge_block(const Block<Format>& block) {
    for (std::int64_t i = 0; i < block.count; ++i) {
      if (block.is_open(i)) {
        ++result_.unconstrained;
        continue;
      }
      const bool bound = rules_.kind == Rules::Kind::bound;
      const Word e = block.expected[i], lo = bound ? block.lo[i] : e, hi = bound ? block.hi[i] : e;
      if (bound && !Format::is_nan(e) && !encloses(e, lo, hi))
        return bad_input("the reference is no enclosure: element {} has value {} outside its bounds [{}, {}]",
                         block.first + i, Format::value(e), Format::value(lo), Format::value(hi));
      if (block.is_unwritten(i)) {
        ++result_.unwritten;
        continue;
      }
      record(block.first + i, block.actual[i], e, lo, hi);
    }
    return {};
  }

  static bool encloses(Word e, Word lo, Word hi) {
    return !Format::is_nan(lo) && !Format::is_nan(hi) && Format::key(lo) <= Format::key(e) &&
           Format::key(e) <= Format::key(hi);
  }

  void record(std::int64_t index, Word a, Word e, Word lo, Word hi) {
    const Judgement judgement = judge_(a, e, lo, hi);
    note_ulps(judgement.ulps, index);
    note_abs(judgement.abs);
    result_.smallest_rtol = std::max(result_.smallest_rtol, judgement.rtol);
    tolerable_ = tolerable_ && judgement.tolerable;
    if (rules_.kind == Rules::Kind::bound) note_slack(a, e, lo, hi, judgement.match, index);
    if (judgement.match) return;
    ++result_.mismatches;
    if (worst_mismatch_ < 0 || judgement.ulps > worst_mismatch_ulps_)
      worst_mismatch_ = index, worst_mismatch_ulps_ = judgement.ulps;
    const bool bound = rules_.kind == Rules::Kind::bound;
    if (result_.first.size() < kFirst)
      result_.first.push_back(
          {index, a, e, bound ? lo : std::uint64_t{0}, bound ? hi : std::uint64_t{0}, judgement.ulps});
    if (result_.mismatch_indices.size() < kIndices) result_.mismatch_indices.push_back(index);
  }

  void note_ulps(std::int64_t ulps, std::int64_t index) {
    if (ulps > result_.max_ulps) result_.max_ulps = ulps, result_.worst_index = index;
  }
  void note_abs(double abs) {
    result_.max_abs = std::max(result_.max_abs, abs);
    result_.smallest_atol = std::max(result_.smallest_atol, abs);
  }

  void note_slack(Word a, Word e, Word lo, Word hi, bool match, std::int64_t index) {
    if (match && (a == e || Format::is_nan(a) || Format::key(a) == Format::key(e))) return;
    const double ratio = slack(a, e, lo, hi, match);
    if (ratio > result_.slack || result_.slack_index < 0) result_.slack = ratio, result_.slack_index = index;
  }
  // Observed over allowed error of one element; in steps of the format where a value is infinite.
  static double slack(Word a, Word e, Word lo, Word hi, bool match) {
    if (Format::is_nan(a) || Format::is_nan(e)) return kInfinite;
    const Word end = Format::key(a) > Format::key(e) ? hi : lo;
    double observed = 0, allowed = 0;
    if (Format::is_inf(a) || Format::is_inf(e) || Format::is_inf(end)) {
      observed = static_cast<double>(distance<Format>(a, e)), allowed = static_cast<double>(distance<Format>(end, e));
    } else {
      observed = static_cast<double>(difference<Format>(a, e));
      allowed = static_cast<double>(difference<Format>(end, e));
    }
    if (match) return allowed > 0 ? std::min(observed / allowed, 1.0) : 1.0;  // the twin of max_finite_too
    return allowed > 0 ? std::max(observed / allowed, std::nextafter(1.0, 2.0)) : kInfinite;
  }

  const Tensor& actual_;
  const Reference& reference_;
  std::span<const std::uint8_t> unwritten_;
  const Rules& rules_;
  Judge<Format> judge_;
  Comparison result_;
  WidthCounter widths_;
  bool tolerable_ = true;
  std::int64_t worst_mismatch_ = -1;
  std::int64_t worst_mismatch_ulps_ = 0;
  std::array<std::vector<Word>, 4> scratch_;  // unpacked nibbles
};

Result<void> check_like(const Tensor& actual, const Tensor* other, std::string_view what) {
  if (other == nullptr) return bad_input("the reference has no {}", what);
  if (other->dtype() != actual.dtype() || other->shape() != actual.shape())
    return bad_input("{} is {} {}, expected {} {} as in the actual tensor", what, name(other->dtype()),
                     assay::to_string(other->shape()), name(actual.dtype()), assay::to_string(actual.shape()));
  return {};
}

Result<void> check_mask(const Tensor& actual, std::span<const std::uint8_t> mask, std::string_view what) {
  if (!mask.empty() && static_cast<std::int64_t>(mask.size()) != actual.size())
    return bad_input("the {} mask has {} elements, expected {}", what, mask.size(), actual.size());
  return {};
}

}  // namespace

Result<Comparison> compare(const Tensor& actual, const Reference& reference, const Policy& policy,
                           std::span<const std::uint8_t> unwritten) {
  if (std::holds_alternative<Relations>(policy.rule))
    return bad_input("policy relations compares a subject with itself on other inputs, not with a reference");
  if (std::holds_alternative<Peer>(policy.rule))
    return bad_input("policy peer needs to know which output of which form of the chain this is");
  const Rules rules(policy);
  Result<void> checked = check_like(actual, reference.value, "value");
  if (checked && rules.kind == Rules::Kind::bound) checked = check_like(actual, reference.lo, "lower bound");
  if (checked && rules.kind == Rules::Kind::bound) checked = check_like(actual, reference.hi, "upper bound");
  if (checked) checked = check_mask(actual, reference.open, "open");
  if (checked) checked = check_mask(actual, unwritten, "unwritten");
  if (!checked) return tl::unexpected(checked.error());
  auto result = visit_format(actual.dtype(), [&]<class Format>(Format) {
    return Comparer<Format>(actual, reference, unwritten, rules).run();
  });
  if (result) result->rule = to_string(policy);
  return result;
}

}  // namespace assay::compare

// Policies: how an actual tensor is held against a reference. A comparison is a pure function; its result says which
// rule decided, how far the worst element is off, and the smallest tolerance that would pass, even when it passes.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "harness/core/error.h"
#include "harness/core/tensor.h"

namespace assay::compare {

struct Bits {};  // equal bit patterns; NaN per NanRule
struct Ulps {
  std::int64_t limit = 0;
};  // distance in representable values of the dtype; -0 and +0 are 0 apart
struct Allclose {
  double rtol = 0, atol = 0;
};                // |a - e| <= atol + rtol*|e|, evaluated exactly enough in double
struct Bound {};  // lo <= a <= hi of the golden
// Not a comparison with a reference: related inputs must give related outputs, bit for bit (docs/goldens.md). compare()
// refuses it; whoever runs the subject holds each related output against what it must be under Bits.
struct Relations {};
// As the peers' own checks would judge (peer.h). compare() refuses it; outputs the peers do not look at are not judged.
struct Peer {};
using Rule = std::variant<Bits, Ulps, Allclose, Bound, Relations, Peer>;

enum class NanRule : std::uint8_t { any_nan, same_bits, never };  // two NaNs match: as a class, bit for bit, not at all
enum class InfRule : std::uint8_t { same_sign, max_finite_too };
enum class ZeroRule : std::uint8_t { sign_matters, sign_ignored };

struct Policy {
  Rule rule = Bits{};
  NanRule nan = NanRule::any_nan;
  InfRule inf = InfRule::same_sign;
  std::optional<ZeroRule> zero;  // absent: sign matters for Bits, ignored for the others
};

// "bits", "ulp(2)", "allclose(rtol=1e-3,atol=1e-5)", "bound", "relations", "peer"; modifiers follow, but for the last two:
// "ulp(1),nan=same_bits,zero=sign_matters".
Result<Policy> parse_policy(std::string_view text);
std::string to_string(const Policy& policy);

// The reference side. lo and hi are only needed by Bound; open and unwritten may be empty.
struct Reference {
  const Tensor* value = nullptr;
  const Tensor* lo = nullptr;
  const Tensor* hi = nullptr;
  std::span<const std::uint8_t> open;  // 1: not compared, counted as unconstrained
};

struct ElementMismatch {
  std::int64_t index = 0;                                  // linear
  std::uint64_t actual = 0, expected = 0, lo = 0, hi = 0;  // bits
  std::int64_t ulps = 0;                                   // saturates; NaN against a number: max
};

struct Comparison {
  bool passed = false;
  std::int64_t elements = 0;  // in the tensor
  std::int64_t compared = 0;
  std::int64_t unconstrained = 0;
  std::int64_t unwritten = 0;  // elements never written by the subject; any makes it fail
  std::int64_t mismatches = 0;
  std::int64_t worst_index = -1;
  std::int64_t max_ulps = 0;  // over all compared elements, passing or not
  double max_abs = 0;
  double smallest_rtol = 0;  // smallest rtol with atol = 0 that would pass; infinity if none
  double smallest_atol = 0;  // smallest atol with rtol = 0 that would pass
  // Under Bound only: the observed error over the allowed one, |a - value| over the distance from value to the bound on
  // that side, and where it is greatest. Above 1 (infinite where nothing is allowed) exactly for mismatches.
  double slack = 0;
  std::int64_t slack_index = -1;  // -1: every element is the value
  // Under Bound only: hi - lo in representable values, over the elements that are not open.
  std::int64_t median_width = 0, max_width = 0;
  std::string rule;                            // the policy that decided
  std::vector<ElementMismatch> first;          // up to 20, ascending index
  std::vector<std::int64_t> mismatch_indices;  // up to 1 << 20, for the pattern
};

// Shapes and dtypes must agree (an error otherwise). `unwritten`: 1 per element the subject never wrote, or empty.
//
// Laws, each with a test:
// - Every element is exactly one of compared, unconstrained (open) and unwritten (and not open). Only compared elements
//   enter the figures. Passed: no mismatch and nothing unwritten. With compared == 0 nothing was checked; that is the
//   caller's `unverified`.
// - NaN matches NaN as NanRule says and never matches a number, whatever the tolerance.
// - An infinity matches itself; under max_finite_too also the largest finite value of its sign (and those two then
// count
//   as no difference); no tolerance makes it match anything else. Bound accepts it where the interval holds it.
// - The sign of zero decides under zero=sign_matters, under every rule; in Bound, -0 then lies below +0.
// - Bound compares in value order, ends included. lo <= value <= hi must hold where value is no NaN (an error
//   otherwise); a NaN value asks for a NaN and its bounds are not looked at.
// - Integers are compared exactly, 64-bit ones too.
// - max_ulps, max_abs, smallest_rtol and smallest_atol depend on the data and the modifiers, never on the rule:
//   allclose(rtol=smallest_rtol) and allclose(atol=smallest_atol) with the same modifiers pass when nothing is
//   unwritten, and the next smaller double does not. Infinite: no tolerance passes.
// - worst_index is the mismatch farthest in ulps, without mismatches the element farthest in ulps, -1 when all are
// equal.
Result<Comparison> compare(const Tensor& actual, const Reference& reference, const Policy& policy,
                           std::span<const std::uint8_t> unwritten = {});

// Distance in representable values between two bit patterns of one dtype. Symmetric; 0 exactly for equal values (both
// zeros are equal, and any two NaN); 1 from the largest finite value to infinity; obeys the triangle inequality. NaN
// against anything else, and what exceeds 63 bits, saturates at the largest int64.
std::int64_t ulp_distance(DType dtype, std::uint64_t a, std::uint64_t b);
// Exact value of the bits; every float format of DType fits a double.
double to_double(DType dtype, std::uint64_t bits);

// The pattern of a mismatch in words: "rows 1..15", "columns 8..15 of every row", "every 16th column", "last ragged row
// block", "all elements", "actual is all zero", "never written".
std::string describe_pattern(const Tensor& actual, const Reference& reference, const Comparison& comparison,
                             std::span<const std::uint8_t> unwritten = {});

// ---- verdicts
// --------------------------------------------------------------------------------------------------------

enum class Verdict : std::uint8_t {
  passed,
  failed,
  unverified,
  xfail,
  xpass,
  skipped,
  unsupported,
  error,
  crash,
  hang
};
std::string_view name(Verdict verdict);
std::optional<Verdict> parse_verdict(std::string_view name);

// Who is to blame, from the three pairwise comparisons of one output: device D, simulator S, golden R.
enum class Blame : std::uint8_t {
  none,       // D = S = R
  device,     // S = R, D differs
  simulator,  // D = R, S differs
  both,       // D = S, both differ from R: kernel or golden
  all_differ,
  device_only,     // no simulator result; device differs from the golden
  simulator_only,  // no device result
  undecided        // no golden: device and simulator differ from each other
};
std::string_view describe(Blame blame);
// The same of a stage that relations judge: no golden took part.
std::string_view describe_by_relations(Blame blame);
// Comparisons that were not made are absent.
Blame assign_blame(std::optional<bool> device_matches_golden, std::optional<bool> simulator_matches_golden,
                   std::optional<bool> device_matches_simulator);

}  // namespace assay::compare

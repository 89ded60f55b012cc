// What the peers' own checks would have said of an output: the tolerances of dsv4-chain.md section 7 with the same
// numbers, beside the verdict and never instead of it. Their goldens are not ours: the reference is our golden's value.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "harness/compare/policy.h"

namespace assay::compare {

// At most round(most * elements) elements beyond atol + rtol * |e|; a NaN or an infinity on either side fails.
struct Ratio {
  double rtol = 0, atol = 0, most = 0.005;
};
// d = |a - e|, b = max(|a|, |e|, 2^-14 / threshold) + 1e-9, r = d below the threshold, else d / b: at most
// round(most * elements) elements with r above the threshold (dsv4-chain.md section 9).
struct Reldiff {
  double threshold = 0, most = 0;
};
// Each row of the last axis holds the same values in some order.
struct IdSet {};
// Position by position; another id is legal where the reported values of its neighbours are still in descending order.
struct TopkPair {};
// An element is beyond eps when |d| > eps and |d / e| > eps, or one side is NaN; at most floor(eps * elements) of them,
// and at most 1000 zeros where none is expected.
struct ResultCmp {
  double eps = 1e-3;
};
struct NotChecked {};
using PeerRule = std::variant<NotChecked, Bits, Allclose, Ratio, Reldiff, IdSet, TopkPair, ResultCmp>;

// Rule of a set ("p772", "mid", "head", "head_pro", "exdc", "ffng") for an output; NotChecked when the peers do not look
// at it in that set.
PeerRule peer_rule(std::string_view set, std::string_view output);
bool is_peer_set(std::string_view set);
std::string to_string(const PeerRule& rule);

struct PeerOpinion {
  bool checks = false;       // false: the peers do not look at this output
  bool accepts = false;
  std::int64_t elements = 0;  // that were looked at
  std::int64_t beyond = 0;    // elements beyond the tolerance
  std::int64_t allowed = 0;   // how many may be
  std::string rule;           // "ratio(rtol=0.0078125,atol=0.0001,most=0.005)"
};
// Shapes and dtypes of the two agree. `open`: 1 per element that is not looked at (the peers compare rows below the
// counts), or empty. `values`: what TopkPair takes as reported values, of the same shape; null: it accepts no other id.
PeerOpinion peer_opinion(const Tensor& actual, const Tensor& reference, std::span<const std::uint8_t> open,
                         const PeerRule& rule, const Tensor* values = nullptr);

}  // namespace assay::compare

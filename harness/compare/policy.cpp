// Text form of policies: RULE[,MODIFIER=VALUE]...
#include "harness/compare/policy.h"

#include <charconv>
#include <cmath>

namespace assay::compare {

namespace {

constexpr std::string_view kRules = "bits, ulp(N), allclose(rtol=R,atol=A), bound, relations or peer";

// Cuts the text into rule and modifiers; every piece remembers its column.
class PolicyParser {
 public:
  explicit PolicyParser(std::string_view text) : text_(text) {}

  Result<Policy> parse() {
    if (text_.size() > 256) return bad_input("policy of {} characters, expected at most 256", text_.size());
    Policy policy;
    if (auto rule = parse_rule()) {
      policy.rule = *rule;
    } else {
      return tl::unexpected(rule.error());
    }
    skip_spaces();
    const bool is_bare = std::holds_alternative<Relations>(policy.rule) || std::holds_alternative<Peer>(policy.rule);
    if (is_bare && at_ < text_.size()) return wrong(fmt::format("the end after {}", to_string(policy)));
    while (at_ < text_.size()) {
      if (!take(',')) return wrong("',' before a modifier");
      if (auto done = parse_modifier(policy); !done) return tl::unexpected(done.error());
      skip_spaces();
    }
    return policy;
  }

 private:
  Result<Rule> parse_rule() {
    skip_spaces();
    const std::size_t start = at_;
    const std::string_view word = take_word();
    if (word == "bits") return Rule{Bits{}};
    if (word == "bound") return Rule{Bound{}};
    if (word == "relations") return Rule{Relations{}};
    if (word == "peer") return Rule{Peer{}};
    if (word == "ulp") return parse_ulp();
    if (word == "allclose") return parse_allclose();
    at_ = start;
    return wrong(kRules);
  }

  Result<Rule> parse_ulp() {
    if (!take('(')) return wrong("'(' after ulp, as in ulp(2)");
    skip_spaces();
    Ulps ulps;
    const char* end = text_.data() + text_.size();
    const auto [stop, failure] = std::from_chars(text_.data() + at_, end, ulps.limit);
    if (failure != std::errc{} || ulps.limit < 0) return wrong("a non-negative 64-bit integer");
    at_ = static_cast<std::size_t>(stop - text_.data());
    if (!take(')')) return wrong("')'");
    return Rule{ulps};
  }

  Result<Rule> parse_allclose() {
    if (!take('(')) return wrong("'(' after allclose, as in allclose(rtol=1e-3,atol=1e-5)");
    std::optional<double> rtol, atol;
    do {
      skip_spaces();
      const std::size_t start = at_;
      const std::string_view word = take_word();
      std::optional<double>* target = word == "rtol" ? &rtol : word == "atol" ? &atol : nullptr;
      if (target == nullptr || target->has_value()) {
        at_ = start;
        return wrong("rtol= or atol=, each once");
      }
      if (!take('=')) return wrong("'='");
      auto value = parse_tolerance();
      if (!value) return tl::unexpected(value.error());
      *target = *value;
    } while (take(','));
    if (!take(')')) return wrong("',' or ')'");
    return Rule{Allclose{rtol.value_or(0), atol.value_or(0)}};
  }

  Result<double> parse_tolerance() {
    skip_spaces();
    double value = 0;
    const char* end = text_.data() + text_.size();
    const auto [stop, failure] = std::from_chars(text_.data() + at_, end, value);
    if (failure != std::errc{} || !std::isfinite(value) || value < 0 || std::signbit(value))
      return wrong("a finite non-negative number");
    at_ = static_cast<std::size_t>(stop - text_.data());
    return value;
  }

  Result<void> parse_modifier(Policy& policy) {
    skip_spaces();
    const std::size_t start = at_;
    const std::string_view key = take_word();
    const bool known = key == "nan" || key == "inf" || key == "zero";
    if (!known || seen(key)) {
      at_ = start;
      return wrong("a modifier nan=, inf= or zero=, each once");
    }
    if (!take('=')) return wrong("'='");
    skip_spaces();
    const std::size_t value_start = at_;
    const std::string_view value = take_word();
    std::string_view expected;
    if (key == "nan") expected = set_nan(policy, value);
    if (key == "inf") expected = set_inf(policy, value);
    if (key == "zero") expected = set_zero(policy, value);
    if (expected.empty()) return {};
    at_ = value_start;
    return wrong(expected);
  }

  // Each returns what was expected, or nothing when the value is known.
  static std::string_view set_nan(Policy& policy, std::string_view value) {
    if (value == "any_nan") return policy.nan = NanRule::any_nan, "";
    if (value == "same_bits") return policy.nan = NanRule::same_bits, "";
    if (value == "never") return policy.nan = NanRule::never, "";
    return "any_nan, same_bits or never";
  }
  static std::string_view set_inf(Policy& policy, std::string_view value) {
    if (value == "same_sign") return policy.inf = InfRule::same_sign, "";
    if (value == "max_finite_too") return policy.inf = InfRule::max_finite_too, "";
    return "same_sign or max_finite_too";
  }
  static std::string_view set_zero(Policy& policy, std::string_view value) {
    if (value == "sign_matters") return policy.zero = ZeroRule::sign_matters, "";
    if (value == "sign_ignored") return policy.zero = ZeroRule::sign_ignored, "";
    return "sign_matters or sign_ignored";
  }

  bool seen(std::string_view key) {
    for (const std::string_view other : seen_)
      if (other == key) return true;
    seen_.push_back(key);
    return false;
  }

  void skip_spaces() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t')) ++at_;
  }
  bool take(char c) {
    skip_spaces();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  std::string_view take_word() {
    const std::size_t start = at_;
    while (at_ < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[at_])) != 0 || text_[at_] == '_'))
      ++at_;
    return text_.substr(start, at_ - start);
  }
  tl::unexpected<Error> wrong(std::string_view expected) const {
    const std::string_view found = text_.substr(at_, 24);
    return bad_input("policy '{}', column {}: found {}, expected {}", text_, at_ + 1,
                     found.empty() ? "the end" : fmt::format("'{}'", found), expected);
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::vector<std::string_view> seen_;
};

std::string rule_text(const Rule& rule) {
  if (const auto* ulps = std::get_if<Ulps>(&rule)) return fmt::format("ulp({})", ulps->limit);
  if (const auto* close = std::get_if<Allclose>(&rule))
    return fmt::format("allclose(rtol={},atol={})", close->rtol, close->atol);
  if (std::holds_alternative<Relations>(rule)) return "relations";
  if (std::holds_alternative<Peer>(rule)) return "peer";
  return std::holds_alternative<Bits>(rule) ? "bits" : "bound";
}

}  // namespace

Result<Policy> parse_policy(std::string_view text) { return PolicyParser(text).parse(); }

std::string to_string(const Policy& policy) {
  std::string text = rule_text(policy.rule);
  if (policy.nan == NanRule::same_bits) text += ",nan=same_bits";
  if (policy.nan == NanRule::never) text += ",nan=never";
  if (policy.inf == InfRule::max_finite_too) text += ",inf=max_finite_too";
  if (policy.zero) text += *policy.zero == ZeroRule::sign_matters ? ",zero=sign_matters" : ",zero=sign_ignored";
  return text;
}

}  // namespace assay::compare

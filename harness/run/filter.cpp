#include "harness/run/filter.h"

#include <algorithm>
#include <array>

#include "harness/run/cell.h"
#include "harness/run/matrix.h"

namespace assay::run {

// Recursive descent: any := all ("||" all)*, all := unary ("&&" unary)*, unary := "!" unary | "(" any ")" | term.
class FilterParser {
 public:
  explicit FilterParser(std::string_view text) : text_(text) {}

  Result<Filter> parse() {
    if (text_.size() > 4096) return bad_input("filter longer than 4096 bytes");
    auto root = any(0);
    if (!root) return tl::unexpected(root.error());
    skip_blanks();
    if (at_ != text_.size()) return fail("the end, '&&' or '||'");
    filter_.root_ = std::move(*root);
    return std::move(filter_);
  }

 private:
  using Node = Filter::Node;
  using Kind = Filter::Kind;

  tl::unexpected<Error> fail(std::string_view expected) const {
    const std::string found = at_ < text_.size() ? fmt::format("'{}'", text_.substr(at_, 16)) : "the end";
    return bad_input("--filter '{}', column {}: found {}, expected {}", text_, at_ + 1, found, expected);
  }

  void skip_blanks() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  }

  bool accept(std::string_view token) {
    skip_blanks();
    if (!text_.substr(at_).starts_with(token)) return false;
    at_ += token.size();
    return true;
  }

  Result<Node> any(int depth) {
    return joined(depth, "||", Kind::any, [this](int d) { return all(d); });
  }

  Result<Node> all(int depth) {
    return joined(depth, "&&", Kind::all, [this](int d) { return unary(d); });
  }

  template <class Part>
  Result<Node> joined(int depth, std::string_view separator, Kind kind, Part part) {
    Node node;
    node.kind = kind;
    do {
      auto child = part(depth);
      if (!child) return child;
      node.children.push_back(std::move(*child));
    } while (accept(separator));
    return node.children.size() == 1 ? std::move(node.children.front()) : std::move(node);
  }

  Result<Node> unary(int depth) {
    if (depth > 64) return fail("at most 64 levels of nesting");
    skip_blanks();
    if (at_ < text_.size() && text_[at_] == '!') {
      ++at_;
      auto child = unary(depth + 1);
      if (!child) return child;
      Node node;
      node.kind = Kind::negation;
      node.children.push_back(std::move(*child));
      return node;
    }
    if (!accept("(")) return term();
    auto inner = any(depth + 1);
    if (inner && !accept(")")) return fail("')'");
    return inner;
  }

  Result<Node> term() {
    const std::string key = take_while([](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
    });
    if (key.empty()) return fail("KEY=VALUE, '!' or '('");
    Node node;
    if (!take_operator(node.kind)) return fail("one of = != < <= > >=");
    node.key = key_index(key);
    const std::size_t value_at = at_;
    auto value = take_value();
    if (!value) return tl::unexpected(value.error());
    if (node.kind != Kind::equal && node.kind != Kind::not_equal) {
      if (!parse_integer(*value, node.bound)) {
        at_ = value_at;
        return fail("an integer");
      }
      return node;
    }
    for (std::size_t start = 0; start <= value->size();) {
      const std::size_t end = std::min(value->find('|', start), value->size());
      node.globs.push_back(value->substr(start, end - start));
      start = end + 1;
    }
    return node;
  }

  bool take_operator(Kind& kind) {
    static constexpr std::array<std::pair<std::string_view, Kind>, 7> kOperators{{{"!=", Kind::not_equal},
                                                                                  {"<=", Kind::less_equal},
                                                                                  {">=", Kind::greater_equal},
                                                                                  {"==", Kind::equal},
                                                                                  {"=", Kind::equal},
                                                                                  {"<", Kind::less},
                                                                                  {">", Kind::greater}}};
    for (const auto& [token, meaning] : kOperators) {
      if (!accept(token)) continue;
      kind = meaning;
      return true;
    }
    return false;
  }

  template <class Predicate>
  std::string take_while(Predicate predicate) {
    skip_blanks();
    const std::size_t start = at_;
    while (at_ < text_.size() && predicate(text_[at_])) ++at_;
    return std::string(text_.substr(start, at_ - start));
  }

  // Up to a blank, ')', '&&' or '||'; or in double quotes.
  Result<std::string> take_value() {
    skip_blanks();
    if (at_ < text_.size() && text_[at_] == '"') {
      const std::size_t end = text_.find('"', at_ + 1);
      if (end == std::string_view::npos) return fail("a closing quote");
      std::string value(text_.substr(at_ + 1, end - at_ - 1));
      at_ = end + 1;
      return value;
    }
    const std::size_t start = at_;
    while (at_ < text_.size() && text_[at_] != ' ' && text_[at_] != ')' && text_.substr(at_, 2) != "&&" &&
           text_.substr(at_, 2) != "||")
      ++at_;
    if (at_ == start) return fail("a value");
    return std::string(text_.substr(start, at_ - start));
  }

  std::size_t key_index(const std::string& key) {
    auto& keys = filter_.keys_;
    const auto known = std::find(keys.begin(), keys.end(), key);
    if (known == keys.end()) keys.push_back(key);
    return static_cast<std::size_t>(std::find(keys.begin(), keys.end(), key) - keys.begin());
  }

  std::string_view text_;
  std::size_t at_ = 0;
  Filter filter_;
};

namespace {

bool any_word_matches(const std::vector<std::string>& globs, std::string_view value) {
  const auto matches = [&](std::string_view word) {
    return std::any_of(globs.begin(), globs.end(), [&](const std::string& glob) { return glob_matches(glob, word); });
  };
  if (matches(value)) return true;
  if (value.find('+') == std::string_view::npos) return false;
  const auto words = split_words(value);
  return std::any_of(words.begin(), words.end(), matches);
}

}  // namespace

Result<Filter> Filter::parse(std::string_view text) { return FilterParser(text).parse(); }

bool Filter::matches(const std::function<std::string_view(std::size_t)>& value) const { return matches(root_, value); }

bool Filter::matches(const Node& node, const std::function<std::string_view(std::size_t)>& value) const {
  const auto child_matches = [&](const Node& child) { return matches(child, value); };
  switch (node.kind) {
    case Kind::all:
      return std::all_of(node.children.begin(), node.children.end(), child_matches);
    case Kind::any:
      return std::any_of(node.children.begin(), node.children.end(), child_matches);
    case Kind::negation:
      return !matches(node.children.front(), value);
    default:
      break;
  }
  const std::string_view text = value(node.key);
  if (node.kind == Kind::equal) return !text.empty() && any_word_matches(node.globs, text);
  if (node.kind == Kind::not_equal) return text.empty() || !any_word_matches(node.globs, text);
  std::int64_t number = 0;
  if (!parse_integer(text, number)) return false;
  switch (node.kind) {
    case Kind::less:
      return number < node.bound;
    case Kind::less_equal:
      return number <= node.bound;
    case Kind::greater:
      return number > node.bound;
    default:
      return number >= node.bound;
  }
}

// Backtracks to the last star only, so the time is at most the product of the lengths.
bool glob_matches(std::string_view pattern, std::string_view text) {
  std::size_t p = 0, t = 0, star = std::string_view::npos, resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace assay::run

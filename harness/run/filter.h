// --filter: which cases of a matrix to keep. "pipeline=quant_* && (T<=16 || fill=ties|specials) && !tags=slow".
// A term is KEY OP VALUE with OP one of = != < <= > >=; = and != take globs (* and ?) and alternatives (a|b), the
// others integers. Keys are the columns of the matrix, and id. A key of several words (tags, backends) equals if any
// word does.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "harness/core/error.h"

namespace assay::run {

class Filter {
 public:
  // Errors name the column in `text`. Nesting over 64 and texts over 4096 bytes are refused.
  static Result<Filter> parse(std::string_view text);

  // Distinct keys in order of first appearance.
  const std::vector<std::string>& keys() const { return keys_; }

  // `value` gives the text of keys()[index], empty where the case has none: then = and the orders are false.
  bool matches(const std::function<std::string_view(std::size_t index)>& value) const;

 private:
  friend class FilterParser;
  enum class Kind : std::uint8_t { all, any, negation, equal, not_equal, less, less_equal, greater, greater_equal };
  struct Node {
    Kind kind = Kind::all;
    std::vector<Node> children;  // all, any, negation
    std::size_t key = 0;
    std::vector<std::string> globs;
    std::int64_t bound = 0;
  };
  bool matches(const Node& node, const std::function<std::string_view(std::size_t)>& value) const;

  std::vector<std::string> keys_;
  Node root_;
};

// * stands for any text, ? for one byte.
bool glob_matches(std::string_view pattern, std::string_view text);

}  // namespace assay::run

// Integer expressions over named parameters: the shape expressions of pipeline files and the constraint column of
// case matrices. 64-bit signed arithmetic: + - * / % (C truncation), unary - !, comparisons, && ||, parentheses, and
// min(a,b) max(a,b) ceildiv(a,b). Comparisons and logic give 0 or 1.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/core/error.h"

namespace assay {

class Expression {
 public:
  // Errors name the column in `text`. Nesting deeper than 64 and texts over 4096 bytes are refused.
  static Result<Expression> parse(std::string_view text);

  // Distinct names in order of first appearance; evaluate takes their values in this order.
  const std::vector<std::string>& names() const { return names_; }
  const std::string& text() const { return text_; }

  // Errors: overflow of 64 bits, division by zero. `values` has one value per names().
  Result<std::int64_t> evaluate(std::span<const std::int64_t> values) const;
  // Looks each name up; an unknown name is an error that lists it.
  using Lookup = std::function<const std::int64_t*(std::string_view)>;
  Result<std::int64_t> evaluate(const Lookup& lookup) const;

 private:
  struct Step {
    enum class Kind : std::uint8_t {
      constant,
      name,
      negate,
      logical_not,
      add,
      subtract,
      multiply,
      divide,
      remainder,
      less,
      less_equal,
      greater,
      greater_equal,
      equal,
      not_equal,
      logical_and,
      logical_or,
      minimum,
      maximum,
      ceildiv
    } kind;
    std::int64_t operand = 0;  // the constant, or the index into names_
  };
  friend struct ExpressionBuilder;
  std::string text_;
  std::vector<std::string> names_;
  std::vector<Step> steps_;  // postfix
};

}  // namespace assay

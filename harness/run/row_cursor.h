// Walks the cross product of one row in a fixed order: the last column varies fastest. Combinations that break a
// constraint of the row or of its pipeline are passed over, whole blocks at a time where the outer columns decide.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "harness/core/error.h"
#include "harness/run/case.h"
#include "harness/run/matrix.h"

namespace assay::run {

class RowCursor {
 public:
  // `row` outlives the cursor.
  explicit RowCursor(const MatrixRow& row);
  RowCursor(const RowCursor&) = delete;
  RowCursor& operator=(const RowCursor&) = delete;

  // Combinations before constraints; saturates at the largest 64-bit integer.
  std::int64_t combinations() const { return combinations_; }

  // Moves to the first, or the next, combination that holds every constraint; false behind the last. Errors: a
  // constraint overflows or divides by zero (the combination is named).
  Result<bool> first();
  Result<bool> next();
  // Moves to a combination by its place in the product, 0 <= ordinal < combinations().
  void seek(std::int64_t ordinal);
  // Whether the current combination holds every constraint.
  Result<bool> holds();

  std::int64_t ordinal() const;
  std::int64_t passed_over() const { return passed_over_; }  // by first and next so far
  // The case at the current place, with the row's treatment. Valid until the cursor moves.
  const Case& current() const { return case_; }

  // ---- for covering arrays: factors by index, constraints by the factors they name
  std::size_t factor_count() const { return digits_.size(); }
  std::int64_t factor_size(std::size_t factor) const { return row_.factors[factor].values.size(); }
  void set_digit(std::size_t factor, std::int64_t digit);
  std::int64_t digit(std::size_t factor) const { return digits_[factor]; }
  std::vector<std::uint8_t> constrained() const;  // 1: a constraint names the factor
  // Whether the constraints all of whose factors are among `assigned` hold for their current digits.
  Result<bool> holds_so_far(const std::vector<std::uint8_t>& assigned);

 private:
  struct Slot {
    std::size_t factor = 0;  // kConstant: the value below
    std::int64_t constant = 0;
    std::string choice = {};  // not empty: whether the factor's word is this one
  };
  static constexpr std::size_t kConstant = static_cast<std::size_t>(-1);
  struct Constraint {
    const Expression* expression = nullptr;
    std::vector<Slot> slots;  // one per name
    std::size_t depth = 0;    // greatest factor named
    bool constant_only = true;
  };

  void add_constraint(const Expression& expression);
  std::int64_t value_of(const Slot& slot) const;
  Result<bool> evaluate(const Constraint& constraint);
  Result<bool> settle(std::size_t changed);
  bool bump(std::size_t factor, std::size_t& changed);

  const MatrixRow& row_;
  std::vector<std::int64_t> digits_, integers_;
  std::vector<std::int64_t> inner_;  // combinations of the factors behind each
  std::vector<std::string*> texts_;  // into case_
  std::vector<Constraint> constraints_;
  std::vector<std::int64_t> scratch_;
  std::int64_t combinations_ = 1, passed_over_ = 0;
  Case case_;
};

}  // namespace assay::run

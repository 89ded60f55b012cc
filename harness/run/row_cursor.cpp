#include "harness/run/row_cursor.h"

#include <algorithm>
#include <limits>

namespace assay::run {
namespace {

std::int64_t saturating_product(std::int64_t a, std::int64_t b) {
  std::int64_t product = 0;
  return __builtin_mul_overflow(a, b, &product) ? std::numeric_limits<std::int64_t>::max() : product;
}

// The parameter and the word that PARAMETER_is_CHOICE asks for; the name itself and nothing for any other name.
std::pair<std::string, std::string> word_test(const pipeline::Pipeline& pipeline, const std::string& name) {
  for (const pipeline::Parameter& parameter : pipeline.parameters)
    for (const std::string& choice : parameter.choices)
      if (name == parameter.name + std::string(pipeline::kIs) + choice) return {parameter.name, choice};
  return {name, ""};
}

}  // namespace

RowCursor::RowCursor(const MatrixRow& row)
    : row_(row),
      digits_(row.factors.size()),
      integers_(row.factors.size()),
      inner_(row.factors.size()),
      texts_(row.factors.size()) {
  const auto treat = [this](const char* key, const std::string& value) {
    if (!value.empty()) case_.values[key] = value;
  };
  treat("expect", row.treatment.expect);
  treat("backends", row.treatment.backends);
  treat("tags", row.treatment.tags);
  treat("timeout", row.treatment.timeout);
  for (std::size_t i = row.factors.size(); i-- > 0;) {
    inner_[i] = combinations_;
    combinations_ = saturating_product(combinations_, row.factors[i].values.size());
    texts_[i] = &case_.values[row.factors[i].key];
  }
  for (std::size_t i = 0; i < row.factors.size(); ++i) set_digit(i, 0);
  if (row.constraint) add_constraint(*row.constraint);
  for (const Expression& expression : row.pipeline->constraints) add_constraint(expression);
}

void RowCursor::add_constraint(const Expression& expression) {
  Constraint constraint{&expression, {}, 0, true};
  for (const std::string& name : expression.names()) {
    const auto asked = word_test(*row_.pipeline, name);
    const std::string &key = asked.first, &choice = asked.second;
    const auto factor = std::find_if(row_.factors.begin(), row_.factors.end(),
                                     [&](const Factor& candidate) { return candidate.key == key; });
    if (factor != row_.factors.end()) {
      const auto index = static_cast<std::size_t>(factor - row_.factors.begin());
      constraint.slots.push_back({index, 0, choice});
      constraint.depth = std::max(constraint.depth, index);
      constraint.constant_only = false;
    } else {
      const auto* parameter = find_parameter(*row_.pipeline, key);
      const auto* value = parameter ? std::get_if<std::int64_t>(&parameter->default_value) : nullptr;
      const auto* word = parameter ? std::get_if<std::string>(&parameter->default_value) : nullptr;
      constraint.slots.push_back({kConstant, value ? *value : word && *word == choice ? 1 : 0});
    }
  }
  constraints_.push_back(std::move(constraint));
  std::stable_sort(constraints_.begin(), constraints_.end(),
                   [](const Constraint& a, const Constraint& b) { return a.depth < b.depth; });
}

void RowCursor::set_digit(std::size_t factor, std::int64_t digit) {
  digits_[factor] = digit;
  *texts_[factor] = row_.factors[factor].values.at(digit);
  std::int64_t value = 0;
  parse_integer(*texts_[factor], value);
  integers_[factor] = value;
}

std::int64_t RowCursor::value_of(const Slot& slot) const {
  if (slot.factor == kConstant) return slot.constant;
  return slot.choice.empty() ? integers_[slot.factor] : *texts_[slot.factor] == slot.choice ? 1 : 0;
}

Result<bool> RowCursor::evaluate(const Constraint& constraint) {
  scratch_.clear();
  for (const Slot& slot : constraint.slots) scratch_.push_back(value_of(slot));
  auto value = constraint.expression->evaluate(std::span<const std::int64_t>(scratch_));
  if (value) return *value != 0;
  std::vector<std::string> bindings;
  for (std::size_t i = 0; i < scratch_.size(); ++i)
    bindings.push_back(fmt::format("{}={}", constraint.expression->names()[i], scratch_[i]));
  Error error = value.error();
  error.message = fmt::format("constraint with {}: {}", fmt::join(bindings, " "), error.message);
  if (!row_.where.file.empty()) error.where = row_.where;
  return tl::unexpected(std::move(error));
}

Result<bool> RowCursor::holds() {
  for (const Constraint& constraint : constraints_) {
    auto value = evaluate(constraint);
    if (!value || !*value) return value;
  }
  return true;
}

std::vector<std::uint8_t> RowCursor::constrained() const {
  std::vector<std::uint8_t> flags(digits_.size(), 0);
  for (const Constraint& constraint : constraints_)
    for (const Slot& slot : constraint.slots)
      if (slot.factor != kConstant) flags[slot.factor] = 1;
  return flags;
}

Result<bool> RowCursor::holds_so_far(const std::vector<std::uint8_t>& assigned) {
  for (const Constraint& constraint : constraints_) {
    const bool complete = std::all_of(constraint.slots.begin(), constraint.slots.end(), [&](const Slot& slot) {
      return slot.factor == kConstant || assigned[slot.factor] != 0;
    });
    if (!complete) continue;
    auto value = evaluate(constraint);
    if (!value || !*value) return value;
  }
  return true;
}

// Advances `factor`, carrying to the factors before it and restarting those behind it; false past the end.
bool RowCursor::bump(std::size_t factor, std::size_t& changed) {
  for (std::size_t i = factor + 1; i < digits_.size(); ++i)
    if (digits_[i] != 0) set_digit(i, 0);
  for (std::size_t i = factor + 1; i-- > 0;) {
    if (digits_[i] + 1 < factor_size(i)) {
      set_digit(i, digits_[i] + 1);
      changed = i;
      return true;
    }
    if (digits_[i] != 0) set_digit(i, 0);
  }
  return false;
}

// From the current place to the nearest that holds; constraints that name no factor from `changed` on still hold.
Result<bool> RowCursor::settle(std::size_t changed) {
  while (true) {
    const Constraint* broken = nullptr;
    for (const Constraint& constraint : constraints_) {
      if (constraint.depth < changed) continue;
      auto value = evaluate(constraint);
      if (!value) return value;
      if (!*value) {
        broken = &constraint;
        break;
      }
    }
    if (!broken) return true;
    if (broken->constant_only) {
      passed_over_ += combinations_;
      return false;
    }
    // Every combination that shares the digits up to the broken constraint's depth breaks it too. They all lie ahead:
    // the digits behind the depth are zero whenever a factor up to it has just changed.
    passed_over_ += inner_[broken->depth];
    if (!bump(broken->depth, changed)) return false;
  }
}

Result<bool> RowCursor::first() {
  for (std::size_t i = 0; i < digits_.size(); ++i) set_digit(i, 0);
  passed_over_ = 0;
  return settle(0);
}

Result<bool> RowCursor::next() {
  std::size_t changed = 0;
  if (digits_.empty() || !bump(digits_.size() - 1, changed)) return false;
  return settle(changed);
}

void RowCursor::seek(std::int64_t ordinal) {
  for (std::size_t i = 0; i < digits_.size(); ++i) {
    const std::int64_t digit = ordinal / inner_[i] % factor_size(i);
    if (digit != digits_[i]) set_digit(i, digit);
  }
}

std::int64_t RowCursor::ordinal() const {
  std::int64_t ordinal = 0;
  for (std::size_t i = 0; i < digits_.size(); ++i) ordinal += digits_[i] * inner_[i];
  return ordinal;
}

}  // namespace assay::run

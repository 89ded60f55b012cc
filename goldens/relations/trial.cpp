#include "goldens/relations/trial.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "goldens/relations/bits.h"
#include "goldens/relations/slots.h"
#include "harness/core/random.h"

namespace assay::goldens {
namespace {

using Value = RelationSubject::Value;
using Slices = std::vector<std::int64_t>;

// x = f32, so that 2^30 * 2^30 * 2^30 * 2^30 * 2^5 and its inverse are normal numbers: a product of four inputs does
// not leave the range in which scaling is exact.
constexpr int kSafeExponent = 30;
constexpr std::array kPowers{-3, 5};

std::vector<std::size_t> positions(const std::vector<std::string>& axes, std::string_view axis) {
  std::vector<std::size_t> result;
  for (std::size_t i = 0; i < axes.size(); ++i)
    if (axes[i] == axis) result.push_back(i);
  return result;
}

Tensor choose(Tensor tensor, const std::vector<std::size_t>& axes, const Slices& slices) {
  for (const std::size_t axis : axes) tensor = take(tensor, axis, slices);
  return tensor;
}

// A mask as a tensor of the same shape; an empty one is all zero.
Tensor mask_tensor(const Shape& shape, std::span<const std::uint8_t> mask) {
  Tensor result(DType::u8, shape);
  std::ranges::copy(mask, result.as<std::uint8_t>().begin());
  return result;
}
std::vector<std::uint8_t> mask_of(const Tensor& tensor) {
  const auto bytes = tensor.as<std::uint8_t>();
  return {bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(tensor.size())};
}

Expected unchanged(const Tensor& base, std::span<const std::uint8_t> free) {
  return {base, mask_of(mask_tensor(base.shape(), free))};
}

// What a trial changes.
struct Source {
  const RelationSubject* subject;
  const InputMap* inputs;

  const Tensor* input(std::string_view name) const {
    const auto found = inputs->find(name);
    return found == inputs->end() ? nullptr : found->second;
  }
};

class Maker {
 public:
  Maker(const RelationSubject& subject, const InputMap& inputs, const TrialOptions& options)
      : subject_(subject), inputs_(inputs), source_{&subject, &inputs}, options_(options) {}

  Result<Trials> make(std::span<const Relation> relations) {
    for (relation_ = 0; relation_ < relations.size(); ++relation_) {
      const Relation& relation = relations[relation_];
      if (const auto checked = check_relation(relation, subject_); !checked) return tl::unexpected(checked.error());
      const std::size_t before = trials_.trials.size();
      reason_.clear();
      const Result<void> made = std::visit([&](const auto& one) { return add(one); }, relation);
      if (!made) return tl::unexpected(made.error());
      if (trials_.trials.size() == before)
        trials_.inapplicable.push_back(fmt::format("{}: {}", describe(relation), reason_));
    }
    return std::move(trials_);
  }

 private:
  const Tensor* input(std::string_view name) const { return source_.input(name); }
  std::vector<std::string> output_names() const {
    std::vector<std::string> names;
    for (const Value& output : subject_.outputs) names.push_back(output.name);
    return names;
  }
  void push(Trial trial) {
    trial.relation = relation_;
    trials_.trials.push_back(std::move(trial));
  }

  Result<void> add(const RowsRelation& relation) {
    const auto extent = subject_.extents.find(relation.axis);
    if (extent == subject_.extents.end()) {
      reason_ = "no input that is there has the axis";
      return {};
    }
    const std::int64_t n = extent->second;
    if (const auto limit = subject_.extents.find(relation.limit);
        limit != subject_.extents.end() && limit->second < n) {
      reason_ = fmt::format("{} is {} and {} {}", relation.axis, n, relation.limit, limit->second);
      return {};
    }
    reason_ = fmt::format("{} is {}", relation.axis, n);
    Slices ascending(static_cast<std::size_t>(n));
    std::iota(ascending.begin(), ascending.end(), 0);
    if (n >= 2) {
      add_choice(relation, relation.axis + " reversed", Slices(ascending.rbegin(), ascending.rend()));
      const RandomStream random(options_.seed, "relation rows " + relation.axis);
      Slices drawn = ascending;
      for (std::size_t i = 0; i < drawn.size(); ++i)
        drawn[i] = static_cast<std::int64_t>(scale_to(random.bits(i), static_cast<std::uint64_t>(n)));
      drawn[1] = drawn[0];
      add_choice(relation, relation.axis + " drawn with repetition", std::move(drawn));
    }
    if (!options_.resize || n < 1) return {};
    const auto half = ascending.begin() + n / 2;
    if (n == 1) return add_choice(relation, relation.axis + " doubled", {0, 0});
    add_choice(relation, "first half of " + relation.axis, Slices(ascending.begin(), half));
    return add_choice(relation, "second half of " + relation.axis, Slices(half, ascending.end()));
  }

  Result<void> add_choice(const RowsRelation& relation, std::string name, Slices slices) {
    Trial trial;
    trial.name = std::move(name);
    if (const auto n = static_cast<std::int64_t>(slices.size()); n != subject_.extents.find(relation.axis)->second)
      trial.extents[relation.axis] = n;
    for (const Value& output : subject_.outputs)
      if (!positions(output.axes, relation.axis).empty()) trial.outputs.push_back(output.name);
    trial.change = [source = source_, axis = relation.axis, slices] {
      TensorMap changed;
      for (const Value& value : source.subject->inputs) {
        const auto axes = positions(value.axes, axis);
        const Tensor* tensor = source.input(value.name);
        if (tensor && !axes.empty()) changed.emplace(value.name, choose(*tensor, axes, slices));
      }
      return changed;
    };
    trial.expect = [subject = &subject_, axis = relation.axis, slices](std::string_view output, const Tensor& base,
                                                                       std::span<const std::uint8_t> free) {
      const auto axes = positions(subject->find_output(output)->axes, axis);
      return Expected{choose(base, axes, slices), mask_of(choose(mask_tensor(base.shape(), free), axes, slices))};
    };
    push(std::move(trial));
    return {};
  }

  // Empty where scaling by 2^k is exact all the way.
  std::string obstacle(const PowerOfTwoRelation& relation, int n) const {
    for (const auto& [name, tensor] : inputs_) {
      const auto field = exponent_field(tensor->dtype());
      if (!field) continue;
      const int bias = static_cast<int>(field->greatest() / 2);
      const int safe = std::min(kSafeExponent, bias - 1);
      for (std::int64_t i = 0; i < tensor->size(); ++i) {
        const std::uint64_t bits = tensor->bits(i);
        const std::uint64_t exponent = field->of(bits);
        if (field->is_zero(bits) || exponent == field->greatest()) continue;
        if (exponent == 0 || std::abs(static_cast<int>(exponent) - bias) > safe)
          return fmt::format("{}[{}] is {:g}, not within 2^-{} and 2^{}", name, i, float_value(tensor->dtype(), bits),
                             safe, safe);
      }
    }
    for (const auto& [name, factor] : relation.inputs) {
      const Tensor* tensor = input(name);
      if (!tensor || relation.row_floor <= 0) continue;
      const double floor = std::max(relation.row_floor, std::ldexp(relation.row_floor, -factor * n));
      const std::int64_t columns = tensor->shape().empty() ? 1 : tensor->shape().back();
      for (std::int64_t row = 0; columns > 0 && row < tensor->size() / columns; ++row) {
        double greatest = 0;
        for (std::int64_t i = row * columns; i < (row + 1) * columns; ++i)
          greatest = std::max(greatest, std::abs(float_value(tensor->dtype(), tensor->bits(i))));
        if (greatest < floor) return fmt::format("row {} of {} is below the floor {:g}", row, name, floor);
      }
    }
    return "";
  }

  Result<void> add(const PowerOfTwoRelation& relation) {
    for (const auto& [name, factor] : relation.inputs) {
      const Tensor* tensor = input(name);
      if (tensor && !exponent_field(tensor->dtype()))
        return bad_input("{}: '{}' is {}, expected f32, bf16 or f16", describe(relation), name,
                         assay::name(tensor->dtype()));
    }
    const bool present = std::ranges::any_of(relation.inputs, [&](const auto& one) { return input(one.first); });
    if (!present) reason_ = "no such input is there";
    for (const int n : kPowers) {
      if (!present) break;
      if (reason_ = obstacle(relation, n); !reason_.empty()) continue;
      Trial trial;
      std::vector<std::string> names;
      for (const auto& [name, factor] : relation.inputs) names.push_back(fmt::format("{} * 2^{}", name, factor * n));
      trial.name = fmt::format("{}", fmt::join(names, ", "));
      trial.outputs = output_names();
      trial.change = [source = source_, relation, n] {
        TensorMap changed;
        for (const auto& [name, factor] : relation.inputs)
          if (const Tensor* tensor = source.input(name)) changed.emplace(name, scaled(*tensor, factor * n, {}).value);
        return changed;
      };
      trial.expect = [relation, n](std::string_view output, const Tensor& base, std::span<const std::uint8_t> free) {
        for (const auto& [name, factor] : relation.outputs)
          if (name == output) return scaled(base, factor * n, free);
        return unchanged(base, free);
      };
      push(std::move(trial));
    }
    return {};
  }

  static Expected scaled(const Tensor& tensor, int k, std::span<const std::uint8_t> free) {
    Expected result = unchanged(tensor, free);
    const auto field = exponent_field(tensor.dtype());
    for (std::int64_t i = 0; i < tensor.size(); ++i) {
      const auto bits = field ? scaled_bits(*field, tensor.bits(i), k) : std::nullopt;
      if (bits) {
        result.value.set_bits(i, *bits);
      } else {
        result.free[static_cast<std::size_t>(i)] = 1;
      }
    }
    return result;
  }

  Result<void> add(const PaddingRelation& relation) {
    return add_overwriting(relation.count, relation.inputs, relation.outputs, true);
  }
  Result<void> add(const UnroutedRelation& relation) {
    return add_overwriting(relation.count, relation.inputs, {}, false);
  }

  // Overwrites the elements that a count leaves out of use, with NaN and with huge values.
  Result<void> add_overwriting(const std::string& count_name, const std::vector<std::string>& names,
                               const std::vector<std::string>& slotted, bool slots) {
    const Tensor* count = input(count_name);
    if (!count) {
      reason_ = fmt::format("'{}' is not there", count_name);
      return {};
    }
    if (info(count->dtype()).is_float)
      return bad_input("count '{}' is {}, expected integers", count_name, name(count->dtype()));
    const Slots unused(*count, subject_.find_input(count_name)->axes, slots);
    bool any = false;
    for (const std::string& name : names)
      if (const Tensor* tensor = input(name)) any = any || unused.any(subject_.find_input(name)->axes, tensor->shape());
    if (!any) {
      reason_ = slots ? "no slot is unused" : fmt::format("no entry of {} is zero", count_name);
      return {};
    }
    for (const auto& [what, bits_of] : {std::pair{"NaN", &nan_bits}, std::pair{"huge values", &huge_bits}}) {
      Trial trial;
      trial.name =
          fmt::format("{} in the {} of {}", what, slots ? "unused slots" : "unrouted slices", fmt::join(names, ", "));
      trial.outputs = output_names();
      trial.change = [source = source_, unused, names, bits_of = bits_of] {
        TensorMap changed;
        for (const std::string& name : names) {
          const Tensor* tensor = source.input(name);
          if (!tensor) continue;
          const auto mask = unused.mask(source.subject->find_input(name)->axes, tensor->shape());
          Tensor other = *tensor;
          for (std::int64_t i = 0; i < other.size(); ++i)
            if (mask[static_cast<std::size_t>(i)]) other.set_bits(i, bits_of(other.dtype()));
          changed.emplace(name, std::move(other));
        }
        return changed;
      };
      trial.expect = [subject = &subject_, unused, slotted](std::string_view output, const Tensor& base,
                                                            std::span<const std::uint8_t> free) {
        Expected result = unchanged(base, free);
        if (std::ranges::find(slotted, output) == slotted.end()) return result;
        const auto mask = unused.mask(subject->find_output(output)->axes, base.shape());
        for (std::size_t i = 0; i < mask.size(); ++i) result.free[i] |= mask[i];
        return result;
      };
      push(std::move(trial));
    }
    return {};
  }

  Result<void> add(const ConservedRelation& relation) {
    std::int64_t total = 1;
    for (const std::string& extent : relation.extents) {
      const auto found = subject_.extents.find(extent);
      if (found == subject_.extents.end()) {
        reason_ = fmt::format("the extent '{}' is not known", extent);
        return {};
      }
      std::int64_t count = found->second;
      if (const auto limit = subject_.extents.find(relation.limit);
          extent == relation.limited && limit != subject_.extents.end())
        count = std::clamp<std::int64_t>(limit->second, 0, count);
      if (__builtin_mul_overflow(total, count, &total))
        return bad_input("{}: the product of the extents exceeds 64 bits", describe(relation));
    }
    Trial trial;
    trial.name = fmt::format("{} adds up to {}", relation.output, fmt::join(relation.extents, " * "));
    trial.outputs = {relation.output};
    trial.total = total;
    push(std::move(trial));
    return {};
  }

  const RelationSubject& subject_;
  const InputMap& inputs_;
  Source source_;
  TrialOptions options_;
  Trials trials_;
  std::size_t relation_ = 0;
  std::string reason_;
};

const Value* find(const std::vector<Value>& values, std::string_view name) {
  const auto found = std::ranges::find(values, name, &Value::name);
  return found == values.end() ? nullptr : &*found;
}

}  // namespace

const Value* RelationSubject::find_input(std::string_view name) const { return find(inputs, name); }
const Value* RelationSubject::find_output(std::string_view name) const { return find(outputs, name); }

Result<Trials> make_trials(std::span<const Relation> relations, const RelationSubject& subject, const InputMap& inputs,
                           const TrialOptions& options) {
  return Maker(subject, inputs, options).make(relations);
}

Result<std::int64_t> total_of(const Tensor& tensor) {
  if (info(tensor.dtype()).is_float) return bad_input("a sum of {}, expected integers", name(tensor.dtype()));
  std::int64_t total = 0;
  for (std::int64_t i = 0; i < tensor.size(); ++i)
    if (__builtin_add_overflow(total, integer_value(tensor, i), &total))
      return bad_input("the sum of {} elements exceeds 64 bits", tensor.size());
  return total;
}

}  // namespace assay::goldens

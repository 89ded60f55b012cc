// What a relation may be said of: names, axes and ranks.
#include <fmt/ranges.h>

#include <algorithm>

#include "goldens/relations/trial.h"

namespace assay::goldens {
namespace {

using Value = RelationSubject::Value;

template <class Named>
std::vector<std::string> names_of(const std::vector<Named>& list) {
  std::vector<std::string> names;
  for (const auto& one : list) {
    if constexpr (std::is_same_v<Named, std::pair<std::string, int>>) {
      names.push_back(one.first);
    } else if constexpr (std::is_same_v<Named, Value>) {
      names.push_back(one.name);
    } else {
      names.push_back(one);
    }
  }
  return names;
}

class Check {
 public:
  explicit Check(const RelationSubject& subject) : subject_(subject) {}

  Result<void> operator()(const RowsRelation& relation) const {
    const auto has_axis = [&](const Value& value) {
      return std::ranges::find(value.axes, relation.axis) != value.axes.end();
    };
    if (!std::ranges::any_of(subject_.inputs, has_axis)) return bad_input("no input has the axis '{}'", relation.axis);
    if (!std::ranges::any_of(subject_.outputs, has_axis))
      return bad_input("no output has the axis '{}'", relation.axis);
    return {};
  }
  Result<void> operator()(const PowerOfTwoRelation& relation) const {
    if (relation.inputs.empty()) return bad_input("no input is scaled");
    for (const auto& [name, factor] : relation.inputs)
      if (factor == 0 || factor < -4 || factor > 4)
        return bad_input("the factor of '{}' is {}, expected 1 to 4 or -1 to -4", name, factor);
    for (const auto& [name, factor] : relation.outputs)
      if (factor < -8 || factor > 8) return bad_input("the factor of '{}' is {}, expected -8 to 8", name, factor);
    return known(names_of(relation.inputs), names_of(relation.outputs));
  }
  Result<void> operator()(const PaddingRelation& relation) const {
    if (const auto fits = slots_of(relation.count, relation.inputs, subject_.inputs, "input", true); !fits) return fits;
    return slots_of(relation.count, relation.outputs, subject_.outputs, "output", true);
  }
  Result<void> operator()(const UnroutedRelation& relation) const {
    return slots_of(relation.count, relation.inputs, subject_.inputs, "input", false);
  }
  Result<void> operator()(const ConservedRelation& relation) const {
    if (relation.extents.empty()) return bad_input("no extents are given");
    return known({}, {relation.output});
  }

 private:
  static Result<void> one_of(const std::vector<std::string>& names, const std::vector<Value>& values,
                             std::string_view side) {
    for (const std::string& name : names)
      if (std::ranges::find(values, name, &Value::name) == values.end())
        return bad_input("'{}' is no {}, expected one of {}", name, side, fmt::join(names_of(values), ", "));
    return {};
  }
  Result<void> known(const std::vector<std::string>& inputs, const std::vector<std::string>& outputs) const {
    if (const auto found = one_of(inputs, subject_.inputs, "input"); !found) return found;
    return one_of(outputs, subject_.outputs, "output");
  }

  // The tensors begin with the axes of the count (slots: all of them and one more; otherwise the first at least).
  Result<void> slots_of(const std::string& count_name, const std::vector<std::string>& names,
                        const std::vector<Value>& values, std::string_view side, bool slots) const {
    if (const auto found = one_of({count_name}, subject_.inputs, "input"); !found) return found;
    if (const auto found = one_of(names, values, side); !found) return found;
    std::vector<std::string> axes;
    for (const std::string& axis : subject_.find_input(count_name)->axes)
      if (axis != "1") axes.push_back(axis);
    for (const std::string& name : names) {
      const Value& value = *std::ranges::find(values, name, &Value::name);
      const std::size_t shared = slots ? axes.size() : std::min<std::size_t>(axes.size(), 1);
      if (value.axes.size() < shared + (slots ? 1 : 0) || (!slots && shared == 0) ||
          !std::equal(axes.begin(), axes.begin() + static_cast<std::ptrdiff_t>(shared), value.axes.begin()))
        return bad_input("'{}' has the axes [{}], expected them to begin with those of '{}', [{}]{}", name,
                         fmt::join(value.axes, ", "), count_name, fmt::join(axes, ", "),
                         slots ? ", and one of slots" : "");
    }
    return {};
  }

  const RelationSubject& subject_;
};

}  // namespace

Result<void> check_relation(const Relation& relation, const RelationSubject& subject) {
  auto checked = std::visit(Check(subject), relation);
  if (!checked) checked.error().message = fmt::format("relation '{}': {}", describe(relation), checked.error().message);
  return checked;
}

std::string describe(const Relation& relation) {
  struct Words {
    std::string operator()(const RowsRelation& one) const { return "rows of " + one.axis; }
    std::string operator()(const PowerOfTwoRelation& one) const {
      return fmt::format("powers of two of {}", fmt::join(names_of(one.inputs), ", "));
    }
    std::string operator()(const PaddingRelation& one) const {
      return fmt::format("unused slots of {}", fmt::join(one.inputs, ", "));
    }
    std::string operator()(const UnroutedRelation& one) const {
      return fmt::format("unrouted {}", fmt::join(one.inputs, ", "));
    }
    std::string operator()(const ConservedRelation& one) const { return "sum of " + one.output; }
  };
  return std::visit(Words{}, relation);
}

RelationSubject relation_subject(const Stage& stage, const InputMap& inputs, const Parameters& parameters) {
  RelationSubject subject;
  subject.extents = parameters;
  for (const StageParameter& parameter : stage.parameters)
    if (parameter.fallback) subject.extents.try_emplace(std::string(parameter.name), *parameter.fallback);
  const auto value_of = [](const Port& port) {
    return Value{std::string(port.name), {port.shape.begin(), port.shape.end()}};
  };
  for (const Port& port : stage.inputs) {
    subject.inputs.push_back(value_of(port));
    const auto found = inputs.find(port.name);
    if (found == inputs.end() || found->second == nullptr) continue;
    const Shape& shape = found->second->shape();
    for (std::size_t i = 0; i < std::min(shape.size(), port.shape.size()); ++i)
      subject.extents.insert_or_assign(std::string(port.shape[i]), shape[i]);
  }
  for (const Port& port : stage.outputs) subject.outputs.push_back(value_of(port));
  return subject;
}

}  // namespace assay::goldens

#include "harness/run/stage_relations.h"

#include <algorithm>

#include "harness/run/golden_binding.h"

namespace assay::run {
namespace {

using goldens::Relation;
using Value = goldens::RelationSubject::Value;

// Of tensors whose golden knows no ranks.
constexpr std::string_view kRankAxis = "ranks";

const ResolvedTensor* find(const std::vector<ResolvedTensor>& tensors, std::string_view name) {
  const auto found = std::ranges::find(tensors, name, &ResolvedTensor::name);
  return found == tensors.end() ? nullptr : &*found;
}

bool contains(const std::vector<std::string>& list, const std::string& name) {
  return std::ranges::find(list, name) != list.end();
}

// A relation over ports as one over the tensors bound to them; nothing when what it needs is not bound.
class Renamed {
 public:
  Renamed(const pipeline::BuiltinGolden& golden, const pipeline::StageSpec& stage) : golden_(golden), stage_(stage) {}

  std::optional<Relation> operator()(const goldens::RowsRelation& relation) const { return relation; }
  std::optional<Relation> operator()(const goldens::PowerOfTwoRelation& relation) const {
    goldens::PowerOfTwoRelation renamed{{}, {}, relation.row_floor};
    for (const auto& [port, factor] : relation.inputs)
      if (const std::string tensor = tensor_of(golden_, port); contains(stage_.inputs, tensor))
        renamed.inputs.emplace_back(tensor, factor);
    for (const auto& [port, factor] : relation.outputs)
      if (const std::string tensor = tensor_of(golden_, port); contains(stage_.outputs, tensor))
        renamed.outputs.emplace_back(tensor, factor);
    if (renamed.inputs.empty()) return std::nullopt;
    return renamed;
  }
  std::optional<Relation> operator()(const goldens::PaddingRelation& relation) const {
    const std::string count = tensor_of(golden_, relation.count);
    if (!contains(stage_.inputs, count)) return std::nullopt;
    return goldens::PaddingRelation{count, bound(relation.inputs, stage_.inputs),
                                    bound(relation.outputs, stage_.outputs)};
  }
  std::optional<Relation> operator()(const goldens::UnroutedRelation& relation) const {
    const std::string count = tensor_of(golden_, relation.count);
    if (!contains(stage_.inputs, count)) return std::nullopt;
    return goldens::UnroutedRelation{count, bound(relation.inputs, stage_.inputs)};
  }
  std::optional<Relation> operator()(const goldens::ConservedRelation& relation) const {
    const std::string output = tensor_of(golden_, relation.output);
    if (!contains(stage_.outputs, output)) return std::nullopt;
    return goldens::ConservedRelation{output, relation.extents, relation.limit, relation.limited};
  }

 private:
  std::vector<std::string> bound(const std::vector<std::string>& ports, const std::vector<std::string>& tensors) const {
    std::vector<std::string> names;
    for (const std::string& port : ports)
      if (std::string tensor = tensor_of(golden_, port); contains(tensors, tensor)) names.push_back(std::move(tensor));
    return names;
  }

  const pipeline::BuiltinGolden& golden_;
  const pipeline::StageSpec& stage_;
};

Result<void> add_ports(const std::vector<goldens::Port>& ports, const std::vector<std::string>& bound,
                       const pipeline::BuiltinGolden& golden, const std::vector<ResolvedTensor>& tensors,
                       std::vector<Value>& values, goldens::Parameters& extents) {
  for (const goldens::Port& port : ports) {
    const std::string name = tensor_of(golden, port.name);
    const ResolvedTensor* tensor = contains(bound, name) ? find(tensors, name) : nullptr;
    if (!tensor) continue;
    Value value{name, {port.shape.begin(), port.shape.end()}};
    if (golden.per_rank && tensor->ranks > 0) value.axes.insert(value.axes.begin(), std::string(kRankAxis));
    if (tensor->shape.size() != value.axes.size())
      return bad_input("tensor '{}' has {} dimensions; port '{}' of golden '{}' has {}", name, tensor->shape.size(),
                       port.name, golden.stage, value.axes.size());
    for (std::size_t i = 0; i < value.axes.size(); ++i) extents.insert_or_assign(value.axes[i], tensor->shape[i]);
    values.push_back(std::move(value));
  }
  return {};
}

Result<StageRelations> builtin_relations(const pipeline::BuiltinGolden& golden, const pipeline::StageSpec& stage,
                                         const Bindings& bindings, const std::vector<ResolvedTensor>& tensors) {
  const auto found = goldens::find_stage(golden.stage);
  if (!found) return tl::unexpected(found.error());
  const goldens::Stage& builtin = **found;
  auto parameters = builtin_parameters(golden, builtin, bindings);
  if (!parameters) return tl::unexpected(parameters.error());
  StageRelations group{{}, {}, &builtin};
  group.subject.extents = std::move(*parameters);
  for (const goldens::StageParameter& parameter : builtin.parameters)
    if (parameter.fallback) group.subject.extents.try_emplace(std::string(parameter.name), *parameter.fallback);
  for (const auto& [ports, bound, values] : {std::tuple{&builtin.inputs, &stage.inputs, &group.subject.inputs},
                                             std::tuple{&builtin.outputs, &stage.outputs, &group.subject.outputs}})
    if (const auto added = add_ports(*ports, *bound, golden, tensors, *values, group.subject.extents); !added)
      return tl::unexpected(added.error());
  for (const Relation& relation : builtin.relations) {
    auto renamed = std::visit(Renamed(golden, stage), relation);
    if (renamed && goldens::check_relation(*renamed, group.subject)) group.relations.push_back(std::move(*renamed));
  }
  return group;
}

// The pipeline's parameter that an axis is: every dimension of that name is the parameter alone.
Result<std::string> parameter_of(const PreparedCase& prepared, const StageRelations& group, const std::string& axis) {
  std::string parameter;
  for (const auto* values : {&group.subject.inputs, &group.subject.outputs})
    for (const Value& value : *values)
      for (std::size_t i = 0; i < value.axes.size(); ++i) {
        if (value.axes[i] != axis) continue;
        const pipeline::TensorSpec& spec = *prepared.pipeline->find_tensor(value.name);
        const std::string& text = spec.has_ranks && i == 0 ? spec.ranks.text() : spec.shape[i - spec.has_ranks].text();
        if (!prepared.bindings.integers.contains(text))
          return bad_input("dimension {} of '{}' is '{}', not a parameter", i, value.name, text);
        if (!parameter.empty() && parameter != text)
          return bad_input("the axis is both '{}' and '{}'", parameter, text);
        parameter = text;
      }
  if (parameter.empty()) return bad_input("no tensor has the axis '{}'", axis);
  return parameter;
}

}  // namespace

Result<std::vector<StageRelations>> stage_relations(const pipeline::Pipeline& pipeline,
                                                    const pipeline::StageSpec& stage, const Bindings& bindings,
                                                    const std::vector<ResolvedTensor>& tensors) {
  std::vector<StageRelations> groups;
  if (const auto* golden = std::get_if<pipeline::BuiltinGolden>(&stage.golden)) {
    auto group = builtin_relations(*golden, stage, bindings, tensors);
    if (!group) return tl::unexpected(group.error());
    if (!group->relations.empty()) groups.push_back(std::move(*group));
  }
  if (!stage.relations.empty()) {
    StageRelations own{stage.relations, pipeline::relation_subject(pipeline, stage), nullptr};
    for (const auto& [name, value] : bindings.integers) own.subject.extents.emplace(name, value);
    for (const auto* values : {&own.subject.inputs, &own.subject.outputs})
      for (const Value& value : *values)
        if (const ResolvedTensor* tensor = find(tensors, value.name))
          for (std::size_t i = 0; i < value.axes.size(); ++i)
            own.subject.extents.insert_or_assign(value.axes[i], tensor->shape[i]);
    groups.push_back(std::move(own));
  }
  return groups;
}

Result<Reshaped> reshape(const PreparedCase& prepared, const pipeline::StageSpec& stage, const StageRelations& group,
                         const goldens::Trial& trial, const TensorMap& inputs) {
  if (trial.extents.empty()) return Reshaped{prepared.bindings, prepared.tensors};
  Case c = prepared.c;
  for (const auto& [axis, extent] : trial.extents) {
    const auto parameter = parameter_of(prepared, group, axis);
    if (!parameter) return tl::unexpected(parameter.error());
    c.values[*parameter] = std::to_string(extent);
  }
  auto bindings = bind(*prepared.pipeline, c);
  if (!bindings) return tl::unexpected(bindings.error());
  auto tensors = resolve_tensors(*prepared.pipeline, *bindings);
  if (!tensors) return tl::unexpected(tensors.error());
  for (const std::string& name : stage.inputs) {
    const ResolvedTensor* tensor = find(*tensors, name);
    const auto given = inputs.find(name);
    if (!tensor || given == inputs.end() || given->second.shape() != tensor->shape)
      return bad_input("the pipeline's '{}' would have another shape", name);
  }
  // A parameter of the golden that moves with the extent makes it another stage.
  if (const auto* golden = std::get_if<pipeline::BuiltinGolden>(&stage.golden); golden && group.builtin) {
    const auto before = builtin_parameters(*golden, *group.builtin, prepared.bindings);
    const auto after = builtin_parameters(*golden, *group.builtin, *bindings);
    if (!before || !after || *before != *after) return bad_input("the golden's parameters depend on the extent");
  }
  return Reshaped{std::move(*bindings), std::move(*tensors)};
}

}  // namespace assay::run

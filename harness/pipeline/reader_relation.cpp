// relations = [...] of a stage: what must hold of it whatever its golden says.
#include "harness/pipeline/reader.h"

namespace assay::pipeline {
namespace {

constexpr std::size_t kMostRelations = 64;

}  // namespace

goldens::RelationSubject relation_subject(const Pipeline& pipeline, const StageSpec& stage) {
  goldens::RelationSubject subject;
  const auto add = [&](const std::vector<std::string>& names, std::vector<goldens::RelationSubject::Value>& values) {
    for (const std::string& name : names) {
      goldens::RelationSubject::Value value{name, {}};
      const TensorSpec* tensor = pipeline.find_tensor(name);
      if (tensor && tensor->has_ranks) value.axes.push_back(tensor->ranks.text());
      if (tensor)
        for (const Expression& extent : tensor->shape) value.axes.push_back(extent.text());
      values.push_back(std::move(value));
    }
  };
  add(stage.inputs, subject.inputs);
  add(stage.outputs, subject.outputs);
  return subject;
}

void Reader::read_relations(StageSpec& stage, const Node& node) {
  if (!expect(node, Node::Kind::array, "relations")) return;
  if (node.items.size() > kMostRelations) fail(node, fmt::format("more than {} relations", kMostRelations));
  const goldens::RelationSubject subject = relation_subject(pipeline_, stage);
  for (const Node& item : node.items) {
    auto relation = read_relation(item);
    if (!relation) continue;
    if (const auto checked = goldens::check_relation(*relation, subject); !checked) fail(item, checked.error().message);
    stage.relations.push_back(std::move(*relation));
  }
}

// The key that is there says which relation it is.
std::optional<goldens::Relation> Reader::read_relation(const Node& node) {
  if (!expect(node, Node::Kind::table, "a relation")) return std::nullopt;
  if (const Node* rows = node.find("rows")) {
    check_keys(node, "a relation of rows", {"rows"});
    return goldens::RowsRelation{text(*rows, "rows")};
  }
  if (const Node* scaled = node.find("scaled")) {
    check_keys(node, "a relation of powers of two", {"scaled", "gives", "row_floor"});
    goldens::PowerOfTwoRelation relation{factors(*scaled, "scaled"), {}};
    if (const Node* gives = node.find("gives")) relation.outputs = factors(*gives, "gives");
    if (const Node* floor = node.find("row_floor"); floor && expect(*floor, Node::Kind::floating, "row_floor"))
      relation.row_floor = floor->floating;
    return relation;
  }
  if (const Node* unused = node.find("unused")) {
    check_keys(node, "a relation of unused slots", {"count", "unused", "outputs"});
    const Node* count = required(node, "count", "a relation of unused slots");
    goldens::PaddingRelation relation{count ? text(*count, "count") : "", texts(*unused, "unused"), {}};
    if (const Node* outputs = node.find("outputs")) relation.outputs = texts(*outputs, "outputs");
    return relation;
  }
  if (const Node* unrouted = node.find("unrouted")) {
    check_keys(node, "a relation of unrouted slices", {"count", "unrouted"});
    const Node* count = required(node, "count", "a relation of unrouted slices");
    return goldens::UnroutedRelation{count ? text(*count, "count") : "", texts(*unrouted, "unrouted")};
  }
  if (const Node* sum = node.find("sum")) {
    check_keys(node, "a relation of sums", {"sum", "equals"});
    const Node* equals = required(node, "equals", "a relation of sums");
    return goldens::ConservedRelation{text(*sum, "sum"),
                                      equals ? texts(*equals, "equals") : std::vector<std::string>()};
  }
  fail(node, "the relation has none of the keys rows, scaled, unused, unrouted, sum");
  return std::nullopt;
}

std::vector<std::pair<std::string, int>> Reader::factors(const Node& node, std::string_view what) {
  std::vector<std::pair<std::string, int>> result;
  if (!expect(node, Node::Kind::table, what)) return result;
  for (const auto& [tensor, factor] : node.members) {
    if (factor.kind != Node::Kind::integer || factor.integer < -8 || factor.integer > 8) {
      fail(factor, fmt::format("the factor of '{}' is no integer from -8 to 8", tensor));
      continue;
    }
    result.emplace_back(tensor, static_cast<int>(factor.integer));
  }
  return result;
}

}  // namespace assay::pipeline

// Trials of metamorphic relations (relation.h): other inputs for a stage, and what its outputs must then be, bit for
// bit, given what they were. Whoever runs the stage, a golden or a device, holds one answer against the other.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "goldens/relations/relation.h"
#include "goldens/stages/stage.h"

namespace assay::goldens {

// What relations know of a stage: its tensors with their axes. Axes of one name have one extent; "1" and other names
// that are no symbol stand for themselves.
struct RelationSubject {
  struct Value {
    std::string name;
    std::vector<std::string> axes;
  };
  std::vector<Value> inputs, outputs;
  Parameters extents;  // of axes, and integer parameters, by name

  const Value* find_input(std::string_view name) const;
  const Value* find_output(std::string_view name) const;
};
// Ports become tensors. Extents are those of the inputs that are there.
RelationSubject relation_subject(const Stage& stage, const InputMap& inputs, const Parameters& parameters);

// Names that the subject does not have, a relation without any inputs or outputs, ranks that do not fit.
Result<void> check_relation(const Relation& relation, const RelationSubject& subject);
// "rows of T", "powers of two of x", "unused slots of recv_x", "unrouted w1", "sum of counts".
std::string describe(const Relation& relation);

struct Expected {
  Tensor value;
  std::vector<std::uint8_t> free;  // 1: the relation says nothing of this element
};

struct Trial {
  std::string name;  // "T reversed"
  std::size_t relation = 0;
  // The inputs that change; the others stay. Refers to the inputs that make_trials was given.
  std::function<TensorMap()> change;
  Parameters extents;                // axes that get another extent
  std::vector<std::string> outputs;  // those it speaks of
  // What `output` must be where it was `base`. `free`: 1 where nothing follows from an element of base; may be empty.
  std::function<Expected(std::string_view output, const Tensor& base, std::span<const std::uint8_t> free)> expect;
  // Instead of other inputs: what the elements of the one output add up to. change and expect are empty.
  std::optional<std::int64_t> total;
};

struct Trials {
  std::vector<Trial> trials;
  // Relations without a trial on these inputs, and why: "powers of two of x: x has elements beyond 2^30".
  std::vector<std::string> inapplicable;
};

struct TrialOptions {
  std::uint64_t seed = 1;
  bool resize = true;  // trials may change extents
};
// `subject` and `inputs` must outlive the trials. Errors: those of check_relation; an element type that a relation
// cannot work on.
Result<Trials> make_trials(std::span<const Relation> relations, const RelationSubject& subject, const InputMap& inputs,
                           const TrialOptions& options = {});

// The sum of an integer tensor's elements. Error: not an integer tensor, a sum beyond 64 bits.
Result<std::int64_t> total_of(const Tensor& tensor);

}  // namespace assay::goldens

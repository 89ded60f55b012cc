// The golden of a stage: what its mathematics say the outputs are, given the inputs it actually received. Written from
// the specification, never from a kernel. Includes nothing of harness/sim, harness/device or harness/pto.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "goldens/relations/relation.h"
#include "harness/core/error.h"
#include "harness/core/profile/profile.h"
#include "harness/core/tensor.h"

namespace assay::goldens {

// One output of a golden.
struct GoldenOutput {
  Tensor value;  // strict: every operation rounded once, in the specified order
  // Least and greatest value a correct implementation may return under the profile; equal to `value` bit for bit where
  // the specification leaves no freedom. Same dtype and shape. NaN in `value` means: any NaN.
  Tensor lo, hi;
  std::vector<std::uint8_t> open;  // 1: the specification leaves this element open; not compared, counted
};
using GoldenMap = std::map<std::string, GoldenOutput, std::less<>>;

using Parameters = std::map<std::string, std::int64_t, std::less<>>;
using Options = std::map<std::string, std::string, std::less<>>;  // e.g. rounding=round for the P772 INT8 policy
using InputMap = std::map<std::string, const Tensor*, std::less<>>;

struct StageRequest {
  const InputMap& inputs;
  const Parameters& parameters;
  const Options& options;
  const Profile& profile;
  // What a subject returned, by output; null: nobody ran yet. Only a set-valued stage looks at it (Stage::set_valued).
  const InputMap* observed = nullptr;
};

struct Port {
  std::string_view name;
  std::vector<DType> dtypes;            // legal ones
  std::vector<std::string_view> shape;  // "T", "D": symbols are bound by the inputs and must agree
  bool optional = false;                // an input that may be absent; an output that only some options give
};

struct StageParameter {
  std::string_view name;
  std::optional<std::int64_t> fallback = std::nullopt;  // absent: the parameter must be given
};

struct Stage {
  std::string_view name;    // "ffn_add"
  std::string_view clause;  // "dsv4-chain 3.7"
  std::vector<Port> inputs, outputs;
  std::vector<StageParameter> parameters;  // integer parameters it reads
  std::vector<std::string_view> options;
  Result<GoldenMap> (*evaluate)(const StageRequest& request);
  // The specification admits several answers that no interval describes (ids under near-ties, the order of slots).
  // Given `observed`, evaluate holds the observed answer: where it is admissible it is the golden, and every other
  // output is what must go with it; where it is not, the golden is the specification's first choice. Without
  // `observed` the golden is that first choice, and what another admissible answer would change is open.
  bool set_valued = false;
  std::vector<Relation> relations = {};
};

// All built-in stages, sorted by name.
std::span<const Stage> stages();
// Error lists the known names.
Result<const Stage*> find_stage(std::string_view name);
// Checks names, dtypes, ranks and symbol agreement of the inputs, then evaluates.
Result<GoldenMap> evaluate(const Stage& stage, const StageRequest& request);

}  // namespace assay::goldens

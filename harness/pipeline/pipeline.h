// Pipelines are data: one TOML file names tensors, stages, tasks, goldens, policies and fills. The built-in pipelines
// use the same files as a user's own (docs/pipelines.md describes the format).
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "goldens/relations/trial.h"
#include "harness/compare/policy.h"
#include "harness/core/dtype.h"
#include "harness/core/error.h"
#include "harness/core/expression.h"

namespace assay::pipeline {

// An integer parameter of the case ("T") or one chosen from words ("x_dtype = bf16|f32"). Words can be used in dtypes
// and be substituted into function names and options as {x_dtype}.
struct Parameter {
  std::string name;
  std::variant<std::int64_t, std::string> default_value;
  std::optional<std::int64_t> min, max;
  std::vector<std::string> choices;
};

// In expressions, PARAMETER_is_CHOICE is 1 where the word is that choice, else 0.
inline constexpr std::string_view kIs = "_is_";

enum class Role : std::uint8_t { input, output, inout, temporary };

struct TensorSpec {
  std::string name;
  std::string dtype;              // a dtype, or {parameter}
  std::vector<Expression> shape;  // over the integer parameters
  Role role = Role::input;
  // Every rank has a tensor of `shape` in its own memory; goldens, inputs and reports see [ranks, shape...].
  bool has_ranks = false;
  Expression ranks;
};

// Typed bytes of a window.
struct FieldSpec {
  std::string name;
  std::string dtype;  // a dtype, or {parameter}
  std::vector<Expression> shape;
  bool has_at = false;  // else behind the field before it, on kFieldAlignment bytes
  Expression at;        // bytes from the window's start
  bool zero = false;    // zero before the first stage; other bytes are undefined until written
};
inline constexpr std::int64_t kFieldAlignment = 64;

// Symmetric memory: as many bytes on each rank, which all ranks may reach. Lives from stage to stage and from
// invocation to invocation.
struct WindowSpec {
  std::string name;
  Expression ranks;
  bool has_bytes = false;  // else as far as the fields reach, rounded up to kFieldAlignment
  Expression bytes;
  std::vector<FieldSpec> fields;
};

// A field of a window as an argument: a pointer to rank 0's; rank r's lies r times the window's bytes behind it.
struct FieldReference {
  std::string window, field;
};

// Task arguments in the function's order: a tensor, or an integer expression, or a float, or a window's field.
struct TaskArgument {
  std::string parameter;                                // name of the function argument, empty when given by position
  std::variant<std::string, Expression, double, FieldReference> value;  // string: tensor name
};

struct Task {
  std::filesystem::path kernel;  // absolute, resolved against the pipeline file
  std::string function;          // may hold {parameter}; empty: the file's only function
  std::vector<TaskArgument> arguments;
  Expression blocks;
  // Launched so often, one after the other, where the variable `launch` counts from 0; else once. 0 launches: not at all.
  bool has_launches = false;
  Expression launches;
  // Launched on ranks 0 to ranks - 1, where the variable `rank` is the rank's number; else once, on rank 0.
  bool has_ranks = false;
  Expression ranks;
};

struct BuiltinGolden {
  std::string stage;                                      // name in goldens::stages()
  std::map<std::string, std::string, std::less<>> ports;  // stage port -> tensor, where they differ
  std::map<std::string, Expression, std::less<>> parameters;
  std::map<std::string, std::string, std::less<>> options;  // values may hold {parameter}
  // The stage has no axis of ranks: it is applied to every rank's tensors, in `parameters` as `rank`.
  bool per_rank = false;
};
struct NpyGolden {
  std::filesystem::path directory;
};  // OUTPUT.npy, and OUTPUT.lo.npy, OUTPUT.hi.npy where present
struct CommandGolden {
  std::string command;  // gets {inputs} and {outputs} directories of .npy + manifest
  double timeout = 60;  // seconds
};
using GoldenSource = std::variant<std::monostate, BuiltinGolden, NpyGolden, CommandGolden>;

struct StageSpec {
  std::string name;
  std::vector<std::string> inputs, outputs;  // tensors
  std::vector<Task> tasks;
  GoldenSource golden;  // monostate: none, verdicts are unverified without a peer
  std::map<std::string, compare::Policy, std::less<>> policies;  // per output; default of the pipeline otherwise
  // Beside those of a built-in golden. Ports are tensors; axes are dimensions as the tensors' shapes write them.
  std::vector<goldens::Relation> relations;
};

struct Pipeline {
  std::string name;
  std::filesystem::path file;
  std::string clause;
  std::string profile = "a2a3";
  std::vector<Parameter> parameters;
  std::vector<Expression> constraints;  // every one must hold, else the case is contradictory
  std::vector<TensorSpec> tensors;
  std::vector<WindowSpec> windows;
  std::vector<StageSpec> stages;
  // How often the stages run, windows kept and inputs drawn anew; the variable `invocation` counts from 1.
  bool has_invocations = false;
  Expression invocations;
  compare::Policy policy;
  std::string peer;  // which of the peers' sets of tolerances the outputs are shown beside; may hold {parameter}
  // fills["ties"]["x"] = fill specification of tensor x under the fill named ties; "*" stands for every other input.
  // Fills not named here apply the built-in fill of that name to every input.
  std::map<std::string, std::map<std::string, std::string, std::less<>>, std::less<>> fills;

  const TensorSpec* find_tensor(std::string_view name) const;
  const WindowSpec* find_window(std::string_view name) const;
};

// The tensors a relation of the stage may name, without extents.
goldens::RelationSubject relation_subject(const Pipeline& pipeline, const StageSpec& stage);

// Errors carry file:line:column and the text. Refuses unknown keys.
Result<Pipeline> read_pipeline(const std::filesystem::path& file);
// NAME is looked up as a path to a .toml, then as DIR/NAME/pipeline.toml for each directory. Error lists what is known.
Result<Pipeline> find_pipeline(std::string_view name, const std::vector<std::filesystem::path>& directories);

}  // namespace assay::pipeline

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
};

// Task arguments in the function's order: a tensor, or an integer expression, or a float.
struct TaskArgument {
  std::string parameter;                                // name of the function argument, empty when given by position
  std::variant<std::string, Expression, double> value;  // string: tensor name
};

struct Task {
  std::filesystem::path kernel;  // absolute, resolved against the pipeline file
  std::string function;          // may hold {parameter}; empty: the file's only function
  std::vector<TaskArgument> arguments;
  Expression blocks;
  Expression ranks;  // copies of the machine, each with its own memory; above 1 no backend of today runs it
  // Launched so often, one after the other, where the variable `launch` counts from 0; else once. 0 launches: not at all.
  bool has_launches = false;
  Expression launches;
};

struct BuiltinGolden {
  std::string stage;                                      // name in goldens::stages()
  std::map<std::string, std::string, std::less<>> ports;  // stage port -> tensor, where they differ
  std::map<std::string, Expression, std::less<>> parameters;
  std::map<std::string, std::string, std::less<>> options;  // values may hold {parameter}
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
  std::vector<StageSpec> stages;
  compare::Policy policy;
  // fills["ties"]["x"] = fill specification of tensor x under the fill named ties; "*" stands for every other input.
  // Fills not named here apply the built-in fill of that name to every input.
  std::map<std::string, std::map<std::string, std::string, std::less<>>, std::less<>> fills;

  const TensorSpec* find_tensor(std::string_view name) const;
};

// The tensors a relation of the stage may name, without extents.
goldens::RelationSubject relation_subject(const Pipeline& pipeline, const StageSpec& stage);

// Errors carry file:line:column and the text. Refuses unknown keys.
Result<Pipeline> read_pipeline(const std::filesystem::path& file);
// NAME is looked up as a path to a .toml, then as DIR/NAME/pipeline.toml for each directory. Error lists what is known.
Result<Pipeline> find_pipeline(std::string_view name, const std::vector<std::filesystem::path>& directories);

}  // namespace assay::pipeline

// Between the files of the reader: the pipeline being read, and the first error met. Functions here go on after an
// error with empty values; only the first error is reported.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/pipeline/document.h"
#include "harness/pipeline/pipeline.h"

namespace assay::pipeline {

class Reader {
 public:
  explicit Reader(std::filesystem::path file);

  // Reads the whole document.
  Result<Pipeline> read(const Node& root);

 private:
  void fail(const Node& node, std::string message);

  // ---- values; `what` names the key in messages
  void check_keys(const Node& table, std::string_view what, std::initializer_list<std::string_view> allowed);
  bool expect(const Node& node, Node::Kind kind, std::string_view what);
  std::string text(const Node& node, std::string_view what);
  std::string text_of(const Node& table, std::string_view key, std::string_view otherwise);
  const Node* required(const Node& table, std::string_view key, std::string_view where);
  std::vector<std::string> texts(const Node& node, std::string_view what);
  std::optional<Expression> expression(const Node& node, std::string_view what);
  compare::Policy policy(const Node& node);
  void check_name(const Node& node, std::string_view name, std::string_view what);
  void check_placeholders(const Node& node, std::string_view text);
  void check_tensor(const Node& node, std::string_view name, std::string_view what);

  // ---- reader.cpp
  void read_head(const Node& root);
  void read_parameter(const std::string& name, const Node& node);
  void read_parameter_table(Parameter& parameter, const Node& node);
  void check_default(const Parameter& parameter, const Node& node);
  void read_tensor(const std::string& name, const Node& node);
  bool read_shape(const Node& table, std::string_view what, std::vector<Expression>& shape);
  void check_dtype(const Node& node, std::string_view dtype);
  void read_fills(const Node& node);
  void check_use(const Node& root);

  // ---- reader_window.cpp
  void read_window(const std::string& name, const Node& node);
  void read_field(WindowSpec& window, const std::string& name, const Node& node);
  std::optional<FieldReference> field_reference(const Node& node);

  // ---- reader_stage.cpp
  void read_stage(const Node& node);
  void check_flow(const StageSpec& stage, const Node& node);
  void read_stage_policies(StageSpec& stage, const Node& node);
  void read_task(StageSpec& stage, const Node& node);
  void read_arguments(StageSpec& stage, Task& task, const Node& node);
  TaskArgument read_argument(const StageSpec& stage, const Node& node, std::string parameter);
  GoldenSource read_golden(const StageSpec& stage, const Node& node);
  BuiltinGolden read_builtin(const StageSpec& stage, const Node& node);
  void check_builtin(const StageSpec& stage, const BuiltinGolden& golden, const Node& node);

  // ---- reader_relation.cpp
  void read_relations(StageSpec& stage, const Node& node);
  std::optional<goldens::Relation> read_relation(const Node& node);
  std::vector<std::pair<std::string, int>> factors(const Node& node, std::string_view what);

  std::vector<std::string> integer_names() const;
  std::vector<std::string> parameter_names() const;
  std::vector<std::string> tensor_names() const;

  Pipeline pipeline_;
  std::vector<std::string> scope_;  // variables of expressions here, beside the integer parameters
  std::optional<Error> error_;
};

}  // namespace assay::pipeline

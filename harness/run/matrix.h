// A case matrix: rows of a CSV whose cells hold lists of values. Reading checks everything that can be checked without
// expanding: columns, pipelines, values, ranges, expectations (design.md section 3; docs/cases.md for users).
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/core/error.h"
#include "harness/core/expression.h"
#include "harness/pipeline/pipeline.h"
#include "harness/run/cell.h"
#include "harness/run/csv.h"

namespace assay::run {

struct Case;

// What the words in a matrix may be. A check returns what is wrong with the word, or nothing.
struct Vocabulary {
  using Check = std::function<std::optional<std::string>(std::string_view word)>;
  // Kept between calls; the pointer stays valid as long as the vocabulary.
  std::function<Result<const pipeline::Pipeline*>(std::string_view name)> pipeline;
  std::function<std::optional<std::string>(const pipeline::Pipeline&, std::string_view fill)> fill;
  Check policy, profile, backend, expect;
};
// The vocabulary of this build: pipelines of `directories`, fills and profiles of core, policies of compare, backends
// of the registry. Creates no backend.
Vocabulary make_vocabulary(std::vector<std::filesystem::path> directories);
// What is wrong with "sim" or "process:COMMAND" as the name of a backend, or nothing. Creates none.
std::optional<std::string> check_backend(std::string_view specification);

// How to treat the cases of a row; not part of what they are.
struct Treatment {
  std::string expect;    // "pass", "fail:CAUSE", "skip:REASON", "unverified:REASON", or empty (pass)
  std::string backends;  // "sim+opencl", or empty (all)
  std::string tags;      // "smoke+tail", or empty
  std::string timeout;   // seconds, or empty
};

// One key and the values it takes in a row.
struct Factor {
  std::string key;
  CellValues values;
};

struct MatrixRow {
  TextPosition where;  // of the row; file empty for a replay line
  const pipeline::Pipeline* pipeline = nullptr;
  std::vector<Factor> factors;           // in column order; absent keys have the pipeline's defaults
  std::optional<Expression> constraint;  // over the pipeline's integer parameters and seed
  Treatment treatment;
};

struct Matrix {
  std::vector<MatrixRow> rows;
};

// Errors carry file:line:column: unknown column, pipeline, parameter, value, backend, fill, profile or policy; a value
// out of the parameter's range; two columns of one meaning; a row longer than the header; a file without rows.
Result<Matrix> parse_matrix(std::string_view text, const std::string& file, const Vocabulary& vocabulary);
// Several files one after the other.
Result<Matrix> read_matrix(const std::vector<std::filesystem::path>& files, const Vocabulary& vocabulary);
// One row from the key=value pairs of a replay line; the same checks, no alternatives.
Result<MatrixRow> row_of_case(const Case& c, const Vocabulary& vocabulary);

// "T", "D", ...: the columns a matrix over these pipelines may have, sorted, the common ones first.
std::vector<std::string> known_columns(const std::vector<const pipeline::Pipeline*>& pipelines);

const pipeline::Parameter* find_parameter(const pipeline::Pipeline& pipeline, std::string_view name);

// "a+b" from "a+b", "a|b", "a, b" or "a b".
std::string join_words(std::string_view list);
std::vector<std::string> split_words(std::string_view list);

}  // namespace assay::run

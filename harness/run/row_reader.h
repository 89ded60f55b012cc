// Turns the cells of one row into a MatrixRow, checking each against the pipeline and the vocabulary.
#pragma once

#include "harness/run/matrix.h"

namespace assay::run {

enum class ColumnKind : std::uint8_t {
  pipeline,
  constraint,
  expect,
  backends,
  tags,
  timeout,
  fill,
  seed,
  profile,
  policy,
  offset,
  order,
  schedule,
  inputs,
  parameter
};

struct Column {
  ColumnKind kind = ColumnKind::parameter;
  std::string key;  // as in Case::values; empty: a column without a name, whose cells must be empty
};

// Resolves the spellings "fills", "seeds", "backend", "tag".
Column column_of(std::string_view name);

struct RowCells {
  TextPosition where;
  const std::vector<Column>* columns = nullptr;
  const std::vector<CsvCell>* cells = nullptr;  // may be fewer than columns
};

// One row per pipeline named in the row's pipeline cell.
Result<std::vector<MatrixRow>> read_row(const RowCells& row, const Vocabulary& vocabulary);

}  // namespace assay::run

#include <algorithm>

#include "harness/core/manifest.h"
#include "harness/run/sweep.h"

namespace assay::run {
namespace {

// The case whose inputs a folder holds: the manifest's metadata carry its replay line.
Result<MatrixRow> row_of_folder(const std::filesystem::path& folder, const Vocabulary& vocabulary) {
  auto manifest = read_manifest(folder / "inputs");
  if (!manifest) return tl::unexpected(manifest.error());
  const auto line = manifest->metadata.find("case");
  if (line == manifest->metadata.end())
    return bad_input("{}: found no 'case' in its metadata", (folder / "inputs" / kManifestFile).string());
  auto c = parse_replay(line->second);
  if (!c) return tl::unexpected(c.error());
  const std::string id = case_id(*c);
  if (folder.filename() != id)
    return bad_input("{}: holds the inputs of case {}, expected the folder's name to be that", folder.string(), id);
  return row_of_case(*c, vocabulary);
}

Result<Matrix> matrix_of_exchange(const std::filesystem::path& exchange, const Vocabulary& vocabulary) {
  std::error_code error;
  std::vector<std::filesystem::path> folders;
  for (const auto& entry : std::filesystem::directory_iterator(exchange, error))
    if (std::filesystem::exists(entry.path() / "inputs" / kManifestFile)) folders.push_back(entry.path());
  if (error) return bad_input("{}: {}", exchange.string(), error.message());
  if (folders.empty())
    return bad_input("{}: found no case, expected folders ID/inputs/{}", exchange.string(), kManifestFile);
  std::sort(folders.begin(), folders.end());
  Matrix matrix;
  for (const auto& folder : folders) {
    auto row = row_of_folder(folder, vocabulary);
    if (!row) return tl::unexpected(row.error());
    matrix.rows.push_back(std::move(*row));
  }
  return matrix;
}

Result<Matrix> matrix_of_replay(std::string_view line, const Vocabulary& vocabulary) {
  auto c = parse_replay(line);
  if (!c) return tl::unexpected(c.error());
  auto row = row_of_case(*c, vocabulary);
  if (!row) return tl::unexpected(row.error());
  Matrix matrix;
  matrix.rows.push_back(std::move(*row));
  return matrix;
}

}  // namespace

Result<Cases> expand_cases(const CaseSource& source, Mode mode, const std::filesystem::path& exchange) {
  const bool from_exchange = source.matrices.empty() && source.replay.empty();
  if (from_exchange && mode != Mode::run && mode != Mode::verify)
    return bad_input("found no cases, expected CSV files or --replay 'k=v ...'");
  if (!source.matrices.empty() && !source.replay.empty())
    return bad_input("found CSV files and --replay, expected one of them");
  Vocabulary vocabulary = make_vocabulary(source.pipeline_directories);
  auto matrix = !source.matrices.empty() ? read_matrix(source.matrices, vocabulary)
                : from_exchange          ? matrix_of_exchange(exchange, vocabulary)
                                         : matrix_of_replay(source.replay, vocabulary);
  if (!matrix) return tl::unexpected(matrix.error());
  Cases cases{std::make_unique<Matrix>(std::move(*matrix)), {}, std::move(vocabulary)};
  auto plan = Plan::make(*cases.matrix, source.plan);
  if (!plan) return tl::unexpected(plan.error());
  cases.plan = std::move(*plan);
  return cases;
}

}  // namespace assay::run

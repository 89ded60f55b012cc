// Where pipeline files are found.
#include <algorithm>
#include <set>

#include "harness/core/file.h"
#include "harness/pipeline/reader.h"
#include "harness/pipeline/suggest.h"

namespace assay::pipeline {
namespace {

namespace fs = std::filesystem;

// Names of the pipelines in a directory, one and two folders deep.
void collect_known(const fs::path& directory, std::set<std::string>& known) {
  std::error_code code;
  for (const auto& entry : fs::directory_iterator(directory, code)) {
    if (fs::is_regular_file(entry.path() / "pipeline.toml", code)) known.insert(entry.path().filename().string());
    if (!entry.is_directory(code)) continue;
    for (const auto& inner : fs::directory_iterator(entry.path(), code))
      if (fs::is_regular_file(inner.path() / "pipeline.toml", code))
        known.insert((entry.path().filename() / inner.path().filename()).string());
  }
}

}  // namespace

Result<Pipeline> read_pipeline(const fs::path& file) {
  const auto text = read_text(file, kMaxDocumentBytes);
  if (!text) return tl::unexpected(text.error());
  const auto root = parse_document(*text, file.string());
  if (!root) return tl::unexpected(root.error());
  return Reader(file).read(*root);
}

Result<Pipeline> find_pipeline(std::string_view name, const std::vector<fs::path>& directories) {
  if (name.ends_with(".toml")) return read_pipeline(fs::path(name));
  std::set<std::string> known;
  for (const fs::path& directory : directories) {
    const fs::path file = directory / fs::path(name) / "pipeline.toml";
    std::error_code code;
    if (!name.empty() && fs::is_regular_file(file, code)) return read_pipeline(file);
    collect_known(directory, known);
  }
  const std::vector<std::string> names(known.begin(), known.end());
  return bad_input("unknown pipeline '{}'{}", name, names.empty() ? "; no pipelines found" : suggestion(name, names));
}

}  // namespace assay::pipeline

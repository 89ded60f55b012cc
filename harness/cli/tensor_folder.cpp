#include "harness/cli/tensor_folder.h"

#include "harness/core/manifest.h"
#include "harness/core/npy.h"

namespace assay::cli {

Result<DTypes> parse_dtypes(const std::vector<std::string>& texts) {
  DTypes dtypes;
  for (const std::string& text : texts) {
    const std::size_t equals = text.find('=');
    const auto dtype = equals == std::string::npos ? std::nullopt : parse_dtype(text.substr(equals + 1));
    if (!dtype) return bad_input("--dtype '{}': expected NAME=DTYPE with a known dtype", text);
    dtypes[text.substr(0, equals)] = *dtype;
  }
  return dtypes;
}

bool has_manifest(const std::filesystem::path& directory) { return std::filesystem::exists(directory / kManifestFile); }

std::map<std::string, std::filesystem::path> npy_files(const std::filesystem::path& directory) {
  std::map<std::string, std::filesystem::path> files;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error))
    if (entry.path().extension() == ".npy") files.emplace(entry.path().stem().string(), entry.path());
  return files;
}

Result<TensorMap> read_folder(const std::filesystem::path& directory, const DTypes& dtypes) {
  std::error_code error;
  if (!std::filesystem::is_directory(directory, error)) return bad_input("{}: is no folder", directory.string());
  if (has_manifest(directory)) return read_tensors(directory);
  TensorMap tensors;
  for (const auto& [name, file] : npy_files(directory)) {
    const auto dtype = dtypes.find(name);
    auto tensor = read_npy(file, dtype == dtypes.end() ? std::nullopt : std::optional(dtype->second));
    if (!tensor) return tl::unexpected(tensor.error());
    tensors.emplace(name, std::move(*tensor));
  }
  if (tensors.empty()) return bad_input("{}: found no .npy file", directory.string());
  return tensors;
}

}  // namespace assay::cli

// A folder of .npy or .safetensors files and manifest.json, which says what each tensor is: how inputs, goldens and
// results travel to and from device owners (design.md section 3).
//   {"tensors": [{"name", "dtype", "shape", "role", "file", "tensor", "sha256"}], "metadata": {"key": "text"}}
// What assay writes is .npy; role ("input"), tensor and sha256 may be left out of what it reads.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "harness/core/error.h"
#include "harness/core/tensor.h"

namespace assay {

inline constexpr std::string_view kManifestFile = "manifest.json";

struct ManifestEntry {
  std::string name;
  DType dtype = DType::f32;
  Shape shape;
  std::string role;    // "input", "output", "inout", "golden", ...
  std::string file;    // relative, inside the folder
  std::string tensor;  // name inside of a .safetensors file; empty: that of the entry
  std::string sha256;  // of the whole file, lower-case hexadecimal; empty: not checked
  bool operator==(const ManifestEntry&) const = default;
};

struct Manifest {
  std::vector<ManifestEntry> tensors;  // names are unique
  std::map<std::string, std::string, std::less<>> metadata;

  const ManifestEntry* find(std::string_view name) const;
  bool operator==(const Manifest&) const = default;
};

// Errors: not JSON, a required key that is missing, an unknown or ill-typed key, an unknown dtype, a negative or huge extent, a file name that
// leaves the folder, two tensors of one name.
Result<Manifest> parse_manifest(std::string_view text, std::string_view file_name);
Result<Manifest> read_manifest(const std::filesystem::path& directory);
Result<void> write_manifest(const std::filesystem::path& directory, const Manifest& manifest);

using Roles = std::map<std::string, std::string, std::less<>>;
using Metadata = std::map<std::string, std::string, std::less<>>;

// Writes NAME.npy for each tensor, then the manifest. A tensor without a role gets "input". Creates the folder. Errors:
// a name that is no file name (letters, digits, _ . -, not starting with a dot).
Result<Manifest> write_tensors(const std::filesystem::path& directory, const TensorMap& tensors,
                               const Roles& roles = {}, const Metadata& metadata = {});
// One tensor of the manifest: checks SHA-256, dtype and shape.
Result<Tensor> read_tensor(const std::filesystem::path& directory, const ManifestEntry& entry);
// Every tensor of the folder's manifest, by name.
Result<TensorMap> read_tensors(const std::filesystem::path& directory);

}  // namespace assay

// Folders of .npy files on the command line: with a manifest, or simply files whose formats --dtype names.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "harness/core/dtype.h"
#include "harness/core/error.h"
#include "harness/core/tensor.h"

namespace assay::cli {

using DTypes = std::map<std::string, DType, std::less<>>;

// "y=bf16": what a raw .npy without a manifest holds.
Result<DTypes> parse_dtypes(const std::vector<std::string>& texts);
bool has_manifest(const std::filesystem::path& directory);
// NAME.npy of a folder without a manifest, by name.
std::map<std::string, std::filesystem::path> npy_files(const std::filesystem::path& directory);
// Every tensor of the folder. Errors: no folder, no tensors, what reading reports.
Result<TensorMap> read_folder(const std::filesystem::path& directory, const DTypes& dtypes);

}  // namespace assay::cli

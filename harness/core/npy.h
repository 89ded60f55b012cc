// .npy files, format versions 1 to 3, little-endian and C order only. Formats numpy lacks (bf16, fp8, e2m1) travel as
// raw unsigned integers of the same width; whoever reads them says which they are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "harness/core/error.h"
#include "harness/core/tensor.h"

namespace assay {

struct NpyHeader {
  DType dtype = DType::f32;  // of the descr: raw unsigned integers stay u8 and u16
  Shape shape;
  std::int64_t data_offset = 0;  // bytes before the first element
};

// Errors: not a .npy file, a version, byte order, element type or Fortran order that is not read, a header over 64 KiB,
// a rank over 32, a shape whose bytes overflow 2^48. Reads no data.
Result<NpyHeader> read_npy_header(const std::filesystem::path& file);

// `dtype` says how the elements are to be understood: it equals the file's, or has the same .npy descr. e2m1 packs two
// elements a byte, so the last extent doubles. Errors: as above; a file longer or shorter than its header says (bytes
// found and expected); another dtype than `dtype`.
Result<Tensor> read_npy(const std::filesystem::path& file, std::optional<DType> dtype = std::nullopt);

// The same from memory; `file_name` is for messages.
Result<NpyHeader> parse_npy_header(std::span<const std::byte> bytes, std::string_view file_name);
Result<Tensor> parse_npy(std::span<const std::byte> bytes, std::optional<DType> dtype, std::string_view file_name);

// Version 1, data aligned to 64 bytes. Error: e2m1 with an odd or absent last extent.
Result<std::vector<std::byte>> npy_bytes(const Tensor& tensor);
// Writes a temporary file beside the target and renames it: nothing half-written is ever left under `file`.
Result<void> write_npy(const std::filesystem::path& file, const Tensor& tensor);

}  // namespace assay

// Tensors in .safetensors files: an 8-byte little-endian length, a JSON header of that many bytes that gives each
// tensor's dtype, shape and place, and the data behind it.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <string_view>

#include "harness/core/error.h"
#include "harness/core/tensor.h"

namespace assay {

// The named tensor. `dtype` says how the elements are to be understood: it is the file's (BF16, F16, F32, F8_E4M3,
// F8_E5M2, I8 to I64, U8 to U64), or U8 and U16 hold its bits. e2m1 packs two elements a byte of a U8 tensor, so the last
// extent doubles. Only the header and that tensor are read. Errors: a file cut short; a header over 16 MiB, that is no
// JSON or nests deeper than 4; no such tensor (those there are named); another dtype; offsets that do not fit the shape
// or lie outside of the file.
Result<Tensor> read_safetensors(const std::filesystem::path& file, std::string_view tensor,
                                std::optional<DType> dtype = std::nullopt);

// The same from memory; `file_name` is for messages.
Result<Tensor> parse_safetensors(std::span<const std::byte> bytes, std::string_view tensor, std::optional<DType> dtype,
                                 std::string_view file_name);

}  // namespace assay

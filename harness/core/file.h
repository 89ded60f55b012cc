// Whole files as bytes, with errors as values.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "harness/core/error.h"

namespace assay {

// Errors: missing, not a regular file, larger than `limit` bytes, unreadable.
Result<std::vector<std::byte>> read_file(const std::filesystem::path& file, std::uintmax_t limit);
Result<std::string> read_text(const std::filesystem::path& file, std::uintmax_t limit);
// The first bytes of a file: at most `count`.
Result<std::vector<std::byte>> read_prefix(const std::filesystem::path& file, std::size_t count);

// Writes a temporary file in the same folder, then renames it over `file`.
Result<void> write_file(const std::filesystem::path& file, std::span<const std::byte> bytes);
Result<void> write_text(const std::filesystem::path& file, std::string_view text);

// Lower-case hexadecimal SHA-256.
std::string sha256_hex(std::span<const std::byte> bytes);

}  // namespace assay

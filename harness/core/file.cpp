#include "harness/core/file.h"

#include <openssl/evp.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <fstream>
#include <system_error>

namespace assay {
namespace {

namespace fs = std::filesystem;

Result<std::uintmax_t> regular_size(const fs::path& file) {
  std::error_code code;
  const fs::file_status status = fs::status(file, code);
  if (!fs::exists(status)) return bad_input("{}: no such file", file.string());
  if (!fs::is_regular_file(status)) return bad_input("{}: not a regular file", file.string());
  const std::uintmax_t size = fs::file_size(file, code);
  if (code) return bad_input("{}: {}", file.string(), code.message());
  return size;
}

Result<std::vector<std::byte>> read_bytes(const fs::path& file, std::size_t count) {
  std::ifstream stream(file, std::ios::binary);
  std::vector<std::byte> bytes(count);
  if (count > 0) stream.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(count));
  if (!stream) return bad_input("{}: cannot be read", file.string());
  return bytes;
}

}  // namespace

Result<std::vector<std::byte>> read_file(const fs::path& file, std::uintmax_t limit) {
  const auto size = regular_size(file);
  if (!size) return tl::unexpected(size.error());
  if (*size > limit) return bad_input("{}: {} bytes, expected at most {}", file.string(), *size, limit);
  return read_bytes(file, static_cast<std::size_t>(*size));
}

Result<std::string> read_text(const fs::path& file, std::uintmax_t limit) {
  return read_file(file, limit).map([](const std::vector<std::byte>& bytes) {
    return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  });
}

Result<std::vector<std::byte>> read_prefix(const fs::path& file, std::size_t count) {
  const auto size = regular_size(file);
  if (!size) return tl::unexpected(size.error());
  return read_bytes(file, static_cast<std::size_t>(std::min<std::uintmax_t>(*size, count)));
}

Result<void> write_file(const fs::path& file, std::span<const std::byte> bytes) {
  // Unique among the threads and processes that may write into one folder.
  static std::atomic<unsigned> counter{0};
  fs::path temporary = file;
  temporary += fmt::format(".{}.{}.tmp", ::getpid(), counter++);
  std::ofstream stream(temporary, std::ios::binary | std::ios::trunc);
  stream.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  stream.close();
  std::error_code code;
  if (!stream) {
    fs::remove(temporary, code);
    return bad_input("{}: cannot be written", file.string());
  }
  fs::rename(temporary, file, code);
  if (!code) return {};
  const std::string reason = code.message();
  fs::remove(temporary, code);
  return bad_input("{}: {}", file.string(), reason);
}

Result<void> write_text(const fs::path& file, std::string_view text) {
  return write_file(file, std::as_bytes(std::span(text.data(), text.size())));
}

std::string sha256_hex(std::span<const std::byte> bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  EVP_Digest(bytes.data(), bytes.size(), digest.data(), &length, EVP_sha256(), nullptr);
  std::string text;
  for (unsigned i = 0; i < length; ++i) text += fmt::format("{:02x}", digest[i]);
  return text;
}

}  // namespace assay

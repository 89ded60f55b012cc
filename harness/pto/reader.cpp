#include "harness/pto/reader.h"

#include <fstream>

#include "harness/pto/parser.h"

namespace assay::pto {

Result<Module> parse(std::string_view text, std::string_view file, std::vector<Warning>* warnings) {
  if (text.size() > kMaxFileBytes)
    return bad_input_at({std::string(file), 0, 0}, "{} bytes of text, at most {} are read", text.size(), kMaxFileBytes);
  auto source = std::make_shared<const std::string>(text);
  Module module;
  module.file = std::string(file);
  module.source = source;
  Parser parser(*source, file, warnings);
  if (!parser.parse_file(module)) return tl::unexpected(parser.take_error());
  return module;
}

Result<Module> read_file(const std::filesystem::path& path, std::vector<Warning>* warnings) {
  const TextPosition where{path.string(), 0, 0};
  std::error_code status;
  if (!std::filesystem::exists(path, status)) return bad_input_at(where, "no such file");
  if (!std::filesystem::is_regular_file(path, status)) return bad_input_at(where, "not a regular file");
  const auto size = std::filesystem::file_size(path, status);
  if (status) return bad_input_at(where, "cannot be read: {}", status.message());
  if (size > kMaxFileBytes) return bad_input_at(where, "{} bytes, at most {} are read", size, kMaxFileBytes);
  std::ifstream stream(path, std::ios::binary);
  std::string text(static_cast<std::size_t>(size), '\0');
  if (!stream || !stream.read(text.data(), static_cast<std::streamsize>(size)))
    return bad_input_at(where, "cannot be read");
  return parse(text, path.string(), warnings);
}

}  // namespace assay::pto

#include "harness/pto/reader.h"

#include "harness/core/file.h"
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
  const auto text = read_text(path, kMaxFileBytes);
  if (!text) return tl::unexpected(text.error());
  return parse(*text, path.string(), warnings);
}

}  // namespace assay::pto

#include "harness/core/manifest.h"

#include <algorithm>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <system_error>

#include "harness/core/file.h"
#include "harness/core/npy.h"
#include "harness/core/safetensors.h"

namespace assay {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::size_t kMaxText = 16 << 20;
constexpr std::size_t kMaxRank = 32;
constexpr std::int64_t kMaxElements = std::int64_t{1} << 48;
constexpr int kMaxDepth = 8;
constexpr std::uintmax_t kMaxHashed = std::uintmax_t{16} << 30;  // bytes of a .safetensors file whose hash is given

bool is_file_name(std::string_view name) {
  const auto legal = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
           c == '-';
  };
  return !name.empty() && name.size() <= 200 && name.front() != '.' && std::all_of(name.begin(), name.end(), legal);
}

// A relative path whose every part is a plain file name: it cannot leave the folder.
bool stays_inside(std::string_view file) {
  while (true) {
    const std::size_t slash = file.find('/');
    if (!is_file_name(file.substr(0, slash))) return false;
    if (slash == std::string_view::npos) return true;
    file.remove_prefix(slash + 1);
  }
}

Result<std::string> text_of(const json& object, const char* key, std::string_view where) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_string()) return bad_input("{}: '{}' is not a string", where, key);
  return found->get<std::string>();
}

Result<Shape> shape_of(const json& object, std::string_view where) {
  const auto found = object.find("shape");
  if (found == object.end() || !found->is_array() || found->size() > kMaxRank)
    return bad_input("{}: 'shape' is not an array of at most {} extents", where, kMaxRank);
  Shape shape;
  std::int64_t count = 1;
  for (const json& extent : *found) {
    if (!extent.is_number_integer() || extent < 0 || extent > kMaxElements)
      return bad_input("{}: extent {} is not between 0 and 2^48", where, extent.dump());
    shape.push_back(extent.get<std::int64_t>());
    if (__builtin_mul_overflow(count, std::max<std::int64_t>(shape.back(), 1), &count) || count > kMaxElements)
      return bad_input("{}: more than 2^48 elements", where);
  }
  return shape;
}

Result<void> only(const json& object, std::initializer_list<std::string_view> keys, std::string_view where) {
  if (!object.is_object()) return bad_input("{}: expected an object", where);
  for (const auto& [key, value] : object.items())
    if (std::find(keys.begin(), keys.end(), key) == keys.end()) return bad_input("{}: unknown key '{}'", where, key);
  return {};
}

Result<ManifestEntry> entry_of(const json& object, std::string_view where) {
  if (auto known = only(object, {"name", "dtype", "shape", "role", "file", "tensor", "sha256"}, where); !known)
    return tl::unexpected(known.error());
  ManifestEntry entry;
  entry.role = "input";
  std::string dtype;
  struct Field {
    const char* key;
    std::string* target;
    bool optional = false;
  };
  for (const Field& field : {Field{"name", &entry.name}, Field{"dtype", &dtype}, Field{"role", &entry.role, true},
                             Field{"file", &entry.file}, Field{"tensor", &entry.tensor, true},
                             Field{"sha256", &entry.sha256, true}}) {
    const auto [key, target, optional] = field;
    if (optional && !object.contains(key)) continue;
    auto text = text_of(object, key, where);
    if (!text) return tl::unexpected(text.error());
    *target = std::move(*text);
  }
  const auto parsed = parse_dtype(dtype);
  if (!parsed) return bad_input("{}: unknown dtype '{}'", where, dtype);
  entry.dtype = *parsed;
  if (entry.name.empty()) return bad_input("{}: the name is empty", where);
  if (!stays_inside(entry.file))
    return bad_input("{}: file '{}' is not a plain path inside the folder", where, entry.file);
  auto shape = shape_of(object, where);
  if (!shape) return tl::unexpected(shape.error());
  entry.shape = std::move(*shape);
  return entry;
}

Result<Metadata> metadata_of(const json& object, std::string_view where) {
  Metadata metadata;
  if (!object.is_object()) return bad_input("{}: 'metadata' is not an object", where);
  for (const auto& [key, value] : object.items()) {
    if (!value.is_string()) return bad_input("{}: metadata '{}' is not a string", where, key);
    metadata.emplace(key, value.get<std::string>());
  }
  return metadata;
}

// Refuses deep nesting while parsing, before the tree exists.
json parse_json(std::string_view text) {
  const json::parser_callback_t bounded = [](int depth, json::parse_event_t, json&) {
    if (depth > kMaxDepth) throw std::runtime_error(fmt::format("nested deeper than {}", kMaxDepth));
    return true;
  };
  return json::parse(text, bounded);
}

Result<void> check_sha256(std::span<const std::byte> bytes, const fs::path& file, const ManifestEntry& entry) {
  if (entry.sha256.empty()) return {};
  const std::string found = sha256_hex(bytes);
  if (found == entry.sha256) return {};
  return bad_input("{}: SHA-256 is {}, the manifest says {}", file.string(), found, entry.sha256);
}

Result<Tensor> with_shape(Result<Tensor> tensor, const fs::path& file, const ManifestEntry& entry) {
  if (tensor && tensor->shape() != entry.shape)
    return bad_input("{}: '{}' has shape {}, the manifest says {}", file.string(), entry.name,
                     to_string(tensor->shape()), to_string(entry.shape));
  return tensor;
}

Result<Tensor> read_from_safetensors(const fs::path& file, const ManifestEntry& entry) {
  const std::string_view name = entry.tensor.empty() ? entry.name : entry.tensor;
  if (entry.sha256.empty()) return with_shape(read_safetensors(file, name, entry.dtype), file, entry);
  const auto bytes = read_file(file, kMaxHashed);
  if (!bytes) return tl::unexpected(bytes.error());
  if (auto same = check_sha256(*bytes, file, entry); !same) return tl::unexpected(same.error());
  return with_shape(parse_safetensors(*bytes, name, entry.dtype, file.string()), file, entry);
}

}  // namespace

const ManifestEntry* Manifest::find(std::string_view name) const {
  const auto found =
      std::find_if(tensors.begin(), tensors.end(), [&](const auto& entry) { return entry.name == name; });
  return found == tensors.end() ? nullptr : &*found;
}

Result<Manifest> parse_manifest(std::string_view text, std::string_view file_name) {
  if (text.size() > kMaxText) return bad_input("{}: {} bytes, expected at most {}", file_name, text.size(), kMaxText);
  try {
    const json root = parse_json(text);
    if (auto known = only(root, {"tensors", "metadata"}, file_name); !known) return tl::unexpected(known.error());
    const auto tensors = root.find("tensors");
    if (tensors == root.end() || !tensors->is_array()) return bad_input("{}: 'tensors' is not an array", file_name);
    Manifest manifest;
    for (std::size_t i = 0; i < tensors->size(); ++i) {
      auto entry = entry_of((*tensors)[i], fmt::format("{}: tensor {}", file_name, i));
      if (!entry) return tl::unexpected(entry.error());
      if (manifest.find(entry->name) != nullptr) return bad_input("{}: two tensors '{}'", file_name, entry->name);
      manifest.tensors.push_back(std::move(*entry));
    }
    if (const auto metadata = root.find("metadata"); metadata != root.end()) {
      auto read = metadata_of(*metadata, file_name);
      if (!read) return tl::unexpected(read.error());
      manifest.metadata = std::move(*read);
    }
    return manifest;
  } catch (const std::exception& error) {  // of the JSON library, or nested too deep
    return bad_input("{}: {}", file_name, error.what());
  }
}

Result<Manifest> read_manifest(const fs::path& directory) {
  const fs::path file = directory / kManifestFile;
  const auto text = read_text(file, kMaxText);
  if (!text) return tl::unexpected(text.error());
  return parse_manifest(*text, file.string());
}

Result<void> write_manifest(const fs::path& directory, const Manifest& manifest) {
  json tensors = json::array();
  for (const ManifestEntry& entry : manifest.tensors)
    tensors.push_back({{"name", entry.name},
                       {"dtype", name(entry.dtype)},
                       {"shape", entry.shape},
                       {"role", entry.role},
                       {"file", entry.file},
                       {"sha256", entry.sha256}});
  const json root{{"tensors", tensors}, {"metadata", manifest.metadata}};
  return write_text(directory / kManifestFile, root.dump(2, ' ', false, json::error_handler_t::replace) + "\n");
}

Result<Manifest> write_tensors(const fs::path& directory, const TensorMap& tensors, const Roles& roles,
                               const Metadata& metadata) {
  std::error_code code;
  fs::create_directories(directory, code);
  if (code) return bad_input("{}: {}", directory.string(), code.message());
  Manifest manifest{{}, metadata};
  for (const auto& [name, tensor] : tensors) {
    if (!is_file_name(name)) return bad_input("tensor '{}' cannot be a file name", name);
    const auto bytes = npy_bytes(tensor);
    if (!bytes) return tl::unexpected(bytes.error());
    const auto role = roles.find(name);
    manifest.tensors.push_back({name, tensor.dtype(), tensor.shape(), role == roles.end() ? "input" : role->second,
                                name + ".npy", "", sha256_hex(*bytes)});
    if (auto written = write_file(directory / manifest.tensors.back().file, *bytes); !written)
      return tl::unexpected(written.error());
  }
  if (auto written = write_manifest(directory, manifest); !written) return tl::unexpected(written.error());
  return manifest;
}

Result<Tensor> read_tensor(const fs::path& directory, const ManifestEntry& entry) {
  const fs::path file = directory / entry.file;
  if (file.extension() == ".safetensors") return read_from_safetensors(file, entry);
  const auto expected = static_cast<std::uintmax_t>(bytes_of(entry.dtype, element_count(entry.shape)));
  const auto bytes = read_file(file, expected + (64 << 10) + 12);
  if (!bytes) return tl::unexpected(bytes.error());
  if (auto same = check_sha256(*bytes, file, entry); !same) return tl::unexpected(same.error());
  return with_shape(parse_npy(*bytes, entry.dtype, file.string()), file, entry);
}

Result<TensorMap> read_tensors(const fs::path& directory) {
  const auto manifest = read_manifest(directory);
  if (!manifest) return tl::unexpected(manifest.error());
  TensorMap tensors;
  for (const ManifestEntry& entry : manifest->tensors) {
    auto tensor = read_tensor(directory, entry);
    if (!tensor) return tl::unexpected(tensor.error());
    tensors.emplace(entry.name, std::move(*tensor));
  }
  return tensors;
}

}  // namespace assay

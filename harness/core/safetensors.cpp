#include "harness/core/safetensors.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <vector>

namespace assay {
namespace {

using nlohmann::json;

constexpr std::uint64_t kMaxHeader = 16 << 20;
constexpr std::uint64_t kPrefix = 8;
constexpr std::size_t kMaxRank = 32;
constexpr std::int64_t kMaxBytes = std::int64_t{1} << 48;
constexpr int kMaxDepth = 4;
constexpr std::size_t kNamed = 8;  // tensors listed in a message

struct NamedType {
  std::string_view name;
  DType dtype;
};
constexpr std::array<NamedType, 14> kTypes{{{"F32", DType::f32},
                                            {"F16", DType::f16},
                                            {"BF16", DType::bf16},
                                            {"F8_E4M3", DType::e4m3fn},
                                            {"F8_E4M3FNUZ", DType::e4m3fnuz},
                                            {"F8_E5M2", DType::e5m2},
                                            {"I8", DType::i8},
                                            {"U8", DType::u8},
                                            {"I16", DType::i16},
                                            {"U16", DType::u16},
                                            {"I32", DType::i32},
                                            {"U32", DType::u32},
                                            {"I64", DType::i64},
                                            {"U64", DType::u64}}};

// Where a tensor's bytes lie, from the file's beginning.
struct Place {
  DType dtype = DType::f32;
  Shape shape;
  std::uint64_t begin = 0, size = 0;
};

json parse_json(std::string_view text) {
  const json::parser_callback_t bounded = [](int depth, json::parse_event_t, json&) {
    if (depth > kMaxDepth) throw std::runtime_error(fmt::format("nested deeper than {}", kMaxDepth));
    return true;
  };
  return json::parse(text, bounded);
}

std::string list_of(const json& root) {
  std::vector<std::string> names;
  for (const auto& [name, value] : root.items())
    if (name != "__metadata__" && names.size() <= kNamed) names.push_back(name);
  const bool more = names.size() > kNamed;
  if (more) names.pop_back();
  return names.empty() ? "it holds none" : fmt::format("it holds {}{}", fmt::join(names, ", "), more ? ", ..." : "");
}

Result<Shape> shape_of(const json& entry, std::string_view where) {
  const auto found = entry.find("shape");
  if (found == entry.end() || !found->is_array() || found->size() > kMaxRank)
    return bad_input("{}: 'shape' is not an array of at most {} extents", where, kMaxRank);
  Shape shape;
  std::int64_t bytes = 8;
  for (const json& extent : *found) {
    if (!extent.is_number_integer() || extent < 0 || extent > kMaxBytes)
      return bad_input("{}: extent {} is not between 0 and 2^48", where, extent.dump());
    shape.push_back(extent.get<std::int64_t>());
    if (__builtin_mul_overflow(bytes, std::max<std::int64_t>(shape.back(), 1), &bytes) || bytes > kMaxBytes)
      return bad_input("{}: shape {} is over 2^48 bytes", where, to_string(shape));
  }
  return shape;
}

Result<Place> place_of(const json& entry, std::uint64_t data, std::string_view where) {
  if (!entry.is_object()) return bad_input("{}: expected an object", where);
  Place place;
  const auto dtype = entry.find("dtype");
  const auto type = std::find_if(kTypes.begin(), kTypes.end(), [&](const NamedType& row) {
    return dtype != entry.end() && dtype->is_string() && *dtype == row.name;
  });
  if (type == kTypes.end())
    return bad_input("{}: dtype {}; expected F32, F16, BF16, F8_E4M3, F8_E5M2, I8 to I64 or U8 to U64", where,
                     dtype == entry.end() ? "is missing" : dtype->dump());
  place.dtype = type->dtype;
  auto shape = shape_of(entry, where);
  if (!shape) return tl::unexpected(shape.error());
  place.shape = std::move(*shape);
  const auto offsets = entry.find("data_offsets");
  if (offsets == entry.end() || !offsets->is_array() || offsets->size() != 2 || !(*offsets)[0].is_number_unsigned() ||
      !(*offsets)[1].is_number_unsigned())
    return bad_input("{}: 'data_offsets' are not two offsets", where);
  const auto begin = (*offsets)[0].get<std::uint64_t>(), end = (*offsets)[1].get<std::uint64_t>();
  const auto expected = static_cast<std::uint64_t>(bytes_of(place.dtype, element_count(place.shape)));
  if (end < begin || end - begin != expected || begin > static_cast<std::uint64_t>(kMaxBytes))
    return bad_input("{}: data_offsets [{}, {}) for {} {}; expected {} bytes", where, begin, end, name(place.dtype),
                     to_string(place.shape), expected);
  place.begin = data + begin;
  place.size = expected;
  return place;
}

Result<Place> find_tensor(std::string_view header, std::string_view tensor, std::string_view file) {
  try {
    const json root = parse_json(header);
    if (!root.is_object()) return bad_input("{}: the header is no object", file);
    const auto entry = root.find(tensor);
    if (entry == root.end() || tensor == "__metadata__")
      return bad_input("{}: no tensor '{}'; {}", file, tensor, list_of(root));
    return place_of(*entry, kPrefix + header.size(), fmt::format("{}: tensor '{}'", file, tensor));
  } catch (const std::exception& error) {  // of the JSON library, or nested too deep
    return bad_input("{}: header: {}", file, error.what());
  }
}

// The elements as `wanted` when the file's type carries its bits.
Result<void> reinterpret_as(Place& place, std::optional<DType> wanted, std::string_view where) {
  if (!wanted || *wanted == place.dtype) return {};
  const bool packed = *wanted == DType::e2m1 && place.dtype == DType::u8;
  const bool raw = info(*wanted).is_float && info(*wanted).bits == info(place.dtype).bits &&
                   (place.dtype == DType::u8 || place.dtype == DType::u16);
  if (!packed && !raw) return bad_input("{}: holds {}; expected {}", where, name(place.dtype), name(*wanted));
  if (packed) {
    if (place.shape.empty()) return bad_input("{}: a scalar cannot hold pairs of e2m1", where);
    place.shape.back() *= 2;
  }
  place.dtype = *wanted;
  return {};
}

// `read_at(begin, into)` fills `into` from the file's byte `begin` on; it is asked for nothing beyond `size`.
template <class ReadAt>
Result<Tensor> load(std::uint64_t size, const ReadAt& read_at, std::string_view tensor, std::optional<DType> dtype,
                    std::string_view file) {
  if (size < kPrefix) return bad_input("{}: {} bytes; expected a .safetensors file", file, size);
  std::array<std::byte, kPrefix> prefix{};
  if (!read_at(0, std::span<std::byte>(prefix))) return bad_input("cannot read {}", file);
  std::uint64_t length = 0;
  for (std::size_t i = 0; i < kPrefix; ++i) length |= std::to_integer<std::uint64_t>(prefix[i]) << (8 * i);
  if (length > kMaxHeader)
    return bad_input("{}: a header of {} bytes; expected a .safetensors file with one of at most {}", file, length,
                     kMaxHeader);
  if (size - kPrefix < length) return bad_input("{}: {} bytes; expected at least {}", file, size, kPrefix + length);
  std::string header(length, '\0');
  if (!read_at(kPrefix, std::as_writable_bytes(std::span(header)))) return bad_input("cannot read {}", file);
  auto place = find_tensor(header, tensor, file);
  if (!place) return tl::unexpected(place.error());
  if (size < place->begin + place->size)
    return bad_input("{}: {} bytes; expected at least {}", file, size, place->begin + place->size);
  if (const auto fits = reinterpret_as(*place, dtype, fmt::format("{}: tensor '{}'", file, tensor)); !fits)
    return tl::unexpected(fits.error());
  Tensor result(place->dtype, place->shape);
  if (!read_at(place->begin, result.bytes())) return bad_input("cannot read {}", file);
  return result;
}

}  // namespace

Result<Tensor> parse_safetensors(std::span<const std::byte> bytes, std::string_view tensor, std::optional<DType> dtype,
                                 std::string_view file_name) {
  const auto read_at = [&](std::uint64_t begin, std::span<std::byte> into) {
    const auto from = bytes.subspan(begin, into.size());
    std::copy(from.begin(), from.end(), into.begin());
    return true;
  };
  return load(bytes.size(), read_at, tensor, dtype, file_name);
}

Result<Tensor> read_safetensors(const std::filesystem::path& file, std::string_view tensor,
                                std::optional<DType> dtype) {
  std::error_code code;
  const std::uintmax_t size = std::filesystem::file_size(file, code);
  std::ifstream stream(file, std::ios::binary);
  if (code || !stream) return bad_input("cannot open {}", file.string());
  const auto read_at = [&](std::uint64_t begin, std::span<std::byte> into) {
    const auto count = static_cast<std::streamsize>(into.size());
    stream.seekg(static_cast<std::streamoff>(begin));
    stream.read(reinterpret_cast<char*>(into.data()), count);
    return stream.gcount() == count;
  };
  return load(size, read_at, tensor, dtype, file.string());
}

}  // namespace assay

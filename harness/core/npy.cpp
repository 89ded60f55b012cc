#include "harness/core/npy.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "harness/core/file.h"

namespace assay {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::size_t kMaxHeader = 64 << 10;
constexpr std::size_t kMaxRank = 32;
constexpr std::int64_t kMaxBytes = std::int64_t{1} << 48;

// Bounded reader of the header: the literal of a Python dict with the keys descr, fortran_order and shape.
class Literal {
 public:
  Literal(std::string_view text, std::string_view file) : text_(text), file_(file) {}

  Result<NpyHeader> read() {
    if (!take('{')) return unexpected_text("'{'");
    while (!take('}')) {
      const auto key = quoted();
      if (!key) return tl::unexpected(key.error());
      if (!take(':')) return unexpected_text("':'");
      if (auto value = entry(*key); !value) return tl::unexpected(value.error());
      if (!take(',') && peek() != '}') return unexpected_text("',' or '}'");
    }
    skip();
    if (at_ != text_.size()) return unexpected_text("the end of the header");
    if (!descr_ || !order_ || !shape_) return bad_input("{}: the header lacks descr, fortran_order or shape", file_);
    return header_;
  }

 private:
  Result<void> entry(std::string_view key) {
    if (key == "descr" && !std::exchange(descr_, true)) return read_descr();
    if (key == "fortran_order" && !std::exchange(order_, true)) return read_order();
    if (key == "shape" && !std::exchange(shape_, true)) return read_shape();
    return bad_input("{}: header key '{}', expected descr, fortran_order and shape once each", file_, key);
  }

  Result<void> read_descr() {
    skip();
    if (peek() == '[') return bad_input("{}: structured elements, expected a plain element type", file_);
    const auto descr = quoted();
    if (!descr) return tl::unexpected(descr.error());
    if (descr->starts_with('>'))
      return bad_input("{}: big-endian elements ({}), expected little-endian", file_, *descr);
    // The first row of a descr is the numpy type itself only for formats numpy has; raw ones come from u8 and u16.
    for (const DType dtype : {DType::f32, DType::f16, DType::i8, DType::u8, DType::i16, DType::u16, DType::i32,
                              DType::u32, DType::i64, DType::u64})
      if (info(dtype).npy == *descr) {
        header_.dtype = dtype;
        return {};
      }
    return bad_input("{}: element type '{}', expected f4, f2 or an integer of 1, 2, 4 or 8 bytes, little-endian", file_,
                     *descr);
  }

  Result<void> read_order() {
    if (word("False")) return {};
    if (word("True")) return bad_input("{}: Fortran order, expected C order", file_);
    return unexpected_text("False or True");
  }

  Result<void> read_shape() {
    if (!take('(')) return unexpected_text("'('");
    while (!take(')')) {
      skip();
      std::int64_t extent = 0;
      const char* begin = text_.data() + at_;
      const auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), extent);
      if (error != std::errc{} || extent < 0) return unexpected_text("an extent");
      at_ += static_cast<std::size_t>(end - begin);
      if (header_.shape.size() == kMaxRank) return bad_input("{}: rank over {}", file_, kMaxRank);
      header_.shape.push_back(extent);
      if (!take(',') && peek() != ')') return unexpected_text("',' or ')'");
    }
    return {};
  }

  Result<std::string_view> quoted() {
    skip();
    const char quote = peek();
    if (quote != '\'' && quote != '"') return unexpected_text("a quoted word");
    const std::size_t end = text_.find(quote, at_ + 1);
    if (end == std::string_view::npos) return unexpected_text("a closing quote");
    const std::string_view value = text_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    return value;
  }

  void skip() {
    while (at_ < text_.size() && std::string_view(" \t\n\r").find(text_[at_]) != std::string_view::npos) ++at_;
  }
  char peek() {
    skip();
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool take(char c) {
    if (peek() != c || at_ == text_.size()) return false;
    ++at_;
    return true;
  }
  bool word(std::string_view expected) {
    skip();
    if (!text_.substr(at_).starts_with(expected)) return false;
    at_ += expected.size();
    return true;
  }
  tl::unexpected<Error> unexpected_text(std::string_view expected) {
    std::string found;
    for (const char c : text_.substr(std::min(at_, text_.size()), 12)) found += c >= ' ' && c <= '~' ? c : '?';
    return bad_input("{}: found '{}' in the header, expected {}", file_, found, expected);
  }

  std::string_view text_, file_;
  std::size_t at_ = 0;
  bool descr_ = false, order_ = false, shape_ = false;
  NpyHeader header_;
};

// Bytes of the elements, or an error where the product is out of bounds.
Result<std::int64_t> data_bytes(DType dtype, const Shape& shape, std::string_view file) {
  std::int64_t bytes = info(dtype).bits / 8;
  for (const std::int64_t extent : shape)
    if (__builtin_mul_overflow(bytes, std::max<std::int64_t>(extent, 1), &bytes) || bytes > kMaxBytes)
      return bad_input("{}: shape {} is over {} bytes", file, to_string(shape), kMaxBytes);
  return std::find(shape.begin(), shape.end(), 0) != shape.end() ? 0 : bytes;
}

// How the elements are to be understood, and the shape in elements of that dtype.
Result<Tensor> empty_tensor(const NpyHeader& header, std::optional<DType> dtype, std::string_view file) {
  if (!dtype || *dtype == header.dtype) return Tensor(header.dtype, header.shape);
  if (info(*dtype).npy != info(header.dtype).npy)
    return bad_input("{}: elements are {}, expected {} ({})", file, name(header.dtype), name(*dtype), info(*dtype).npy);
  Shape shape = header.shape;
  if (info(*dtype).bits == 4) {
    if (shape.empty()) return bad_input("{}: a scalar cannot hold packed {}", file, name(*dtype));
    shape.back() *= 2;
  }
  return Tensor(*dtype, std::move(shape));
}

std::size_t little_endian(std::span<const std::byte> bytes) {
  std::size_t value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) value = value << 8 | static_cast<std::size_t>(bytes[i]);
  return value;
}

}  // namespace

Result<NpyHeader> parse_npy_header(std::span<const std::byte> bytes, std::string_view file_name) {
  if (bytes.size() < 10 || std::memcmp(bytes.data(), kMagic.data(), kMagic.size()) != 0)
    return bad_input("{}: not a .npy file", file_name);
  const int version = static_cast<int>(bytes[6]);
  if (version < 1 || version > 3) return bad_input("{}: .npy version {}, expected 1, 2 or 3", file_name, version);
  const std::size_t length_bytes = version == 1 ? 2 : 4;
  const std::size_t start = 8 + length_bytes;
  if (bytes.size() < start) return bad_input("{}: {} bytes, the header ends later", file_name, bytes.size());
  const std::size_t length = little_endian(bytes.subspan(8, length_bytes));
  if (length > kMaxHeader)
    return bad_input("{}: a header of {} bytes, expected at most {}", file_name, length, kMaxHeader);
  if (bytes.size() < start + length)
    return bad_input("{}: {} bytes, the header ends at {}", file_name, bytes.size(), start + length);
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()) + start, length);
  auto header = Literal(text, file_name).read();
  if (!header) return header;
  header->data_offset = static_cast<std::int64_t>(start + length);
  if (auto size = data_bytes(header->dtype, header->shape, file_name); !size) return tl::unexpected(size.error());
  return header;
}

Result<Tensor> parse_npy(std::span<const std::byte> bytes, std::optional<DType> dtype, std::string_view file_name) {
  const auto header = parse_npy_header(bytes, file_name);
  if (!header) return tl::unexpected(header.error());
  const auto expected = data_bytes(header->dtype, header->shape, file_name);
  const std::int64_t found = static_cast<std::int64_t>(bytes.size()) - header->data_offset;
  // Before anything is allocated: a short file may claim any shape.
  if (found != *expected)
    return bad_input("{}: {} bytes of elements, expected {} ({} {})", file_name, found, *expected,
                     to_string(header->shape), name(header->dtype));
  auto tensor = empty_tensor(*header, dtype, file_name);
  if (tensor && found > 0)
    std::memcpy(tensor->bytes().data(), bytes.data() + header->data_offset, tensor->bytes().size());
  return tensor;
}

Result<NpyHeader> read_npy_header(const std::filesystem::path& file) {
  const auto prefix = read_prefix(file, kMaxHeader + 12);
  if (!prefix) return tl::unexpected(prefix.error());
  return parse_npy_header(*prefix, file.string());
}

Result<Tensor> read_npy(const std::filesystem::path& file, std::optional<DType> dtype) {
  const auto bytes = read_file(file, static_cast<std::uintmax_t>(kMaxBytes) + kMaxHeader);
  if (!bytes) return tl::unexpected(bytes.error());
  return parse_npy(*bytes, dtype, file.string());
}

Result<std::vector<std::byte>> npy_bytes(const Tensor& tensor) {
  Shape shape = tensor.shape();
  if (info(tensor.dtype()).bits == 4) {
    if (shape.empty() || shape.back() % 2 != 0)
      return bad_input("{} of shape {}: .npy packs two a byte, expected an even last extent", name(tensor.dtype()),
                       to_string(shape));
    shape.back() /= 2;
  }
  std::string extents;
  for (const std::int64_t extent : shape) extents += fmt::format("{}, ", extent);
  if (shape.size() > 1) extents.resize(extents.size() - 2);
  if (shape.size() == 1) extents.pop_back();
  std::string text =
      fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}", info(tensor.dtype()).npy, extents);
  text.resize((10 + text.size() + 1 + 63) / 64 * 64 - 10 - 1, ' ');
  text += '\n';
  std::vector<std::byte> bytes(10 + text.size() + tensor.bytes().size());
  std::memcpy(bytes.data(), kMagic.data(), kMagic.size());
  bytes[6] = std::byte{1};
  bytes[8] = static_cast<std::byte>(text.size() & 0xFF);
  bytes[9] = static_cast<std::byte>(text.size() >> 8);
  std::memcpy(bytes.data() + 10, text.data(), text.size());
  if (!tensor.bytes().empty())
    std::memcpy(bytes.data() + 10 + text.size(), tensor.bytes().data(), tensor.bytes().size());
  return bytes;
}

Result<void> write_npy(const std::filesystem::path& file, const Tensor& tensor) {
  const auto bytes = npy_bytes(tensor);
  if (!bytes) return tl::unexpected(bytes.error());
  return write_file(file, *bytes);
}

}  // namespace assay

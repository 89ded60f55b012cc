#include "goldens/formats/narrow.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

#include "goldens/formats/encode_loops.h"
#include "goldens/formats/float_rounding.h"
#include "goldens/formats/stream.h"
#include "goldens/parallel.h"

namespace assay::goldens {
namespace {

bool is_narrow_float(DType dtype) { return info(dtype).is_float && dtype != DType::f32; }

// Elements at a time: codes lie in the first-level cache before they are streamed out. Small, so that reading goes on
// beside the stores.
constexpr std::size_t kBlock = 512;
// Elements of one piece of parallel work, and from where on there is more than one.
constexpr std::size_t kPiece = 1 << 18;

// Two codes a byte.
void pack(std::span<const std::uint8_t> nibbles, std::uint8_t* y) {
  const std::size_t pairs = nibbles.size() / 2;
  for (std::size_t i = 0; i < pairs; ++i) y[i] = static_cast<std::uint8_t>(nibbles[2 * i] | nibbles[2 * i + 1] << 4);
  if (nibbles.size() % 2 != 0) y[pairs] = nibbles.back();
}

void plain_copy(void* target, const void* source, std::size_t bytes) { std::memcpy(target, source, bytes); }

struct Encoder {
  DType destination;
  Rounding mode;
  const NarrowingRules& rules;
  bool streamed;  // too large for the caches: stores bypass them

  // Elements of the first block: after them the target starts a cache line, and no later block writes one in part.
  std::size_t elements_to_line(const std::byte* y) const {
    const std::size_t bytes = -reinterpret_cast<std::uintptr_t>(y) % 64;
    const std::size_t elements = bytes * 8 / static_cast<std::size_t>(info(destination).bits);
    return elements == 0 ? kBlock : elements;
  }

  void operator()(std::span<const float> x, std::byte* y) const {
    const InstructionSet set = instruction_sets().back();
    alignas(64) std::array<std::uint16_t, kBlock> wide;
    alignas(64) std::array<std::uint8_t, kBlock> narrow, packed;
    std::size_t count = elements_to_line(y);
    for (std::size_t begin = 0; begin < x.size(); begin += count, count = kBlock) {
      count = std::min(count, x.size() - begin);
      const auto block = x.subspan(begin, count);
      const auto bytes = static_cast<std::size_t>(bytes_of(destination, static_cast<std::int64_t>(block.size())));
      const void* codes = wide.data();
      if (info(destination).bits == 16) {
        encode_codes(destination, set, block, mode, rules, wide);
      } else {
        encode_codes(destination, set, block, mode, rules, narrow);
        codes = narrow.data();
      }
      if (destination == DType::e2m1) {
        pack(std::span(narrow).first(block.size()), packed.data());
        codes = packed.data();
      }
      std::byte* target = y + bytes_of(destination, static_cast<std::int64_t>(begin));
      (streamed ? stream_copy : plain_copy)(target, codes, bytes);
    }
    if (streamed) stream_fence();
  }
};

// The values of all codes of up to 8 bits.
template <BinaryFormat format>
constexpr auto kValues = [] {
  std::array<float, format.sign_bit() * 2> values{};
  for (std::uint32_t code = 0; code < values.size(); ++code) values[code] = widen(code, format);
  return values;
}();

const float* values(DType source) {
  switch (source) {
    case DType::e4m3fn:
      return kValues<kE4m3fn>.data();
    case DType::e4m3fnuz:
      return kValues<kE4m3fnuz>.data();
    case DType::e5m2:
      return kValues<kE5m2>.data();
    default:
      return kValues<kE2m1>.data();
  }
}

// Elements [begin, begin + y.size()); begin is even.
void decode_part(DType source, std::span<const std::byte> codes, std::size_t begin, std::span<float> y) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(codes.data());
  const auto wide = [&](std::size_t i) {
    std::uint16_t code;
    std::memcpy(&code, bytes + 2 * (begin + i), 2);
    return code;
  };
  switch (source) {
    case DType::bf16:
      for (std::size_t i = 0; i < y.size(); ++i) y[i] = std::bit_cast<float>(std::uint32_t{wide(i)} << 16);
      return;
    case DType::f16:
      for (std::size_t i = 0; i < y.size(); ++i) y[i] = widen(wide(i), kF16);
      return;
    case DType::e2m1:
      for (std::size_t i = 0; i < y.size(); ++i) y[i] = kValues<kE2m1>[bytes[(begin + i) / 2] >> (4 * (i % 2)) & 0xF];
      return;
    default: {
      const float* const table = values(source);
      for (std::size_t i = 0; i < y.size(); ++i) y[i] = table[bytes[begin + i]];
    }
  }
}

template <class Float>
std::uint32_t encode_one(DType destination, Float x, Rounding mode, const NarrowingRules& rules) {
  using Bits = std::conditional_t<sizeof(Float) == 4, std::uint32_t, std::uint64_t>;
  const BinaryFormat format = binary_format(destination);
  return narrow(std::bit_cast<Bits>(x), format, mode, outcomes(format, mode, rules));
}

}  // namespace

std::uint32_t encode(DType destination, float x, Rounding mode, const NarrowingRules& rules) {
  if (destination == DType::f32) return std::bit_cast<std::uint32_t>(x);
  return is_narrow_float(destination) ? encode_one(destination, x, mode, rules) : 0;
}

std::uint32_t encode(DType destination, double x, Rounding mode, const NarrowingRules& rules) {
  return info(destination).is_float ? encode_one(destination, x, mode, rules) : 0;
}

void encode(DType destination, std::span<const float> x, Rounding mode, const NarrowingRules& rules,
            std::span<std::byte> y) {
  const auto size = static_cast<std::int64_t>(x.size());
  if (destination == DType::f32) {
    std::memcpy(y.data(), x.data(), x.size_bytes());
    return;
  }
  if (!is_narrow_float(destination)) {
    std::memset(y.data(), 0, static_cast<std::size_t>(bytes_of(destination, size)));
    return;
  }
  const std::size_t pieces = (x.size() + kPiece - 1) / kPiece;
  const Encoder encoder{destination, mode, rules, pieces > 16};
  const auto encode_piece = [&](std::size_t piece) {
    const std::size_t begin = piece * kPiece;
    encoder(x.subspan(begin, std::min(kPiece, x.size() - begin)),
            y.data() + bytes_of(destination, static_cast<std::int64_t>(begin)));
  };
  if (pieces == 1) return encode_piece(0);
  parallel_for(pieces, encode_piece);
}

float decode(DType source, std::uint32_t code) {
  if (source == DType::f32) return std::bit_cast<float>(code);
  if (!is_narrow_float(source)) return std::numeric_limits<float>::quiet_NaN();
  const BinaryFormat format = binary_format(source);
  if (source == DType::bf16) return std::bit_cast<float>(code << 16);
  return widen(code & (2 * format.sign_bit() - 1), format);
}

void decode(DType source, std::span<const std::byte> codes, std::span<float> y) {
  if (source == DType::f32) {
    std::memcpy(y.data(), codes.data(), y.size_bytes());
    return;
  }
  if (!is_narrow_float(source)) {
    std::ranges::fill(y, std::numeric_limits<float>::quiet_NaN());
    return;
  }
  const std::size_t pieces = (y.size() + kPiece - 1) / kPiece;
  const auto decode_piece = [&](std::size_t piece) {
    const std::size_t begin = piece * kPiece;
    decode_part(source, codes, begin, y.subspan(begin, std::min(kPiece, y.size() - begin)));
  };
  if (pieces == 1) return decode_piece(0);
  parallel_for(pieces, decode_piece);
}

}  // namespace assay::goldens

// Element types of tensors and tiles. Stores bits, never rounds (design.md section 2).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace assay {

enum class DType : std::uint8_t {
  f32,
  f16,
  bf16,
  e4m3fn,
  e4m3fnuz,
  e5m2,
  e2m1,
  i8,
  u8,
  i16,
  u16,
  i32,
  u32,
  i64,
  u64,
  e8m0
};

struct DTypeInfo {
  DType dtype;
  std::string_view name;
  int bits;  // e2m1 packs two elements a byte, the lower nibble first
  bool is_float;
  bool is_signed;
  std::string_view npy;  // .npy descr; formats numpy lacks travel as raw unsigned of the same width
};

inline constexpr std::array<DTypeInfo, 16> kDTypes{{
    {DType::f32, "f32", 32, true, true, "<f4"},
    {DType::f16, "f16", 16, true, true, "<f2"},
    {DType::bf16, "bf16", 16, true, true, "<u2"},
    {DType::e4m3fn, "e4m3fn", 8, true, true, "|u1"},
    {DType::e4m3fnuz, "e4m3fnuz", 8, true, true, "|u1"},
    {DType::e5m2, "e5m2", 8, true, true, "|u1"},
    {DType::e2m1, "e2m1", 4, true, true, "|u1"},
    {DType::i8, "i8", 8, false, true, "|i1"},
    {DType::u8, "u8", 8, false, false, "|u1"},
    {DType::i16, "i16", 16, false, true, "<i2"},
    {DType::u16, "u16", 16, false, false, "<u2"},
    {DType::i32, "i32", 32, false, true, "<i4"},
    {DType::u32, "u32", 32, false, false, "<u4"},
    {DType::i64, "i64", 64, false, true, "<i8"},
    {DType::u64, "u64", 64, false, false, "<u8"},
    // The scale of an MX block: n stands for 2^(n - 127), 255 for NaN. Handled as the number n: nothing computes with
    // it.
    {DType::e8m0, "e8m0", 8, false, false, "|u1"},
}};

constexpr const DTypeInfo& info(DType dtype) { return kDTypes[static_cast<std::size_t>(dtype)]; }
constexpr std::string_view name(DType dtype) { return info(dtype).name; }

// The dtype of that name, or nothing.
constexpr std::optional<DType> parse_dtype(std::string_view name) {
  for (const DTypeInfo& row : kDTypes)
    if (row.name == name) return row.dtype;
  return std::nullopt;
}

// Bytes that `count` elements occupy when stored without gaps.
constexpr std::int64_t bytes_of(DType dtype, std::int64_t count) { return (count * info(dtype).bits + 7) / 8; }

}  // namespace assay

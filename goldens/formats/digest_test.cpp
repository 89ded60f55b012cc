// The digests that ep-dispatch-combine 3.2 and 3.3 publish: CRC32 of the results of every bf16 pattern, and of the
// decode tables.
#include <gtest/gtest.h>

#include <boost/crc.hpp>
#include <cmath>
#include <vector>

#include "goldens/formats/bf16.h"
#include "goldens/formats/narrow.h"

namespace assay::goldens {
namespace {

template <class T>
std::uint32_t crc32(const std::vector<T>& values) {
  boost::crc_32_type crc;
  crc.process_bytes(values.data(), values.size() * sizeof(T));
  return crc.checksum();
}

// One byte a pattern, 0 to 0xFFFF in order; NaN operands give `nan` where one is given.
std::uint32_t encode_digest(DType dtype, Overflow overflow, int nan = -1) {
  std::vector<std::uint8_t> codes;
  for (std::uint32_t pattern = 0; pattern < 0x10000; ++pattern) {
    const float x = decode_bf16(static_cast<std::uint16_t>(pattern));
    const std::uint32_t code = encode(dtype, x, Rounding::rint, {overflow, NanResult::signed_nan, true});
    codes.push_back(static_cast<std::uint8_t>(std::isnan(x) && nan >= 0 ? static_cast<std::uint32_t>(nan) : code));
  }
  return crc32(codes);
}

// float32, little endian; NaN as +0.
std::uint32_t decode_digest(DType dtype, std::uint32_t codes) {
  std::vector<float> values;
  for (std::uint32_t code = 0; code < codes; ++code) {
    const float x = decode(dtype, code);
    values.push_back(std::isnan(x) ? 0.0f : x);
  }
  return crc32(values);
}

TEST(Digest, Fp8) {
  EXPECT_EQ(encode_digest(DType::e4m3fn, Overflow::nonsat), 0xcbf713feu);
  EXPECT_EQ(encode_digest(DType::e4m3fn, Overflow::satfinite), 0x1fb3e611u);
  EXPECT_EQ(encode_digest(DType::e4m3fn, Overflow::satall), 0xb4ca6f38u);
  EXPECT_EQ(encode_digest(DType::e4m3fnuz, Overflow::nonsat), 0x1307319fu);
  EXPECT_EQ(encode_digest(DType::e4m3fnuz, Overflow::satfinite), 0xfba03dc7u);
  EXPECT_EQ(encode_digest(DType::e4m3fnuz, Overflow::satall), 0xdff880ecu);
}

TEST(Digest, Fp4) { EXPECT_EQ(encode_digest(DType::e2m1, Overflow::satall, 0xEE), 0x1d6f19a4u); }

TEST(Digest, DecodeTables) {
  EXPECT_EQ(decode_digest(DType::e4m3fn, 256), 0xbcca99f4u);
  EXPECT_EQ(decode_digest(DType::e4m3fnuz, 256), 0xcba13cd8u);
  EXPECT_EQ(decode_digest(DType::e2m1, 16), 0x866770b6u);
}

}  // namespace
}  // namespace assay::goldens

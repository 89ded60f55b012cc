#include "harness/core/safetensors.h"

#include <gtest/gtest.h>

#include "harness/core/file.h"
#include "harness/core/mutate_text.h"
#include "harness/core/scratch_directory.h"

namespace assay {
namespace {

std::string with_header(std::string_view header, std::string_view data) {
  std::string text;
  for (int i = 0; i < 8; ++i) text += static_cast<char>(header.size() >> (8 * i) & 0xFF);
  return text.append(header).append(data);
}

// Two tensors: float32 1 2 3 as [3, 1], and two bytes.
const std::string& sample() {
  static const std::string text = with_header(
      R"({"__metadata__":{"format":"pt"},"a.b":{"dtype":"F32","shape":[3,1],"data_offsets":[2,14]},)"
      R"("bytes":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}   )",
      std::string_view("\x7f\x12\0\0\x80\x3f\0\0\0\x40\0\0\x40\x40", 14));
  return text;
}

Result<Tensor> parse(std::string_view text, std::string_view tensor, std::optional<DType> dtype = std::nullopt) {
  return parse_safetensors(std::as_bytes(std::span(text.data(), text.size())), tensor, dtype, "x.safetensors");
}
std::string message(const Result<Tensor>& result) { return result ? "no error" : result.error().message; }

TEST(Safetensors, GivesTheNamedTensor) {
  const auto tensor = parse(sample(), "a.b");
  ASSERT_TRUE(tensor) << message(tensor);
  EXPECT_EQ(tensor->shape(), (Shape{3, 1}));
  EXPECT_EQ(tensor->dtype(), DType::f32);
  const auto values = tensor->as<float>();
  EXPECT_EQ(std::vector<float>(values.begin(), values.end()), (std::vector<float>{1, 2, 3}));
}

TEST(Safetensors, BytesMayHoldAFormatOfTheirWidth) {
  const auto fp8 = parse(sample(), "bytes", DType::e4m3fnuz);
  ASSERT_TRUE(fp8) << message(fp8);
  EXPECT_EQ(fp8->dtype(), DType::e4m3fnuz);
  EXPECT_EQ(fp8->bits(1), 0x12U);
  const auto fp4 = parse(sample(), "bytes", DType::e2m1);
  ASSERT_TRUE(fp4) << message(fp4);
  EXPECT_EQ(fp4->shape(), (Shape{4}));
  EXPECT_EQ(fp4->bits(0), 0xFU);
  EXPECT_EQ(fp4->bits(1), 0x7U);
}

TEST(Safetensors, ReadsFilesAsMemory) {
  const auto scratch = ScratchDirectory::make();
  ASSERT_TRUE(scratch);
  const auto file = scratch->path() / "model.safetensors";
  ASSERT_TRUE(write_text(file, sample()));
  for (const char* name : {"a.b", "bytes"}) {
    const auto read = read_safetensors(file, name);
    ASSERT_TRUE(read) << message(read);
    EXPECT_EQ(*read, *parse(sample(), name));
  }
  EXPECT_FALSE(read_safetensors(scratch->path() / "none.safetensors", "a.b"));
  EXPECT_FALSE(read_safetensors(scratch->path(), "a.b"));
}

struct Refusal {
  std::string text;
  std::string_view tensor;
  std::string_view says;
  std::optional<DType> dtype;
};
std::string of(std::string_view entry, std::string_view data = "12345678") {
  return with_header("{\"t\":" + std::string(entry) + "}", data);
}

TEST(Safetensors, RefusesWhatDoesNotFit) {
  const std::string good = R"({"dtype":"F32","shape":[2],"data_offsets":[0,8]})";
  ASSERT_TRUE(parse(of(good), "t")) << message(parse(of(good), "t"));
  const std::vector<Refusal> refusals{
      {"", "t", "0 bytes", {}},
      {"PK\3\4zip file, not a safetensors file", "t", "header of", {}},
      {with_header("{}", "").substr(0, 9), "t", "9 bytes; expected at least 10", {}},
      {with_header("[]", ""), "t", "no object", {}},
      {with_header("{", ""), "t", "header: ", {}},
      {with_header(R"({"t":[[[[[[1]]]]]]})", ""), "t", "nested deeper", {}},
      {of(good), "u", "no tensor 'u'; it holds t", {}},
      {with_header(R"({"__metadata__":{}})", ""), "__metadata__", "it holds none", {}},
      {of(good), "t", "holds f32; expected bf16", DType::bf16},
      {of(good), "t", "holds f32; expected e2m1", DType::e2m1},
      {of(good, "1234567"), "t", "expected at least", {}},
      {of(R"({"dtype":"F32","shape":[2],"data_offsets":[0,9]})"), "t", "expected 8 bytes", {}},
      {of(R"({"dtype":"F32","shape":[2],"data_offsets":[8,0]})"), "t", "expected 8 bytes", {}},
      {of(R"({"dtype":"F32","shape":[2],"data_offsets":[-8,0]})"), "t", "not two offsets", {}},
      {of(R"({"dtype":"F32","shape":[2],"data_offsets":[0]})"), "t", "not two offsets", {}},
      {of(R"({"dtype":"F32","shape":[2],"data_offsets":[18446744073709551608,18446744073709551615]})"), "t",
       "expected 8 bytes", {}},
      {of(R"({"dtype":"F32","shape":[281474976710656,2],"data_offsets":[0,8]})"), "t", "over 2^48", {}},
      {of(R"({"dtype":"F32","shape":[-2],"data_offsets":[0,8]})"), "t", "extent -2", {}},
      {of(R"({"dtype":"F64","shape":[1],"data_offsets":[0,8]})"), "t", "dtype \"F64\"; expected", {}},
      {of(R"({"shape":[1],"data_offsets":[0,8]})"), "t", "dtype is missing", {}},
      {of("7"), "t", "expected an object", {}},
  };
  for (const Refusal& refusal : refusals) {
    const auto read = parse(refusal.text, refusal.tensor, refusal.dtype);
    EXPECT_FALSE(read) << refusal.says;
    EXPECT_NE(message(read).find(refusal.says), std::string::npos) << message(read);
    EXPECT_NE(message(read).find("x.safetensors"), std::string::npos) << message(read);
  }
}

TEST(Safetensors, DamagedFilesAreRefusedOrReadWithinBounds) {
  for (std::uint64_t i = 0; i < 20000; ++i) {
    const std::string damaged = mutate_text(sample(), i);
    for (const char* name : {"a.b", "bytes"}) {
      const auto read = parse(damaged, name);
      EXPECT_LE(read ? read->bytes().size() : 0, damaged.size());
    }
  }
}

}  // namespace
}  // namespace assay

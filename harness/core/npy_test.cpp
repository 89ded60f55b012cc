#include "harness/core/npy.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <cstring>
#include <fstream>

#include "harness/core/file.h"
#include "harness/core/fill.h"
#include "harness/core/mutate_text.h"
#include "harness/core/scratch_directory.h"

namespace assay {
namespace {

namespace fs = std::filesystem;

fs::path folder() {
  static const ScratchDirectory scratch = ScratchDirectory::make().value();
  return scratch.path();
}

std::string as_text(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::span<const std::byte> as_span(std::string_view text) { return std::as_bytes(std::span(text.data(), text.size())); }

// A file as numpy would write it, with any header text.
std::string file_with(std::string header, std::size_t data, int version = 1) {
  std::string text = "\x93NUMPY";
  text += static_cast<char>(version);
  text += '\0';
  for (int i = 0; i < (version == 1 ? 2 : 4); ++i) text += static_cast<char>(header.size() >> (8 * i) & 0xFF);
  return text + header + std::string(data, '\1');
}

std::string message(const auto& result) { return result ? "no error" : result.error().message; }

TEST(Npy, RoundTripOfEveryDtypeAndManyShapes) {
  const fs::path file = folder() / "t.npy";
  for (const DTypeInfo& row : kDTypes)
    for (const Shape& shape : {Shape{}, Shape{0}, Shape{6}, Shape{3, 4}, Shape{2, 0, 2}, Shape{1, 2, 3, 4}}) {
      if (row.bits == 4 && shape.empty()) continue;
      Tensor tensor(row.dtype, shape);
      ASSERT_TRUE(fill(tensor, "specials", 1, "x"));
      ASSERT_TRUE(write_npy(file, tensor)) << row.name;
      const auto back = read_npy(file, row.dtype);
      ASSERT_TRUE(back) << row.name << to_string(shape) << message(back);
      EXPECT_EQ(*back, tensor);
    }
}

TEST(Npy, HeaderIsWhatNumpyWrites) {
  const auto bytes = npy_bytes(Tensor(DType::f32, {2, 3}));
  ASSERT_TRUE(bytes);
  const std::string text = as_text(*bytes);
  EXPECT_EQ(text.substr(0, 10), std::string("\x93NUMPY\1\0v\0", 10));
  EXPECT_EQ(text.substr(10, 59), "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }");
  EXPECT_EQ(text[127], '\n');
  EXPECT_EQ(text.size(), 128U + 24U);
  EXPECT_NE(as_text(*npy_bytes(Tensor(DType::i8, {5}))).find("'shape': (5,), }"), std::string::npos);
  EXPECT_NE(as_text(*npy_bytes(Tensor(DType::i8, {}))).find("'shape': (), }"), std::string::npos);
}

TEST(Npy, ReadsVersionsTwoAndThreeAndLooseSpelling) {
  for (const int version : {1, 2, 3}) {
    const auto tensor =
        parse_npy(as_span(file_with("{\"shape\" : ( 2 , 3) ,'fortran_order':False,'descr':'<i2'}", 12, version)),
                  std::nullopt, "f");
    ASSERT_TRUE(tensor) << message(tensor);
    EXPECT_EQ(tensor->dtype(), DType::i16);
    EXPECT_EQ(tensor->shape(), (Shape{2, 3}));
    EXPECT_EQ(tensor->bits(5), 0x0101U);
  }
}

TEST(Npy, RawUnsignedBecomesTheDtypeAskedFor) {
  const std::string text = file_with("{'descr': '<u2', 'fortran_order': False, 'shape': (4,)}", 8);
  EXPECT_EQ(parse_npy(as_span(text), std::nullopt, "f")->dtype(), DType::u16);
  EXPECT_EQ(parse_npy(as_span(text), DType::bf16, "f")->dtype(), DType::bf16);
  EXPECT_NE(message(parse_npy(as_span(text), DType::f16, "f")).find("elements are u16, expected f16"),
            std::string::npos);
  const std::string packed = file_with("{'descr': '|u1', 'fortran_order': False, 'shape': (2, 4)}", 8);
  EXPECT_EQ(parse_npy(as_span(packed), DType::e2m1, "f")->shape(), (Shape{2, 8}));
  EXPECT_FALSE(npy_bytes(Tensor(DType::e2m1, {3, 5})));
}

TEST(Npy, RefusalsSayWhy) {
  const auto refusal = [](std::string_view header, std::size_t data = 8, int version = 1) {
    const std::string text = file_with(std::string(header), data, version);
    return message(parse_npy(as_span(text), std::nullopt, "f"));
  };
  const auto contains = [](const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
  };
  EXPECT_TRUE(contains(refusal("{'descr': '<u2', 'fortran_order': True, 'shape': (4,)}"), "Fortran order"));
  EXPECT_TRUE(contains(refusal("{'descr': '>u2', 'fortran_order': False, 'shape': (4,)}"), "big-endian"));
  EXPECT_TRUE(contains(refusal("{'descr': '<c8', 'fortran_order': False, 'shape': (1,)}"), "'<c8'"));
  EXPECT_TRUE(contains(refusal("{'descr': [('a', '<i4')], 'fortran_order': False, 'shape': (1,)}"), "structured"));
  EXPECT_TRUE(
      contains(refusal("{'descr': '<u2', 'fortran_order': False, 'shape': (5,)}"), "8 bytes of elements, expected 10"));
  EXPECT_TRUE(
      contains(refusal("{'descr': '<u2', 'fortran_order': False, 'shape': (3,)}"), "8 bytes of elements, expected 6"));
  EXPECT_TRUE(contains(refusal("{'descr': '<u2', 'fortran_order': False, 'shape': (-4,)}"), "expected an extent"));
  EXPECT_TRUE(contains(refusal("{'descr': '<u2', 'fortran_order': False}"), "lacks"));
  EXPECT_TRUE(
      contains(refusal("{'descr': '<u2', 'descr': '<u2', 'fortran_order': False, 'shape': (4,)}"), "once each"));
  EXPECT_TRUE(contains(refusal("{'descr': '<u2', 'fortran_order': False, 'shape': (4,)}", 8, 4), "version 4"));
  EXPECT_TRUE(contains(refusal("{'descr': '<u2', 'fortran_order': False, 'shape': (4294967296, 4294967296)}"), "over"));
  EXPECT_TRUE(
      contains(refusal("{'descr': '<u2', 'fortran_order': False, 'shape': (0, 4294967296, 4294967296)}"), "over"));
  EXPECT_TRUE(contains(refusal("{'descr': '<u2', 'fortran_order': False, 'shape': (4,)} x"), "end of the header"));
  std::string rank = "{'descr': '<u2', 'fortran_order': False, 'shape': (";
  for (int i = 0; i < 40; ++i) rank += "1,";
  EXPECT_TRUE(contains(refusal(rank + ")}"), "rank over"));
  const std::string padding(65'536, ' ');
  EXPECT_TRUE(contains(refusal("{'descr': '<u2', 'fortran_order': False, 'shape': (4,)}" + padding, 8, 2),
                       "expected at most 65536"));
}

TEST(Npy, MissingAndShortFiles) {
  EXPECT_NE(message(read_npy(folder() / "absent.npy")).find("no such file"), std::string::npos);
  EXPECT_NE(message(read_npy(folder())).find("not a regular file"), std::string::npos);
  const std::string whole = as_text(*npy_bytes(Tensor(DType::f32, {4, 4})));
  for (std::size_t length = 0; length < whole.size(); ++length)
    EXPECT_FALSE(parse_npy(as_span(std::string_view(whole).substr(0, length)), std::nullopt, "f")) << length;
  EXPECT_FALSE(parse_npy(as_span(whole + "x"), std::nullopt, "f"));
}

TEST(Npy, AClaimedShapeAllocatesNothing) {
  // 2^47 bytes claimed by a file of 90: refused from the size alone.
  const std::string text = file_with("{'descr': '|u1', 'fortran_order': False, 'shape': (140737488355328,)}", 8);
  EXPECT_FALSE(parse_npy(as_span(text), std::nullopt, "f"));
}

TEST(Npy, HeaderAlone) {
  const fs::path file = folder() / "h.npy";
  ASSERT_TRUE(write_npy(file, Tensor(DType::i32, {7, 9})));
  const auto header = read_npy_header(file);
  ASSERT_TRUE(header);
  EXPECT_EQ(header->dtype, DType::i32);
  EXPECT_EQ(header->shape, (Shape{7, 9}));
  EXPECT_EQ(header->data_offset, 128);
}

TEST(Npy, AFailedWriteLeavesNothing) {
  const fs::path directory = folder() / "sub";
  fs::create_directories(directory / "target.npy");  // a folder in the way: the rename fails
  EXPECT_FALSE(write_npy(directory / "target.npy", Tensor(DType::i32, {2})));
  EXPECT_EQ(std::distance(fs::directory_iterator(directory), {}), 1);
  EXPECT_FALSE(write_npy(folder() / "none" / "t.npy", Tensor(DType::i32, {2})));
}

TEST(Npy, DamagedFilesNeverCrash) {
  Tensor tensor(DType::i16, {3, 4});
  const std::string whole = as_text(*npy_bytes(tensor));
  int accepted = 0;
  for (std::uint64_t i = 0; i < 20000; ++i) {
    const std::string text = mutate_text(whole, i);
    accepted += parse_npy(as_span(text), std::nullopt, "f").has_value();
  }
  EXPECT_GT(accepted, 100);
  EXPECT_LT(accepted, 19000);
}

TEST(Npy, RandomHeadersNeverCrash) {
  EXPECT_TRUE(rc::check("random header text", [](const std::string& header) {
    (void)parse_npy(as_span(file_with(header, 8)), std::nullopt, "f");
  }));
}

}  // namespace
}  // namespace assay

#include "harness/core/manifest.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "harness/core/file.h"
#include "harness/core/fill.h"
#include "harness/core/mutate_text.h"

namespace assay {
namespace {

namespace fs = std::filesystem;

class ManifestTest : public ::testing::Test {
 protected:
  void SetUp() override {
    directory = fs::temp_directory_path() / fmt::format("assay_manifest_{}", ::getpid());
    fs::remove_all(directory);
  }
  void TearDown() override { fs::remove_all(directory); }

  TensorMap tensors() {
    TensorMap map;
    for (const auto& [name, dtype] : std::initializer_list<std::pair<const char*, DType>>{
             {"x", DType::bf16}, {"scale", DType::f32}, {"q", DType::i8}, {"w4", DType::e2m1}}) {
      Tensor tensor(dtype, {4, 6});
      EXPECT_TRUE(fill(tensor, "specials", 3, name));
      map.emplace(name, tensor);
    }
    return map;
  }

  static std::string valid() {
    return R"({"tensors": [{"name": "x", "dtype": "bf16", "shape": [4, 6], "role": "input", "file": "a/x.npy",
               "sha256": "00"}], "metadata": {"case": "pipeline=ffn_add"}})";
  }

  fs::path directory;
};

TEST_F(ManifestTest, RoundTripKeepsDtypesRolesAndMetadata) {
  const auto written = write_tensors(directory, tensors(), {{"q", "output"}}, {{"note", "a \"quoted\" text"}});
  ASSERT_TRUE(written);
  const auto manifest = read_manifest(directory);
  ASSERT_TRUE(manifest) << to_string(manifest.error());
  EXPECT_EQ(*manifest, *written);
  EXPECT_EQ(manifest->find("q")->role, "output");
  EXPECT_EQ(manifest->find("x")->role, "input");
  EXPECT_EQ(manifest->find("absent"), nullptr);
  const auto back = read_tensors(directory);
  ASSERT_TRUE(back) << to_string(back.error());
  EXPECT_EQ(*back, tensors());
}

TEST_F(ManifestTest, ChangedBytesAreNoticed) {
  ASSERT_TRUE(write_tensors(directory, tensors()));
  std::fstream file(directory / "x.npy", std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(130);
  file.put('\x55');
  file.close();
  const auto back = read_tensors(directory);
  ASSERT_FALSE(back);
  EXPECT_NE(back.error().message.find("SHA-256"), std::string::npos);
}

// What people capture from a model: several tensors in one file, no hashes, other names.
TEST_F(ManifestTest, TensorsMayLieInSafetensorsFiles) {
  ASSERT_TRUE(write_tensors(directory, {}));
  const std::string header = R"({"layer.0.x":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]}})";
  std::string text(8, '\0');
  text[0] = static_cast<char>(header.size());
  ASSERT_TRUE(write_text(directory / "model.safetensors", text + header + std::string("\x80\x3f\x40\x40", 4)));
  const auto manifest = [&](std::string_view rest) {
    return R"({"tensors": [{"name": "x", "dtype": "bf16", "shape": [2], "file": "model.safetensors")" +
           std::string(rest) + "}]}";
  };
  const auto read = [&](const std::string& said) {
    EXPECT_TRUE(write_text(directory / kManifestFile, said));
    return read_tensors(directory);
  };
  const auto found = read(manifest(R"(, "tensor": "layer.0.x")"));
  ASSERT_TRUE(found) << to_string(found.error());
  EXPECT_EQ(found->at("x").bits(1), 0x4040U);
  const std::string hash = sha256_hex(read_file(directory / "model.safetensors", 1000).value());
  EXPECT_TRUE(read(manifest(R"(, "tensor": "layer.0.x", "sha256": ")" + hash + "\"")));
  EXPECT_FALSE(read(manifest(R"(, "tensor": "layer.0.x", "sha256": "00")")));
  const auto absent = read(manifest(""));
  ASSERT_FALSE(absent);
  EXPECT_NE(absent.error().message.find("no tensor 'x'; it holds layer.0.x"), std::string::npos);
}

TEST_F(ManifestTest, MissingAndOversizedFilesAreErrors) {
  ASSERT_TRUE(write_tensors(directory, tensors()));
  std::ofstream(directory / "q.npy", std::ios::app) << std::string(100000, 'x');
  EXPECT_FALSE(read_tensors(directory));
  fs::remove(directory / "q.npy");
  EXPECT_FALSE(read_tensors(directory));
  fs::remove(directory / "manifest.json");
  EXPECT_FALSE(read_tensors(directory));
}

TEST_F(ManifestTest, AnotherShapeThanTheFileIsAnError) {
  auto manifest = write_tensors(directory, tensors());
  ASSERT_TRUE(manifest);
  manifest->tensors[0].shape = {6, 4};
  ASSERT_TRUE(write_manifest(directory, *manifest));
  EXPECT_FALSE(read_tensors(directory));
}

TEST_F(ManifestTest, FilesStayInside) {
  for (const char* file : {"../x.npy", "/x.npy", "a/../x.npy", "a//x.npy", "", ".hidden", "a/", "x\\ny"}) {
    std::string text = valid();
    text.replace(text.find("a/x.npy"), 7, file);
    EXPECT_FALSE(parse_manifest(text, "m")) << file;
  }
  EXPECT_TRUE(parse_manifest(valid(), "m"));
}

TEST_F(ManifestTest, RefusalsNameWhatIsWrong) {
  const auto refusal = [](std::string_view from, std::string_view to) {
    std::string text = valid();
    text.replace(text.find(from), from.size(), to);
    const auto parsed = parse_manifest(text, "m");
    return parsed ? std::string() : parsed.error().message;
  };
  EXPECT_NE(refusal("bf16", "bf17").find("unknown dtype 'bf17'"), std::string::npos);
  EXPECT_NE(refusal("[4, 6]", "[4, -6]").find("extent -6"), std::string::npos);
  EXPECT_NE(refusal("[4, 6]", "[4.5]").find("extent 4.5"), std::string::npos);
  EXPECT_NE(refusal("[4, 6]", "[281474976710656, 4]").find("2^48"), std::string::npos);
  EXPECT_NE(refusal("\"role\": \"input\"", "\"role\": 3").find("'role'"), std::string::npos);
  EXPECT_NE(refusal("\"role\"", "\"rule\"").find("unknown key 'rule'"), std::string::npos);
  EXPECT_NE(refusal("\"pipeline=ffn_add\"", "[]").find("metadata 'case'"), std::string::npos);
  EXPECT_NE(refusal("\"metadata\"", "\"other\"").find("unknown key 'other'"), std::string::npos);
  EXPECT_FALSE(parse_manifest("{\"tensors\": " + std::string(100000, '[') + "}", "m"));
  EXPECT_FALSE(parse_manifest("[]", "m"));
}

TEST_F(ManifestTest, TwoTensorsOfOneNameAreRefused) {
  auto manifest = write_tensors(directory, tensors());
  ASSERT_TRUE(manifest);
  manifest->tensors.push_back(manifest->tensors.front());
  ASSERT_TRUE(write_manifest(directory, *manifest));
  EXPECT_FALSE(read_manifest(directory));
}

TEST_F(ManifestTest, NamesThatAreNoFileNamesAreRefused) {
  for (const char* name : {"a/b", "..", "", "x y"}) {
    TensorMap map;
    map.emplace(name, Tensor(DType::i8, {1}));
    EXPECT_FALSE(write_tensors(directory, map)) << name;
  }
}

TEST_F(ManifestTest, DamagedTextsNeverCrash) {
  int accepted = 0;
  for (std::uint64_t i = 0; i < 20000; ++i) accepted += parse_manifest(mutate_text(valid(), i), "m").has_value();
  EXPECT_GT(accepted, 100);
  EXPECT_LT(accepted, 19000);
}

TEST(Sha256, PublishedValue) {
  const std::string_view text = "abc";
  EXPECT_EQ(sha256_hex(std::as_bytes(std::span(text.data(), text.size()))),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_F(ManifestTest, DeepNestingEndsTheParsing) {
  for (const char* opening : {"[", "{\"a\":"}) {
    std::string text = R"({"tensors": )";
    for (int i = 0; i < 100'000; ++i) text += opening;
    const auto parsed = parse_manifest(text, "manifest.json");
    ASSERT_FALSE(parsed);
    EXPECT_NE(parsed.error().message.find("nested deeper than 8"), std::string::npos) << parsed.error().message;
  }
}

}  // namespace
}  // namespace assay

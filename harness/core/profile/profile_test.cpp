#include "harness/core/profile/profile.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "harness/core/mutate_text.h"
#include "harness/core/profile/compiled.h"

namespace assay {
namespace {

Profile a2a3() { return load_profile("a2a3").value(); }

TEST(Profile, KnownNames) {
  EXPECT_EQ(profile_names(), (std::vector<std::string>{"a2a3", "a5", "opencl"}));
  for (const std::string& name : profile_names()) {
    const auto profile = load_profile(name);
    ASSERT_TRUE(profile) << to_string(profile.error());
    EXPECT_EQ(profile->name, name);
  }
  const auto unknown = load_profile("a9");
  ASSERT_FALSE(unknown);
  EXPECT_NE(unknown.error().message.find("a2a3, a5, opencl"), std::string::npos);
}

// pto-isa 1.2.
TEST(Profile, SpacesOfA2a3) {
  const Profile profile = a2a3();
  const std::map<std::string, std::int64_t> expected{{"vec", 192 << 10},  {"mat", 512 << 10}, {"left", 64 << 10},
                                                     {"right", 64 << 10}, {"acc", 128 << 10}, {"bias", 1 << 10},
                                                     {"scaling", 2 << 10}};
  ASSERT_EQ(profile.spaces.size(), expected.size());
  for (const auto& [name, bytes] : expected) {
    EXPECT_EQ(profile.spaces.at(name).bytes, bytes) << name;
    EXPECT_EQ(profile.spaces.at(name).alignment, 32) << name;
  }
  EXPECT_EQ(profile.scratch_begin, 184 << 10);
  EXPECT_EQ(profile.scratch_end, 192 << 10);
}

// pto-isa 1.2, column A5.
TEST(Profile, SpacesOfA5) {
  const Profile profile = load_profile("a5").value();
  const std::map<std::string, std::int64_t> expected{
      {"vec", 256 << 10}, {"mat", 512 << 10},   {"left", 64 << 10},      {"right", 64 << 10},     {"acc", 256 << 10},
      {"bias", 4 << 10},  {"scaling", 4 << 10}, {"scale_left", 4 << 10}, {"scale_right", 4 << 10}};
  ASSERT_EQ(profile.spaces.size(), expected.size());
  for (const auto& [name, bytes] : expected) {
    EXPECT_EQ(profile.spaces.at(name).bytes, bytes) << name;
    EXPECT_EQ(profile.spaces.at(name).alignment, 32) << name;
  }
  EXPECT_EQ(profile.scratch_begin, profile.scratch_end);
  EXPECT_EQ(profile.evidence.at("spaces"), Evidence::published);
  EXPECT_EQ(profile.evidence.at("conversions"), Evidence::assumed);
}

// pto-isa 2.2 to 2.7, pto-format 3.6 and section 4, class 2.
TEST(Profile, PipesEventsCachesCores) {
  for (const char* name : {"a2a3", "a5", "opencl"}) {
    const Profile profile = load_profile(name).value();
    const bool device = profile.name != "opencl";
    EXPECT_EQ(profile.overlapping_pipes, device ? std::vector<std::string>({"v", "m"}) : std::vector<std::string>());
    EXPECT_EQ(profile.event_ids, 8);
    EXPECT_EQ(profile.cache_line_bytes, 64);
    EXPECT_EQ(profile.vector_cores, 2);
    for (const char* field : {"overlapping_pipes", "event_ids", "cache_line_bytes", "vector_cores", "absent_ops"})
      EXPECT_TRUE(profile.evidence.contains(field)) << name << " " << field;
  }
  EXPECT_EQ(a2a3().evidence.at("overlapping_pipes"), Evidence::assumed);
  const auto absent = [](const Profile& profile, std::string_view op) {
    return std::ranges::count(profile.absent_ops, op) == 1;
  };
  const Profile a5 = load_profile("a5").value();
  for (const char* op : {"tmatmul.mx", "tgemv.mx", "trandom", "thistogram", "tinterleave", "tdeinterleave",
                         "tquant.mx"}) {
    EXPECT_TRUE(absent(a2a3(), op)) << op;
    EXPECT_FALSE(absent(a5, op)) << op;
  }
  for (const char* op : {"taddc", "tsubc", "taddsc", "tsubsc"}) {
    EXPECT_TRUE(absent(a2a3(), op)) << op;
    EXPECT_TRUE(absent(a5, op)) << op;
  }
}

TEST(Profile, MachineFactsMayBeLeftOut) {
  std::string text(compiled_profiles().at("opencl"));
  const std::size_t begin = text.find("[pipes]"), end = text.find("[numerics]");
  text.erase(begin, end - begin);
  const auto profile = parse_profile(text, "p.toml");
  ASSERT_TRUE(profile) << to_string(profile.error());
  EXPECT_TRUE(profile->overlapping_pipes.empty());
  EXPECT_EQ(profile->event_ids, 8);
}

// pto-isa 2.6: the pairs, and nothing else. s4 has no dtype here.
TEST(Profile, LegalConversionsOfA2a3) {
  const std::set<std::pair<DType, DType>> expected{
      {DType::f32, DType::f16},  {DType::f32, DType::f32}, {DType::f32, DType::bf16}, {DType::f32, DType::i16},
      {DType::f32, DType::i32},  {DType::f32, DType::i64}, {DType::f16, DType::f32},  {DType::f16, DType::i32},
      {DType::f16, DType::i16},  {DType::f16, DType::i8},  {DType::f16, DType::u8},   {DType::bf16, DType::f32},
      {DType::bf16, DType::i32}, {DType::i16, DType::f16}, {DType::i16, DType::f32},  {DType::i32, DType::f32},
      {DType::i32, DType::i16},  {DType::i32, DType::i64}, {DType::i32, DType::f16},  {DType::i64, DType::f32},
      {DType::i64, DType::i32},  {DType::u8, DType::f16},  {DType::i8, DType::f16}};
  const Profile profile = a2a3();
  for (const DTypeInfo& source : kDTypes)
    for (const DTypeInfo& destination : kDTypes)
      EXPECT_EQ(profile.conversion(source.dtype, destination.dtype, "RINT", "").has_value(),
                expected.contains({source.dtype, destination.dtype}))
          << source.name << " to " << destination.name;
  const auto illegal = profile.conversion(DType::f32, DType::i8, "", "");
  ASSERT_FALSE(illegal);
  EXPECT_NE(illegal.error().message.find("f32 to i8"), std::string::npos);
}

TEST(Profile, MeaningOfModes) {
  const Profile profile = a2a3();
  const auto rounding = [&](DType from, DType to, std::string_view mode) {
    return profile.conversion(from, to, mode, "").value().rounding;
  };
  EXPECT_EQ(rounding(DType::f32, DType::bf16, ""), Rounding::rint);
  EXPECT_EQ(rounding(DType::f32, DType::bf16, "CAST_RINT"), Rounding::rint);
  EXPECT_EQ(rounding(DType::f32, DType::bf16, "NONE"), Rounding::rint);
  EXPECT_EQ(rounding(DType::f32, DType::bf16, "ROUND"), Rounding::round);
  EXPECT_EQ(rounding(DType::f32, DType::bf16, "ODD"), Rounding::rint);  // f32 to f16 alone has it
  EXPECT_EQ(rounding(DType::f32, DType::f16, "ODD"), Rounding::odd);
  EXPECT_EQ(rounding(DType::f32, DType::i32, "NONE"), Rounding::trunc);
  EXPECT_EQ(rounding(DType::f32, DType::i32, "ODD"), Rounding::trunc);
  EXPECT_EQ(rounding(DType::f32, DType::i32, ""), Rounding::rint);
  EXPECT_EQ(rounding(DType::f16, DType::i8, "FLOOR"), Rounding::floor);
  EXPECT_FALSE(profile.conversion(DType::f32, DType::i32, "NEAREST", ""));
}

TEST(Profile, MeaningOfSaturation) {
  const Profile profile = a2a3();
  const auto saturates = [&](DType from, DType to, std::string_view mode) {
    return profile.conversion(from, to, "RINT", mode).value().saturate;
  };
  for (const auto& [from, to] : std::initializer_list<std::pair<DType, DType>>{{DType::f16, DType::i8},
                                                                               {DType::f16, DType::u8},
                                                                               {DType::f16, DType::i16},
                                                                               {DType::f32, DType::i16},
                                                                               {DType::i64, DType::i32},
                                                                               {DType::i32, DType::i16}}) {
    EXPECT_FALSE(saturates(from, to, "")) << name(from) << name(to);
    EXPECT_TRUE(saturates(from, to, "ON")) << name(from) << name(to);
    EXPECT_FALSE(saturates(from, to, "OFF")) << name(from) << name(to);
  }
  EXPECT_TRUE(saturates(DType::f32, DType::bf16, ""));
  EXPECT_FALSE(saturates(DType::f32, DType::bf16, "OFF"));
  EXPECT_FALSE(saturates(DType::bf16, DType::f32, ""));  // exact, infinities too
  EXPECT_FALSE(saturates(DType::f16, DType::f32, ""));
  EXPECT_TRUE(saturates(DType::f32, DType::i32, "OFF"));  // not narrowing: OFF has no effect
  for (const DType from : {DType::f32, DType::f16, DType::bf16})
    for (const char* mode : {"", "ON", "OFF"}) EXPECT_FALSE(saturates(from, DType::f32, mode));  // infinity stays
  EXPECT_FALSE(profile.conversion(DType::f32, DType::i32, "RINT", "MAYBE"));
}

// pto-isa 2.6, ep-dispatch-combine 3.2 and 3.3.
TEST(Profile, NarrowingRules) {
  const NarrowingRules clamping{Overflow::satall, NanResult::signed_nan, true};
  const NarrowingRules fp4{Overflow::satall, NanResult::maximum, true};
  const Profile device = a2a3(), opencl = load_profile("opencl").value();
  for (const DType dtype : {DType::bf16, DType::f16}) {
    EXPECT_EQ(device.narrowing(dtype), clamping);
    EXPECT_EQ(opencl.narrowing(dtype), NarrowingRules{});
  }
  for (const DType dtype : {DType::e4m3fn, DType::e4m3fnuz, DType::e5m2})
    for (const Profile& profile : {device, opencl}) EXPECT_EQ(profile.narrowing(dtype), NarrowingRules{});
  for (const Profile& profile : {device, opencl, Profile{}}) EXPECT_EQ(profile.narrowing(DType::e2m1), fp4);
  EXPECT_EQ(Profile{}.narrowing(DType::bf16), NarrowingRules{});
  EXPECT_EQ(saturating(true), clamping);
  EXPECT_EQ(saturating(false), NarrowingRules{});
}

TEST(Profile, NarrowingIsReadAndMarked) {
  std::string text(compiled_profiles().at("opencl"));
  const auto replace = [&](std::string_view from, std::string_view to) {
    text.replace(text.find(from, text.find("[[narrowing]]")), from.size(), to);
  };
  replace(
      "to = [\"e4m3fn\", \"e4m3fnuz\", \"e5m2\"]\noverflow = \"NONSAT\"\nnan = \"signed\"\nnegative_zero = true\n"
      "evidence = \"assumed\"",
      "to = [\"e4m3fn\"]\noverflow = \"SATFINITE\"\nnan = \"positive\"\nnegative_zero = false\n"
      "evidence = \"measured\"");
  const auto profile = parse_profile(text, "p.toml");
  ASSERT_TRUE(profile) << to_string(profile.error());
  EXPECT_EQ(profile->narrowing(DType::e4m3fn), (NarrowingRules{Overflow::satfinite, NanResult::positive_nan, false}));
  EXPECT_EQ(profile->narrowing(DType::e5m2), NarrowingRules{});
  for (const Profile::NarrowingRow& row : profile->narrowings) {
    const Evidence expected = row.destination == DType::e4m3fn ? Evidence::measured
                              : row.destination == DType::f16  ? Evidence::published
                                                               : Evidence::assumed;
    EXPECT_EQ(row.evidence, expected) << name(row.destination);
  }
}

TEST(Profile, EvidenceIsMarked) {
  EXPECT_EQ(a2a3().evidence.at("ulp"), Evidence::assumed);
  EXPECT_EQ(a2a3().evidence.at("spaces"), Evidence::published);
  EXPECT_EQ(load_profile("opencl")->evidence.at("ulp"), Evidence::published);
}

TEST(Profile, PublishedBoundsOfOpencl) {
  const Profile profile = load_profile("opencl").value();
  EXPECT_EQ(profile.ulp,
            (decltype(profile.ulp){{"exp", 3}, {"log", 3}, {"sqrt", 3}, {"rsqrt", 2}, {"recip", 2.5}, {"div", 2.5}, {"pow", 16}}));
}

TEST(Profile, WrongFilesAreRefusedWithTheirPlace) {
  const std::string text(compiled_profiles().at("a2a3"));
  const auto refusal = [&](std::string_view from, std::string_view to) {
    std::string changed = text;
    changed.replace(changed.find(from), from.size(), to);
    const auto profile = parse_profile(changed, "p.toml");
    return profile ? std::string("accepted") : to_string(profile.error());
  };
  EXPECT_NE(refusal("sum_chunk = 512", "sum_chunk = 512\nsun_chunk = 1").find("unknown key 'sun_chunk'"),
            std::string::npos);
  EXPECT_NE(refusal("bytes = 196608", "bytes = -1").find("-1 is negative"), std::string::npos);
  EXPECT_NE(refusal("alignment = 32", "alignment = 33").find("power of two"), std::string::npos);
  EXPECT_NE(refusal("sum_chunk = 512", "sum_chunk = 0").find("chunked"), std::string::npos);
  EXPECT_NE(refusal("\"chunked\"", "\"chuncked\"").find("expected one of sequential, chunked, any"), std::string::npos);
  EXPECT_NE(refusal("to = [\"bf16\"]", "to = [\"f16\"]").find("listed twice"), std::string::npos);
  EXPECT_NE(refusal("overflow = \"SATALL\"", "overflow = \"CLAMP\"").find("NONSAT, SATFINITE, SATALL"),
            std::string::npos);
  EXPECT_NE(refusal("overflow = \"SATALL\"", "overflow = \"NONSAT\"").find("contradicts the conversion from f32"),
            std::string::npos);
  EXPECT_NE(refusal("to = [\"e2m1\"]", "to = [\"i8\"]").find("no floating-point format to narrow to"),
            std::string::npos);
  EXPECT_NE(refusal("to = [\"e2m1\"]", "to = [\"e5m2\"]").find("listed twice"), std::string::npos);
  EXPECT_NE(refusal("nan = \"maximum\"", "nan = \"signed\"").find("e2m1 has no NaN"), std::string::npos);
  EXPECT_NE(
      refusal("to = [\"e2m1\"]\noverflow = \"SATALL\"", "to = [\"e2m1\"]\noverflow = \"NONSAT\"").find("is SATALL"),
      std::string::npos);
  EXPECT_NE(refusal("negative_zero = true", "").find("'negative_zero' is missing"), std::string::npos);
  EXPECT_NE(refusal("[\"v\", \"m\"]", "[\"v\", \"s\"]").find("'s' is no pipe with a queue"), std::string::npos);
  EXPECT_NE(refusal("[\"v\", \"m\"]", "[\"v\", \"v\"]").find("'v' is listed twice"), std::string::npos);
  EXPECT_NE(refusal("[\"v\", \"m\"]", "\"v\"").find("expected an array"), std::string::npos);
  EXPECT_NE(refusal("ids = 8", "ids = 0").find("0 is not between 1 and 64"), std::string::npos);
  EXPECT_NE(refusal("line = 64", "line = 48").find("power of two"), std::string::npos);
  EXPECT_NE(refusal("vector = 2", "vector = 9").find("9 is not between 1 and 8"), std::string::npos);
  EXPECT_NE(refusal("vector = 2", "vectors = 2").find("unknown key 'vectors'"), std::string::npos);
  EXPECT_NE(refusal("\"trandom\"", "\"pto.trandom\"").find("is no operation"), std::string::npos);
  EXPECT_NE(refusal("none = \"RINT\"", "none = \"BEST\"").find("unknown rounding mode"), std::string::npos);
  EXPECT_NE(refusal("name = \"a2a3\"", "name = 3").find("p.toml:"), std::string::npos);
  EXPECT_NE(refusal("name = \"a2a3\"", "").find("'name' is missing"), std::string::npos);
  EXPECT_NE(refusal("[spaces]", "[spaces").find("p.toml"), std::string::npos);
}

TEST(Profile, DamagedTextsNeverCrash) {
  const std::string text(compiled_profiles().at("opencl"));
  int accepted = 0;
  for (std::uint64_t i = 0; i < 2000; ++i) accepted += parse_profile(mutate_text(text, i), "p.toml").has_value();
  EXPECT_GT(accepted, 20);  // edits inside comments do no harm
  EXPECT_LT(accepted, 1900);
}

TEST(Rounding, NamesRoundTrip) {
  for (int i = 0; i < 6; ++i) EXPECT_EQ(parse_rounding(name(static_cast<Rounding>(i))), static_cast<Rounding>(i));
  EXPECT_EQ(parse_rounding("rint"), Rounding::rint);
  EXPECT_FALSE(parse_rounding("NONE"));
}

}  // namespace
}  // namespace assay

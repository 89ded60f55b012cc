#include "harness/core/profile/profile.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "harness/core/profile/compiled.h"

namespace assay {
namespace {

constexpr std::array<std::string_view, 6> kRoundings{"RINT", "ROUND", "FLOOR", "CEIL", "TRUNC", "ODD"};

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    const auto upper = [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; };
    return upper(x) == upper(y);
  });
}

// Floats whose every value, infinities and NaN among them, the destination has: the conversion is exact whatever is
// written (dsv4-chain 1), and there is nothing to clamp.
bool holds_every_value(DType destination, DType source) {
  return destination == DType::f32 && (source == DType::f32 || source == DType::f16 || source == DType::bf16);
}

// What a written mode means for the pair: pto-format 3.3, pto-isa 2.6.
Result<Rounding> meaning(const Profile::ConversionRow& row, std::string_view mode) {
  if (mode.empty() || mode == "CAST_RINT") mode = "RINT";  // the default of the written form
  if (mode == "NONE") return row.none_means;
  const std::optional<Rounding> rounding = parse_rounding(mode);
  if (!rounding) return bad_input("rounding mode '{}', expected NONE, CAST_RINT or one of {}", mode, kRoundings);
  const bool supported = std::any_of(row.modes.begin(), row.modes.end(),
                                     [&](const std::string& word) { return parse_rounding(word) == rounding; });
  return supported ? *rounding : row.none_means;
}

}  // namespace

std::string_view name(Rounding mode) { return kRoundings[static_cast<std::size_t>(mode)]; }

std::optional<Rounding> parse_rounding(std::string_view name) {
  for (std::size_t i = 0; i < kRoundings.size(); ++i)
    if (equal_ignoring_case(name, kRoundings[i])) return static_cast<Rounding>(i);
  return std::nullopt;
}

Result<ConversionMeaning> Profile::conversion(DType source, DType destination, std::string_view mode,
                                              std::string_view saturation) const {
  const auto row = std::find_if(conversions.begin(), conversions.end(), [&](const ConversionRow& r) {
    return r.source == source && r.destination == destination;
  });
  if (row == conversions.end())
    return bad_input("{} has no conversion from {} to {}", name, assay::name(source), assay::name(destination));
  const Result<Rounding> rounding = meaning(*row, mode);
  if (!rounding) return tl::unexpected(rounding.error());
  if (!saturation.empty() && saturation != "ON" && saturation != "OFF")
    return bad_input("saturation mode '{}', expected ON or OFF", saturation);
  bool saturate = row->saturate_by_default;
  if (saturation == "ON") saturate = true;
  if (saturation == "OFF" && !row->off_ignored) saturate = false;
  if (holds_every_value(destination, source)) saturate = false;
  return ConversionMeaning{*rounding, saturate};
}

NarrowingRules Profile::narrowing(DType destination) const {
  const auto row = std::ranges::find(narrowings, destination, &NarrowingRow::destination);
  if (row != narrowings.end()) return row->rules;
  if (destination == DType::e2m1) return {Overflow::satall, NanResult::maximum, true};
  return {};
}

std::vector<std::string> profile_names() {
  std::vector<std::string> names;
  for (const auto& [name, text] : compiled_profiles()) names.emplace_back(name);
  return names;
}

Result<Profile> load_profile(std::string_view name) {
  const auto found = compiled_profiles().find(name);
  if (found == compiled_profiles().end())
    return bad_input("unknown profile '{}', expected one of {}", name, fmt::join(profile_names(), ", "));
  return parse_profile(found->second, fmt::format("{}.toml", name));
}

}  // namespace assay

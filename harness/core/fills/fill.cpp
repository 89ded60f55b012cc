#include "harness/core/fill.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "harness/core/fills/fill_function.h"

namespace assay {
namespace {

using namespace fills;  // NOLINT: the table below names every function of it

constexpr std::size_t kMaxText = 4096;

const std::array kRows{
    FillRow{"bf16-grid", {"exp", "sign"}, bf16_grid},
    FillRow{"choice", {""}, choice},
    FillRow{"constant", {""}, constant},
    FillRow{"counts", {"max", "experts"}, counts},
    FillRow{"exact-sum", {"max", "bits"}, exact_sum},
    FillRow{"grid", {"exp", "max"}, grid},
    FillRow{"half-integers", {"max"}, half_integers},
    FillRow{"half-step", {"exp", "sign"}, half_step},
    FillRow{"normal", {"mean", "scale"}, normal},
    FillRow{"odd", {"lo", "hi", "sign"}, odd},
    FillRow{"odd-significand", {"exp", "sign"}, odd_significand},
    FillRow{"order-sensitive", {}, order_sensitive},
    FillRow{"quant-ties", {"lo", "hi"}, quant_ties},
    FillRow{"routes", {"experts", "hot"}, routes},
    FillRow{"specials", {"finite"}, specials},
    FillRow{"tagged", {}, tagged},
    FillRow{"ties", {"lo", "hi"}, ties},
    FillRow{"uniform", {"lo", "hi"}, uniform},
    FillRow{"zeros", {}, zeros},
};

const std::array<std::string_view, kRows.size()>& names() {
  static const auto all = [] {
    std::array<std::string_view, kRows.size()> list;
    std::transform(kRows.begin(), kRows.end(), list.begin(), [](const FillRow& row) { return row.name; });
    return list;
  }();
  return all;
}

Result<const FillRow*> find_row(std::string_view name) {
  const auto row = std::find_if(kRows.begin(), kRows.end(), [&](const FillRow& r) { return r.name == name; });
  if (row == kRows.end()) return bad_input("unknown fill '{}', expected one of {}", name, fmt::join(names(), ", "));
  return &*row;
}

Result<void> check_arguments(const FillSpec& spec) {
  const auto row = find_row(spec.name);
  if (!row) return tl::unexpected(row.error());
  for (std::size_t i = 0; i < spec.arguments.size(); ++i) {
    const auto& [key, value] = spec.arguments[i];
    const auto& keys = (*row)->keys;
    if (key != "seed" && std::find(keys.begin(), keys.end(), key) == keys.end()) {
      if (key.empty()) return bad_input("fill '{}': found '{}', expected KEY=VALUE", spec.name, value);
      return bad_input("fill '{}': unknown argument '{}', expected one of {} or seed", spec.name, key,
                       fmt::join(keys, ", "));
    }
    if (value.empty()) return bad_input("fill '{}': argument '{}' has no value", spec.name, key);
    for (std::size_t j = 0; j < i; ++j)
      if (spec.arguments[j].first == key) return bad_input("fill '{}': argument '{}' is given twice", spec.name, key);
  }
  return {};
}

Result<std::uint64_t> seed_of(const FillSpec& spec, std::uint64_t seed) {
  for (const auto& [key, value] : spec.arguments) {
    if (key != "seed") continue;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), seed);
    if (error != std::errc{} || end != value.data() + value.size())
      return bad_input("fill '{}': seed '{}', expected an integer from 0 to 2^64-1", spec.name, value);
  }
  return seed;
}

}  // namespace

std::span<const std::string_view> fill_names() { return names(); }

std::string to_string(const FillSpec& spec) {
  std::string text = spec.name;
  char separator = ':';
  for (const auto& [key, value] : spec.arguments) {
    text += std::exchange(separator, ',');
    text += key.empty() ? value : fmt::format("{}={}", key, value);
  }
  return text;
}

Result<FillSpec> parse_fill(std::string_view text) {
  if (text.size() > kMaxText) return bad_input("a fill of {} bytes, expected at most {}", text.size(), kMaxText);
  const std::size_t colon = text.find(':');
  FillSpec spec{std::string(text.substr(0, colon)), {}};
  while (colon != std::string_view::npos) {
    if (spec.arguments.empty()) text.remove_prefix(colon + 1);
    const std::size_t comma = text.find(',');
    const std::string_view argument = text.substr(0, comma);
    const std::size_t equals = argument.find('=');
    if (equals == std::string_view::npos)
      spec.arguments.emplace_back("", argument);
    else
      spec.arguments.emplace_back(argument.substr(0, equals), argument.substr(equals + 1));
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
  }
  if (auto checked = check_arguments(spec); !checked) return tl::unexpected(checked.error());
  return spec;
}

Result<void> fill(Tensor& tensor, const FillSpec& spec, std::uint64_t seed, std::string_view stream) {
  if (auto checked = check_arguments(spec); !checked) return checked;
  const auto chosen = seed_of(spec, seed);
  if (!chosen) return tl::unexpected(chosen.error());
  Request request(tensor, spec, RandomStream(*chosen, stream));
  return (*find_row(spec.name))->apply(request);
}

Result<void> fill(Tensor& tensor, std::string_view text, std::uint64_t seed, std::string_view stream) {
  const auto spec = parse_fill(text);
  if (!spec) return tl::unexpected(spec.error());
  return fill(tensor, *spec, seed, stream);
}

namespace fills {

const std::string* Request::find(std::string_view key) const {
  for (const auto& [name, value] : spec_.arguments)
    if (name == key) return &value;
  return nullptr;
}

std::string_view Request::positional() const {
  const std::string* value = find("");
  return value == nullptr ? std::string_view{} : std::string_view(*value);
}

Result<std::int64_t> Request::integer(std::string_view key, std::int64_t otherwise, std::int64_t least,
                                      std::int64_t greatest) const {
  std::int64_t value = otherwise;
  if (const std::string* text = find(key)) {
    const char* end = text->data() + text->size();
    const auto [stop, error] = std::from_chars(text->data(), end, value);
    if (error != std::errc{} || stop != end) return refuse("{} is '{}', expected an integer", key, *text);
  }
  if (value < least || value > greatest) return refuse("{} is {}, expected {} to {}", key, value, least, greatest);
  return value;
}

Result<Dyadic> Request::number(std::string_view key, std::string_view otherwise) const {
  const std::string* text = find(key);
  const auto value = parse_number(text == nullptr ? otherwise : std::string_view(*text));
  if (!value) return refuse("{} is '{}', expected a finite number", key, *text);
  return *value;
}

Result<int> Request::sign() const {
  const std::string* text = find("sign");
  if (text == nullptr || *text == "both") return 0;
  if (*text == "+") return 1;
  if (*text == "-") return -1;
  return refuse("sign is '{}', expected both, + or -", *text);
}

Result<std::uint64_t> Request::exactly(Dyadic number) const {
  const auto bits = encode_exactly(dtype(), number);
  if (!bits)
    return refuse("{} * 2^{} is not a value of the type", static_cast<std::int64_t>(number.mantissa), number.exponent);
  return *bits;
}

}  // namespace fills
}  // namespace assay

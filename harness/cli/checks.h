// What the numbers among the arguments must be, said in numbers a person would write.
#pragma once

#include <fmt/format.h>

#include <CLI/Validators.hpp>
#include <charconv>
#include <cstdint>

namespace assay::cli {

// A whole number from `least` to the largest of 64 bits; a sign is refused where `least` is not negative.
inline CLI::Validator at_least(std::int64_t least) {
  return CLI::Validator(
      [least](const std::string& text) {
        std::int64_t value = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (error == std::errc{} && end == text.data() + text.size() && value >= least) return std::string();
        return fmt::format("found '{}', expected a whole number from {}", text, least);
      },
      "INT");
}

}  // namespace assay::cli

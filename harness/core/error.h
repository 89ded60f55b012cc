// Errors as values: what went wrong, where, and which exit code it leads to.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace assay {

enum class ErrorKind : std::uint8_t {
  bad_input,    // the user's arguments or files; exit code 2
  unavailable,  // a backend or resource that was asked for is missing or broken; exit code 3
  internal,     // a defect of assay; exit code 3
};

// Lines and columns count from 1; 0 means unknown.
struct TextPosition {
  std::string file;
  int line = 0;
  int column = 0;
  bool operator==(const TextPosition&) const = default;
};

struct Error {
  ErrorKind kind = ErrorKind::bad_input;
  std::string message;  // one sentence: what was found, what was expected
  std::optional<TextPosition> where;
  std::string excerpt;  // the offending source line with a caret line below it, or empty
};

template <class T>
using Result = tl::expected<T, Error>;

template <class... Args>
tl::unexpected<Error> bad_input(fmt::format_string<Args...> format, Args&&... args) {
  return tl::unexpected(Error{ErrorKind::bad_input, fmt::format(format, std::forward<Args>(args)...), {}, {}});
}

template <class... Args>
tl::unexpected<Error> bad_input_at(TextPosition where, fmt::format_string<Args...> format, Args&&... args) {
  return tl::unexpected(
      Error{ErrorKind::bad_input, fmt::format(format, std::forward<Args>(args)...), std::move(where), {}});
}

template <class... Args>
tl::unexpected<Error> internal_error(fmt::format_string<Args...> format, Args&&... args) {
  return tl::unexpected(Error{ErrorKind::internal, fmt::format(format, std::forward<Args>(args)...), {}, {}});
}

template <class... Args>
tl::unexpected<Error> unavailable(fmt::format_string<Args...> format, Args&&... args) {
  return tl::unexpected(Error{ErrorKind::unavailable, fmt::format(format, std::forward<Args>(args)...), {}, {}});
}

// "file:line:column: message", followed by the excerpt on lines of its own.
std::string to_string(const Error& error);

// 2 for bad input, 3 for everything else (design.md section 5).
int exit_code(const Error& error);

}  // namespace assay

#include "harness/core/error.h"

namespace assay {

std::string to_string(const Error& error) {
  std::string text;
  if (error.where && !error.where->file.empty()) {
    text += error.where->file;
    if (error.where->line > 0) text += fmt::format(":{}", error.where->line);
    if (error.where->column > 0) text += fmt::format(":{}", error.where->column);
    text += ": ";
  }
  text += error.message;
  if (!error.excerpt.empty()) text += "\n" + error.excerpt;
  return text;
}

int exit_code(const Error& error) { return error.kind == ErrorKind::bad_input ? 2 : 3; }

}  // namespace assay

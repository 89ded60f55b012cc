#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <vector>

#include "harness/fuzz/targets/targets.h"
#include "harness/pto/inference.h"
#include "harness/pto/lexer.h"
#include "harness/pto/printer.h"
#include "harness/pto/reader.h"
#include "harness/pto/verifier.h"

namespace assay::fuzz {
namespace {

[[noreturn]] void broken(std::string_view promise, std::string_view detail) {
  fmt::print(stderr, "{}\n{}\n", promise, detail);
  std::abort();
}

void check_error(const Error& error, std::string_view text) {
  if (error.message.empty() || !error.where || error.where->line < 1 || error.where->column < 1)
    broken("an error without message, line or column", to_string(error));
  if (static_cast<std::size_t>(error.where->column) > text.size() + 1)
    broken("a column beyond the text", to_string(error));
}

void infer(const pto::Module& module) {
  constexpr std::uint64_t kSteps = 20'000;
  for (const pto::Function& function : module.functions) {
    if (function.is_external) continue;
    const auto directions = pto::argument_directions(module, function);
    if (directions.size() != function.arguments.size()) broken("a direction per argument", function.name);
    const std::vector<std::optional<std::int64_t>> scalars(function.arguments.size(), 3);
    for (const pto::NeededElements& needed : pto::needed_elements(module, function, scalars, 2, kSteps))
      if (needed.elements < 0) broken("a negative number of elements", function.name);
  }
}

}  // namespace

void exercise_reader(std::string_view text) {
  std::vector<pto::Warning> warnings;
  const Result<pto::Module> module = pto::parse(text, "fuzz.pto", &warnings);
  if (!module) return check_error(module.error(), text);
  const std::string printed = pto::print(*module);
  const Result<pto::Module> again = pto::parse(printed, "printed.pto");
  if (!again) broken("what is printed parses", to_string(again.error()) + "\n" + printed);
  if (!pto::equal(*module, *again)) broken("parse(print(m)) equals m", printed);
  if (pto::print(*again) != printed) broken("printing is stable", printed + pto::print(*again));
  const std::vector<Error> problems = pto::violations(*module);
  if (pto::violations(*again).size() != problems.size()) broken("the printed module breaks the same rules", printed);
  if (problems.empty()) infer(*module);
}

}  // namespace assay::fuzz

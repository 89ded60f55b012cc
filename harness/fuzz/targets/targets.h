// What the fuzzers do with a text. Each function returns; it aborts, after a line on stderr, when a promise of the
// component is broken. Sanitizers and libFuzzer see to the rest.
#pragma once

#include <string_view>

namespace assay::fuzz {

// Reader, verifier, printer and inference: parse(print(m)) equals m, and everything ends.
void exercise_reader(std::string_view text);

// The simulator, with arguments made for the kernel, an instruction budget and little memory: every run ends with a
// report that says what happened.
void exercise_simulator(std::string_view text);

}  // namespace assay::fuzz

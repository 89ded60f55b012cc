// Random modules that pass the verifier, with every operation of the op table, for properties and fuzzing. They are
// valid programs but not sensible ones: addresses, offsets and loop bounds are arbitrary.
#pragma once

#include <cstdint>

#include "harness/pto/ir.h"

namespace assay::pto {

struct GenerateOptions {
  int operations = 30;  // roughly, per function
  int functions = 2;    // later ones may call earlier ones
  int depth = 3;        // of nested scf
};

// The same module for the same seed and options on every machine.
Module generate_module(std::uint64_t seed, const GenerateOptions& options = {});

}  // namespace assay::pto

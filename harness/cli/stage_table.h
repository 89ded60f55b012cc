// The table of `assay golden --list`.
#pragma once

#include <string>

#include "goldens/stages/stage.h"

namespace assay::cli {

// "x: bf16 or f32 [T, D], optional".
std::string describe(const goldens::Port& port);
// Every built-in stage: clause, ports, parameters, options, relations.
std::string stage_table();

}  // namespace assay::cli

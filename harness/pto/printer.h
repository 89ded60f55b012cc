// Prints modules as text the reader takes back: parse(print(m)) equals m, and printing that again gives the same text.
// Tiles in the compact spelling, custom form throughout (pto-format.md 1.1, 1.2). Names are kept where they are legal
// and free in their scope; other values are numbered.
#pragma once

#include <string>

#include "harness/pto/ir.h"

namespace assay::pto {

std::string print(const Module& module);
std::string print(const Function& function);
// One operation as print(function) shows it, on one line and without its regions; operation is one of the function's.
std::string print(const Function& function, const Operation& operation);

// Same structure, types and attributes; value names, numbering and locations are ignored. Attributes are unordered.
bool equal(const Module& a, const Module& b);
bool equal(const Function& a, const Function& b);

}  // namespace assay::pto

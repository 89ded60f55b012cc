// What decoding takes from one operation: whether its operands fit its body, and its attributes parsed once.
#pragma once

#include <string>

#include "harness/sim/program.h"

namespace assay::sim {

// Empty, or why the operation cannot be executed as it stands: the number or the kinds of its operands. Bodies rely on
// it; the finer rules (dtypes, shapes) are the verifier's and the bodies' own.
std::string check_operands(const pto::Operation& op, const pto::Function& function);

// Empty, or the form of the operation that the simulator does not execute.
std::string unsupported_form(const pto::Operation& op);

// Fills kind, from_kind, ins and immediate.
void decode_attributes(const pto::Operation& op, const pto::Function& function, Instruction& instruction);

// Meaning of a tcvt on the profile's machine; the error is the broken rule's message.
Result<ConversionMeaning> conversion_of(const pto::Operation& op, const pto::Function& function,
                                        const Profile& profile);

}  // namespace assay::sim

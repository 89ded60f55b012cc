// Operand forms and attributes of the vector operations of tiers T5 and T6.
#pragma once

#include <optional>
#include <string>

#include "harness/sim/program.h"

namespace assay::sim {

// What is wrong with the operands, empty when nothing is; nothing for operations of other families.
std::optional<std::string> check_vector_operands(const pto::Operation& op, const pto::Function& function);

// A form of the operation that the simulator does not execute: a word of it, else empty.
std::string unsupported_vector_form(const pto::Operation& op);

// Sets Instruction::scratch and Instruction::immediate. The operands were checked.
void decode_vector_attributes(const pto::Operation& op, const pto::Function& function, Instruction& instruction);

}  // namespace assay::sim

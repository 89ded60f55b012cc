// What the reader knows about operations outside the op table: why a mnemonic of the dialect is refused, so that a
// refusal can say so, and the attributes each operation takes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "harness/pto/op_table.h"

namespace assay::pto {

// Why an operation that is not in the op table is refused: not executed and why, a lower dialect level, another dialect,
// or unknown with the nearest known name.
std::string explain_unknown_operation(std::string_view name);

// False for attributes with no meaning here; the reader keeps them and warns.
bool is_known_attribute(OpCode code, std::string_view key);

// Attribute keys of the listed items of a synchronisation operation, in the order of its text, and whether the list
// stands in brackets. The last key may be absent where a run-time id takes its place.
std::vector<std::string_view> sync_item_keys(OpCode code);
bool takes_brackets(OpCode code);

}  // namespace assay::pto

// Which engine executes an operation, and on which kind of core (pto-isa.md section 2; pto-format.md sections 3.5, 3.6).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "harness/pto/ir.h"

namespace assay::pto {

inline constexpr std::size_t kPipes = 9;  // Pipe::none included

// The pipe of one operation: its row's, or what its operands' spaces decide (tmov, textract, tinsert, tstore, tload of
// scaling, tpush, tpop). Operations that no queue executes (scalars, views, synchronisation) are Pipe::s.
Pipe pipe_of(const Operation& operation, const Function& function);

// "PIPE_V" as set_flag and barrier write it, and back; PIPE_ALL is nothing here. "PIPE_SDMA" has no flags.
std::string_view pipe_name(Pipe pipe);
std::optional<Pipe> parse_pipe(std::string_view word);
// The pipe an op class of record_event and wait_event stands for: TLOAD MTE2, TSTORE_VEC MTE3, TSTORE_ACC FIX, ...
std::optional<Pipe> pipe_of_op_class(std::string_view word);

// The id of an event or buffer that the attribute `key` gives: a number or EVENT_ID followed by one, at most kMostId.
// Nothing when it is something else. Which of them exist is the machine profile's.
inline constexpr std::int64_t kMostId = 0xFFFF;
std::optional<std::int64_t> literal_id(const Operation& operation, std::string_view key);

enum class CoreKind : std::uint8_t { cube, vector };
std::string_view name(CoreKind kind);

// pto.kernel_kind of the function; nothing when it has none.
std::optional<CoreKind> kernel_kind(const Function& function);

// The memories of a kind of core: vec is the vector core's, all others are the cube core's.
CoreKind core_of(Space space);

}  // namespace assay::pto

// Attributes of the operations that order pipes, parsed once (pto-format 1.1 family C, 3.5).
#include "harness/sim/flag_operands.h"

namespace assay::sim {

using pto::OpCode;
using pto::Pipe;

namespace {

// Pipe or op class under either of two keys.
std::optional<Pipe> pipe_at(const pto::Operation& op, std::string_view pipe_key, std::string_view class_key) {
  for (std::string_view key : {pipe_key, class_key}) {
    const std::string_view word = pto::word(op.attributes, key);
    if (word.empty()) continue;
    const auto pipe = pto::parse_pipe(word);
    return pipe ? pipe : pto::pipe_of_op_class(word);
  }
  return std::nullopt;
}

}  // namespace

std::string decode_sync(const pto::Operation& op, Instruction& instruction) {
  const auto id_at = [&](std::string_view key) -> std::optional<std::uint64_t> {
    if (!op.operands.empty()) return kDynamicId;
    const auto id = pto::literal_id(op, key);
    return id ? std::optional(static_cast<std::uint64_t>(*id)) : std::nullopt;
  };
  switch (op.code) {
    case OpCode::set_flag:
    case OpCode::set_flag_dyn:
    case OpCode::record_event:
    case OpCode::wait_flag:
    case OpCode::wait_flag_dyn:
    case OpCode::wait_event: {
      const auto from = pipe_at(op, "src_pipe", "src_op"), to = pipe_at(op, "dst_pipe", "dst_op");
      const auto id = id_at("event_id");
      if (!from || !to) return "an unknown pipe";
      if (!id) return "an unknown event id";
      const bool sets = sets_flag(op.code);
      instruction.pipe = sets ? *from : *to;
      instruction.immediate = packed(*id, static_cast<std::uint64_t>(*from) | static_cast<std::uint64_t>(*to) << 8);
      return "";
    }
    case OpCode::barrier: {
      if (pto::word(op.attributes, "pipe") == "PIPE_ALL") {
        instruction.step = Step::drain;
        instruction.body = barrier_all;
        return "";
      }
      const auto pipe = pipe_at(op, "pipe", "pipe");
      if (!pipe) return "an unknown pipe";
      instruction.pipe = *pipe;
      return "";
    }
    case OpCode::barrier_sync: {
      const auto pipe = pipe_at(op, "op_type", "op_type");
      if (!pipe) return "an unknown class of operations";
      instruction.pipe = *pipe;
      return "";
    }
    case OpCode::get_buf:
    case OpCode::rls_buf: {
      const auto pipe = pipe_at(op, "op_type", "op_type");
      const auto id = id_at("buf_id");
      if (!pipe || !id) return "an unknown class of operations or buffer";
      instruction.pipe = *pipe;
      instruction.immediate = packed(*id, 0);
      return "";
    }
    case OpCode::sync_set:
    case OpCode::sync_wait:
    case OpCode::set_intra_block:
    case OpCode::wait_intra_block: {
      const auto pipe = pipe_at(op, "pipe", "pipe");
      const auto id = id_at("event_id");
      if (!pipe || !id) return "an unknown pipe or event id";
      const bool ffts = op.code == OpCode::sync_set || op.code == OpCode::sync_wait;
      const std::uint64_t mode =
          ffts ? static_cast<std::uint64_t>(pto::literal_id(op, "ffts_mode").value_or(2)) : kIntraBlock;
      if (ffts && mode > 2) return "an unknown ffts_mode";
      instruction.pipe = *pipe;
      instruction.immediate = packed(*id, mode);
      return "";
    }
    default:
      return "no synchronisation";
  }
}

}  // namespace assay::sim

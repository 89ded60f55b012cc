#include "harness/pto/pipe.h"

#include <array>
#include <charconv>
#include <utility>

namespace assay::pto {
namespace {

constexpr std::array<std::pair<std::string_view, Pipe>, 7> kPipeNames{{{"PIPE_S", Pipe::s},
                                                                       {"PIPE_V", Pipe::v},
                                                                       {"PIPE_M", Pipe::m},
                                                                       {"PIPE_MTE1", Pipe::mte1},
                                                                       {"PIPE_MTE2", Pipe::mte2},
                                                                       {"PIPE_MTE3", Pipe::mte3},
                                                                       {"PIPE_FIX", Pipe::fix}}};

// pto-format 3.5.
constexpr std::array<std::pair<std::string_view, Pipe>, 10> kOpClasses{{{"TLOAD", Pipe::mte2},
                                                                        {"TSTORE_VEC", Pipe::mte3},
                                                                        {"TSTORE_ACC", Pipe::fix},
                                                                        {"TMOV_M2L", Pipe::mte1},
                                                                        {"TMOV_M2B", Pipe::mte1},
                                                                        {"TMOV_M2S", Pipe::fix},
                                                                        {"TMOV_V2M", Pipe::fix},
                                                                        {"TMOV_M2V", Pipe::v},
                                                                        {"TVEC", Pipe::v},
                                                                        {"TMATMUL", Pipe::m}}};

template <std::size_t kCount>
std::optional<Pipe> look_up(const std::array<std::pair<std::string_view, Pipe>, kCount>& table, std::string_view word) {
  for (const auto& [name, pipe] : table)
    if (name == word) return pipe;
  return std::nullopt;
}

const TileType* tile_operand(const Operation& operation, const Function& function, std::size_t index) {
  return index < operation.operands.size() ? std::get_if<TileType>(&function.type(operation.operands[index])) : nullptr;
}

// The first tile of ins(...) and the first operand of outs(...).
struct Ends {
  const TileType* source = nullptr;
  const TileType* destination = nullptr;
};
Ends ends_of(const Operation& operation, const Function& function) {
  const std::size_t ins = operation.segments.empty() ? 0 : operation.segments[0];
  return {tile_operand(operation, function, 0), tile_operand(operation, function, ins)};
}

// isa 2.1: what leaves the accumulator or enters the fixpipe's parameters goes through FIX, L1 to L0 through MTE1.
Pipe pipe_of_move(Space from, Space to) {
  if (from == Space::acc || to == Space::scaling) return Pipe::fix;
  if (from == Space::mat) return to == Space::mat || to == Space::vec ? Pipe::mte2 : Pipe::mte1;
  return to == Space::vec ? Pipe::v : Pipe::fix;
}

}  // namespace

Pipe pipe_of(const Operation& operation, const Function& function) {
  const OpInfo& row = info(operation.code);
  switch (operation.code) {
    case OpCode::tmov:
    case OpCode::textract:
    case OpCode::tinsert: {
      const Ends ends = ends_of(operation, function);
      return ends.source && ends.destination ? pipe_of_move(ends.source->space, ends.destination->space) : row.pipe;
    }
    case OpCode::tstore: {
      const Ends ends = ends_of(operation, function);
      return ends.source && ends.source->space == Space::acc ? Pipe::fix : Pipe::mte3;
    }
    case OpCode::tfillpad:
    case OpCode::texpands: {
      const std::size_t ins = operation.segments.empty() ? 0 : operation.segments[0];
      const TileType* destination = tile_operand(operation, function, ins);
      return destination && destination->space == Space::mat ? Pipe::mte2 : row.pipe;
    }
    case OpCode::talloc_to_aiv:
    case OpCode::tpush_to_aiv:
      return Pipe::fix;
    case OpCode::talloc_to_aic:
    case OpCode::tpush_to_aic:
      return Pipe::mte3;
    case OpCode::tpop_from_aic:
    case OpCode::tpop_from_aiv:
      return Pipe::mte2;
    default:
      return row.family == Family::tile ? row.pipe : Pipe::s;
  }
}

std::string_view pipe_name(Pipe pipe) {
  for (const auto& [name, known] : kPipeNames)
    if (known == pipe) return name;
  return pipe == Pipe::sdma ? "PIPE_SDMA" : "PIPE_ALL";
}
std::optional<Pipe> parse_pipe(std::string_view word) { return look_up(kPipeNames, word); }
std::optional<Pipe> pipe_of_op_class(std::string_view word) { return look_up(kOpClasses, word); }

std::optional<std::int64_t> literal_id(const Operation& operation, std::string_view key) {
  const Attribute* attribute = find(operation.attributes, key);
  if (!attribute) return std::nullopt;
  std::int64_t id = -1;
  if (const auto* number = std::get_if<IntAttr>(&attribute->value)) {
    id = number->value;
  } else {
    constexpr std::string_view kPrefix = "EVENT_ID";
    const std::string_view found = word(operation.attributes, key);
    if (!found.starts_with(kPrefix)) return std::nullopt;
    const char* const end = found.data() + found.size();
    const auto [rest, problem] = std::from_chars(found.data() + kPrefix.size(), end, id);
    if (problem != std::errc{} || rest != end) return std::nullopt;
  }
  return id >= 0 && id <= kMostId ? std::optional(id) : std::nullopt;
}

std::string_view name(CoreKind kind) { return kind == CoreKind::cube ? "cube" : "vector"; }

std::optional<CoreKind> kernel_kind(const Function& function) {
  const std::string_view kind = word(function.attributes, "pto.kernel_kind");
  if (kind == "cube") return CoreKind::cube;
  if (kind == "vector") return CoreKind::vector;
  return std::nullopt;
}

CoreKind core_of(Space space) { return space == Space::vec ? CoreKind::vector : CoreKind::cube; }

}  // namespace assay::pto

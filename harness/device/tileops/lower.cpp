// The walk over the IR, registers, and the launch's arguments.
#include <fmt/format.h>

#include "harness/device/tileops/lowering.h"
#include "harness/pto/literal.h"

namespace assay::device {
namespace {

constexpr std::int64_t kMaxRegisters = std::int64_t{1} << 22;
constexpr std::size_t kMaxInstructions = std::size_t{1} << 22;
constexpr std::int64_t kMaxLocalArray = 65536;
constexpr std::int64_t kAlignment = 256;

constexpr bool scalar_codes_match() {
  using K = pto::ScalarKind;
  constexpr K order[] = {K::i1,   K::i8,   K::i16,   K::i32, K::i64,  K::ui8, K::ui16,
                         K::ui32, K::ui64, K::index, K::f16, K::bf16, K::f32};
  for (std::size_t i = 0; i < std::size(order); ++i)
    if (static_cast<std::size_t>(order[i]) != i) return false;
  return static_cast<int>(K::i1) == abi::kI1 && static_cast<int>(K::index) == abi::kIndex &&
         static_cast<int>(K::f16) == abi::kScalarF16 && static_cast<int>(K::f32) == abi::kScalarF32;
}
static_assert(scalar_codes_match());
static_assert(static_cast<int>(DType::f32) == abi::kF32 && static_cast<int>(DType::bf16) == abi::kBf16 &&
              static_cast<int>(DType::i8) == abi::kElementI8 && static_cast<int>(DType::u64) == abi::kElementU64);
static_assert(static_cast<int>(Rounding::rint) == abi::kRint && static_cast<int>(Rounding::odd) == abi::kOdd);

std::int64_t aligned(std::int64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

// A float argument is exactly representable in its type, so this selects bits and rounds nothing.
std::int64_t float_bits(double value, pto::ScalarKind kind) {
  return pto::bits_in(kind, std::bit_cast<std::uint32_t>(static_cast<float>(value)));
}

}  // namespace

bool Lowering::refuse(const pto::Operation& operation, std::string_view what) {
  if (reason_.empty())
    reason_ = fmt::format("{}{}{}, line {}", pto::mnemonic(operation.code), what.empty() ? "" : " ", what,
                          operation.location.line);
  return false;
}

Lowering::Register Lowering::fresh(std::int64_t count) {
  const auto first = static_cast<Register>(program_.registers.size());
  program_.registers.resize(program_.registers.size() + static_cast<std::size_t>(count));
  return first;
}

std::optional<std::int64_t> Lowering::slots_of(const pto::Type& type) const {
  if (std::holds_alternative<pto::ScalarType>(type)) return 1;
  if (std::holds_alternative<pto::PtrType>(type)) return abi::kPointerSlots;
  if (std::holds_alternative<pto::ViewType>(type)) return abi::kViewSlots;
  if (std::holds_alternative<pto::TileType>(type)) return abi::kTileSlots;
  if (const auto* array = std::get_if<pto::LocalArrayType>(&type))
    if (array->count >= 0 && array->count <= kMaxLocalArray) return array->count;
  return std::nullopt;
}

// Gives the value registers; tiles get what their type fixes.
bool Lowering::define(const pto::Operation& operation, pto::ValueId value) {
  const auto slots = slots_of(type(value));
  if (!slots) return refuse(operation, "with a value of type " + pto::to_string(type(value)));
  if (static_cast<std::int64_t>(program_.registers.size()) + *slots > kMaxRegisters)
    return refuse(operation, "needs more registers than an agent has");
  const Register first = fresh(*slots);
  frame_->registers[value] = first;
  if (const auto* tile = std::get_if<pto::TileType>(&type(value))) {
    if (tile->element == DType::e2m1) return refuse(operation, "with packed e2m1 elements");
    if (tile->rows < 0 || tile->cols < 0 || tile->rows > (1 << 24) || tile->cols > (1 << 24) ||
        tile->rows * tile->cols > (1 << 28))
      return refuse(operation, fmt::format("with a tile of {} x {}", tile->rows, tile->cols));
    const TileImage image = tile_image(*tile, options_.profile->float_pad_is_infinite);
    std::copy(image.begin(), image.end(), program_.registers.begin() + first);
    stage_bytes_ = std::max(stage_bytes_, tile_bytes(*tile));
  }
  return true;
}

Instruction& Lowering::emit(abi::DeviceOp op, std::initializer_list<Word> words) {
  Instruction instruction{};
  for (int word = abi::kWordD; word <= abi::kWordF; ++word) instruction[static_cast<std::size_t>(word)] = abi::kNone;
  instruction[abi::kWordOp] = op;
  instruction[abi::kWordSite] = site_;
  for (const Word& word : words) instruction[word.index] = static_cast<std::int32_t>(word.value);
  return program_.code.emplace_back(instruction);
}

void Lowering::set_immediate(Instruction& instruction, std::int64_t value) {
  instruction[abi::kWordImmediateLow] = static_cast<std::int32_t>(value & 0xffffffff);
  instruction[abi::kWordImmediateHigh] = static_cast<std::int32_t>(value >> 32);
}

// Copies all values at once: through temporaries when a copy would overwrite what a later one reads.
bool Lowering::copy(const pto::Operation& operation, std::span<const Register> to, std::span<const Register> from,
                    std::span<const std::int64_t> counts) {
  const auto range_copy = [&](Register target, Register source, std::int64_t count) {
    if (count > 0 && target != source)
      emit(abi::kOpCopy, {{abi::kWordD, target}, {abi::kWordA, source}, {abi::kWordP0, count}});
  };
  bool clash = false;
  for (std::size_t i = 0; i < to.size(); ++i)
    for (std::size_t j = i + 1; j < from.size(); ++j)
      clash = clash || (to[i] < from[j] + counts[j] && from[j] < to[i] + counts[i]);
  std::vector<Register> sources(from.begin(), from.end());
  if (clash) {
    for (std::size_t i = 0; i < sources.size(); ++i) {
      const Register temporary = fresh(counts[i]);
      range_copy(temporary, sources[i], counts[i]);
      sources[i] = temporary;
    }
  }
  for (std::size_t i = 0; i < to.size(); ++i) range_copy(to[i], sources[i], counts[i]);
  return program_.code.size() <= kMaxInstructions || refuse(operation, "makes the program too long");
}

bool Lowering::lower_arguments() {
  const pto::Function& function = *launch_.function;
  for (std::size_t i = 0; i < function.arguments.size(); ++i) {
    const pto::ValueId value = function.arguments[i];
    pto::Operation where;
    where.code = pto::OpCode::func;
    where.location = function.location;
    if (!std::holds_alternative<pto::PtrType>(type(value)) && !std::holds_alternative<pto::ScalarType>(type(value)))
      return refuse(where, "with an argument of type " + pto::to_string(type(value)));
    if (!define(where, value)) return false;
    const auto first = static_cast<std::size_t>(reg(value));
    if (const auto* pointer = std::get_if<PointerArgument>(&launch_.arguments[i])) {
      program_.registers[first + abi::kPointerTensor] = static_cast<std::int64_t>(pointer->tensor);
      program_.registers[first + abi::kPointerOffset] = pointer->element_offset;
      program_.pointers.push_back(static_cast<std::int32_t>(first + abi::kPointerTensor));
    } else if (const auto* integer = std::get_if<std::int64_t>(&launch_.arguments[i])) {
      program_.registers[first] = *integer;
    } else {
      program_.registers[first] =
          float_bits(std::get<double>(launch_.arguments[i]), std::get<pto::ScalarType>(type(value)).kind);
    }
  }
  return true;
}

bool Lowering::lower_region(const pto::Region& region) {
  for (const pto::Operation& operation : region.body)
    if (!lower_operation(operation)) return false;
  return true;
}

bool Lowering::lower_operation(const pto::Operation& operation) {
  if (program_.code.size() > kMaxInstructions) return refuse(operation, "makes the program too long");
  const std::int32_t outer_site = site_;
  site_ = static_cast<std::int32_t>(program_.sites.size());
  program_.sites.push_back({frame_->function, &operation, frame_->loops});
  const pto::OpInfo& row = pto::info(operation.code);
  bool done = false;
  switch (row.family) {
    case pto::Family::arith:
      done = lower_arith(operation);
      break;
    case pto::Family::control:
      done = lower_control(operation);
      break;
    case pto::Family::view:
      done = lower_view(operation);
      break;
    case pto::Family::query:
      done = lower_query(operation);
      break;
    case pto::Family::tile:
      done = lower_tile(operation);
      break;
    case pto::Family::pipe:
      done = lower_pipe(operation);
      break;
    case pto::Family::comm:
      done = lower_comm(operation);
      break;
    case pto::Family::sync:
      done = lower_order(operation);
      break;
  }
  if (done && !program_.code.empty() && program_.code.back()[abi::kWordSite] == site_ &&
      (row.writes == pto::Writes::tile || row.writes == pto::Writes::global ||
       operation.code == pto::OpCode::load_scalar || operation.code == pto::OpCode::tgetval))
    program_.code.back()[abi::kWordObservable] = 1;
  site_ = outer_site;
  return done;
}

Result<LoweredProgram> Lowering::run() {
  Frame frame;
  frame.function = launch_.function;
  frame.registers.assign(launch_.function->values.size(), abi::kNone);
  frame_ = &frame;
  fresh(abi::kReservedRegisters);
  program_.registers[abi::kRegisterBlocks] = launch_.blocks;
  find_cores();
  if (!lower_arguments() || !lower_region(launch_.function->body)) return bad_input("{}", reason_);
  emit(abi::kOpHalt, {});
  if (options_.contract_fma) fuse_products();
  program_.stage_offset = aligned(program_.arena_bytes);
  program_.fuse_offset = aligned(program_.stage_offset + stage_bytes_);
  program_.arena_bytes = aligned(program_.fuse_offset + (options_.contract_fma ? stage_bytes_ : 0));
  return std::move(program_);
}

Result<LoweredProgram> lower(const Launch& launch, const RunOptions& options) {
  return Lowering(launch, options).run();
}

}  // namespace assay::device

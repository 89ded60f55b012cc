// Functions to instructions: numbers the values per kind, flattens scf into jumps, refuses what does not run here.
#include <algorithm>
#include <map>

#include "harness/sim/decode_attributes.h"
#include "harness/sim/flags.h"
#include "harness/sim/ops/table.h"
#include "harness/sim/program.h"
#include "harness/sim/reach.h"
#include "harness/sim/scalar.h"
#include "harness/sim/shared.h"

namespace assay::sim {
namespace {

using device::RunStatus;
using pto::OpCode;
using pto::Operation;
using pto::Region;
using pto::ValueId;

std::optional<Kind> kind_of(const pto::Type& type) {
  struct Visitor {
    std::optional<Kind> operator()(const pto::ScalarType&) const { return Kind::scalar; }
    std::optional<Kind> operator()(const pto::PtrType&) const { return Kind::pointer; }
    std::optional<Kind> operator()(const pto::ViewType&) const { return Kind::view; }
    std::optional<Kind> operator()(const pto::TileType&) const { return Kind::tile; }
    std::optional<Kind> operator()(const pto::LocalArrayType&) const { return Kind::array; }
    std::optional<Kind> operator()(const pto::OpaqueType& type) const {
      const bool is_handle = type.text == pto::kAsyncSession || type.text == pto::kAsyncEvent;
      return is_handle ? std::optional(Kind::scalar) : std::nullopt;
    }
    std::optional<Kind> operator()(const pto::MultiTileType&) const { return Kind::tile; }  // its first buffer
    std::optional<Kind> operator()(const pto::VectorType&) const {
      return Kind::array;
    }  // write-only: nothing reads it
  };
  return std::visit(Visitor{}, type);
}

class Decoder {
 public:
  Decoder(const pto::Module& module, const Profile& profile) : module_(module), profile_(profile) {}

  tl::expected<Program, Refusal> decode(const pto::Function& entry, device::Order order) {
    Reach reach = reach_of(module_, entry, profile_);
    program_.explicit_order = order == device::Order::automatic ? reach.orders : order == device::Order::explicit_sync;
    program_.waits_for_others = reach.waits_for_others;
    program_.has_atomics = reach.has_atomics;
    program_.cores = std::move(reach.cores);
    if (!enter(entry, {})) return tl::unexpected(refusal_);
    // Calls found on the way append to the list.
    for (std::size_t index = 0; index < program_.functions.size(); ++index)
      if (!decode_function(index)) return tl::unexpected(refusal_);
    program_.global_pipes = global_pipes();
    return std::move(program_);
  }

 private:
  bool refuse(RunStatus status, std::string reason) {
    refusal_ = {status, std::move(reason)};
    return false;
  }
  bool unsupported(const Operation& op, std::string_view what) {
    return refuse(RunStatus::unsupported, fmt::format("{}, line {}", what, op.location.line));
  }
  bool malformed(const Operation& op, std::string_view what) {
    return refuse(RunStatus::error, fmt::format("{}, line {}: {}", pto::mnemonic(op.code), op.location.line, what));
  }

  bool enter(const pto::Function& function, const pto::Location& from) {
    if (indices_.contains(&function)) return true;
    if (function.is_external)
      return refuse(RunStatus::unsupported, fmt::format("external function @{}, line {}", function.name, from.line));
    indices_.emplace(&function, static_cast<std::uint32_t>(program_.functions.size()));
    program_.functions.emplace_back().function = &function;
    return true;
  }

  bool number_values(FunctionCode& code) {
    for (const pto::Value& value : code.function->values) {
      const auto kind = kind_of(value.type);
      if (!kind)
        return refuse(RunStatus::unsupported,
                      fmt::format("type {} in @{}", pto::to_string(value.type), code.function->name));
      if (const auto* tile = std::get_if<pto::TileType>(&value.type); tile && !check_tile_type(*tile, *code.function))
        return false;
      code.values.push_back({*kind, code.slots[static_cast<std::size_t>(*kind)]++});
    }
    return true;
  }

  bool check_tile_type(const pto::TileType& type, const pto::Function& function) {
    if (profile_.spaces.find(pto::name(type.space)) == profile_.spaces.end())
      return refuse(RunStatus::unsupported, fmt::format("tiles in space {}, @{} line {}", pto::name(type.space),
                                                        function.name, line_of_type(type, function)));
    if (type.compact == 2)
      return refuse(RunStatus::unsupported,
                    fmt::format("tiles with compact=2, @{} line {}", function.name, line_of_type(type, function)));
    return true;
  }

  static int line_of_type(const pto::TileType& type, const pto::Function& function) {
    for (const Operation* op : pto::preorder(function))
      for (ValueId result : op->results)
        if (function.type(result) == pto::Type(type)) return op->location.line;
    return function.location.line;
  }

  bool is_absent(OpCode code) const {
    const std::string_view name = pto::mnemonic(code);
    return name.starts_with("pto.") &&
           std::ranges::find(profile_.absent_ops, name.substr(4)) != profile_.absent_ops.end();
  }

  bool decode_function(std::size_t index) {
    code_index_ = index;
    const pto::Function& function = *code().function;
    for (const Operation* op :
         pto::preorder(function))  // before what only such operations need, as spaces of their own
      if (is_absent(op->code))
        return unsupported(*op, fmt::format("{} is no instruction of {}", pto::mnemonic(op->code), profile_.name));
    if (!number_values(code())) return false;
    if (!decode_region(function.body, {})) return false;
    if (code().code.empty() || code().code.back().step != Step::leave)
      return refuse(RunStatus::error, fmt::format("@{} does not end in a return", function.name));
    return true;
  }

  // ---- emission
  FunctionCode& code() { return program_.functions[code_index_]; }
  std::uint32_t here() { return static_cast<std::uint32_t>(code().code.size()); }

  std::span<const Ref> refs(std::span<const ValueId> values) {
    if (values.empty()) return {};
    auto owned = std::make_unique<Ref[]>(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) owned[i] = code().values[values[i]];
    const std::span<const Ref> result(owned.get(), values.size());
    program_.refs.push_back(std::move(owned));
    return result;
  }

  Instruction& emit(Step step, const Operation& op, std::span<const ValueId> operands, std::span<const ValueId> results,
                    bool counted) {
    Instruction instruction;
    instruction.step = step;
    instruction.code = op.code;
    instruction.counted = counted;
    instruction.source = &op;
    instruction.operands = refs(operands);
    instruction.results = refs(results);
    return code().code.emplace_back(instruction);
  }

  bool same_kinds(const Operation& op, std::span<const ValueId> from, std::span<const ValueId> to) {
    if (from.size() != to.size()) return malformed(op, fmt::format("{} values for {} places", from.size(), to.size()));
    for (std::size_t i = 0; i < from.size(); ++i)
      if (code().values[from[i]].kind != code().values[to[i]].kind) return malformed(op, "values of another kind");
    return true;
  }

  bool moves(const Operation& op, std::span<const ValueId> from, std::span<const ValueId> to, std::uint32_t& at,
             bool counted = false) {
    if (!same_kinds(op, from, to)) return false;
    at = here();
    emit(Step::moves, op, from, to, counted).target = at + 1;
    return true;
  }

  // Where scf.yield delivers its operands: to these values, by an instruction of this step.
  struct Yield {
    Step step = Step::moves;
    std::span<const ValueId> to;
    std::vector<std::uint32_t>* jumps = nullptr;  // instructions whose target is filled in later
    const Operation* condition_owner = nullptr;   // scf.while whose scf.condition ends this region
  };

  bool decode_region(const Region& region, const Yield& yield) {
    for (const Operation& op : region.body)
      if (!decode_operation(op, yield)) return false;
    return true;
  }

  bool decode_operation(const Operation& op, const Yield& yield) {
    const auto known = [&](const std::vector<ValueId>& values) {
      return std::all_of(values.begin(), values.end(), [&](ValueId value) { return value < code().values.size(); });
    };
    bool all_known = known(op.operands) && known(op.results);
    for (const Region& region : op.regions) all_known = all_known && known(region.arguments);
    std::uint64_t total = 0;
    for (std::uint32_t length : op.segments) total += length;
    if (!all_known) return malformed(op, "a value that is none of the function's");
    if (total != op.operands.size()) return malformed(op, "segments that do not add up to the operands");
    switch (op.code) {
      case OpCode::for_op:
        return decode_for(op);
      case OpCode::if_op:
        return decode_if(op);
      case OpCode::while_op:
        return decode_while(op);
      case OpCode::call:
        return decode_call(op);
      case OpCode::yield: {
        if (!yield.jumps) return malformed(op, "yields to nothing");
        if (!same_kinds(op, op.operands, yield.to)) return false;
        yield.jumps->push_back(here());
        emit(yield.step, op, op.operands, yield.to, true);
        return true;
      }
      case OpCode::condition:
        return decode_condition(op, yield);
      case OpCode::return_op:
        if (op.operands.size() != code().function->results.size())
          return malformed(op, fmt::format("{} values returned, the function has {} results", op.operands.size(),
                                           code().function->results.size()));
        emit(Step::leave, op, op.operands, {}, true);
        return true;
      case OpCode::section_cube:
      case OpCode::section_vector:
        return decode_section(op);
      default:
        return decode_body(op);
    }
  }

  bool decode_for(const Operation& op) {
    if (op.regions.size() != 1 || op.operands.size() < 3 || op.regions[0].arguments.empty())
      return malformed(op, "expected bounds, step and a body");
    const std::span<const ValueId> arguments(op.regions[0].arguments);
    const ValueId induction = arguments[0], lower = op.operands[0], upper = op.operands[1], step = op.operands[2];
    for (ValueId value : {induction, lower, upper, step})
      if (code().values[value].kind != Kind::scalar) return malformed(op, "a bound that is no scalar");
    const auto carried = arguments.subspan(1);
    std::uint32_t at = 0;
    if (!moves(op, std::span(op.operands).subspan(3), carried, at)) return false;
    emit(Step::for_begin, op, std::vector{induction, lower, step}, {}, true);
    const std::uint32_t test = here();
    emit(Step::for_test, op, std::vector{induction, upper}, {}, false);
    std::vector<std::uint32_t> yields;
    if (!decode_region(op.regions[0], {Step::moves, carried, &yields})) return false;
    if (yields.size() != 1 || yields[0] + 1 != here()) return malformed(op, "the body does not end in one scf.yield");
    code().code[yields[0]].target = here();
    emit(Step::for_next, op, std::vector{induction, step}, carried, false).target = test;
    code().code[test].target = here();
    if (!same_kinds(op, carried, op.results)) return false;
    emit(Step::for_end, op, carried, op.results, false);
    return true;
  }

  bool decode_if(const Operation& op) {
    if (op.operands.size() != 1 || code().values[op.operands[0]].kind != Kind::scalar || op.regions.empty())
      return malformed(op, "expected one condition and a body");
    const std::uint32_t branch = here();
    emit(Step::branch, op, op.operands, {}, true);
    std::vector<std::uint32_t> yields;
    if (!decode_region(op.regions[0], {Step::moves, op.results, &yields})) return false;
    code().code[branch].target = here();
    const bool has_else = op.regions.size() > 1 && !op.regions[1].body.empty();
    if (!has_else && !op.results.empty()) return malformed(op, "results without an else");
    if (has_else && !decode_region(op.regions[1], {Step::moves, op.results, &yields})) return false;
    for (std::uint32_t jump : yields) code().code[jump].target = here();
    return true;
  }

  bool decode_while(const Operation& op) {
    if (op.regions.size() != 2) return malformed(op, "expected a condition region and a body");
    emit(Step::while_begin, op, {}, {}, true);
    std::uint32_t at = 0;
    if (!moves(op, op.operands, op.regions[0].arguments, at)) return false;
    const std::uint32_t test = here();
    std::vector<std::uint32_t> exits, yields;
    if (!decode_region(op.regions[0], {Step::branch, {}, &exits, &op})) return false;
    if (exits.size() != 1) return malformed(op, "the condition region does not end in one scf.condition");
    if (!decode_region(op.regions[1], {Step::moves, op.regions[0].arguments, &yields})) return false;
    if (yields.size() != 1) return malformed(op, "the body does not end in one scf.yield");
    code().code[yields[0]].target = here();
    emit(Step::while_next, op, {}, op.regions[0].arguments, false).target = test;
    code().code[exits[0]].target = here();
    const Operation& condition = op.regions[0].body.back();
    if (!moves(op, std::span(condition.operands).subspan(1), op.results, at)) return false;
    emit(Step::while_end, op, {}, op.results, false);
    return true;
  }

  // False: jump to the exit, which copies the operands to the results. True: the body's arguments take them.
  bool decode_condition(const Operation& op, const Yield& yield) {
    if (!yield.condition_owner || op.operands.empty() || code().values[op.operands[0]].kind != Kind::scalar)
      return malformed(op, "scf.condition outside the first region of scf.while");
    yield.jumps->push_back(here());
    emit(Step::branch, op, std::span(op.operands).first(1), {}, true);
    std::uint32_t at = 0;
    return moves(op, std::span(op.operands).subspan(1), yield.condition_owner->regions[1].arguments, at);
  }

  bool decode_section(const Operation& op) {
    if (op.regions.size() != 1) return malformed(op, "no body");
    const auto kind = op.code == OpCode::section_cube ? pto::CoreKind::cube : pto::CoreKind::vector;
    const std::uint32_t at = here();
    emit(Step::section, op, {}, {}, false).cores = core_bit(kind) | kWholeCore;
    if (!decode_region(op.regions[0], {})) return false;
    code().code[at].target = here();
    return true;
  }

  bool decode_call(const Operation& op) {
    const pto::Attribute* callee = pto::find(op.attributes, "callee");
    const auto* symbol = callee ? std::get_if<pto::SymbolAttr>(&callee->value) : nullptr;
    const pto::Function* function = symbol ? module_.find_function(symbol->name) : nullptr;
    if (!function) return malformed(op, "the called function does not exist");
    if (!enter(*function, op.location)) return false;
    if (op.operands.size() != function->arguments.size() || op.results.size() != function->results.size())
      return malformed(op, "arguments or results do not match the called function");
    for (std::size_t i = 0; i < op.operands.size(); ++i)
      if (kind_of(code().function->type(op.operands[i])) != kind_of(function->type(function->arguments[i])))
        return malformed(op, fmt::format("argument {} is of another kind", i));
    for (std::size_t i = 0; i < op.results.size(); ++i) {
      const auto kind = kind_of(function->results[i]);
      if (kind == Kind::array) return unsupported(op, "a local array as result");
      if (kind != code().values[op.results[i]].kind)
        return malformed(op, fmt::format("result {} is of another kind", i));
    }
    Instruction& instruction = emit(Step::call, op, op.operands, op.results, true);
    instruction.target = indices_.at(function);
    if (const auto kind = kernel_kind(module_, *function)) instruction.cores = core_bit(*kind) | kWholeCore;
    for (std::size_t i = 0; i < op.operands.size(); ++i)
      if (code().function->type(op.operands[i]) != function->type(function->arguments[i]) &&
          std::holds_alternative<pto::ScalarType>(function->type(function->arguments[i])))
        instruction.immediate = kNarrows;
    return true;
  }

  bool decode_body(const Operation& op) {
    // Where tmrgsort puts its counts: nothing reads a vector.
    if (op.code == OpCode::arith_constant && op.results.size() == 1 &&
        std::holds_alternative<pto::VectorType>(code().function->type(op.results[0])))
      return true;
    const pto::OpInfo& row = pto::info(op.code);
    if (sync_body(op.code)) return decode_sync_operation(op);
    for (const auto parts_of : {ring_parts, comm_parts, collective_parts, async_parts})
      if (const auto parts = parts_of(op.code); !parts.empty()) return decode_parts(op, parts);
    Body body = row.family == pto::Family::tile ? tile_body(op.code) : scalar_body(op.code);
    if (!body) body = view_body(op.code);
    if (!body) body = memory_body(op.code);
    if (!body) return unsupported(op, row.mnemonic);
    if (const auto problem = check_operands(op, *code().function); !problem.empty()) return malformed(op, problem);
    if (const auto lacking = unsupported_form(op); !lacking.empty())
      return unsupported(op, fmt::format("{} with {}", row.mnemonic, lacking));
    Instruction& instruction = emit(Step::body, op, op.operands, op.results, true);
    instruction.body = body;
    instruction.cores = cores_of(op, *code().function);
    // What gives a value to the stream runs in it.
    if (op.results.empty()) instruction.pipe = pto::pipe_of(op, *code().function);
    decode_attributes(op, *code().function, instruction);
    choose_step(instruction);
    if (op.code == OpCode::tcvt) {
      auto meaning = std::make_unique<Result<ConversionMeaning>>(conversion_of(op, *code().function, profile_));
      instruction.conversion = meaning.get();
      program_.conversions.push_back(std::move(meaning));
    }
    return true;
  }

  // Views and pointers are how operations reach global memory; those that only make one of them touch none.
  std::uint32_t global_pipes() const {
    std::uint32_t pipes = 0;
    const auto reaches = [](Ref ref) { return ref.kind == Kind::view || ref.kind == Kind::pointer; };
    for (const FunctionCode& function : program_.functions)
      for (const Instruction& i : function.code) {
        if (i.source == nullptr || i.code == OpCode::cmo_cacheinvalid) continue;
        const bool moves = i.pipe == pto::Pipe::mte2 || i.pipe == pto::Pipe::mte3 || i.pipe == pto::Pipe::fix;
        const bool can =
            i.step == Step::body || i.step == Step::gated || i.step == Step::queued || i.step == Step::drain;
        if (can && (moves || (std::ranges::any_of(i.operands, reaches) && std::ranges::none_of(i.results, reaches))))
          pipes |= 1U << static_cast<unsigned>(i.pipe);
      }
    return pipes;
  }

  bool decode_sync_operation(const Operation& op) {
    for (ValueId operand : op.operands)
      if (code().values[operand].kind != Kind::scalar) return malformed(op, "an id that is no scalar");
    Instruction& instruction = emit(Step::body, op, op.operands, op.results, true);
    if (const auto problem = decode_sync(op, instruction); !problem.empty()) return malformed(op, problem);
    if (!program_.explicit_order) {
      instruction.step = Step::body;
      instruction.pipe = pto::Pipe::s;
      instruction.body = [](Machine&, const Instruction&) { return true; };
      return true;
    }
    if (instruction.step == Step::drain) return true;
    instruction.body = sync_body(op.code);
    instruction.issue = sync_issue(op.code);
    instruction.ready = sync_ready(op.code);
    instruction.explain = sync_explain(op.code);
    choose_step(instruction);
    return true;
  }

  bool decode_parts(const Operation& op, std::span<const Part> parts) {
    if (const auto problem = check_operands(op, *code().function); !problem.empty()) return malformed(op, problem);
    for (const Part& part : parts) {
      Instruction& instruction = emit(Step::body, op, op.operands, op.results, &part == &parts.front());
      decode_attributes(op, *code().function, instruction);
      instruction.pipe = part.pipe;
      instruction.issue = part.issue;
      instruction.body = part.body;
      instruction.ready = part.ready;
      instruction.explain = part.explain;
      if (part.drains)
        instruction.step = Step::drain;
      else
        choose_step(instruction);
    }
    return true;
  }

  // In the stream or on a queue: pipe, body and ready are set.
  void choose_step(Instruction& instruction) {
    if (instruction.pipe == pto::Pipe::none || !program_.explicit_order) instruction.pipe = pto::Pipe::s;
    if (instruction.pipe != pto::Pipe::s)
      instruction.step = Step::queued;
    else
      instruction.step = instruction.ready || instruction.issue ? Step::gated : Step::body;
  }

  const pto::Module& module_;
  const Profile& profile_;
  Program program_;
  std::map<const pto::Function*, std::uint32_t> indices_;
  std::size_t code_index_ = 0;
  Refusal refusal_;
};

}  // namespace

tl::expected<Program, Refusal> decode(const pto::Module& module, const pto::Function& entry, const Profile& profile,
                                      device::Order order) {
  return Decoder(module, profile).decode(entry, order);
}

}  // namespace assay::sim

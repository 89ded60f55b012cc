// Runs the scalar part of a kernel to learn how far its views reach.
#include <algorithm>
#include <limits>
#include <map>
#include <variant>

#include "harness/pto/fold_integer.h"
#include "harness/pto/inference.h"
#include "harness/pto/literal.h"

namespace assay::pto {
namespace {

__extension__ using Wide = __int128;
constexpr std::int64_t kFar = std::int64_t{1} << 60;  // sizes beyond are cut off here

struct Pointer {
  std::size_t argument = 0;
  std::optional<std::int64_t> offset = 0;  // elements; nothing when unknown
  bool operator==(const Pointer&) const = default;
};
// monostate: not known.
using Known = std::variant<std::monostate, std::int64_t, Pointer>;

class Runner {
 public:
  Runner(const Module& module, std::vector<NeededElements>& needed, std::uint64_t budget)
      : module_(module), needed_(needed), budget_(budget) {}

  void set_block(std::int64_t index, std::int64_t count) {
    block_ = index;
    blocks_ = count;
  }
  bool spent() const { return budget_ == 0; }

  std::vector<Known> run(const Function& function, std::vector<Known> arguments) {
    Frame frame{function, std::vector<Known>(function.values.size()), {}};
    for (std::size_t i = 0; i < arguments.size(); ++i) frame.values[function.arguments[i]] = arguments[i];
    run_region(frame, function.body);
    frame.returned.resize(function.results.size());
    return std::move(frame.returned);
  }

 private:
  struct Frame {
    const Function& function;
    std::vector<Known> values;
    std::vector<Known> returned;
  };

  // Values the region's terminator carries, the condition of scf.condition first.
  std::vector<Known> run_region(Frame& frame, const Region& region) {
    for (const Operation& operation : region.body) {
      if (budget_ == 0) return {};
      --budget_;
      if (operation.code == OpCode::yield || operation.code == OpCode::condition ||
          operation.code == OpCode::return_op) {
        std::vector<Known> carried;
        for (ValueId id : operation.operands) carried.push_back(frame.values[id]);
        if (operation.code == OpCode::return_op) frame.returned = carried;
        return carried;
      }
      run_operation(frame, operation);
    }
    return {};
  }

  std::optional<std::int64_t> integer(const Frame& frame, ValueId id) const {
    const auto* value = std::get_if<std::int64_t>(&frame.values[id]);
    return value ? std::optional(*value) : std::nullopt;
  }
  ScalarKind kind(const Frame& frame, ValueId id) const {
    const auto* scalar = std::get_if<ScalarType>(&frame.function.type(id));
    return scalar ? scalar->kind : ScalarKind::f32;
  }
  static void assign(Frame& frame, std::span<const ValueId> to, const std::vector<Known>& from, std::size_t skip = 0) {
    for (std::size_t i = 0; i < to.size(); ++i) frame.values[to[i]] = i + skip < from.size() ? from[i + skip] : Known{};
  }
  std::vector<Known> values_of(const Frame& frame, std::span<const ValueId> ids) const {
    std::vector<Known> values;
    for (ValueId id : ids) values.push_back(frame.values[id]);
    return values;
  }
  static std::vector<Known> join(std::vector<Known> a, const std::vector<Known>& b) {
    for (std::size_t i = 0; i < a.size(); ++i)
      if (i >= b.size() || a[i] != b[i]) a[i] = Known{};
    return a;
  }

  void need(const Pointer& pointer, std::optional<Wide> last, const std::vector<std::int64_t>& shape = {}) {
    NeededElements& needed = needed_[pointer.argument];
    if (!pointer.offset || !last) needed.exact = false;
    const Wide end = Wide{pointer.offset.value_or(0)} + last.value_or(0) + 1;
    const auto elements = static_cast<std::int64_t>(std::clamp<Wide>(end, 0, kFar));
    if (elements > needed.elements) needed.shape = pointer.offset == 0 ? shape : std::vector<std::int64_t>{};
    needed.elements = std::max(needed.elements, elements);
  }
  // A pointer that could be any argument's makes every size inexact.
  void lost_pointer() {
    for (NeededElements& needed : needed_) needed.exact = false;
  }

  void make_view(Frame& frame, const Operation& operation) {
    const auto* pointer = std::get_if<Pointer>(&frame.values[operation.operands[0]]);
    if (!pointer) return lost_pointer();
    const auto shape = operation.segment(1), strides = operation.segment(2);
    const auto& type = std::get<ViewType>(frame.function.type(operation.results[0]));
    frame.values[operation.results[0]] = *pointer;
    std::optional<Wide> last = 0;
    Wide dense = 1;  // fallback: the extents that are known, laid out densely
    for (std::size_t i = 0; i < shape.size(); ++i) {
      const auto extent = integer(frame, shape[i]), stride = integer(frame, strides[i]);
      if (extent && *extent <= 0) return;  // an empty view reaches nothing
      const std::int64_t known = extent ? *extent : type.shape[i] == kDynamic ? 1 : type.shape[i];
      dense = std::min<Wide>(dense * known, kFar);
      if (!extent || !stride) last = std::nullopt;
      if (last) *last = std::min<Wide>(*last + Wide{*extent - 1} * std::max<std::int64_t>(*stride, 0), kFar);
    }
    if (!last) {
      needed_[pointer->argument].exact = false;
      last = dense - 1;
    }
    need(*pointer, last, dense_shape(frame, shape, strides));
  }

  // The view of one slot stands for all slots of the ring (pto-format 3.7).
  void reach_slots(Frame& frame, const Operation& operation) {
    const bool initialises =
        operation.code == OpCode::aic_initialize_pipe || operation.code == OpCode::aiv_initialize_pipe;
    if (!initialises || operation.segments[0] != 1) return;
    const ValueId slots = operation.operands[0];
    const auto* view = std::get_if<ViewType>(&frame.function.type(slots));
    const auto* pointer = std::get_if<Pointer>(&frame.values[slots]);
    if (!view || !pointer) return;
    const auto number = [&](std::string_view key, std::int64_t otherwise) {
      const Attribute* attribute = find(operation.attributes, key);
      const auto* integer = attribute ? std::get_if<IntAttr>(&attribute->value) : nullptr;
      return integer ? integer->value : otherwise;
    };
    const bool both = number("dir_mask", 1) == 3;
    const Wide bytes = Wide{number("slot_num", both ? 4 : 8)} * number("slot_size", 0) * (both ? 2 : 1);
    need(*pointer, bytes * 8 / info(view->element).bits - 1);
  }

  // The extents of a known, dense, row-major view; else empty. Strides of extents of 1 do not matter.
  std::vector<std::int64_t> dense_shape(const Frame& frame, std::span<const ValueId> shape,
                                        std::span<const ValueId> strides) const {
    std::vector<std::int64_t> extents(shape.size());
    Wide expected = 1;
    for (std::size_t i = shape.size(); i-- > 0;) {
      const auto extent = integer(frame, shape[i]), stride = integer(frame, strides[i]);
      if (!extent || !stride || (*extent != 1 && Wide{*stride} != expected) || expected > kFar) return {};
      extents[i] = *extent;
      expected *= *extent;
    }
    return extents;
  }

  void touch(const Frame& frame, ValueId pointer_id, ValueId offset_id) {
    const auto* pointer = std::get_if<Pointer>(&frame.values[pointer_id]);
    if (!pointer) return lost_pointer();
    const auto offset = integer(frame, offset_id);
    need(*pointer, offset ? std::optional<Wide>(*offset) : std::nullopt);
  }

  void run_operation(Frame& frame, const Operation& operation) {
    switch (info(operation.code).family) {
      case Family::arith:
        return run_arith(frame, operation);
      case Family::control:
        return run_control(frame, operation);
      case Family::view:
        return run_view(frame, operation);
      case Family::query: {
        const bool index = operation.code == OpCode::get_block_idx, count = operation.code == OpCode::get_block_num;
        const std::int64_t value = index                                        ? block_
                                   : count                                      ? blocks_
                                   : operation.code == OpCode::get_subblock_num ? 1
                                                                                : 0;
        frame.values[operation.results[0]] = value;
        return;
      }
      case Family::sync:
        for (const Region& region : operation.regions) run_region(frame, region);
        return;
      case Family::pipe:
        return reach_slots(frame, operation);
      case Family::tile:
      case Family::comm:
        return;
    }
  }

  void run_view(Frame& frame, const Operation& operation) {
    const auto& operands = operation.operands;
    switch (operation.code) {
      case OpCode::make_tensor_view:
        return make_view(frame, operation);
      case OpCode::load_scalar:
        return touch(frame, operands[0], operands[1]);
      case OpCode::store_scalar:
        return touch(frame, operands[1], operands[2]);
      case OpCode::addptr: {
        Known result = frame.values[operands[0]];
        if (auto* pointer = std::get_if<Pointer>(&result)) {
          const auto offset = integer(frame, operands[1]);
          std::int64_t sum = 0;
          if (pointer->offset && offset && !__builtin_add_overflow(*pointer->offset, *offset, &sum))
            pointer->offset = sum;
          else
            pointer->offset = std::nullopt;
        }
        frame.values[operation.results[0]] = result;
        return;
      }
      default:
        return;  // the rest neither reaches global memory nor makes a known value
    }
  }

  void run_arith(Frame& frame, const Operation& operation) {
    Known& result = frame.values[operation.results[0]];
    result = Known{};
    const auto& operands = operation.operands;
    if (operation.code == OpCode::arith_constant) {
      const Attribute* value = find(operation.attributes, "value");
      if (const auto* integer = std::get_if<IntAttr>(&value->value)) result = integer->value;
      if (const auto* boolean = std::get_if<bool>(&value->value)) result = std::int64_t{*boolean};
      return;
    }
    if (operation.code == OpCode::arith_select) {
      const auto condition = integer(frame, operands[0]);
      const Known a = frame.values[operands[1]], b = frame.values[operands[2]];
      result = condition ? (*condition ? a : b) : a == b ? a : Known{};
      return;
    }
    const auto a = integer(frame, operands[0]);
    if (!a) return;
    const ScalarKind from = kind(frame, operands[0]);
    if (operands.size() == 1) {
      if (const auto cast = fold_cast(operation.code, from, kind(frame, operation.results[0]), *a)) result = *cast;
      return;
    }
    const auto b = integer(frame, operands[1]);
    if (!b) return;
    if (operation.code == OpCode::arith_cmpi) {
      if (const auto compared = fold_compare(word(operation.attributes, "predicate"), from, *a, *b))
        result = std::int64_t{*compared};
    } else if (const auto folded = fold_integer(operation.code, from, *a, *b)) {
      result = *folded;
    }
  }

  void run_control(Frame& frame, const Operation& operation) {
    switch (operation.code) {
      case OpCode::for_op:
        return run_for(frame, operation);
      case OpCode::if_op:
        return run_if(frame, operation);
      case OpCode::while_op:
        return run_while(frame, operation);
      case OpCode::call: {
        const Function* target = module_.find_function(callee(operation));
        std::vector<Known> results;
        if (target && !target->is_external)
          results = run(*target, values_of(frame, operation.operands));
        else
          lost_pointer();
        assign(frame, operation.results, results);
        return;
      }
      default:
        return;
    }
  }

  void run_if(Frame& frame, const Operation& operation) {
    const auto condition = integer(frame, operation.operands[0]);
    std::vector<Known> results;
    if (condition)
      results = run_region(frame, operation.regions[*condition ? 0 : 1]);
    else {
      results = run_region(frame, operation.regions[0]);
      results = join(std::move(results), run_region(frame, operation.regions[1]));
    }
    assign(frame, operation.results, results);
  }

  // Loops without results whose body reaches no global memory say nothing about sizes.
  bool matters(const Region& region) {
    const auto known = matters_.find(&region);
    if (known != matters_.end()) return known->second;
    bool found = false;
    for (const Operation& operation : region.body) {
      const OpCode code = operation.code;
      found = found || code == OpCode::make_tensor_view || code == OpCode::load_scalar ||
              code == OpCode::store_scalar || code == OpCode::call;
      for (const Region& inner : operation.regions) found = found || matters(inner);
    }
    matters_[&region] = found;
    return found;
  }

  void run_for(Frame& frame, const Operation& operation) {
    const Region& body = operation.regions[0];
    std::vector<Known> carried = values_of(frame, operation.segment(3));
    if (carried.empty() && !matters(body)) return;
    const auto lower = integer(frame, operation.operands[0]), upper = integer(frame, operation.operands[1]),
               step = integer(frame, operation.operands[2]);
    const std::span<const ValueId> arguments = std::span(body.arguments).subspan(1);
    if (!lower || !upper || !step || *step <= 0) {  // once, with nothing known
      frame.values[body.arguments[0]] = Known{};
      assign(frame, arguments, {});
      run_region(frame, body);
      assign(frame, operation.results, {});
      return;
    }
    for (std::int64_t i = *lower; i < *upper && budget_ > 0;) {
      frame.values[body.arguments[0]] = i;
      assign(frame, arguments, carried);
      carried = run_region(frame, body);
      if (__builtin_add_overflow(i, *step, &i)) break;
    }
    assign(frame, operation.results, carried);
  }

  void run_while(Frame& frame, const Operation& operation) {
    std::vector<Known> carried = values_of(frame, operation.operands);
    while (budget_ > 0) {
      assign(frame, operation.regions[0].arguments, carried);
      std::vector<Known> forwarded = run_region(frame, operation.regions[0]);
      const bool known = !forwarded.empty() && std::holds_alternative<std::int64_t>(forwarded[0]);
      if (known && !std::get<std::int64_t>(forwarded[0])) return assign(frame, operation.results, forwarded, 1);
      assign(frame, operation.regions[1].arguments, forwarded, 1);
      carried = run_region(frame, operation.regions[1]);
      if (!known) break;  // once, then nothing is known
    }
    assign(frame, operation.results, {});
  }

  const Module& module_;
  std::vector<NeededElements>& needed_;
  std::uint64_t budget_;
  std::int64_t block_ = 0, blocks_ = 1;
  std::map<const Region*, bool> matters_;
};

}  // namespace

std::vector<NeededElements> needed_elements(const Module& module, const Function& function,
                                            std::span<const std::optional<std::int64_t>> scalars, std::int64_t blocks,
                                            std::uint64_t step_budget) {
  std::vector<NeededElements> needed(function.arguments.size());
  std::vector<Known> arguments(function.arguments.size());
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (std::holds_alternative<PtrType>(function.type(function.arguments[i])))
      arguments[i] = Pointer{i, 0};
    else if (const auto* scalar = std::get_if<ScalarType>(&function.type(function.arguments[i]));
             scalar && i < scalars.size() && scalars[i])
      arguments[i] = wrap(*scalars[i], scalar->kind);
  }
  Runner runner(module, needed, step_budget);
  for (std::int64_t block = 0; block < blocks && !runner.spent(); ++block) {
    runner.set_block(block, blocks);
    runner.run(function, arguments);
  }
  for (std::size_t i = 0; i < needed.size(); ++i) {
    if (runner.spent()) needed[i].exact = false;
    if (!std::holds_alternative<PtrType>(function.type(function.arguments[i]))) needed[i] = {};
  }
  return needed;
}

}  // namespace assay::pto

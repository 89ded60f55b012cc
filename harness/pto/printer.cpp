#include "harness/pto/printer.h"

#include <fmt/format.h>

#include <unordered_set>

#include "harness/pto/known_ops.h"
#include "harness/pto/print_attribute.h"

namespace assay::pto {
namespace {

std::string spaced(std::string text) { return text.empty() ? text : " " + text; }

// ---- values

// Names in effect; a name is free again when its region ends.
class Names {
 public:
  explicit Names(const Function& function) : function_(function), names_(function.values.size()) {}

  void define(ValueId id) { names_[id] = claim(function_.values[id].name); }
  // Results of one operation: `%r:2` when they are named r#0, r#1, otherwise one by one.
  std::string define_results(std::span<const ValueId> ids) {
    std::string text;
    if (ids.size() > 1) {
      const std::string_view first = function_.values[ids[0]].name;
      const std::string base(first.substr(0, first.find('#')));
      bool grouped = is_value_name(base);
      for (std::size_t i = 0; i < ids.size(); ++i)
        grouped = grouped && function_.values[ids[i]].name == fmt::format("{}#{}", base, i);
      if (grouped) {
        const std::string name = claim(base);
        for (std::size_t i = 0; i < ids.size(); ++i) names_[ids[i]] = fmt::format("{}#{}", name, i);
        return fmt::format("%{}:{} = ", name, ids.size());
      }
    }
    for (ValueId id : ids) {
      define(id);
      text += (text.empty() ? "%" : ", %") + names_[id];
    }
    return text.empty() ? text : text + " = ";
  }
  std::string use(ValueId id) const {
    return "%" + (id < names_.size() && !names_[id].empty() ? names_[id] : "undefined");
  }
  std::size_t mark() const { return order_.size(); }
  void release(std::size_t mark) {
    for (std::size_t i = mark; i < order_.size(); ++i) taken_.erase(order_[i]);
    order_.resize(mark);
  }

 private:
  std::string claim(const std::string& wanted) {
    std::string name = wanted;
    if (const std::size_t hash = name.find('#'); hash != std::string::npos) name[hash] = '_';
    if (!is_value_name(name) || taken_.contains(name)) {
      const std::string base = is_value_name(name) ? name + "_" : "";
      do name = fmt::format("{}{}", base, next_++);
      while (taken_.contains(name));
    }
    taken_.insert(name);
    order_.push_back(name);
    return name;
  }

  const Function& function_;
  std::vector<std::string> names_;
  std::unordered_set<std::string> taken_;
  std::vector<std::string> order_;
  std::size_t next_ = 0;
};

// ---- operations

class FunctionPrinter {
 public:
  explicit FunctionPrinter(const Function& function, const Operation* only = nullptr)
      : function_(function), names_(function), only_(only) {}

  std::string run() {
    print_header();
    if (function_.is_external) return out_ + "\n";
    out_ += " {\n";
    depth_ = 2;
    print_body(function_.body, false);
    return out_ + "  }\n";
  }
  std::string only() {
    run();
    return only_text_;
  }

 private:
  void print_header();
  void print_body(const Region& region, bool elide_yield);
  void print_operation(const Operation& operation, bool elide_yield);
  std::string head(const Operation& operation);
  std::string head_control(const Operation& operation);
  std::string head_arith(const Operation& operation);
  std::string head_view(const Operation& operation);
  std::string head_sync(const Operation& operation);
  std::string head_tile(const Operation& operation);
  std::string head_pipe(const Operation& operation);
  std::string head_comm(const Operation& operation);
  void print_regions(const Operation& operation, std::size_t operation_mark);

  std::string value(ValueId id) const { return names_.use(id); }
  std::string type(ValueId id) const { return to_string(function_.type(id)); }
  template <class Ids>
  std::string values(const Ids& ids) const {
    std::string text;
    for (ValueId id : ids) text += (text.empty() ? "" : ", ") + value(id);
    return text;
  }
  template <class Ids>
  std::string types(const Ids& ids) const {
    std::string text;
    for (ValueId id : ids) text += (text.empty() ? "" : ", ") + type(id);
    return text;
  }
  std::string operand(const Operation& operation, std::size_t i) const { return value(operation.operands[i]); }
  std::string operand_type(const Operation& operation, std::size_t i) const { return type(operation.operands[i]); }
  std::string result_type(const Operation& operation) const { return type(operation.results[0]); }
  // "%a = %x, %b = %y" from region arguments [first, ..) and operands.
  std::string bindings(const Region& region, std::size_t first, std::span<const ValueId> initial) {
    std::string text;
    for (std::size_t i = 0; i < initial.size(); ++i) {
      const std::string from = value(initial[i]);
      names_.define(region.arguments[first + i]);
      text += fmt::format("{}{} = {}", i ? ", " : "", value(region.arguments[first + i]), from);
    }
    return text;
  }

  const Function& function_;
  Names names_;
  const Operation* only_;
  std::string only_text_;
  std::string out_;
  std::size_t depth_ = 1;
};

void FunctionPrinter::print_header() {
  const std::string_view visibility = word(function_.attributes, "sym_visibility");
  out_ += fmt::format("  func.func {}{}@{}(", visibility, visibility.empty() ? "" : " ",
                      is_value_name(function_.name) ? function_.name : quote(function_.name));
  for (std::size_t i = 0; i < function_.arguments.size(); ++i) {
    const ValueId id = function_.arguments[i];
    if (i) out_ += ", ";
    if (!function_.is_external || !function_.values[id].name.empty()) {
      names_.define(id);
      out_ += value(id) + ": ";
    }
    out_ += type(id);
    if (i < function_.argument_attributes.size()) out_ += spaced(print_dict(function_.argument_attributes[i]));
  }
  out_ += ")";
  if (function_.results.size() == 1) out_ += " -> " + to_string(function_.results[0]);
  if (function_.results.size() > 1) {
    out_ += " -> (";
    for (std::size_t i = 0; i < function_.results.size(); ++i)
      out_ += (i ? ", " : "") + to_string(function_.results[i]);
    out_ += ")";
  }
  const std::string attributes = print_dict(function_.attributes, {"sym_visibility"});
  if (!attributes.empty()) out_ += " attributes " + attributes;
}

// An empty scf.yield is implied in scf.for and scf.if, but written in scf.while.
void FunctionPrinter::print_body(const Region& region, bool elide_yield) {
  for (const Operation& operation : region.body) print_operation(operation, elide_yield);
}

void FunctionPrinter::print_operation(const Operation& operation, bool elide_yield) {
  const bool elided =
      elide_yield && operation.code == OpCode::yield && operation.operands.empty() && operation.attributes.empty();
  if (elided) {
    if (&operation == only_) only_text_ = "scf.yield";
    return;
  }
  const std::size_t begin = out_.size();
  const std::size_t mark = names_.mark();
  const std::string text = head(operation);
  if (operation.regions.empty()) {
    const std::string results = names_.define_results(operation.results);
    if (&operation == only_) only_text_ = results + text;
    out_ += std::string(2 * depth_, ' ') + results + text + "\n";
    return;
  }
  out_ += text;
  print_regions(operation, mark);
  names_.release(mark);
  const std::string attributes = print_dict(operation.attributes);
  if (!attributes.empty()) out_ += (operation.code == OpCode::while_op ? " attributes " : " ") + attributes;
  out_ += "\n";
  const std::string results = names_.define_results(operation.results);
  if (&operation == only_) only_text_ = results + text;
  out_.insert(begin, std::string(2 * depth_, ' ') + results);
}

// Arguments of the first region were named after `operation_mark`, while the head was printed.
void FunctionPrinter::print_regions(const Operation& operation, std::size_t operation_mark) {
  for (std::size_t i = 0; i < operation.regions.size(); ++i) {
    const Region& region = operation.regions[i];
    if (i == 1 && operation.code == OpCode::if_op) {
      if (region.body.empty()) break;
      out_ += " else";
    }
    if (i == 1 && operation.code == OpCode::while_op) out_ += " do";
    out_ += " {\n";
    const std::size_t mark = names_.mark();
    const bool labelled = i == 1 && operation.code == OpCode::while_op && !region.arguments.empty();
    if (labelled) {
      std::string arguments;
      for (ValueId id : region.arguments) {
        names_.define(id);
        arguments += fmt::format("{}{}: {}", arguments.empty() ? "" : ", ", value(id), type(id));
      }
      out_ += fmt::format("{}^bb0({}):\n", std::string(2 * depth_, ' '), arguments);
    }
    ++depth_;
    print_body(region, operation.code != OpCode::while_op);
    --depth_;
    names_.release(mark);
    if (i == 0) names_.release(operation_mark);
    out_ += std::string(2 * depth_, ' ') + "}";
  }
}

std::string FunctionPrinter::head(const Operation& operation) {
  const OpInfo& row = info(operation.code);
  switch (row.family) {
    case Family::control:
      return head_control(operation);
    case Family::arith:
      return head_arith(operation);
    case Family::view:
      return head_view(operation);
    case Family::sync:
      return head_sync(operation);
    case Family::tile:
      return head_tile(operation);
    case Family::pipe:
      return head_pipe(operation);
    case Family::comm:
      return head_comm(operation);
    case Family::query:
      break;
  }
  const bool usual = function_.type(operation.results[0]) == Type{ScalarType{ScalarKind::i64}};
  return std::string(row.mnemonic) + (usual ? "" : " : " + result_type(operation)) +
         spaced(print_dict(operation.attributes));
}

std::string FunctionPrinter::head_control(const Operation& operation) {
  const auto result_types = [&] {
    std::string text;
    for (ValueId id : operation.results) text += (text.empty() ? "" : ", ") + type(id);
    return "(" + text + ")";
  };
  switch (operation.code) {
    case OpCode::for_op: {
      const Region& body = operation.regions[0];
      const std::string bounds = fmt::format("{} to {} step {}", value(operation.segment(0)[0]),
                                             value(operation.segment(1)[0]), value(operation.segment(2)[0]));
      const auto initial = operation.segment(3);
      names_.define(body.arguments[0]);
      std::string text = fmt::format("scf.for {} = {}", value(body.arguments[0]), bounds);
      if (!initial.empty()) text += fmt::format(" iter_args({}) -> {}", bindings(body, 1, initial), result_types());
      if (function_.type(body.arguments[0]) != Type{ScalarType{ScalarKind::index}})
        text += " : " + type(body.arguments[0]);
      return text;
    }
    case OpCode::if_op:
      return "scf.if " + operand(operation, 0) + (operation.results.empty() ? "" : " -> " + result_types());
    case OpCode::while_op: {
      const std::string initial_types = types(operation.operands);
      std::string text = "scf.while";
      if (!operation.operands.empty()) text += " (" + bindings(operation.regions[0], 0, operation.operands) + ")";
      return fmt::format("{} : ({}) -> {}", text, initial_types, result_types());
    }
    case OpCode::condition: {
      const std::span<const ValueId> rest = std::span(operation.operands).subspan(1);
      std::string text =
          fmt::format("scf.condition({})", operand(operation, 0)) + spaced(print_dict(operation.attributes));
      return rest.empty() ? text : fmt::format("{} {} : {}", text, values(rest), types(rest));
    }
    case OpCode::call: {
      return fmt::format("func.call @{}({}){} : ({}) -> {}", callee(operation), values(operation.operands),
                         spaced(print_dict(operation.attributes, {"callee"})), types(operation.operands),
                         result_types());
    }
    default:
      break;
  }
  std::string text = operation.code == OpCode::return_op ? "return" : "scf.yield";
  text += spaced(print_dict(operation.attributes));
  return operation.operands.empty()
             ? text
             : fmt::format("{} {} : {}", text, values(operation.operands), types(operation.operands));
}

std::string FunctionPrinter::head_arith(const Operation& operation) {
  const std::string name(mnemonic(operation.code));
  const AttrDict& attributes = operation.attributes;
  if (operation.code == OpCode::arith_constant) {
    const Attribute* attribute = find(attributes, "value");
    std::string text =
        name + spaced(print_dict(attributes, {"value"})) + " " + (attribute ? print_attribute(*attribute) : "");
    const auto* integer = attribute ? std::get_if<IntAttr>(&attribute->value) : nullptr;
    const bool untyped =
        (integer && !integer->type) || (attribute && std::holds_alternative<EnumAttr>(attribute->value));
    return untyped ? text + " : " + result_type(operation) : text;
  }
  std::string flags;
  for (std::string_view flag : {"overflow", "fastmath"})
    if (find(attributes, flag)) flags += fmt::format(" {}<{}>", flag, word(attributes, flag));
  flags += spaced(print_dict(attributes, {"overflow", "fastmath", "predicate"}));
  const std::string operands = values(operation.operands);
  if (operation.code == OpCode::arith_cmpi || operation.code == OpCode::arith_cmpf)
    return fmt::format("{} {}, {}{} : {}", name, word(attributes, "predicate"), operands, flags,
                       operand_type(operation, 0));
  const bool cast = operation.operands.size() == 1 && operation.code != OpCode::arith_negf;
  if (cast)
    return fmt::format("{} {}{} : {} to {}", name, operands, flags, operand_type(operation, 0), result_type(operation));
  return fmt::format("{} {}{} : {}", name, operands, flags, result_type(operation));
}

std::string FunctionPrinter::head_view(const Operation& operation) {
  const std::string name(mnemonic(operation.code));
  const std::string attributes = spaced(print_dict(operation.attributes));
  const auto segment = [&](std::size_t i) { return values(operation.segment(i)); };
  switch (operation.code) {
    case OpCode::make_tensor_view:
      return fmt::format("{} {}, shape = [{}], strides = [{}]{} : {}", name, segment(0), segment(1), segment(2),
                         attributes, result_type(operation));
    case OpCode::partition_view:
      return fmt::format("{} {}, offsets = [{}], sizes = [{}]{} : {} -> {}", name, segment(0), segment(1), segment(2),
                         attributes, operand_type(operation, 0), result_type(operation));
    case OpCode::alloc_tile:
    case OpCode::alloc_multi_tile: {
      std::string text = name;
      constexpr std::string_view kKeys[] = {"addr", "valid_row", "valid_col"};
      for (std::size_t i = 0; i < 3; ++i)
        if (operation.segments[i]) text += fmt::format(" {} = {}", kKeys[i], segment(i));
      return fmt::format("{}{} : {}", text, attributes, result_type(operation));
    }
    case OpCode::subview: {
      std::string text = fmt::format("{} {}[{}] sizes [{}, {}]", name, segment(0), segment(1),
                                     operation.static_sizes[0], operation.static_sizes[1]);
      if (operation.segments[2]) text += fmt::format(" valid [{}]", segment(2));
      return fmt::format("{}{} : {} -> {}", text, attributes, operand_type(operation, 0), result_type(operation));
    }
    case OpCode::multi_tile_get:
      return fmt::format("{} {}[{}]{} : {} -> {}", name, operand(operation, 0), operand(operation, 1), attributes,
                         operand_type(operation, 0), result_type(operation));
    case OpCode::get_tensor_view_dim:
      return fmt::format("{} {}{} : {} -> {}", name, values(operation.operands), attributes, operand_type(operation, 0),
                         result_type(operation));
    case OpCode::get_validshape:
    case OpCode::set_validshape:
      return fmt::format("{} {}{} : {}", name, values(operation.operands), attributes, operand_type(operation, 0));
    case OpCode::addptr:
    case OpCode::treshape:
    case OpCode::bitcast:
    case OpCode::tassign:
      return fmt::format("{} {}{} : {} -> {}", name, values(operation.operands), attributes, operand_type(operation, 0),
                         result_type(operation));
    case OpCode::load_scalar:
      return fmt::format("{} {}[{}]{} : {} -> {}", name, segment(0), segment(1), attributes, operand_type(operation, 0),
                         result_type(operation));
    case OpCode::store_scalar:
      return fmt::format("{} {}, {}[{}]{} : {}, {}", name, segment(0), segment(1), segment(2), attributes,
                         operand_type(operation, 1), operand_type(operation, 0));
    case OpCode::tgetval:
      return fmt::format("{} ins({} : {}) outs : {}{}", name, values(operation.operands), types(operation.operands),
                         result_type(operation), attributes);
    case OpCode::tget_scale_addr:
      return fmt::format("{} ins({} : {}) outs({} : {}){}", name, segment(0), operand_type(operation, 0), segment(1),
                         operand_type(operation, 1), attributes);
    case OpCode::tsetval: {
      const auto rest = std::span(operation.operands).subspan(1);
      return fmt::format("{} ins({} : {}) outs({} : {}){}", name, values(rest), types(rest), operand(operation, 0),
                         operand_type(operation, 0), attributes);
    }
    case OpCode::declare_local_array:
      return fmt::format("{}{} -> {}", name, attributes, result_type(operation));
    case OpCode::local_array_get:
      return fmt::format("{} {}[{}]{} : {} -> {}", name, operand(operation, 0), operand(operation, 1), attributes,
                         operand_type(operation, 0), result_type(operation));
    case OpCode::local_array_set:
      return fmt::format("{} {}[{}], {}{} : {}, {}", name, operand(operation, 0), operand(operation, 1),
                         operand(operation, 2), attributes, operand_type(operation, 0), operand_type(operation, 2));
    default:
      return fmt::format("{} ins({} : {}){}", name, values(operation.operands), types(operation.operands), attributes);
  }
}

std::string FunctionPrinter::head_sync(const Operation& operation) {
  std::string text(mnemonic(operation.code));
  const AttrDict& attributes = operation.attributes;
  switch (operation.code) {
    case OpCode::section_cube:
    case OpCode::section_vector:
      return text;
    case OpCode::set_ffts:
      return fmt::format("{} {} : {}{}", text, operand(operation, 0), operand_type(operation, 0),
                         spaced(print_dict(attributes)));
    case OpCode::cmo_cacheinvalid: {
      if (operation.operands.empty()) {
        text += " all";
        if (const Attribute* scope = find(attributes, "scope")) text += " " + print_attribute(*scope);
        return text + spaced(print_dict(attributes, {"scope"}));
      }
      text += " " + operand(operation, 0);
      if (find(attributes, "single_cache_line")) text += " single_cache_line";
      return fmt::format("{} : {}{}", text, operand_type(operation, 0),
                         spaced(print_dict(attributes, {"single_cache_line"})));
    }
    default:
      break;
  }
  const auto keys = sync_item_keys(operation.code);
  std::string items;
  for (std::string_view key : keys) {
    std::string item;
    if (const Attribute* attribute = find(attributes, key))
      item = print_attribute(*attribute);
    else if (!operation.operands.empty() && (key == "event_id" || key == "buf_id"))
      item = operand(operation, 0);
    if (!item.empty()) items += (items.empty() ? "" : ", ") + item;
  }
  AttrDict rest;
  for (const auto& entry : attributes)
    if (std::find(keys.begin(), keys.end(), entry.first) == keys.end()) rest.push_back(entry);
  text += takes_brackets(operation.code) ? "[" + items + "]" : spaced(items);
  text += spaced(print_dict(rest));
  return operation.operands.empty() ? text : text + " : " + types(operation.operands);
}

// Attributes stand where the compilers put them: behind outs(...), or inside ins(...).
std::string FunctionPrinter::head_tile(const Operation& operation) {
  std::string inside, outside = spaced(print_dict(operation.attributes));
  const auto ins = operation.segment(0), outs = operation.segment(1);
  std::string in_types = types(ins);
  switch (operation.code) {
    case OpCode::tcvt:
    case OpCode::tcmp:
    case OpCode::tcmps:
    case OpCode::tcolsum:
    case OpCode::tmrgsort:
    case OpCode::trandom:
    case OpCode::ttri:
      inside.swap(outside);
      break;
    case OpCode::tgather: {
      AttrDict mode, rest;
      for (const auto& entry : operation.attributes) {
        if (entry.first == "axis")
          in_types += ", " + print_attribute(entry.second);
        else
          (entry.first == "maskPattern" || entry.first == "cmpMode" ? mode : rest).push_back(entry);
      }
      if (!mode.empty()) inside = ", " + print_dict(mode);
      outside = spaced(print_dict(rest));
      break;
    }
    default:
      break;
  }
  return fmt::format("{} ins({}{} : {}) outs({} : {}){}", mnemonic(operation.code), values(ins), inside, in_types,
                     values(outs), types(outs), outside);
}

std::string FunctionPrinter::head_pipe(const Operation& operation) {
  const std::string name(mnemonic(operation.code));
  const std::string attributes = spaced(print_dict(operation.attributes));
  switch (operation.code) {
    case OpCode::aic_initialize_pipe:
    case OpCode::aiv_initialize_pipe: {
      std::string operands;
      for (std::size_t i = 0; i < 3; ++i) {
        for (ValueId id : operation.segment(i)) {
          const bool view = i == 0 && std::holds_alternative<ViewType>(function_.type(id));
          constexpr std::string_view kKeys[] = {"gm_slot_buffer", "c2v_consumer_buf", "v2c_consumer_buf"};
          operands += fmt::format("{}{} = {} : {}", operands.empty() ? "" : ", ", view ? "gm_slot_tensor" : kKeys[i],
                                  value(id), type(id));
        }
      }
      return fmt::format("{}{} ({})", name, attributes, operands);
    }
    case OpCode::reserve_buffer:
    case OpCode::import_reserved_buffer:
      return fmt::format("{}{} -> {}", name, attributes, result_type(operation));
    case OpCode::tpush_to_aiv:
    case OpCode::tpush_to_aic: {
      std::string text =
          fmt::format("{}({} : {}){}", name, operand(operation, 0), operand_type(operation, 0), attributes);
      for (ValueId id : operation.segment(1)) text += fmt::format(" aiv_subblockid({} : {})", value(id), type(id));
      return text;
    }
    case OpCode::talloc_to_aiv:
    case OpCode::talloc_to_aic:
    case OpCode::tpop_from_aic:
    case OpCode::tpop_from_aiv: {
      const std::string valid = operation.operands.empty() ? "" : "(" + values(operation.operands) + ")";
      return fmt::format("{}{}{} -> {}", name, valid, attributes, result_type(operation));
    }
    default: {
      if (operation.operands.empty()) return name + attributes;
      return fmt::format("{}({} : {}){}", name, values(operation.operands), types(operation.operands), attributes);
    }
  }
}

std::string FunctionPrinter::head_comm(const Operation& operation) {
  const std::string name(mnemonic(operation.code));
  if (operation.code == OpCode::syncall) {
    std::string text = name + "(" + values(operation.operands);
    if (!operation.operands.empty()) text += " : " + types(operation.operands);
    text += ")";
    std::string separator = " ";
    for (std::string_view key : {"mode", "core_type"}) {
      if (const Attribute* attribute = find(operation.attributes, key)) {
        text += fmt::format("{}{} = {}", separator, key, print_attribute(*attribute));
        separator = ", ";
      }
    }
    return text + spaced(print_dict(operation.attributes, {"mode", "core_type"}));
  }
  const bool point_to_point = operation.code == OpCode::comm_tput || operation.code == OpCode::comm_tget;
  const std::size_t plain =
      operation.segments.size() - (takes_plain_operands(operation.code) ? 0 : point_to_point ? 1 : 2);
  std::string operands;
  for (std::size_t i = 0; i < operation.segments.size(); ++i) {
    std::string text = values(operation.segment(i));
    if (i == plain) text = fmt::format("{}({})", point_to_point ? "buf" : "recv", text);
    if (i == plain + 1) text = fmt::format("group({})", text);
    operands += (operands.empty() ? "" : ", ") + text;
  }
  std::string text =
      fmt::format("{}({} : {}){}", name, operands, types(operation.operands), spaced(print_dict(operation.attributes)));
  return operation.results.empty() ? text : text + " -> " + result_type(operation);
}

}  // namespace

std::string print(const Function& function) { return FunctionPrinter(function).run(); }

std::string print(const Function& function, const Operation& operation) {
  return FunctionPrinter(function, &operation).only();
}

std::string print(const Module& module) {
  const std::string attributes = print_dict(module.attributes);
  std::string text = "module" + (attributes.empty() ? "" : " attributes " + attributes) + " {\n";
  for (const Function& function : module.functions) text += print(function);
  return text + "}\n";
}

}  // namespace assay::pto

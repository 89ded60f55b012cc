#include "harness/pto/ir.h"

#include <fmt/format.h>

#include <iterator>

namespace assay::pto {
namespace {

template <class Visitor>
void visit_preorder(auto& region, const Visitor& visitor) {
  for (auto& operation : region.body) {
    visitor(operation);
    for (auto& inner : operation.regions) visit_preorder(inner, visitor);
  }
}

std::string_view element_name(DType dtype) {
  switch (dtype) {
    case DType::e4m3fn:
      return "f8E4M3FN";
    case DType::e4m3fnuz:
      return "f8E4M3FNUZ";
    case DType::e5m2:
      return "f8E5M2";
    case DType::e2m1:
      return "!pto.f4E2M1x2";
    case DType::e8m0:
      return "!pto.f8E8M0";
    case DType::u8:
      return "ui8";
    case DType::u16:
      return "ui16";
    case DType::u32:
      return "ui32";
    case DType::u64:
      return "ui64";
    default:
      return assay::name(dtype);
  }
}

std::string extent(std::int64_t value) { return value == kDynamic ? "?" : fmt::format("{}", value); }

constexpr std::string_view kScalarNames[] = {"i1",   "i8",   "i16",   "i32", "i64",  "ui8", "ui16",
                                             "ui32", "ui64", "index", "f16", "bf16", "f32"};
constexpr int kScalarBits[] = {1, 8, 16, 32, 64, 8, 16, 32, 64, 64, 16, 16, 32};
constexpr std::string_view kSpaceNames[] = {"vec",  "mat",     "left",       "right",      "acc",
                                            "bias", "scaling", "scale_left", "scale_right"};
static_assert(std::size(kSpaceNames) == kSpaceCount);

struct TypePrinter {
  std::string operator()(const ScalarType& type) const {
    return std::string(kScalarNames[static_cast<std::size_t>(type.kind)]);
  }
  std::string operator()(const PtrType& type) const { return fmt::format("!pto.ptr<{}>", element_name(type.element)); }
  std::string operator()(const ViewType& type) const {
    std::string dims;
    for (std::int64_t d : type.shape) dims += extent(d) + "x";
    return fmt::format("!pto.{}tensor_view<{}{}>", type.partition ? "partition_" : "", dims,
                       element_name(type.element));
  }
  std::string operator()(const TileType& type) const {
    const std::string_view space = holds_scales(type.space) ? name(Space::scaling) : name(type.space);
    std::string text =
        fmt::format("!pto.tile_buf<{}, {}x{}x{}", space, type.rows, type.cols, element_name(type.element));
    if (type.valid_rows != type.rows || type.valid_cols != type.cols)
      text += fmt::format(", valid={}x{}", extent(type.valid_rows), extent(type.valid_cols));
    if (type.blayout == BoxOrder::col_major) text += ", blayout=col_major";
    if (type.slayout != InnerLayout::none_box)
      text += type.slayout == InnerLayout::row_major ? ", slayout=row_major" : ", slayout=col_major";
    if (type.fractal != 512) text += fmt::format(", fractal={}", type.fractal);
    if (type.pad != Pad::null) text += fmt::format(", pad={}", static_cast<int>(type.pad));
    if (type.compact != 0) text += fmt::format(", compact={}", type.compact);
    return text + ">";
  }
  std::string operator()(const LocalArrayType& type) const {
    return fmt::format("!pto.local_array<{}x{}>", type.count, element_name(type.element));
  }
  std::string operator()(const OpaqueType& type) const { return type.text; }
  std::string operator()(const MultiTileType& type) const {
    return fmt::format("!pto.multi_tile_buf<{}, count={}>", (*this)(type.tile), type.count);
  }
  std::string operator()(const VectorType& type) const {
    return fmt::format("vector<{}x{}>", type.count, element_name(type.element));
  }
};

}  // namespace

const Attribute* find(const AttrDict& attributes, std::string_view key) {
  for (const auto& [name, value] : attributes)
    if (name == key) return &value;
  return nullptr;
}

std::string_view word(const AttrDict& attributes, std::string_view key) {
  const Attribute* attribute = find(attributes, key);
  if (!attribute) return {};
  if (const auto* e = std::get_if<EnumAttr>(&attribute->value)) return e->word;
  if (const auto* s = std::get_if<StringAttr>(&attribute->value)) return s->value;
  return {};
}

std::string_view callee(const Operation& operation) {
  const Attribute* attribute = find(operation.attributes, "callee");
  const auto* symbol = attribute ? std::get_if<SymbolAttr>(&attribute->value) : nullptr;
  return symbol ? std::string_view(symbol->name) : std::string_view{};
}

std::span<const ValueId> Operation::segment(std::size_t index) const {
  std::size_t begin = 0;
  for (std::size_t i = 0; i < index; ++i) begin += segments[i];
  return std::span(operands).subspan(begin, segments[index]);
}

const Function* Module::find_function(std::string_view name) const {
  for (const Function& function : functions)
    if (function.name == name) return &function;
  return nullptr;
}

void renumber(Function& function) {
  std::uint32_t id = 0;
  visit_preorder(function.body, [&](Operation& operation) { operation.id = id++; });
}

std::vector<const Operation*> preorder(const Function& function) {
  std::vector<const Operation*> all;
  visit_preorder(function.body, [&](const Operation& operation) { all.push_back(&operation); });
  return all;
}

std::vector<Operation*> preorder(Function& function) {
  std::vector<Operation*> all;
  visit_preorder(function.body, [&](Operation& operation) { all.push_back(&operation); });
  return all;
}

bool orders_pipes(OpCode code) {
  switch (code) {
    case OpCode::set_flag:
    case OpCode::wait_flag:
    case OpCode::set_flag_dyn:
    case OpCode::wait_flag_dyn:
    case OpCode::barrier:
    case OpCode::record_event:
    case OpCode::wait_event:
    case OpCode::barrier_sync:
    case OpCode::get_buf:
    case OpCode::rls_buf:
    case OpCode::sync_set:
    case OpCode::sync_wait:
    case OpCode::set_intra_block:
    case OpCode::wait_intra_block:
      return true;
    default:
      return false;  // sections, caches and fences do not order the pipes of a core
  }
}

bool has_synchronisation(const Function& function) {
  bool found = false;
  visit_preorder(function.body, [&](const Operation& operation) { found = found || orders_pipes(operation.code); });
  return found;
}

bool waits_or_orders(OpCode code) {
  switch (code) {
    case OpCode::comm_tnotify:
    case OpCode::comm_twait:
    case OpCode::comm_ttest:
    case OpCode::comm_wait_async_event:
    case OpCode::comm_test_async_event:
    case OpCode::syncall:
      return true;
    default:
      return orders_pipes(code);
  }
}

bool waits_or_orders(const Function& function) {
  bool found = false;
  visit_preorder(function.body, [&](const Operation& operation) { found = found || waits_or_orders(operation.code); });
  return found;
}

std::string to_string(const Type& type) { return std::visit(TypePrinter{}, type); }
int bits_of(ScalarKind kind) { return kScalarBits[static_cast<std::size_t>(kind)]; }
std::string_view name(Space space) { return kSpaceNames[static_cast<std::size_t>(space)]; }

}  // namespace assay::pto

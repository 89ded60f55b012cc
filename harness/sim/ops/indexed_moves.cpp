// mgather and mscatter: rows or elements of a table in global memory, chosen by a tile of 32-bit indices (isa 2.1). Row
// mode is the default; without the attribute indices as many as the tile's elements are element indices. Indices count
// as unsigned. Elements without a policy for indices outside the table break the rule "bounds".
#include <algorithm>

#include "harness/sim/ops/arithmetic.h"
#include "harness/sim/ops/attributes.h"
#include "harness/sim/ops/table.h"
#include "harness/sim/ops/window.h"

namespace assay::sim {
namespace {

using pto::OpCode;
using OutOfBounds = TableAccess::OutOfBounds;

std::size_t bytes(std::int64_t count) { return static_cast<std::size_t>(count); }

// The view as a table: all dimensions but the last, collapsed, are its rows.
struct Table {
  const View& view;
  std::int64_t rows = 1, cols = 0;

  explicit Table(const View& v) : view(v), cols(v.shape[v.rank - 1]) {
    for (std::size_t d = 0; d + 1 < v.rank; ++d) rows *= std::max<std::int64_t>(v.shape[d], 0);
  }
  // Offset in the tensor, in elements.
  std::int64_t at(std::int64_t row, std::int64_t col) const {
    std::int64_t offset = view.base.offset + col * view.strides[view.rank - 1];
    for (std::size_t d = view.rank - 1; d-- > 0;) {
      offset += row % view.shape[d] * view.strides[d];
      row /= view.shape[d];
    }
    return offset;
  }
};

// Where an element of the tile lies in the table: nowhere when it is left out.
struct Target {
  std::int64_t offset = 0;
  bool inside = false;
};

class Targets {
 public:
  Targets(Machine& m, const View& view, const Tile& tile, const TableAccess& access)
      : m_(m), table_(view), tile_(tile), access_(access) {}

  bool resolve(const Tile& indices) {
    const std::int64_t rows = tile_.valid_rows, cols = tile_.valid_cols;
    const std::int64_t given = indices.valid_rows * indices.valid_cols;
    const bool by_element = access_.coalesce == TableAccess::Coalesce::element ||
                            (access_.coalesce == TableAccess::Coalesce::by_shape && given == rows * cols && cols > 1);
    if (given < (by_element ? rows * cols : rows))
      return m_.fault_at_tile("valid-mismatch",
                              fmt::format("{} valid indices in the {}, needs {}", given, describe(indices),
                                          by_element ? rows * cols : rows),
                              indices);
    if (!by_element && cols > table_.cols)
      return m_.fault_at_tile("bounds", fmt::format("rows of {} elements of a table with {} columns", cols, table_.cols),
                              tile_);
    if (!check_window(m_, table_.view, table_.rows, table_.cols)) return false;
    const std::byte* data = m_.read(indices, indices.valid_rows, indices.valid_cols, 1);
    if (!data) return false;
    const std::int64_t capacity = by_element ? table_.rows * table_.cols : table_.rows;
    for (std::int64_t k = 0; k < (by_element ? rows * cols : rows); ++k) {
      std::uint32_t index = 0;
      std::memcpy(&index, data + 4 * k, 4);
      std::int64_t at = index;
      if (at >= capacity && !bring_inside(at, capacity)) return false;
      append(at, by_element ? 1 : cols, by_element);
    }
    return true;
  }

  const std::vector<Target>& list() const { return list_; }

 private:
  // Applies the policy; a left-out element's index becomes -1. False after a fault.
  bool bring_inside(std::int64_t& index, std::int64_t capacity) {
    switch (access_.out_of_bounds) {
      case OutOfBounds::clamp:
        index = capacity - 1;
        return true;
      case OutOfBounds::wrap:
        index = capacity > 0 ? index % capacity : -1;
        return true;
      case OutOfBounds::zero:
      case OutOfBounds::skip:
        index = -1;
        return true;
      default:
        return m_.fault("bounds", fmt::format("index {} of a table of {} {}", index, capacity,
                                              capacity == table_.rows ? "rows" : "elements"),
                        table_.view.made_by ? table_.view.made_by->location : m_.function().location);
    }
  }

  void append(std::int64_t index, std::int64_t count, bool by_element) {
    for (std::int64_t col = 0; col < count; ++col) {
      const bool inside = index >= 0;
      const std::int64_t row = by_element ? index / std::max<std::int64_t>(table_.cols, 1) : index;
      list_.push_back({inside ? table_.at(row, by_element ? index % table_.cols : col) : 0, inside});
    }
  }

  Machine& m_;
  Table table_;
  const Tile& tile_;
  TableAccess access_;
  std::vector<Target> list_;
};

// Every element that is inside goes through the checks of global memory; runs of neighbours at once.
bool reach(Machine& m, AccessKind kind, std::size_t tensor, const std::vector<Target>& targets, std::int64_t width) {
  std::int64_t begin = 0, end = 0;
  for (const Target& target : targets) {
    if (!target.inside) continue;
    if (target.offset * width != end) {
      if (!m.access_global(kind, tensor, begin, end)) return false;
      begin = target.offset * width;
    }
    end = (target.offset + 1) * width;
  }
  return m.access_global(kind, tensor, begin, end);
}

bool mgather(Machine& m, const Instruction& i) {
  if (!enter_tile_op(m, i)) return false;
  const View& view = m.view(i.operands[0]);
  const Tile& d = destination(m, i);
  Targets targets(m, view, d, TableAccess::unpack(i.immediate));
  if (!targets.resolve(m.tile(i.operands[1]))) return false;
  const std::int64_t width = element_bytes(d);
  if (!reach(m, AccessKind::read, view.base.tensor, targets.list(), width)) return false;
  const std::byte* global = m.global(view.base.tensor);
  std::byte* out = m.staging(kOutputStage, std::max<std::int64_t>(d.valid_rows * d.valid_cols * width, 8));
  std::byte* at = out;
  for (const Target& target : targets.list()) {
    if (target.inside)
      std::memcpy(at, global + target.offset * width, bytes(width));
    else
      std::fill_n(at, width, std::byte{0});
    at += width;
  }
  return finish(m, d, d.valid_rows, d.valid_cols, out);
}

template <class Op, class T>
void update(std::byte* there, const std::byte* stored) {
  T a, b;
  std::memcpy(&a, there, sizeof(T));
  std::memcpy(&b, stored, sizeof(T));
  a = Op::apply(a, b);
  std::memcpy(there, &a, sizeof(T));
}

// One element onto another; halves are added in f32 and rounded once.
template <class Op>
void update_element(DType dtype, std::byte* there, const std::byte* stored) {
  if (dtype == DType::f32) return update<Op, float>(there, stored);
  if (dtype == DType::f16) {
    std::uint16_t a = 0, b = 0;
    std::memcpy(&a, there, 2);
    std::memcpy(&b, stored, 2);
    a = f16_nearest(Op::apply(f16_value(a), f16_value(b)));
    std::memcpy(there, &a, 2);
    return;
  }
  visit_integer(dtype, [&](auto type) {
    update<Op, decltype(type)>(there, stored);
    return true;
  });
}

void store(const TableAccess& access, DType dtype, std::byte* there, const std::byte* stored) {
  switch (access.atomic) {
    case TableAccess::Atomic::add:
      return update_element<Add>(dtype, there, stored);
    case TableAccess::Atomic::max:
      return update_element<Maximum>(dtype, there, stored);
    case TableAccess::Atomic::min:
      return update_element<Minimum>(dtype, there, stored);
    default:
      std::memcpy(there, stored, bytes(info(dtype).bits / 8));
  }
}

// In the order of rows: without an atomic the last of several writers of one element stays [assumed].
bool mscatter(Machine& m, const Instruction& i) {
  if (!enter_tile_op(m, i)) return false;
  const Tile& s = m.tile(i.operands[0]);
  const View& view = m.view(i.operands[2]);
  const TableAccess access = TableAccess::unpack(i.immediate);
  const std::int64_t width = element_bytes(s);
  Targets targets(m, view, s, access);
  const std::byte* data = m.read(s, s.valid_rows, s.valid_cols, 0);
  if (!data || !targets.resolve(m.tile(i.operands[1]))) return false;
  const AccessKind kind = access.atomic == TableAccess::Atomic::none ? AccessKind::write : AccessKind::atomic;
  if (!reach(m, kind, view.base.tensor, targets.list(), width)) return false;
  std::byte* global = m.global(view.base.tensor);
  std::vector<std::int64_t> offsets;
  const std::byte* at = data;
  for (const Target& target : targets.list()) {
    if (target.inside) {
      store(access, s.dtype, global + target.offset * width, at);
      offsets.push_back(target.offset);
    }
    at += width;
  }
  if (!m.tracing()) return true;
  std::vector<std::byte> shown(offsets.size() * bytes(width));
  for (std::size_t k = 0; k < offsets.size(); ++k)
    std::memcpy(shown.data() + k * bytes(width), global + offsets[k] * width, bytes(width));
  const auto count = static_cast<std::int64_t>(offsets.size());
  m.trace_global(view.base, 1, count, std::move(offsets), std::move(shown));
  return true;
}

}  // namespace

Body indexed_move_body(OpCode code) {
  if (code == OpCode::mgather) return mgather;
  return code == OpCode::mscatter ? mscatter : nullptr;
}

}  // namespace assay::sim

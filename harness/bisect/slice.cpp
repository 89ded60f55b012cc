#include "harness/bisect/slice.h"

#include <algorithm>
#include <set>

#include "harness/bisect/extent.h"

namespace assay::bisect {
namespace {

struct Definitions {
  std::vector<const pto::Operation*> by_value;  // defining operation of a value, null for arguments
  std::vector<const pto::Operation*> parent;    // enclosing operation of an operation id, null at the top
};

void collect(const pto::Region& region, const pto::Operation* parent, Definitions& definitions) {
  for (pto::ValueId argument : region.arguments)
    if (parent) definitions.by_value[argument] = parent;
  for (const pto::Operation& op : region.body) {
    definitions.parent[op.id] = parent;
    for (pto::ValueId result : op.results) definitions.by_value[result] = &op;
    for (const pto::Region& inner : op.regions) collect(inner, &op, definitions);
  }
}

class Slicer {
 public:
  Slicer(const pto::Function& function, const std::vector<device::TraceEvent>& trace)
      : function_(function), trace_(trace), extents_(function), operations_(pto::preorder(function)) {
    definitions_.by_value.resize(function.values.size());
    definitions_.parent.resize(operations_.size());
    collect(function.body, nullptr, definitions_);
  }

  void add_writers_of(const BadElements& bad) {
    for (std::size_t i = 0; i < trace_.size(); ++i) {
      const device::TraceEvent& event = trace_[i];
      if (event.writes != pto::Writes::global || event.tensor != bad.tensor || !known(event)) continue;
      const bool hit = std::any_of(event.element_offsets.begin(), event.element_offsets.end(), [&](std::int64_t e) {
        return std::binary_search(bad.elements.begin(), bad.elements.end(), e);
      });
      if (hit) add_event(i);
    }
  }

  std::vector<std::uint32_t> finish() {
    while (!pending_.empty()) {
      const std::size_t event = pending_.back();
      pending_.pop_back();
      follow(event);
    }
    return {ids_.begin(), ids_.end()};
  }

 private:
  bool known(const device::TraceEvent& event) const {
    return event.function == function_.name && event.op_id < operations_.size();
  }

  void add_event(std::size_t index) {
    if (!seen_.insert(index).second) return;
    pending_.push_back(index);
    add_operation(*operations_[trace_[index].op_id]);
  }

  // The operation, what encloses it, and the scalars, views and tiles its operands come from.
  void add_operation(const pto::Operation& op) {
    if (!ids_.insert(op.id).second) return;
    for (pto::ValueId operand : op.operands)
      if (const pto::Operation* definition = definitions_.by_value[operand]) add_operation(*definition);
    if (const pto::Operation* parent = definitions_.parent[op.id]) add_operation(*parent);
    add_metadata_writers(op);
    const bool yields =
        op.code == pto::OpCode::if_op || op.code == pto::OpCode::for_op || op.code == pto::OpCode::while_op;
    if (yields && !op.results.empty())
      for (const pto::Region& region : op.regions)
        if (!region.body.empty()) add_operation(region.body.back());
  }

  // set_validshape changes a tile without a result of its own.
  void add_metadata_writers(const pto::Operation& op) {
    for (const pto::Operation* other : operations_)
      if (other->code == pto::OpCode::set_validshape &&
          std::find(op.operands.begin(), op.operands.end(), other->operands.front()) != op.operands.end())
        add_operation(*other);
  }

  // Earlier events of the block that wrote bytes this one reads, back to the first that covers them.
  void follow(std::size_t index) {
    const device::TraceEvent& event = trace_[index];
    std::vector<Extent> reads = extents_.reads(*operations_[event.op_id]);
    if (event.writes == pto::Writes::tile)  // what lies outside the valid rectangle stays
      for (const Extent& extent : extents_.writes(*operations_[event.op_id])) reads.push_back(extent);
    for (const Extent& read : reads) {
      for (std::size_t i = index; i-- > 0;) {
        const device::TraceEvent& earlier = trace_[i];
        if (earlier.block != event.block) break;
        if (earlier.writes != pto::Writes::tile || !known(earlier)) continue;
        const auto writes = extents_.writes(*operations_[earlier.op_id]);
        if (std::none_of(writes.begin(), writes.end(), [&](const Extent& w) { return w.overlaps(read); })) continue;
        add_event(i);
        if (std::any_of(writes.begin(), writes.end(), [&](const Extent& w) { return w.covers(read); })) break;
      }
    }
  }

  const pto::Function& function_;
  const std::vector<device::TraceEvent>& trace_;
  ExtentMap extents_;
  std::vector<const pto::Operation*> operations_;
  Definitions definitions_;
  std::set<std::uint32_t> ids_;
  std::set<std::size_t> seen_;
  std::vector<std::size_t> pending_;
};

}  // namespace

std::vector<std::uint32_t> dynamic_slice(const pto::Function& function, const std::vector<device::TraceEvent>& trace,
                                         const std::vector<BadElements>& bad) {
  Slicer slicer(function, trace);
  for (const BadElements& elements : bad) slicer.add_writers_of(elements);
  return slicer.finish();
}

}  // namespace assay::bisect

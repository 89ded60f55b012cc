#include "harness/pto/known_ops.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace assay::pto {
namespace {

struct TierList {
  std::string_view tier;
  std::string_view title;
  std::string_view names;  // without "pto.", separated by blanks
};

// pto-format.md section 5.
constexpr TierList kTiers[] = {
    {"T3", "cube",
     "tmatmul tmatmul.acc tmatmul.bias textract textract_fp tinsert tinsert_fp tgemv tgemv.acc tgemv.bias tmov.fp "
     "tstore_fp "},
    {"T4", "cross-core pipes",
     "aic_initialize_pipe aiv_initialize_pipe reserve_buffer import_reserved_buffer tpush_to_aiv tpush_to_aic "
     "tpop_from_aic tpop_from_aiv tfree_from_aic tfree_from_aiv talloc_to_aiv talloc_to_aic tpush tpop tfree talloc "
     "initialize_l2g2l_pipe initialize_l2l_pipe "},
    {"T5", "remaining elementwise, reduction, sort and select operations",
     "trowmin trowprod trowargmax trowargmin tcolsum tcolmax tcolmin tcolprod tcolargmax tcolargmin trowexpandmax "
     "trowexpandmin trowexpandexpdif tcolexpandmax tcolexpandmin tcolexpandexpdif tand tor txor tnot tshl tshr tands "
     "tors txors tshls tshrs trem trems tfmod tfmods tpow tpows tprelu tlrelu tcmp tcmps tsel tsels taddc tsubc taddsc "
     "tsubsc tpartadd tpartmul tpartmax tpartmin tpartargmax tpartargmin tsort32 tmrgsort tgatherb tscatter mgather "
     "mscatter ttri trandom thistogram tinterleave tdeinterleave tpairreducesum tmuladddst tfusedmuladd "
     "tfusedmuladdrelu taxpy tsubrelu taddreluconv tsubreluconv tprefetch tprefetch_async tfillpad_expand "
     "tfillpad_inplace timg2col alloc_multi_tile multi_tile_get get_validshape get_tensor_view_dim "},
    {"T6", "quantisation, MX and communication",
     "tquant tquant.mx tdequant tmatmul.mx tmatmul.mx.acc tmatmul.mx.bias tgemv.mx syncall set_cross_block "
     "wait_cross_block "},
};

bool in_list(std::string_view list, std::string_view name) {
  for (std::size_t at = list.find(name); at != std::string_view::npos; at = list.find(name, at + 1)) {
    const bool starts = at == 0 || list[at - 1] == ' ';
    const bool ends = at + name.size() == list.size() || list[at + name.size()] == ' ';
    if (starts && ends) return true;
  }
  return false;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substitute = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substitute});
    }
  }
  return row[b.size()];
}

std::string nearest_operation(std::string_view name) {
  std::string best;
  std::size_t best_distance = 3;
  for (const OpInfo& row : all_ops()) {
    const std::size_t distance = edit_distance(name, row.mnemonic);
    if (distance >= best_distance) continue;
    best_distance = distance;
    best = row.mnemonic;
  }
  return best;
}

bool is_micro_operation(std::string_view name) {
  return name.starts_with("pto.vmi.") || name.starts_with("a5vm.") || name.starts_with("pto.mte_") ||
         name == "pto.vecscope" || name == "pto.strict_vecscope" || name.starts_with("pto.plt_") ||
         name.starts_with("pto.pset_") || name.starts_with("pto.pge_") ||
         (name.starts_with("pto.v") && name.size() > 6);
}

}  // namespace

std::string explain_unknown_operation(std::string_view name) {
  constexpr std::size_t kLongestName = 64;
  if (name.size() > kLongestName) return fmt::format("unknown operation {}...", name.substr(0, kLongestName));
  if (name.starts_with("pto.")) {
    const std::string_view plain = name.substr(4);
    for (const TierList& list : kTiers)
      if (in_list(list.names, plain))
        return fmt::format("{} belongs to tier {} ({}), which this version does not execute", name, list.tier,
                           list.title);
    if (name.starts_with("pto.comm."))
      return fmt::format("{} belongs to tier T6 (communication), which this version does not execute", name);
  }
  const std::string nearest = nearest_operation(name);
  if (nearest.empty() && is_micro_operation(name))
    return fmt::format(
        "{} belongs to the lower VPTO/VMI dialect level, which assay does not read; give it the "
        "tile-level file",
        name);
  for (std::string_view gone : {"pto.bind_tile", "pto.pointer_cast", "pto.declare_tile_memref"})
    if (name == gone)
      return fmt::format("{}: this file is already lowered to memref level, which assay does not read", name);
  if (name.starts_with("memref."))
    return fmt::format("{}: this file is already lowered to memref level, which assay does not read", name);
  if (name.starts_with("cf."))
    return fmt::format("{}: control-flow graphs are not supported, only structured scf", name);
  for (std::string_view dialect : {"vector.", "affine.", "llvm.", "emitc.", "gpu.", "math.", "linalg.", "tensor."})
    if (name.starts_with(dialect))
      return fmt::format("{}: the dialect {} is not supported, only func, arith, scf and pto", name,
                         dialect.substr(0, dialect.size() - 1));
  return fmt::format("unknown operation {}{}", name,
                     nearest.empty() ? std::string{} : fmt::format("; did you mean {}?", nearest));
}

bool is_known_attribute(OpCode code, std::string_view key) {
  const OpInfo& row = info(code);
  if (row.family == Family::arith)
    return key == "value" || key == "predicate" || key == "overflow" || key == "fastmath";
  if (row.family == Family::sync) return true;
  switch (code) {
    case OpCode::call:
      return key == "callee";
    case OpCode::make_tensor_view:
      return key == "layout";
    case OpCode::tload:
      return key == "layout";
    case OpCode::tstore:
      return key == "atomicType" || key == "stPhase" || key == "reluPreMode" || key == "layout";
    case OpCode::tcvt:
      return key == "rmode" || key == "satmode" || key == "sat_mode";
    case OpCode::tci:
      return key == "descending";
    default:
      return false;
  }
}

std::vector<std::string_view> sync_item_keys(OpCode code) {
  switch (code) {
    case OpCode::set_flag:
    case OpCode::wait_flag:
    case OpCode::set_flag_dyn:
    case OpCode::wait_flag_dyn:
      return {"src_pipe", "dst_pipe", "event_id"};
    case OpCode::record_event:
    case OpCode::wait_event:
      return {"src_op", "dst_op", "event_id"};
    case OpCode::barrier:
      return {"pipe"};
    case OpCode::barrier_sync:
      return {"op_type"};
    case OpCode::get_buf:
    case OpCode::rls_buf:
      return {"op_type", "buf_id", "mode"};
    case OpCode::sync_set:
    case OpCode::sync_wait:
    case OpCode::set_intra_block:
    case OpCode::wait_intra_block:
      return {"pipe", "event_id"};
    default:
      return {"scope"};
  }
}

bool takes_brackets(OpCode code) {
  switch (code) {
    case OpCode::barrier:
    case OpCode::sync_set:
    case OpCode::sync_wait:
    case OpCode::set_intra_block:
    case OpCode::wait_intra_block:
    case OpCode::fence_barrier_all:
      return false;
    default:
      return true;
  }
}

}  // namespace assay::pto

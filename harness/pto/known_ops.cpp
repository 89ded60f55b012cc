#include "harness/pto/known_ops.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "harness/pto/product.h"

namespace assay::pto {
namespace {

struct Refused {
  std::string_view why;
  std::string_view names;  // without "pto.", separated by blanks
};

// Operations of the tile level that stay refused (pto-format.md sections 1.1 and 5).
constexpr Refused kRefused[] = {
    {"it prefetches into the L2 cache, which changes no value and which this version does not model; leave it out",
     "tprefetch_async make_prefetch_async_context get_prefetch_async_session "},
    {"it is what a compiler makes of talloc_to_*, tpush_to_*, tpop_from_* and *_initialize_pipe; give assay the text "
     "before that",
     "talloc tpush tpop tfree initialize_l2g2l_pipe initialize_l2l_pipe declare_tile declare_global "},
    {"it belongs to convolution, which this version does not execute",
     "timg2col tsetfmatrix setfmatrix set_img2col_rpt set_img2col_padding "},
    {"it synchronises blocks by FFTS, of which this version executes pto.sync.set and pto.sync.wait",
     "set_cross_block wait_cross_block "},
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
    for (const Refused& list : kRefused)
      if (in_list(list.names, plain)) return fmt::format("{} is not executed: {}", name, list.why);
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
  const auto is = [&](std::initializer_list<std::string_view> keys) {
    return std::find(keys.begin(), keys.end(), key) != keys.end();
  };
  if (row.family == Family::pipe)
    return is({"id", "dir_mask", "slot_size", "slot_num", "local_slot_num", "nosplit", "split", "name", "size",
               "location", "auto", "base", "peer_func"});
  if (row.family == Family::comm)
    return is({"atomicType", "notifyOp", "cmp", "reduceOp", "root", "mode", "core_type", "sync_id", "block_bytes",
               "comm_block_offset", "queue_num", "channel_group_idx"});
  if (product_form(code)) return key == "accPhase";
  switch (code) {
    case OpCode::call:
      return key == "callee";
    case OpCode::make_tensor_view:
    case OpCode::tload:
      return key == "layout";
    case OpCode::tstore:
      return is({"atomicType", "stPhase", "reluPreMode", "layout"});
    case OpCode::tmov:
    case OpCode::textract:
    case OpCode::tinsert:
      return is({"reluPreMode", "accToVecMode"});
    case OpCode::tcvt:
      return is({"rmode", "satmode", "sat_mode"});
    case OpCode::tci:
      return key == "descending";
    case OpCode::tcmp:
    case OpCode::tcmps:
      return key == "cmpMode";
    case OpCode::tgather:
      return is({"maskPattern", "axis", "cmpMode", "offset"});
    case OpCode::tcolsum:
      return key == "isBinary";
    case OpCode::tmrgsort:
      return key == "exhausted";
    case OpCode::ttri:
      return key == "upperOrLower";
    case OpCode::trandom:
      return key == "rounds";
    case OpCode::thistogram:
      return key == "isMSB";
    case OpCode::mgather:
      return is({"coalesce", "gatherOob"});
    case OpCode::mscatter:
      return is({"coalesce", "scatterAtomicOp", "scatterOob", "scatterConflict"});
    case OpCode::tquant:
      return key == "quant_type";
    case OpCode::tquant_mx:
      return is({"quant_type", "quantScaleAlg", "grpAxis", "interleave", "storeMode"});
    case OpCode::tfillpad:
      return key == "padValue";
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

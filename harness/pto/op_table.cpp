#include "harness/pto/op_table.h"

#include <algorithm>
#include <array>

namespace assay::pto {
namespace {

using enum Tier;
using enum Family;
using enum Contract;
using P = Pipe;

constexpr DTypeSet kAny{};
constexpr DTypeSet kFloat{DType::f32, DType::f16};
constexpr DTypeSet kNumeric{DType::f32, DType::f16, DType::i32, DType::i16};
constexpr DTypeSet kIota{DType::i32, DType::u32, DType::i16, DType::u16};
constexpr DTypeSet kInteger{DType::i32, DType::u32, DType::i16, DType::u16, DType::i8, DType::u8};
constexpr DTypeSet kAccumulator{DType::i32, DType::f32};
constexpr DTypeSet kSingle{DType::f32};
constexpr DTypeSet kByte{DType::e4m3fn, DType::i8, DType::u8};
constexpr DTypeSet kMask{DType::i8, DType::u8};
constexpr DTypeSet kQuantised{DType::i8, DType::u8};
constexpr DTypeSet kMovable{DType::f32, DType::f16, DType::bf16, DType::i32, DType::u32,
                            DType::i16, DType::u16, DType::i8,   DType::u8};

// Operations with an optional second destination.
constexpr int most_outs(OpCode code, int least) {
  switch (code) {
    case OpCode::tgather:     // compare form: dst, cdst
    case OpCode::tmrgsort:    // lists: dst, executed counts
    case OpCode::trowargmax:  // index, or value and index
    case OpCode::trowargmin:
    case OpCode::tcolargmax:
    case OpCode::tcolargmin:
      return 2;
    default:
      return least;
  }
}

constexpr OpInfo kOps[] = {
#define ASSAY_OP(code, mnemonic, tier, family, pipe, ins_min, ins_max, outs, scratch, dtypes, in_place, contract, \
                 bound_key, writes, clause)                                                                       \
  {                                                                                                               \
      OpCode::code, mnemonic,       tier,     Family::family,                                                     \
      P::pipe,      ins_min,        ins_max,  outs,                                                               \
      scratch,      dtypes,         in_place, contract,                                                           \
      bound_key,    Writes::writes, clause,   most_outs(OpCode::code, outs)},
#include "harness/pto/op_table.inc"
#undef ASSAY_OP
};

constexpr bool rows_in_order() {
  std::size_t index = 0;
  for (const OpInfo& row : kOps)
    if (static_cast<std::size_t>(row.code) != index++) return false;
  return true;
}
static_assert(rows_in_order());

struct ByMnemonic {
  bool operator()(const OpInfo* a, const OpInfo* b) const { return a->mnemonic < b->mnemonic; }
  bool operator()(const OpInfo* a, std::string_view b) const { return a->mnemonic < b; }
};

const auto& sorted_ops() {
  static const auto sorted = [] {
    std::array<const OpInfo*, std::size(kOps)> pointers{};
    std::transform(std::begin(kOps), std::end(kOps), pointers.begin(), [](const OpInfo& row) { return &row; });
    std::sort(pointers.begin(), pointers.end(), ByMnemonic{});
    return pointers;
  }();
  return sorted;
}

}  // namespace

const OpInfo& info(OpCode code) { return kOps[static_cast<std::size_t>(code)]; }
std::string_view mnemonic(OpCode code) { return info(code).mnemonic; }
std::span<const OpInfo> all_ops() { return kOps; }

const OpInfo* find_op(std::string_view mnemonic) {
  const auto& ops = sorted_ops();
  const auto found = std::lower_bound(ops.begin(), ops.end(), mnemonic, ByMnemonic{});
  return found != ops.end() && (*found)->mnemonic == mnemonic ? *found : nullptr;
}

bool takes_plain_operands(OpCode code) {
  switch (code) {
    case OpCode::comm_tnotify:
    case OpCode::comm_twait:
    case OpCode::comm_ttest:
    case OpCode::comm_build_async_session:
    case OpCode::comm_tput_async:
    case OpCode::comm_tget_async:
    case OpCode::comm_wait_async_event:
    case OpCode::comm_test_async_event:
      return true;
    default:
      return false;
  }
}

}  // namespace assay::pto

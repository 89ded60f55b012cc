// Bodies of the arith dialect and of the queries (pto-format 1.1, 3.6). Integers wrap in their width; what the dialect
// leaves undefined (division by zero, shifts by the width or more, values that do not fit) is a fault.
#include <limits>

#include "harness/sim/machine.h"
#include "harness/sim/scalar.h"

namespace assay::sim {
namespace {

using Signed = std::int64_t;
using Unsigned = std::uint64_t;
using pto::OpCode;

struct Operands {
  Unsigned a, b;    // slots
  Unsigned ua, ub;  // zero-extended from the kind's width
};

Signed s(Unsigned value) { return static_cast<Signed>(value); }

template <class Compute>
bool binary(Machine& m, const Instruction& i, const Compute& compute) {
  const Unsigned a = m.scalar(i.operands[0]), b = m.scalar(i.operands[1]);
  m.scalar(i.results[0]) =
      canonical(compute(Operands{a, b, low_bits(a, i.from_kind), low_bits(b, i.from_kind)}), i.kind);
  return true;
}

template <auto kCompute>
bool plain(Machine& m, const Instruction& i) {
  return binary(m, i, kCompute);
}

Signed least(pto::ScalarKind kind) { return std::numeric_limits<Signed>::min() >> (64 - pto::bits_of(kind)); }

template <auto kCompute, bool kSigned>
bool division(Machine& m, const Instruction& i) {
  const Unsigned a = m.scalar(i.operands[0]), b = m.scalar(i.operands[1]);
  if (low_bits(b, i.from_kind) == 0)
    return m.fault_at_operand("division-by-zero", fmt::format("{} divided by 0", s(a)), 1);
  if (kSigned && s(b) == -1 && s(a) == least(i.from_kind))
    return m.fault_at_operand("division-overflow",
                              fmt::format("{} divided by -1 does not fit {} bits", s(a), pto::bits_of(i.from_kind)), 0);
  return binary(m, i, kCompute);
}

template <auto kCompute>
bool shift(Machine& m, const Instruction& i) {
  const Unsigned amount = low_bits(m.scalar(i.operands[1]), i.from_kind);
  if (amount >= static_cast<Unsigned>(pto::bits_of(i.from_kind)))
    return m.fault_at_operand(
        "shift-range",
        fmt::format("shift by {} of a value of {} bits", s(m.scalar(i.operands[1])), pto::bits_of(i.from_kind)), 1);
  return binary(m, i, kCompute);
}

Unsigned floor_divide(const Operands& o) {
  const Signed q = s(o.a) / s(o.b);
  return static_cast<Unsigned>(s(o.a) % s(o.b) != 0 && (s(o.a) < 0) != (s(o.b) < 0) ? q - 1 : q);
}
Unsigned ceil_divide(const Operands& o) {
  const Signed q = s(o.a) / s(o.b);
  return static_cast<Unsigned>(s(o.a) % s(o.b) != 0 && (s(o.a) < 0) == (s(o.b) < 0) ? q + 1 : q);
}

Unsigned shift_signed(const Operands& o) { return static_cast<Unsigned>(s(o.a) >> o.ub); }
Unsigned shift_unsigned(const Operands& o) { return o.ua >> o.ub; }
Unsigned max_signed(const Operands& o) { return s(o.a) > s(o.b) ? o.a : o.b; }
Unsigned max_unsigned(const Operands& o) { return o.ua > o.ub ? o.a : o.b; }

bool constant(Machine& m, const Instruction& i) {
  m.scalar(i.results[0]) = i.immediate;
  return true;
}

// MLIR's order of predicates; Instruction::immediate holds the index.
bool compare_integers(Machine& m, const Instruction& i) {
  const Unsigned a = m.scalar(i.operands[0]), b = m.scalar(i.operands[1]);
  const Unsigned ua = low_bits(a, i.from_kind), ub = low_bits(b, i.from_kind);
  const bool results[] = {
      ua == ub, ua != ub, s(a) < s(b), s(a) <= s(b), s(a) > s(b), s(a) >= s(b), ua<ub, ua <= ub, ua> ub, ua >= ub};
  m.scalar(i.results[0]) = results[i.immediate];
  return true;
}

bool compare_floats(Machine& m, const Instruction& i) {
  const float a = as_float(m.scalar(i.operands[0])), b = as_float(m.scalar(i.operands[1]));
  const bool unordered = a != a || b != b;
  const bool ordered[] = {false, a == b, a > b, a >= b, a < b, a <= b, a < b || a > b, !unordered};
  const bool results[] = {ordered[0],          ordered[1],          ordered[2],          ordered[3],
                          ordered[4],          ordered[5],          ordered[6],          ordered[7],
                          unordered || a == b, unordered || a > b,  unordered || a >= b, unordered || a < b,
                          unordered || a <= b, unordered || a != b, unordered,           true};
  m.scalar(i.results[0]) = results[i.immediate];
  return true;
}

bool select(Machine& m, const Instruction& i) {
  const Ref from = m.scalar(i.operands[0]) != 0 ? i.operands[1] : i.operands[2];
  switch (from.kind) {
    case Kind::scalar:
      m.scalar(i.results[0]) = m.scalar(from);
      break;
    case Kind::pointer:
      m.pointer(i.results[0]) = m.pointer(from);
      break;
    case Kind::view:
      m.view(i.results[0]) = m.view(from);
      break;
    case Kind::tile:
      m.tile(i.results[0]) = m.tile(from);
      break;
    case Kind::array:
      m.array_slot(i.results[0]) = m.array_slot(from);
      break;
  }
  return true;
}

// ---- conversions between kinds

bool does_not_fit(Machine& m, const Instruction& i, std::string value) {
  return m.fault_at_operand("narrowing", fmt::format("{} does not fit {} bits", value, pto::bits_of(i.kind)), 0);
}

bool extend_signed(Machine& m, const Instruction& i) {
  const Unsigned value = m.scalar(i.operands[0]);
  const bool bit = i.from_kind == pto::ScalarKind::i1;  // held as 0 or 1
  m.scalar(i.results[0]) = canonical(bit ? 0 - value : value, i.kind);
  return true;
}

bool extend_unsigned(Machine& m, const Instruction& i) {
  m.scalar(i.results[0]) = canonical(low_bits(m.scalar(i.operands[0]), i.from_kind), i.kind);
  return true;
}

// A value that had no meaning in the narrower kind is a fault (seed bug B06). 32 bits and more hold signed values;
// narrower kinds also hold masks and bytes, so they accept what fits either way.
bool narrow(Machine& m, const Instruction& i) {
  const Unsigned value = m.scalar(i.operands[0]);
  const Signed as_signed = s(canonical(value, i.kind));
  const int width = pto::bits_of(i.kind), unused = 64 - width;
  const bool signed_fit = s(value << unused) >> unused == s(value);
  const bool unsigned_fit = value << unused >> unused == value;
  const bool accepts_unsigned = width < 32 || is_unsigned(i.kind) || is_unsigned(i.from_kind);
  if (!signed_fit && !(accepts_unsigned && unsigned_fit)) return does_not_fit(m, i, fmt::format("{}", s(value)));
  m.scalar(i.results[0]) = static_cast<Unsigned>(as_signed);
  return true;
}

bool index_cast_unsigned(Machine& m, const Instruction& i) {
  const Unsigned value = low_bits(m.scalar(i.operands[0]), i.from_kind);
  if (low_bits(value, i.kind) != value) return does_not_fit(m, i, fmt::format("{}", value));
  m.scalar(i.results[0]) = canonical(value, i.kind);
  return true;
}

const FloatFormat& format_of(pto::ScalarKind kind) {
  if (kind == pto::ScalarKind::f16) return kF16Format;
  return kind == pto::ScalarKind::bf16 ? kBf16Format : kF32Format;
}

template <bool kSigned>
bool integer_to_float(Machine& m, const Instruction& i) {
  const Unsigned slot = m.scalar(i.operands[0]);
  Exact value = kSigned ? from_integer(s(slot)) : from_unsigned(low_bits(slot, i.from_kind));
  if (kSigned && i.from_kind == pto::ScalarKind::i1) value = from_integer(-s(slot & 1U));
  const std::uint32_t bits = round_to_float(value, format_of(i.kind), Rounding::rint, false);
  m.scalar(i.results[0]) = slot_of_element(bits, i.kind);
  return true;
}

template <bool kSigned>
bool float_to_integer(Machine& m, const Instruction& i) {
  const Unsigned slot = m.scalar(i.operands[0]);
  const Exact value = decode_float(static_cast<std::uint32_t>(slot), kF32Format);
  const IntegerFormat format{pto::bits_of(i.kind), kSigned};
  if (!fits(value, format, Rounding::trunc)) return does_not_fit(m, i, fmt::format("{}", as_float(slot)));
  m.scalar(i.results[0]) =
      canonical(static_cast<Unsigned>(round_to_integer(value, format, Rounding::trunc, false)), i.kind);
  return true;
}

bool round_float(Machine& m, const Instruction& i) {
  m.scalar(i.results[0]) = round_scalar(as_float(m.scalar(i.operands[0])), i.kind);
  return true;
}

bool reinterpret(Machine& m, const Instruction& i) {
  m.scalar(i.results[0]) = slot_of_element(element_of_slot(m.scalar(i.operands[0]), i.from_kind), i.kind);
  return true;
}

// ---- floats

template <auto kCompute>
bool floats(Machine& m, const Instruction& i) {
  m.scalar(i.results[0]) =
      round_scalar(kCompute(as_float(m.scalar(i.operands[0])), as_float(m.scalar(i.operands[1]))), i.kind);
  return true;
}

bool negate(Machine& m, const Instruction& i) {
  m.scalar(i.results[0]) = m.scalar(i.operands[0]) ^ 0x80000000U;
  return true;
}

// IEEE 754-2019 maximum and minimum: NaN wins, +0 is above -0.
float maximum(float a, float b) {
  if (a != a || b != b) return a + b;
  if (a == b) return as_float(float_bits(a) & float_bits(b));
  return a > b ? a : b;
}
float minimum(float a, float b) {
  if (a != a || b != b) return a + b;
  if (a == b) return as_float(float_bits(a) | float_bits(b));
  return a < b ? a : b;
}

// ---- where am I

template <auto kValue>
bool query(Machine& m, const Instruction& i) {
  m.scalar(i.results[0]) = canonical(static_cast<Unsigned>(kValue(m)), i.kind);
  return true;
}

Body integer_body(OpCode code) {
  switch (code) {
    case OpCode::arith_addi:
      return plain<[](const Operands& o) { return o.a + o.b; }>;
    case OpCode::arith_subi:
      return plain<[](const Operands& o) { return o.a - o.b; }>;
    case OpCode::arith_muli:
      return plain<[](const Operands& o) { return o.a * o.b; }>;
    case OpCode::arith_divsi:
      return division<[](const Operands& o) { return static_cast<Unsigned>(s(o.a) / s(o.b)); }, true>;
    case OpCode::arith_remsi:
      return division<[](const Operands& o) { return static_cast<Unsigned>(s(o.a) % s(o.b)); }, true>;
    case OpCode::arith_divui:
      return division<[](const Operands& o) { return o.ua / o.ub; }, false>;
    case OpCode::arith_remui:
      return division<[](const Operands& o) { return o.ua % o.ub; }, false>;
    case OpCode::arith_floordivsi:
      return division<floor_divide, true>;
    case OpCode::arith_ceildivsi:
      return division<ceil_divide, true>;
    case OpCode::arith_andi:
      return plain<[](const Operands& o) { return o.a & o.b; }>;
    case OpCode::arith_ori:
      return plain<[](const Operands& o) { return o.a | o.b; }>;
    case OpCode::arith_xori:
      return plain<[](const Operands& o) { return o.a ^ o.b; }>;
    case OpCode::arith_shli:
      return shift<[](const Operands& o) { return o.ua << o.ub; }>;
    case OpCode::arith_shrui:
      return shift<shift_unsigned>;
    case OpCode::arith_shrsi:
      return shift<shift_signed>;
    case OpCode::arith_minsi:
      return plain<[](const Operands& o) { return s(o.a) < s(o.b) ? o.a : o.b; }>;
    case OpCode::arith_maxsi:
      return plain<max_signed>;
    case OpCode::arith_minui:
      return plain<[](const Operands& o) { return o.ua < o.ub ? o.a : o.b; }>;
    case OpCode::arith_maxui:
      return plain<max_unsigned>;
    default:
      return nullptr;
  }
}

Body conversion_body(OpCode code) {
  switch (code) {
    case OpCode::arith_extsi:
      return extend_signed;
    case OpCode::arith_trunci:
    case OpCode::arith_index_cast:
      return narrow;
    case OpCode::arith_extui:
      return extend_unsigned;
    case OpCode::arith_index_castui:
      return index_cast_unsigned;
    case OpCode::arith_sitofp:
      return integer_to_float<true>;
    case OpCode::arith_uitofp:
      return integer_to_float<false>;
    case OpCode::arith_fptosi:
      return float_to_integer<true>;
    case OpCode::arith_fptoui:
      return float_to_integer<false>;
    case OpCode::arith_extf:
    case OpCode::arith_truncf:
      return round_float;
    case OpCode::arith_bitcast:
      return reinterpret;
    default:
      return nullptr;
  }
}

Body float_body(OpCode code) {
  switch (code) {
    case OpCode::arith_addf:
      return floats<[](float a, float b) { return a + b; }>;
    case OpCode::arith_subf:
      return floats<[](float a, float b) { return a - b; }>;
    case OpCode::arith_mulf:
      return floats<[](float a, float b) { return a * b; }>;
    case OpCode::arith_divf:
      return floats<[](float a, float b) { return a / b; }>;
    case OpCode::arith_maximumf:
      return floats<maximum>;
    case OpCode::arith_minimumf:
      return floats<minimum>;
    case OpCode::arith_negf:
      return negate;
    default:
      return nullptr;
  }
}

}  // namespace

Body scalar_body(OpCode code) {
  if (Body body = integer_body(code)) return body;
  if (Body body = conversion_body(code)) return body;
  if (Body body = float_body(code)) return body;
  switch (code) {
    case OpCode::arith_constant:
      return constant;
    case OpCode::arith_cmpi:
      return compare_integers;
    case OpCode::arith_cmpf:
      return compare_floats;
    case OpCode::arith_select:
      return select;
    case OpCode::get_block_idx:
      return query<[](Machine& m) { return m.block(); }>;
    case OpCode::get_block_num:
      return query<[](Machine& m) { return m.launch().blocks; }>;
    case OpCode::get_subblock_idx:
      return query<[](Machine& m) { return m.who().sub_block; }>;
    case OpCode::get_subblock_num:
      return query<[](Machine& m) { return m.who().sub_blocks; }>;
    default:
      return nullptr;
  }
}

}  // namespace assay::sim

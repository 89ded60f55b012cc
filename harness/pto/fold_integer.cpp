#include "harness/pto/fold_integer.h"

#include <algorithm>

#include "harness/pto/literal.h"

namespace assay::pto {
namespace {

std::uint64_t bits_of_value(std::int64_t value, ScalarKind kind) {
  const int width = bits_of(kind);
  return width == 64 ? static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value) & ((1ULL << width) - 1);
}

// The value as a signed number of its width, whatever the type says.
std::int64_t as_signed(std::int64_t value, ScalarKind kind) {
  const int shift = 64 - bits_of(kind);
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(value) << shift) >> shift;
}

std::optional<std::int64_t> divide(OpCode code, std::int64_t a, std::int64_t b, ScalarKind kind) {
  if (bits_of_value(b, kind) == 0) return std::nullopt;
  const bool is_unsigned_op = code == OpCode::arith_divui || code == OpCode::arith_remui;
  if (is_unsigned_op) {
    const std::uint64_t x = bits_of_value(a, kind), y = bits_of_value(b, kind);
    return static_cast<std::int64_t>(code == OpCode::arith_divui ? x / y : x % y);
  }
  const std::int64_t x = as_signed(a, kind), y = as_signed(b, kind);
  if (y == -1) {
    if (x == as_signed(std::int64_t(1ULL << (bits_of(kind) - 1)), kind)) return std::nullopt;
    return code == OpCode::arith_remsi ? 0 : -x;
  }
  const std::int64_t quotient = x / y, remainder = x % y;
  switch (code) {
    case OpCode::arith_divsi:
      return quotient;
    case OpCode::arith_remsi:
      return remainder;
    case OpCode::arith_floordivsi:
      return quotient - (remainder != 0 && (x < 0) != (y < 0) ? 1 : 0);
    default:
      return quotient + (remainder != 0 && (x < 0) == (y < 0) ? 1 : 0);  // ceildivsi
  }
}

}  // namespace

std::int64_t wrap(std::int64_t value, ScalarKind kind) {
  if (kind == ScalarKind::i1 || is_unsigned(kind)) return static_cast<std::int64_t>(bits_of_value(value, kind));
  return as_signed(value, kind);
}

std::optional<std::int64_t> fold_integer(OpCode code, ScalarKind kind, std::int64_t a, std::int64_t b) {
  if (is_float(kind)) return std::nullopt;
  const auto x = static_cast<std::uint64_t>(a), y = static_cast<std::uint64_t>(b);
  const std::uint64_t ux = bits_of_value(a, kind), uy = bits_of_value(b, kind);
  const std::int64_t sx = as_signed(a, kind), sy = as_signed(b, kind);
  const auto wrapped = [&](std::uint64_t value) { return wrap(static_cast<std::int64_t>(value), kind); };
  const bool shift_fits = uy < static_cast<std::uint64_t>(bits_of(kind));
  switch (code) {
    case OpCode::arith_addi:
      return wrapped(x + y);
    case OpCode::arith_subi:
      return wrapped(x - y);
    case OpCode::arith_muli:
      return wrapped(x * y);
    case OpCode::arith_andi:
      return wrapped(x & y);
    case OpCode::arith_ori:
      return wrapped(x | y);
    case OpCode::arith_xori:
      return wrapped(x ^ y);
    case OpCode::arith_minsi:
      return wrap(std::min(sx, sy), kind);
    case OpCode::arith_maxsi:
      return wrap(std::max(sx, sy), kind);
    case OpCode::arith_minui:
      return wrapped(std::min(ux, uy));
    case OpCode::arith_maxui:
      return wrapped(std::max(ux, uy));
    case OpCode::arith_shli:
      return shift_fits ? std::optional(wrapped(ux << uy)) : std::nullopt;
    case OpCode::arith_shrui:
      return shift_fits ? std::optional(wrapped(ux >> uy)) : std::nullopt;
    case OpCode::arith_shrsi:
      return shift_fits ? std::optional(wrap(sx >> uy, kind)) : std::nullopt;
    case OpCode::arith_divsi:
    case OpCode::arith_divui:
    case OpCode::arith_remsi:
    case OpCode::arith_remui:
    case OpCode::arith_floordivsi:
    case OpCode::arith_ceildivsi: {
      const auto result = divide(code, a, b, kind);
      return result ? std::optional(wrap(*result, kind)) : std::nullopt;
    }
    default:
      return std::nullopt;
  }
}

std::optional<bool> fold_compare(std::string_view predicate, ScalarKind kind, std::int64_t a, std::int64_t b) {
  if (is_float(kind)) return std::nullopt;
  const std::int64_t x = as_signed(a, kind), y = as_signed(b, kind);
  const std::uint64_t u = bits_of_value(a, kind), v = bits_of_value(b, kind);
  if (predicate == "eq") return u == v;
  if (predicate == "ne") return u != v;
  if (predicate == "slt") return x < y;
  if (predicate == "sle") return x <= y;
  if (predicate == "sgt") return x > y;
  if (predicate == "sge") return x >= y;
  if (predicate == "ult") return u < v;
  if (predicate == "ule") return u <= v;
  if (predicate == "ugt") return u > v;
  if (predicate == "uge") return u >= v;
  return std::nullopt;
}

std::optional<std::int64_t> fold_cast(OpCode code, ScalarKind from, ScalarKind to, std::int64_t value) {
  if (is_float(from) || is_float(to)) return std::nullopt;
  switch (code) {
    case OpCode::arith_extui:
    case OpCode::arith_index_castui:
      return wrap(static_cast<std::int64_t>(bits_of_value(value, from)), to);
    case OpCode::arith_extsi:
    case OpCode::arith_index_cast:
    case OpCode::arith_trunci:
    case OpCode::arith_bitcast:
      return wrap(as_signed(value, from), to);
    default:
      return std::nullopt;
  }
}

}  // namespace assay::pto

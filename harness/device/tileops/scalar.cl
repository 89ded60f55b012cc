// Scalar ops. Registers hold integers in their type's canonical form (sign-extended; i1 and unsigned zero-extended) and
// floats as the bits of their type.

static int scalar_width(int kind) {
  switch (kind) {
    case kI1:
      return 1;
    case kI8:
    case kUi8:
      return 8;
    case kI16:
    case kUi16:
    case kScalarF16:
    case kScalarBf16:
      return 16;
    case kI32:
    case kUi32:
    case kScalarF32:
      return 32;
    default:
      return 64;
  }
}

static ulong low_bits(long value, int width) {
  return width == 64 ? (ulong)value : (ulong)value & (((ulong)1 << width) - 1);
}

static long sign_extend(long value, int width) {
  const int unused = 64 - width;
  return (long)((ulong)value << unused) >> unused;
}

static long canonical(long value, int kind) {
  switch (kind) {
    case kI8:
    case kI16:
    case kI32:
      return sign_extend(value, scalar_width(kind));
    case kI64:
    case kUi64:
    case kIndex:
      return value;
    default:
      return (long)low_bits(value, scalar_width(kind));
  }
}

static float scalar_to_f32(long bits, int kind) {
  if (kind == kScalarF16) return f16_to_f32((uint)bits);
  if (kind == kScalarBf16) return bf16_to_f32((uint)bits);
  return as_float((uint)bits);
}

static long f32_to_scalar(float value, int kind) {
  if (kind == kScalarF16) return (long)f32_to_f16(as_uint(value), kRint, 0);
  if (kind == kScalarBf16) return (long)f32_to_bf16(as_uint(value), kRint, 0);
  return (long)(ulong)as_uint(value);
}

// 64-bit quotients; the one that overflows wraps.
static long divide_signed(long a, long b) { return b == -1 ? (long)((ulong)0 - (ulong)a) : a / b; }
static long remainder_signed(long a, long b) { return b == -1 ? 0 : a % b; }

static long divide(int sub, long a, long b, ulong ua, ulong ub) {
  switch (sub) {
    case kDivSigned:
      return divide_signed(a, b);
    case kDivUnsigned:
      return (long)(ua / ub);
    case kRemSigned:
      return remainder_signed(a, b);
    case kRemUnsigned:
      return (long)(ua % ub);
    case kFloorDiv:
      return divide_signed(a, b) - (remainder_signed(a, b) != 0 && ((a < 0) != (b < 0)));
    default:
      return divide_signed(a, b) + (remainder_signed(a, b) != 0 && ((a < 0) == (b < 0)));
  }
}

static long integer_op(Agent* agent, int sub, int kind, long a, long b) {
  const int width = scalar_width(kind);
  const ulong ua = low_bits(a, width);
  const ulong ub = low_bits(b, width);
  if (sub >= kDivSigned && sub <= kCeilDiv) {
    if (b == 0) {
      raise_fault(agent, kFaultDivision, a, 0, 0, 0);
      return 0;
    }
    return canonical(divide(sub, a, b, ua, ub), kind);
  }
  if (sub >= kShiftLeft && sub <= kShiftRightUnsigned && ub >= (ulong)width) {
    raise_fault(agent, kFaultShift, b, width, 0, 0);
    return 0;
  }
  switch (sub) {
    case kAdd:
      return canonical((long)((ulong)a + (ulong)b), kind);
    case kSub:
      return canonical((long)((ulong)a - (ulong)b), kind);
    case kMul:
      return canonical((long)((ulong)a * (ulong)b), kind);
    case kAnd:
      return a & b;
    case kOr:
      return a | b;
    case kXor:
      return canonical(a ^ b, kind);
    case kShiftLeft:
      return canonical((long)(ua << ub), kind);
    case kShiftRightSigned:
      return canonical(sign_extend(a, width) >> ub, kind);
    case kShiftRightUnsigned:
      return canonical((long)(ua >> ub), kind);
    case kMinSigned:
      return sign_extend(a, width) < sign_extend(b, width) ? a : b;
    case kMaxSigned:
      return sign_extend(a, width) > sign_extend(b, width) ? a : b;
    case kMinUnsigned:
      return ua < ub ? a : b;
    default:
      return ua > ub ? a : b;
  }
}

static int compare_integer(int predicate, int kind, long a, long b) {
  const int width = scalar_width(kind);
  const ulong ua = low_bits(a, width);
  const ulong ub = low_bits(b, width);
  a = sign_extend(a, width);
  b = sign_extend(b, width);
  switch (predicate) {
    case kEq:
      return a == b;
    case kNe:
      return a != b;
    case kSlt:
      return a < b;
    case kSle:
      return a <= b;
    case kSgt:
      return a > b;
    case kSge:
      return a >= b;
    case kUlt:
      return ua < ub;
    case kUle:
      return ua <= ub;
    case kUgt:
      return ua > ub;
    default:
      return ua >= ub;
  }
}

static int compare_float(int predicate, float a, float b) {
  const int unordered = isnan(a) || isnan(b);
  switch (predicate) {
    case kFalse:
      return 0;
    case kOeq:
    case kUeq:
      return unordered ? predicate == kUeq : a == b;
    case kOgt:
    case kFUgt:
      return unordered ? predicate == kFUgt : a > b;
    case kOge:
    case kFUge:
      return unordered ? predicate == kFUge : a >= b;
    case kOlt:
    case kFUlt:
      return unordered ? predicate == kFUlt : a < b;
    case kOle:
    case kFUle:
      return unordered ? predicate == kFUle : a <= b;
    case kOne:
    case kUne:
      return unordered ? predicate == kUne : a != b;
    case kOrd:
      return !unordered;
    case kUno:
      return unordered;
    default:
      return 1;
  }
}

static long cast(int sub, int to, int from, long value) {
  const int width = scalar_width(from);
  switch (sub) {
    case kExtendUnsigned:
    case kIndexCastUnsigned:
      return canonical((long)low_bits(value, width), to);
    case kSignedToFloat:
    case kUnsignedToFloat: {
      const int is_unsigned = sub == kUnsignedToFloat;
      const Integer integer =
          integer_of(is_unsigned ? (long)low_bits(value, width) : sign_extend(value, width), is_unsigned);
      if (to == kScalarF32) return (long)(ulong)as_uint(integer_to_f32(integer, kRint));
      return (long)integer_to_small(integer, to == kScalarF16 ? kF16 : kBf16, kRint, 0);
    }
    case kFloatToSigned:
    case kFloatToUnsigned:
      return canonical(fit_integer(f32_to_integer(scalar_to_f32(value, from), kTrunc), scalar_width(to),
                                   sub == kFloatToSigned, 1),
                       to);
    case kFloatToFloat:
      return f32_to_scalar(scalar_to_f32(value, from), to);
    case kBitcast:
      return canonical(value, to);
    default:
      return canonical(sign_extend(value, width), to);
  }
}

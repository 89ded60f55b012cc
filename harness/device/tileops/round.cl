// Rounding, in integer arithmetic on bit patterns. A float is sign * significand * 2^exponent with an integer
// significand; to round it to a coarser quantum is to drop low bits of the significand and perhaps add one.

// 1 when the kept part grows by one unit. `rest` are the dropped bits, `midpoint` half a unit.
static ulong round_up(ulong kept, ulong rest, ulong midpoint, int negative, int mode) {
  switch (mode) {
    case kRint:
      return rest > midpoint || (rest == midpoint && (kept & 1));
    case kRound:
      return rest >= midpoint;
    case kFloor:
      return negative && rest != 0;
    case kCeil:
      return !negative && rest != 0;
    case kOdd:
      return rest != 0 && !(kept & 1);
    default:
      return 0;
  }
}

// The same for significands of 32 bits.
static uint round_up_32(uint kept, uint rest, uint midpoint, uint negative, int mode) {
  switch (mode) {
    case kRint:
      return rest > midpoint || (rest == midpoint && (kept & 1u));
    case kRound:
      return rest >= midpoint;
    case kFloor:
      return negative && rest != 0;
    case kCeil:
      return !negative && rest != 0;
    case kOdd:
      return rest != 0 && !(kept & 1u);
    default:
      return 0;
  }
}

// bf16 has the exponent range of f32, so its quantum is always 16 bits of the pattern, subnormals included, and a carry
// out of the significand is the next exponent.
static uint f32_to_bf16(uint bits, int mode, int saturate) {
  const uint magnitude = bits & 0x7fffffffu;
  const uint sign = (bits >> 16) & 0x8000u;
  const uint kept = magnitude >> 16;
  uint result = kept + round_up_32(kept, magnitude & 0xffffu, 0x8000u, sign, mode);
  if (saturate && result >= 0x7f80u) result = 0x7f7fu;
  return sign | (magnitude > 0x7f800000u ? 0x7fc0u : result);
}

// f16: 11 bits of significand down to 2^-14, below that the quantum stays 2^-24.
static uint f32_to_f16(uint bits, int mode, int saturate) {
  const uint magnitude = bits & 0x7fffffffu;
  const uint sign = (bits >> 16) & 0x8000u;
  const uint field = magnitude >> 23;
  const uint exponent = max(field, 1u);  // of the significand's unit 2^-23, biased by 127
  const uint significand = (magnitude & 0x7fffffu) | (field ? 0x800000u : 0u);
  const uint shift = exponent >= 113u ? 13u : min(126u - exponent, 31u);
  const uint kept = significand >> shift;
  const uint rest = significand & ((1u << shift) - 1u);
  const uint exponent_part = exponent >= 113u ? (exponent - 113u) << 10 : 0u;
  uint result = exponent_part + kept + round_up_32(kept, rest, 1u << (shift - 1u), sign, mode);
  if (result >= 0x7c00u) {  // beyond the largest finite value: to infinity when the mode rounds away from zero
    const int away = mode == kRint || mode == kRound || (mode == kFloor && sign) || (mode == kCeil && !sign) ||
                     magnitude == 0x7f800000u;
    result = away && !saturate ? 0x7c00u : 0x7bffu;
  }
  return sign | (magnitude > 0x7f800000u ? 0x7e00u : result);
}

static float f16_to_f32(uint bits) {
  const uint magnitude = bits & 0x7fffu;
  const uint sign = (bits & 0x8000u) << 16;
  const uint normal = (magnitude << 13) + (112u << 23);
  const uint special = (magnitude << 13) | 0x7f800000u;
  const uint subnormal = as_uint((float)magnitude * 0x1p-24f);
  return as_float(sign | (magnitude >= 0x7c00u ? special : magnitude >= 0x400u ? normal : subnormal));
}

static float bf16_to_f32(uint bits) { return as_float(bits << 16); }

// To the integral value the mode names, as f32; values of 2^23 and beyond are integral.
static float round_to_integral(float value, int mode) {
  const uint bits = as_uint(value);
  const uint magnitude = bits & 0x7fffffffu;
  const uint field = magnitude >> 23;
  if (field >= 150u) return value;
  const uint significand = (magnitude & 0x7fffffu) | (field ? 0x800000u : 0u);
  const uint shift = min(150u - max(field, 1u), 31u);
  const uint kept = significand >> shift;
  const uint rest = significand & ((1u << shift) - 1u);
  const uint whole = kept + round_up_32(kept, rest, 1u << (shift - 1u), bits >> 31, mode);
  return as_float((bits & 0x80000000u) | as_uint((float)whole));
}

// An integer as sign and magnitude; `beyond` when the magnitude has bits above 2^63, of which only those below are kept.
typedef struct {
  ulong magnitude;
  int negative;
  int beyond;
  int nan;
} Integer;

static Integer f32_to_integer(float value, int mode) {
  const uint bits = as_uint(value);
  const uint magnitude = bits & 0x7fffffffu;
  const uint field = magnitude >> 23;
  Integer result;
  result.negative = (int)(bits >> 31);
  result.nan = magnitude > 0x7f800000u;
  result.beyond = 0;
  const ulong significand = (magnitude & 0x7fffffu) | (field ? 0x800000u : 0u);
  if (field >= 150u) {
    const uint shift = field - 150u;
    result.beyond = shift > 40u;
    result.magnitude = shift < 64u && magnitude < 0x7f800000u ? significand << shift : 0;
  } else {
    const uint shift = min(150u - max(field, 1u), 31u);
    const ulong kept = significand >> shift;
    const ulong rest = significand & (((ulong)1 << shift) - 1);
    result.magnitude = kept + round_up(kept, rest, (ulong)1 << (shift - 1u), result.negative, mode);
  }
  return result;
}

// Bits of the integer in `width` bits: clamped to the range, or its low bits. NaN gives 0.
static long fit_integer(Integer value, int width, int is_signed, int saturate) {
  if (value.nan) return 0;
  if (saturate) {
    const ulong top = is_signed ? ((ulong)1 << (width - 1)) - 1 : width == 64 ? ~(ulong)0 : ((ulong)1 << width) - 1;
    const ulong bottom = is_signed ? top + 1 : 0;  // magnitude of the least value
    const ulong limit = value.negative ? bottom : top;
    if (value.beyond || value.magnitude > limit) value.magnitude = limit;
  }
  return (long)(value.negative ? (ulong)0 - value.magnitude : value.magnitude);
}

static Integer integer_of(long value, int is_unsigned) {
  Integer result;
  result.negative = !is_unsigned && value < 0;
  result.magnitude = result.negative ? (ulong)0 - (ulong)value : (ulong)value;
  result.beyond = 0;
  result.nan = 0;
  return result;
}

static float integer_to_f32(Integer value, int mode) {
  if (value.magnitude == 0) return 0.0f;
  const int top = 63 - (int)clz(value.magnitude);
  uint kept = (uint)(top <= 23 ? value.magnitude << (23 - top) : value.magnitude >> (top - 23));
  if (top > 23) {
    const int shift = top - 23;
    const ulong rest = value.magnitude & (((ulong)1 << shift) - 1);
    kept += (uint)round_up(kept, rest, (ulong)1 << (shift - 1), value.negative, mode);
  }
  // A carry out of 24 bits falls into the exponent field and leaves a significand of zero, as it should.
  return as_float(((uint)value.negative << 31) + ((uint)(top + 126) << 23) + kept);
}

// To f16 or bf16. The f32 on the way is rounded to odd: with at least two spare bits the second rounding then gives
// what one rounding of the exact value would (Boldo, Melquiond: Emulation of FMA and correctly rounded sums, 2008).
static uint integer_to_small(Integer value, int element, int mode, int saturate) {
  const uint bits = as_uint(integer_to_f32(value, kOdd));
  return element == kF16 ? f32_to_f16(bits, mode, saturate) : f32_to_bf16(bits, mode, saturate);
}

// What leaves the accumulator: conversion, quantisation and ReLU of the fixpipe (pto-isa 2.7).

// The f32 in f16 or bf16, beyond the largest value that value.
static long narrowed(float value, int to) {
  return (long)(to == kF16 ? f32_to_f16(as_uint(value), kRint, 1) : f32_to_bf16(as_uint(value), kRint, 1));
}

// Times the scale, to nine bits, plus the offset, to eight.
static long to_byte(float value, float scale, ulong word) {
  const float product = value * scale;
  const long offset = (long)(word << 18) >> 55;
  const int is_signed = (int)(word >> 46 & 1);
  const Integer nearest = f32_to_integer(clamp(product, -256.0f, 255.0f), kRint);
  const long whole = isnan(product) ? 0 : nearest.negative ? -(long)nearest.magnitude : (long)nearest.magnitude;
  return clamp(whole + offset, is_signed ? -128L : 0L, is_signed ? 127L : 255L);
}

// ReLU comes first. The shift field counts from one [assumed].
static long through_fixpipe(int mode, int from, int to, long bits, ulong word, int relu) {
  const float scale = as_float((uint)word & 0xffffe000u);
  int integer = (int)bits;
  float real = as_float((uint)bits);
  if (from == kElementI32) {
    if (relu && integer < 0) integer = 0;
    real = integer_to_f32(integer_of(integer, 0), kRint);
  } else if (relu && real <= 0.0f) {
    real = 0.0f;
  }
  switch (mode) {
    case kFixNarrow:
      return narrowed(real, to);
    case kFixScale:
      return narrowed(real * scale, to);
    case kFixByte:
      return to_byte(real, scale, word);
    case kFixShift:
      return clamp(integer >> ((int)(word >> 32 & 15) + 1), -32768, 32767);
    case kFixWiden:
      return (long)(ulong)as_uint(from == kF16 ? f16_to_f32((uint)bits) : bf16_to_f32((uint)bits));
    default:
      return from == kElementI32 ? (long)integer : (long)(ulong)as_uint(real);
  }
}

// A chunk of a row in another element type: mode P0, ReLU P1; the parameter is none, register `slot`, or the word of the
// column in the tile there.
static void convert_chunk(Agent* agent, const __global int* w, int kind, int slot, int from, int to, long col, int n,
                          long* bits) {
  if (w[kWordP0] == kFixNone && !w[kWordP1]) return;
  for (int k = 0; k < n; ++k) {
    long word = 0;
    if (kind == kParameterScalar) word = agent->registers[slot];
    if (kind == kParameterTile) {
      const Tile words = load_tile(agent, slot);
      load_bits(agent, &words, 0, col + k, 0, 1, 1, &word);
    }
    bits[k] = through_fixpipe(w[kWordP0], from, to, bits[k], (ulong)word, w[kWordP1]);
  }
}

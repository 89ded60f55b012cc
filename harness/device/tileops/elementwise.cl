// Binary elementwise ops over the destination's valid rectangle (pto-format 3.3), in tile, scalar and expanded forms.
//
// f16 and bf16 are computed in f32 and rounded once more. That is the correctly rounded result: f32's 24 bits are at
// least twice the format's precision plus two (11 and 8 bits), where double rounding of + - * / and square root is
// innocuous (Figueroa, When is double rounding innocuous?, 1995). Below the formats' normal range sums are exact in
// f32; products have at most 22 bits, so f32 holds them exactly down to 2^-149 and what is smaller lies under half of
// the least bf16; quotients stay further from a midpoint than the f32 error: with an 11 bit divisor by 2^-11 of the
// quantum, against 2^-16 of it or less.

// IEEE 754-2019 maximum and minimum: NaN wins, and +0 is greater than -0.
static float float_max(float a, float b) {
  if (isnan(a) || isnan(b)) return as_float(0x7fc00000u);
  if (a == b) return as_float(as_uint(a) & as_uint(b));
  return a > b ? a : b;
}
static float float_min(float a, float b) {
  if (isnan(a) || isnan(b)) return as_float(0x7fc00000u);
  if (a == b) return as_float(as_uint(a) | as_uint(b));
  return a < b ? a : b;
}

static void binary_floats(int sub, int n, const float* a, const float* b, float* out) {
  switch (sub) {
    case kBinaryAdd:
      for (int k = 0; k < n; ++k) out[k] = a[k] + b[k];
      break;
    case kBinarySub:
      for (int k = 0; k < n; ++k) out[k] = a[k] - b[k];
      break;
    case kBinaryMul:
      for (int k = 0; k < n; ++k) out[k] = a[k] * b[k];
      break;
    case kBinaryDiv:
      for (int k = 0; k < n; ++k) out[k] = a[k] / b[k];
      break;
    case kBinaryMax:
      for (int k = 0; k < n; ++k) out[k] = float_max(a[k], b[k]);
      break;
    case kBinaryMin:
      for (int k = 0; k < n; ++k) out[k] = float_min(a[k], b[k]);
      break;
    case kBinaryFmod:
      for (int k = 0; k < n; ++k) out[k] = fmod(a[k], b[k]);
      break;
    case kBinaryRem:
      for (int k = 0; k < n; ++k) {
        const float rest = fmod(a[k], b[k]);
        out[k] = rest != 0.0f && signbit(rest) != signbit(b[k]) ? rest + b[k] : rest;
      }
      break;
    case kBinaryPow:
      for (int k = 0; k < n; ++k) out[k] = pow(a[k], b[k]);
      break;
    case kBinaryLeaky:
      for (int k = 0; k < n; ++k) out[k] = a[k] > 0.0f ? a[k] : a[k] * b[k];
      break;
    case kBinaryExpDif:
      for (int k = 0; k < n; ++k) out[k] = exp(a[k] - b[k]);
      break;
    case kBinaryAddRelu:
      for (int k = 0; k < n; ++k) out[k] = float_max(a[k] + b[k], 0.0f);
      break;
    default:
      for (int k = 0; k < n; ++k) out[k] = float_max(a[k] - b[k], 0.0f);
  }
}

// Integers have no result for some second operands: a fault.
static int defined_for(Agent* agent, int sub, int n, int width, const long* a, const long* b) {
  for (int k = 0; k < n; ++k) {
    if ((sub == kBinaryFmod || sub == kBinaryRem) && b[k] == 0) {
      raise_fault(agent, kFaultDivision, a[k], 0, 0, 0);
      return 0;
    }
    if ((sub == kBinaryShiftLeft || sub == kBinaryShiftRight) && (b[k] < 0 || b[k] >= width)) {
      raise_fault(agent, kFaultShift, b[k], width, 0, 0);
      return 0;
    }
  }
  return 1;
}

static long integer_remainder(int sub, long a, long b) {
  const long rest = b == -1 ? 0 : a % b;
  return sub == kBinaryRem && rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

// Integers wrap in the element's width: the low bits of a sum, difference or product are those of the 64-bit one.
static void binary_integers(int sub, int n, const long* a, const long* b, long* out) {
  switch (sub) {
    case kBinaryAdd:
      for (int k = 0; k < n; ++k) out[k] = (long)((ulong)a[k] + (ulong)b[k]);
      break;
    case kBinarySub:
      for (int k = 0; k < n; ++k) out[k] = (long)((ulong)a[k] - (ulong)b[k]);
      break;
    case kBinaryMul:
      for (int k = 0; k < n; ++k) out[k] = (long)((ulong)a[k] * (ulong)b[k]);
      break;
    case kBinaryMax:
      for (int k = 0; k < n; ++k) out[k] = max(a[k], b[k]);
      break;
    case kBinaryMin:
      for (int k = 0; k < n; ++k) out[k] = min(a[k], b[k]);
      break;
    case kBinaryAnd:
      for (int k = 0; k < n; ++k) out[k] = a[k] & b[k];
      break;
    case kBinaryOr:
      for (int k = 0; k < n; ++k) out[k] = a[k] | b[k];
      break;
    case kBinaryXor:
      for (int k = 0; k < n; ++k) out[k] = a[k] ^ b[k];
      break;
    case kBinaryShiftLeft:
      for (int k = 0; k < n; ++k) out[k] = (long)((ulong)a[k] << b[k]);
      break;
    case kBinaryShiftRight:
      for (int k = 0; k < n; ++k) out[k] = a[k] >> b[k];
      break;
    case kBinaryFmod:
    case kBinaryRem:
      for (int k = 0; k < n; ++k) out[k] = integer_remainder(sub, a[k], b[k]);
      break;
    case kBinaryAddRelu:
      for (int k = 0; k < n; ++k) out[k] = max((long)((ulong)a[k] + (ulong)b[k]), 0L);
      break;
    default:
      for (int k = 0; k < n; ++k) out[k] = max((long)((ulong)a[k] - (ulong)b[k]), 0L);
  }
}

static Source operand(Agent* agent, int slot, int mode, int element) {
  return mode == kFromScalar ? scalar_source(agent, slot, element) : tile_source(agent, slot, mode);
}

static int has_shape(const Tile* t, const Tile* like) {
  return t->valid_rows == like->valid_rows && t->valid_cols == like->valid_cols;
}

// How a per-row operand supplies its scalars: one column-major column, or a row-major 32
// byte block per row (pto-format 3.3).
static int expansion_of(const Tile* t) {
  if (is_boxed(t)) return kNone;
  if (t->column_major) return t->valid_cols == 1 ? kFromRow : kNone;
  return t->valid_cols == 32 / t->bytes ? kFromBlock : kNone;
}

// Row expansions: the operand without the destination's valid shape is the expanded one; src1 when both have it.
static int resolve_expansion(Agent* agent, Source* a, Source* b, const Tile* d) {
  const int a_full = has_shape(&a->tile, d), b_full = has_shape(&b->tile, d);
  if (a_full && expansion_of(&b->tile) != kNone) {
    b->mode = expansion_of(&b->tile);
    a->mode = kSameElement;
  } else if (b_full && expansion_of(&a->tile) != kNone) {
    a->mode = expansion_of(&a->tile);
    b->mode = kSameElement;
  } else if (d->valid_rows > 0 && d->valid_cols > 0) {
    raise_fault(agent, kFaultExpand, a->tile.valid_rows, a->tile.valid_cols, b->tile.valid_rows, b->tile.valid_cols);
    return 0;
  }
  return 1;
}

// RunOptions::contract_fma: a product that the next instruction adds to or subtracts from `addend` is contracted as a
// compiler would across the two statements. The product itself is stored rounded all the same; the contracted sum waits
// in the fuse area for the consumer. Not done where the product's store would change the addend.
static int fuse_addend(Agent* agent, const __global int* w, const Tile* d, Source* addend) {
  agent->state[kStateFused] = 0;
  if (w[kWordFuse] == kFuseNone || w[kWordFuse] == kFuseConsumer || d->element != kF32) return 0;
  const __global int* next = w + kWordsPerInstruction;
  const Tile sum = load_tile(agent, next[kWordD]);
  const int slot = w[kWordFuse] == kFuseSubtractFrom || next[kWordB] == w[kWordD] ? next[kWordA] : next[kWordB];
  *addend = tile_source(agent, slot, kSameElement);
  const Tile* c = &addend->tile;
  return has_shape(&sum, d) && c->rows >= d->valid_rows && c->cols >= d->valid_cols &&
         !overlap(c, d->valid_rows, d->valid_cols, d, d->valid_rows, d->valid_cols);
}

static void fused_floats(int fuse, int n, const float* a, const float* b, const float* c, float* out) {
  switch (fuse) {
    case kFuseAdd:
      for (int k = 0; k < n; ++k) out[k] = fma(a[k], b[k], c[k]);
      break;
    case kFuseSubtract:
      for (int k = 0; k < n; ++k) out[k] = fma(a[k], b[k], -c[k]);
      break;
    default:
      for (int k = 0; k < n; ++k) out[k] = fma(-a[k], b[k], c[k]);
  }
}

// The consumer of a fused pair takes the waiting result.
static int take_fused(Agent* agent, const __global int* w, const Tile* d) {
  if (w[kWordFuse] != kFuseConsumer || !agent->state[kStateFused]) return 0;
  const Tile waiting = dense_tile(*d, agent->fuse, d->element);
  unstage(agent, &waiting, d);
  return 1;
}

static void binary(Agent* agent, const __global int* w) {
  const Tile d = load_tile(agent, w[kWordD]);
  if (take_fused(agent, w, &d)) return;
  Source a = operand(agent, w[kWordA], w[kWordE], d.element);
  Source b = operand(agent, w[kWordB], w[kWordF], d.element);
  if (w[kWordE] == kExpandedRow && !resolve_expansion(agent, &a, &b, &d)) return;
  if (!covers(agent, &a, d.valid_rows, d.valid_cols) || !covers(agent, &b, d.valid_rows, d.valid_cols)) return;
  const int staged = needs_stage(&a, &d) || needs_stage(&b, &d);
  const Tile out = staged ? dense_tile(d, agent->stage, d.element) : d;
  Source addend;
  const int fused = fuse_addend(agent, w, &d, &addend);
  const Tile fuse_area = dense_tile(d, agent->fuse, d.element);
  FOR_LANE_CHUNKS(index, d.valid_rows, d.valid_cols) {
    const Chunk c = chunk_at(index, d.valid_cols);
    if (is_float_element(d.element)) {
      float x[ASSAY_CHUNK], y[ASSAY_CHUNK], z[ASSAY_CHUNK];
      source_floats(agent, &a, c, x);
      source_floats(agent, &b, c, y);
      if (fused) {
        float third[ASSAY_CHUNK];
        source_floats(agent, &addend, c, third);
        fused_floats(w[kWordFuse], c.count, x, y, third, z);
        store_floats(agent, &fuse_area, c.row, c.col, c.count, z);
      }
      binary_floats(w[kWordSub], c.count, x, y, z);
      store_floats(agent, &out, c.row, c.col, c.count, z);
    } else {
      long x[ASSAY_CHUNK], y[ASSAY_CHUNK], z[ASSAY_CHUNK];
      source_bits(agent, &a, c, x);
      source_bits(agent, &b, c, y);
      if (w[kWordSub] > kBinaryXor && !defined_for(agent, w[kWordSub], c.count, d.bytes * 8, x, y)) return;
      binary_integers(w[kWordSub], c.count, x, y, z);
      store_bits(agent, &out, c.row, c.col, c.count, z);
    }
  }
  if (fused) agent->state[kStateFused] = 1;
  if (staged) unstage(agent, &out, &d);
}

// ---- three operands: each step rounds to the element's type

static float rounded_to(float value, int element) {
  if (element == kF16) return f16_to_f32(f32_to_f16(as_uint(value), kRint, 0));
  if (element == kBf16) return bf16_to_f32(f32_to_bf16(as_uint(value), kRint, 0));
  return value;
}

static void ternary_floats(int sub, int element, int n, const float* a, const float* b, const float* c, float* out) {
  for (int k = 0; k < n; ++k) {
    const float first = sub == kTernaryAdd ? a[k] + b[k] : sub == kTernarySub ? a[k] - b[k] : a[k] * b[k];
    const float result = rounded_to(first, element) + c[k];
    out[k] = sub == kTernaryMultiplyAddRelu ? float_max(result, 0.0f) : result;
  }
}

// D = (A + B) + C, (A - B) + C or A * B + C.
static void ternary(Agent* agent, const __global int* w) {
  const Tile d = load_tile(agent, w[kWordD]);
  const Source a = operand(agent, w[kWordA], w[kWordE], d.element);
  const Source b = operand(agent, w[kWordB], w[kWordF], d.element);
  const Source c = tile_source(agent, w[kWordC], kSameElement);
  const long rows = d.valid_rows, cols = d.valid_cols;
  if (!covers(agent, &a, rows, cols) || !covers(agent, &b, rows, cols) || !covers(agent, &c, rows, cols)) return;
  const int staged = needs_stage(&a, &d) || needs_stage(&b, &d) || needs_stage(&c, &d);
  const Tile out = staged ? dense_tile(d, agent->stage, d.element) : d;
  FOR_LANE_CHUNKS(index, rows, cols) {
    const Chunk part = chunk_at(index, cols);
    if (is_float_element(d.element)) {
      float x[ASSAY_CHUNK], y[ASSAY_CHUNK], z[ASSAY_CHUNK];
      source_floats(agent, &a, part, x);
      source_floats(agent, &b, part, y);
      source_floats(agent, &c, part, z);
      ternary_floats(w[kWordSub], d.element, part.count, x, y, z, z);
      store_floats(agent, &out, part.row, part.col, part.count, z);
    } else {
      long x[ASSAY_CHUNK], y[ASSAY_CHUNK], z[ASSAY_CHUNK];
      source_bits(agent, &a, part, x);
      source_bits(agent, &b, part, y);
      source_bits(agent, &c, part, z);
      binary_integers(w[kWordSub] == kTernarySub ? kBinarySub : kBinaryAdd, part.count, x, y, x);
      binary_integers(kBinaryAdd, part.count, x, z, x);
      store_bits(agent, &out, part.row, part.col, part.count, x);
    }
  }
  if (staged) unstage(agent, &out, &d);
}

// ---- operands of different valid shapes: where one alone has an element, that is the result (isa 2.3)

static int count_in(const Tile* t, Chunk c) {
  return c.row < t->valid_rows ? (int)clamp(t->valid_cols - c.col, 0L, (long)c.count) : 0;
}

// Where neither operand has an element the destination keeps its own.
static void partial(Agent* agent, const __global int* w) {
  const Tile d = load_tile(agent, w[kWordD]);
  const Tile a = load_tile(agent, w[kWordA]);
  const Tile b = load_tile(agent, w[kWordB]);
  const int staged = (overlap(&a, a.valid_rows, a.valid_cols, &d, d.valid_rows, d.valid_cols) && !same_elements(&a, &d)) ||
                     (overlap(&b, b.valid_rows, b.valid_cols, &d, d.valid_rows, d.valid_cols) && !same_elements(&b, &d));
  const Tile out = staged ? dense_tile(d, agent->stage, d.element) : d;
  FOR_LANE_CHUNKS(index, d.valid_rows, d.valid_cols) {
    const Chunk c = chunk_at(index, d.valid_cols);
    const int with_a = count_in(&a, c), with_b = count_in(&b, c), both = min(with_a, with_b);
    long result[ASSAY_CHUNK], other[ASSAY_CHUNK];
    load_bits(agent, &d, c.row, c.col, 0, 1, c.count, result);
    if (is_float_element(d.element)) {
      float x[ASSAY_CHUNK], y[ASSAY_CHUNK];
      load_floats(agent, &a, c.row, c.col, 0, 1, both, x);
      load_floats(agent, &b, c.row, c.col, 0, 1, both, y);
      binary_floats(w[kWordSub], both, x, y, x);
      for (int k = 0; k < both; ++k) {
        const uint bits = as_uint(x[k]);
        result[k] = (long)(ulong)(d.element == kF32   ? bits
                                  : d.element == kF16 ? f32_to_f16(bits, kRint, 0)
                                                      : f32_to_bf16(bits, kRint, 0));
      }
    } else {
      load_bits(agent, &a, c.row, c.col, 0, 1, both, result);
      load_bits(agent, &b, c.row, c.col, 0, 1, both, other);
      binary_integers(w[kWordSub], both, result, other, result);
    }
    const Tile* longer = with_a > with_b ? &a : &b;
    const int most = max(with_a, with_b);
    if (most > both) load_bits(agent, longer, c.row, c.col + both, 0, 1, most - both, result + both);
    store_bits(agent, &out, c.row, c.col, c.count, result);
  }
  if (staged) unstage(agent, &out, &d);
}

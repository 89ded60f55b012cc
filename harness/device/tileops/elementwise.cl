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
    default:
      for (int k = 0; k < n; ++k) out[k] = float_min(a[k], b[k]);
  }
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
    default:
      for (int k = 0; k < n; ++k) out[k] = min(a[k], b[k]);
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
      binary_integers(w[kWordSub], c.count, x, y, z);
      store_bits(agent, &out, c.row, c.col, c.count, z);
    }
  }
  if (fused) agent->state[kStateFused] = 1;
  if (staged) unstage(agent, &out, &d);
}

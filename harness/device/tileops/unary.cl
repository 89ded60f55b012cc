// Unary elementwise ops over the destination's valid rectangle (pto-format 3.3). exp, log and rsqrt are the device's
// own; the profile bounds them.

static void unary_floats(int sub, int n, const float* a, float* out) {
  switch (sub) {
    case kUnaryNeg:
      for (int k = 0; k < n; ++k) out[k] = as_float(as_uint(a[k]) ^ 0x80000000u);
      break;
    case kUnaryAbs:
      for (int k = 0; k < n; ++k) out[k] = as_float(as_uint(a[k]) & 0x7fffffffu);
      break;
    case kUnaryRelu:
      for (int k = 0; k < n; ++k) out[k] = float_max(a[k], 0.0f);
      break;
    case kUnaryExp:
      for (int k = 0; k < n; ++k) out[k] = exp(a[k]);
      break;
    case kUnaryLog:
      for (int k = 0; k < n; ++k) out[k] = log(a[k]);
      break;
    case kUnarySqrt:
      for (int k = 0; k < n; ++k) out[k] = sqrt(a[k]);
      break;
    case kUnaryRecip:
      for (int k = 0; k < n; ++k) out[k] = 1.0f / a[k];
      break;
    default:
      for (int k = 0; k < n; ++k) out[k] = rsqrt(a[k]);
  }
}

static void unary_integers(int sub, int n, const long* a, long* out) {
  switch (sub) {
    case kUnaryNeg:
      for (int k = 0; k < n; ++k) out[k] = (long)((ulong)0 - (ulong)a[k]);
      break;
    case kUnaryAbs:
      for (int k = 0; k < n; ++k) out[k] = a[k] < 0 ? (long)((ulong)0 - (ulong)a[k]) : a[k];
      break;
    case kUnaryNot:
      for (int k = 0; k < n; ++k) out[k] = ~a[k];
      break;
    default:
      for (int k = 0; k < n; ++k) out[k] = max(a[k], 0L);
  }
}

static void unary(Agent* agent, const __global int* w) {
  const Tile d = load_tile(agent, w[kWordD]);
  const Source a = tile_source(agent, w[kWordA], kSameElement);
  if (!covers(agent, &a, d.valid_rows, d.valid_cols)) return;
  const int staged = needs_stage(&a, &d);
  const Tile out = staged ? dense_tile(d, agent->stage, d.element) : d;
  FOR_LANE_CHUNKS(index, d.valid_rows, d.valid_cols) {
    const Chunk c = chunk_at(index, d.valid_cols);
    if (is_float_element(d.element)) {
      float x[ASSAY_CHUNK], z[ASSAY_CHUNK];
      source_floats(agent, &a, c, x);
      unary_floats(w[kWordSub], c.count, x, z);
      store_floats(agent, &out, c.row, c.col, c.count, z);
    } else {
      long x[ASSAY_CHUNK], z[ASSAY_CHUNK];
      source_bits(agent, &a, c, x);
      unary_integers(w[kWordSub], c.count, x, z);
      store_bits(agent, &out, c.row, c.col, c.count, z);
    }
  }
  if (staged) unstage(agent, &out, &d);
}

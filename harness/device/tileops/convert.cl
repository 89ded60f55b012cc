// tcvt (pto-isa 2.6): Sub is the mathematical mode, P0 whether to saturate; what was written has been resolved through
// the profile when the program was lowered.

static int element_width(int element) { return element_bytes(element) * 8; }
static int is_signed_element(int element) {
  return element == kElementI8 || element == kElementI16 || element == kElementI32 || element == kElementI64;
}

static void convert_floats(int from, int to, int mode, int saturate, int n, const float* a, long* out) {
  switch (to) {
    case kF32:
      if (from == kF32)
        for (int k = 0; k < n; ++k) out[k] = (long)(ulong)as_uint(round_to_integral(a[k], mode));
      else
        for (int k = 0; k < n; ++k) out[k] = (long)(ulong)as_uint(a[k]);
      break;
    case kF16:
      for (int k = 0; k < n; ++k) out[k] = (long)(ulong)f32_to_f16(as_uint(a[k]), mode, saturate);
      break;
    case kBf16:
      for (int k = 0; k < n; ++k) out[k] = (long)(ulong)f32_to_bf16(as_uint(a[k]), mode, saturate);
      break;
    default:
      for (int k = 0; k < n; ++k)
        out[k] = fit_integer(f32_to_integer(a[k], mode), element_width(to), is_signed_element(to), saturate);
  }
}

static void convert_integers(int from, int to, int mode, int saturate, int n, const long* a, long* out) {
  const int is_unsigned = !is_signed_element(from);
  switch (to) {
    case kF32:
      for (int k = 0; k < n; ++k) out[k] = (long)(ulong)as_uint(integer_to_f32(integer_of(a[k], is_unsigned), mode));
      break;
    case kF16:
    case kBf16:
      for (int k = 0; k < n; ++k)
        out[k] = (long)(ulong)integer_to_small(integer_of(a[k], is_unsigned), to, mode, saturate);
      break;
    default:
      for (int k = 0; k < n; ++k)
        out[k] = fit_integer(integer_of(a[k], is_unsigned), element_width(to), is_signed_element(to), saturate);
  }
}

static void convert_tile(Agent* agent, const __global int* w) {
  const Tile d = load_tile(agent, w[kWordD]);
  const Source a = tile_source(agent, w[kWordA], kSameElement);
  if (!covers(agent, &a, d.valid_rows, d.valid_cols)) return;
  const int staged = needs_stage(&a, &d);
  const Tile out = staged ? dense_tile(d, agent->stage, d.element) : d;
  FOR_LANE_CHUNKS(index, d.valid_rows, d.valid_cols) {
    const Chunk c = chunk_at(index, d.valid_cols);
    long bits[ASSAY_CHUNK], result[ASSAY_CHUNK];
    float values[ASSAY_CHUNK];
    if (is_float_element(a.tile.element)) {
      source_floats(agent, &a, c, values);
      convert_floats(a.tile.element, d.element, w[kWordSub], w[kWordP0], c.count, values, result);
    } else {
      source_bits(agent, &a, c, bits);
      convert_integers(a.tile.element, d.element, w[kWordSub], w[kWordP0], c.count, bits, result);
    }
    store_bits(agent, &out, c.row, c.col, c.count, result);
  }
  if (staged) unstage(agent, &out, &d);
}

// Comparisons that write packed masks, selections that read them (pto-isa 2.3): element (i, j) is bit j mod 8 of byte
// j / 8 of the mask's row i. Masks are row-major; bits behind the last column are 0.

static int holds(int mode, int less, int equal, int greater) {
  switch (mode) {
    case kCompareEq:
      return equal;
    case kCompareNe:
      return !equal;
    case kCompareLt:
      return less;
    case kCompareLe:
      return less || equal;
    case kCompareGt:
      return greater;
    default:
      return greater || equal;
  }
}

// The mask's rows have the bytes for `cols` elements; a fault otherwise.
static int mask_covers(Agent* agent, const Tile* mask, long rows, long cols) {
  if (rows <= 0 || cols <= 0 || (mask->rows >= rows && mask->cols * mask->bytes >= (cols + 7) / 8)) return 1;
  raise_fault(agent, kFaultSourceBounds, rows, (cols + 7) / 8, mask->rows, mask->cols * mask->bytes);
  return 0;
}

static __global uchar* mask_row(Agent* agent, const Tile* mask, long row) {
  return agent->arena + element_address(mask, row, 0);
}

// D = A Sub B over A's valid rectangle.
static void compare_tile(Agent* agent, const __global int* w) {
  const Tile d = load_tile(agent, w[kWordD]);
  const Source a = tile_source(agent, w[kWordA], kSameElement);
  const Source b = operand(agent, w[kWordB], w[kWordF], a.tile.element);
  const long rows = a.tile.valid_rows, cols = a.tile.valid_cols, line = (cols + 7) / 8;
  if (d.valid_rows != rows) {
    raise_fault(agent, kFaultMask, d.valid_rows, rows, 0, 0);
    return;
  }
  if (!covers(agent, &b, rows, cols) || !mask_covers(agent, &d, rows, cols)) return;
  for (long index = agent->lane; index < rows * line; index += ASSAY_WIDTH) {
    Chunk c;
    c.row = index / line;
    c.col = index % line * 8;
    c.count = 1;
    uint byte = 0;
    const int n = (int)min(8L, cols - c.col);
    for (int k = 0; k < n; ++k) {
      int set;
      if (is_float_element(a.tile.element)) {
        float x, y;
        source_floats(agent, &a, c, &x);
        source_floats(agent, &b, c, &y);
        set = holds(w[kWordSub], x < y, x == y, x > y);
      } else {
        long x, y;
        source_bits(agent, &a, c, &x);
        source_bits(agent, &b, c, &y);
        set = holds(w[kWordSub], x < y, x == y, x > y);
      }
      byte |= (uint)set << k;
      ++c.col;
    }
    mask_row(agent, &d, c.row)[index % line] = (uchar)byte;
  }
}

// D = A's bit ? B : C.
static void select_tile(Agent* agent, const __global int* w) {
  const Tile d = load_tile(agent, w[kWordD]);
  const Tile mask = load_tile(agent, w[kWordA]);
  const Source b = operand(agent, w[kWordB], w[kWordE], d.element);
  const Source c = operand(agent, w[kWordC], w[kWordF], d.element);
  if (!mask_covers(agent, &mask, d.valid_rows, d.valid_cols) || !covers(agent, &b, d.valid_rows, d.valid_cols) ||
      !covers(agent, &c, d.valid_rows, d.valid_cols))
    return;
  const int staged = needs_stage(&b, &d) || needs_stage(&c, &d) ||
                     overlap(&mask, d.valid_rows, mask.cols, &d, d.valid_rows, d.valid_cols);
  const Tile out = staged ? dense_tile(d, agent->stage, d.element) : d;
  FOR_LANE_CHUNKS(index, d.valid_rows, d.valid_cols) {
    const Chunk part = chunk_at(index, d.valid_cols);
    const __global uchar* bits = mask_row(agent, &mask, part.row);
    long x[ASSAY_CHUNK], y[ASSAY_CHUNK];
    source_bits(agent, &b, part, x);
    source_bits(agent, &c, part, y);
    for (int k = 0; k < part.count; ++k) {
      const long col = part.col + k;
      if (!(bits[col / 8] >> (col % 8) & 1)) x[k] = y[k];
    }
    store_bits(agent, &out, part.row, part.col, part.count, x);
  }
  if (staged) unstage(agent, &out, &d);
}

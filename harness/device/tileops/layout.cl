// Ops that move elements unchanged: tmov, texpands, trowexpand, tcolexpand, ttrans, tconcat, tfillpad, tgather,
// tci.

// D = source through mode Sub. tmov between unboxed tiles of one layout moves whole 32 byte blocks (pto-isa 2.1): with
// P0 the extent along the major dimension grows to a block's end, as far as both tiles go.
static void move_tile(Agent* agent, const __global int* w) {
  Tile d = load_tile(agent, w[kWordD]);
  const Source s = operand(agent, w[kWordA], w[kWordSub], d.element);
  if (w[kWordP0] && d.valid_rows > 0 && d.valid_cols > 0) {
    const long block = 32 / d.bytes;
    if (d.column_major)
      d.valid_rows = max(d.valid_rows, min((d.valid_rows + block - 1) / block * block, min(d.rows, s.tile.rows)));
    else
      d.valid_cols = max(d.valid_cols, min((d.valid_cols + block - 1) / block * block, min(d.cols, s.tile.cols)));
  }
  if (!covers(agent, &s, d.valid_rows, d.valid_cols)) return;
  const int staged = needs_stage(&s, &d);
  const Tile out = staged ? dense_tile(d, agent->stage, d.element) : d;
  FOR_LANE_CHUNKS(index, d.valid_rows, d.valid_cols) {
    const Chunk c = chunk_at(index, d.valid_cols);
    long bits[ASSAY_CHUNK];
    source_bits(agent, &s, c, bits);
    store_bits(agent, &out, c.row, c.col, c.count, bits);
  }
  if (staged) unstage(agent, &out, &d);
}

// Source A's valid rectangle, then the pad value over the rest of the destination's valid rectangle (pto-format 3.1).
static void fill_pad(Agent* agent, const __global int* w) {
  const Tile d = load_tile(agent, w[kWordD]);
  const Source s = tile_source(agent, w[kWordA], kSameElement);
  const __global long* r = agent->registers + w[kWordD];
  if (!r[kTilePads]) {
    raise_fault(agent, kFaultNullPad, 0, 0, 0, 0);
    return;
  }
  const long rows = min(s.tile.valid_rows, d.valid_rows), cols = min(s.tile.valid_cols, d.valid_cols);
  const int staged = needs_stage(&s, &d);
  const Tile out = staged ? dense_tile(d, agent->stage, d.element) : d;
  FOR_LANE_CHUNKS(index, d.valid_rows, d.valid_cols) {
    const Chunk c = chunk_at(index, d.valid_cols);
    long bits[ASSAY_CHUNK];
    int kept = c.row < rows ? (int)clamp(cols - c.col, 0L, (long)c.count) : 0;
    Chunk head = c;
    head.count = kept;
    source_bits(agent, &s, head, bits);
    for (; kept < c.count; ++kept) bits[kept] = r[kTilePadValue];
    store_bits(agent, &out, c.row, c.col, c.count, bits);
  }
  if (staged) unstage(agent, &out, &d);
}

// D[lin] = A +- lin over the valid rectangle, row by row (pto-format 3.3).
static void iota(Agent* agent, const __global int* w) {
  const Tile d = load_tile(agent, w[kWordD]);
  const long start = agent->registers[w[kWordA]];
  FOR_LANE_CHUNKS(index, d.valid_rows, d.valid_cols) {
    const Chunk c = chunk_at(index, d.valid_cols);
    long bits[ASSAY_CHUNK];
    for (int k = 0; k < c.count; ++k) {
      const long linear = c.row * d.valid_cols + c.col + k;
      bits[k] = w[kWordSub] ? start - linear : start + linear;
    }
    store_bits(agent, &d, c.row, c.col, c.count, bits);
  }
}

// D[i, j] = A's element with the linear index B[i, j] (pto-format 3.3).
static void gather(Agent* agent, const __global int* w) {
  const Tile d = load_tile(agent, w[kWordD]);
  const Tile s = load_tile(agent, w[kWordA]);
  const Source indices = tile_source(agent, w[kWordB], kSameElement);
  if (!covers(agent, &indices, d.valid_rows, d.valid_cols)) return;
  const int staged = needs_stage(&indices, &d) || overlap(&s, s.rows, s.cols, &d, d.valid_rows, d.valid_cols);
  const Tile out = staged ? dense_tile(d, agent->stage, d.element) : d;
  FOR_LANE_CHUNKS(index, d.valid_rows, d.valid_cols) {
    const Chunk c = chunk_at(index, d.valid_cols);
    long bits[ASSAY_CHUNK];
    source_bits(agent, &indices, c, bits);
    for (int k = 0; k < c.count; ++k) {
      const __global uchar* p = linear_element(agent, &s, bits[k]);
      bits[k] = 0;
      if (p) load_bits_strided(p, s.element, 1, 1, bits + k);
    }
    store_bits(agent, &out, c.row, c.col, c.count, bits);
  }
  if (staged) unstage(agent, &out, &d);
}

// A's columns, then B's, as far as the destination's valid columns reach.
static void concat(Agent* agent, const __global int* w) {
  const Tile d = load_tile(agent, w[kWordD]);
  const Tile a = load_tile(agent, w[kWordA]);
  const Tile b = load_tile(agent, w[kWordB]);
  const long first = min(a.valid_cols, d.valid_cols);
  const long second = min(b.valid_cols, d.valid_cols - first);
  if (!source_covers(agent, &a, d.valid_rows, first) || !source_covers(agent, &b, d.valid_rows, second)) return;
  Tile joined = d;
  joined.valid_cols = first + second;
  const int staged = overlap(&a, d.valid_rows, first, &d, d.valid_rows, d.valid_cols) ||
                     overlap(&b, d.valid_rows, second, &d, d.valid_rows, d.valid_cols);
  const Tile out = staged ? dense_tile(joined, agent->stage, d.element) : d;
  FOR_LANE_CHUNKS(index, joined.valid_rows, joined.valid_cols) {
    const Chunk c = chunk_at(index, joined.valid_cols);
    long bits[ASSAY_CHUNK];
    const int head = (int)clamp(first - c.col, 0L, (long)c.count);
    load_bits(agent, &a, c.row, c.col, 0, 1, head, bits);
    load_bits(agent, &b, c.row, c.col + head - first, 0, 1, c.count - head, bits + head);
    store_bits(agent, &out, c.row, c.col, c.count, bits);
  }
  if (staged) unstage(agent, &out, &joined);
}

// D[i, j] = element j * P1 + P0 of A's row i, or of its column (Sub), as far as A's valid rectangle reaches: the mask
// form of tgather.
static void gather_pattern(Agent* agent, const __global int* w) {
  Tile d = load_tile(agent, w[kWordD]);
  Tile s = load_tile(agent, w[kWordA]);
  const long first = w[kWordP0], stride = w[kWordP1];
  if (w[kWordSub]) {
    d = transposed_tile(d);
    s = transposed_tile(s);
  }
  const long rows = min(d.valid_rows, s.valid_rows);
  const long cols = min(d.valid_cols, s.valid_cols > first ? (s.valid_cols - first - 1) / stride + 1 : 0);
  const int staged = overlap(&s, s.valid_rows, s.valid_cols, &d, d.valid_rows, d.valid_cols);
  Tile written = d;
  written.valid_rows = rows;
  written.valid_cols = cols;
  const Tile out = staged ? dense_tile(written, agent->stage, d.element) : d;
  FOR_LANE_CHUNKS(index, rows, cols) {
    const Chunk c = chunk_at(index, cols);
    long bits[ASSAY_CHUNK];
    for (int k = 0; k < c.count; ++k) load_bits(agent, &s, c.row, (c.col + k) * stride + first, 0, 1, 1, bits + k);
    store_bits(agent, &out, c.row, c.col, c.count, bits);
  }
  if (staged) unstage(agent, &out, &written);
}

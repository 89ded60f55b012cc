// Reductions along a row into one column (pto-isa 2.4). A sum is taken in chunks of P0 columns: inside a chunk eight
// interleaved partial sums are added pairwise, chunks are added in ascending order, so every order a profile with that
// chunk allows is kept; P0 = 1 adds strictly left to right. -0 is the neutral element: a row of -0 sums to -0.

static float sum_chunk(Agent* agent, const Tile* s, long row, long begin, long end) {
  float lanes[8];
  for (int i = 0; i < 8; ++i) lanes[i] = -0.0f;
  for (long col = begin; col < end; col += 8) {
    float x[8];
    const int n = (int)min(8L, end - col);
    load_floats(agent, s, row, col, 0, 1, n, x);
    for (int i = 0; i < n; ++i) lanes[i] = lanes[i] + x[i];
  }
  return ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
}

static float sum_row(Agent* agent, const Tile* s, long row, long chunk) {
  float total = s->valid_cols ? -0.0f : 0.0f;
  for (long begin = 0; begin < s->valid_cols; begin += chunk)
    total = total + sum_chunk(agent, s, row, begin, min(begin + chunk, s->valid_cols));
  return total;
}

static float max_row_floats(Agent* agent, const Tile* s, long row) {
  float best = -INFINITY;
  for (long col = 0; col < s->valid_cols; ++col) {
    float x;
    load_floats(agent, s, row, col, 0, 1, 1, &x);
    best = float_max(best, x);
  }
  return best;
}

static long max_row_integers(Agent* agent, const Tile* s, long row) {
  long best = LONG_MIN;
  for (long col = 0; col < s->valid_cols; ++col) {
    long x;
    load_bits(agent, s, row, col, 0, 1, 1, &x);
    best = max(best, x);
  }
  return best;
}

static void reduce_rows(Agent* agent, const __global int* w, int sum) {
  const Tile d = load_tile(agent, w[kWordD]);
  const Tile s = load_tile(agent, w[kWordA]);
  if (!source_covers(agent, &s, d.valid_rows, s.valid_cols) || d.valid_cols == 0) return;
  const int staged = overlap(&s, d.valid_rows, s.valid_cols, &d, d.valid_rows, d.valid_cols);
  Tile column = d;
  column.valid_cols = 1;
  const Tile out = staged ? dense_tile(column, agent->stage, d.element) : d;
  for (long row = agent->lane; row < d.valid_rows; row += ASSAY_WIDTH) {
    if (is_float_element(d.element)) {
      const float result = sum ? sum_row(agent, &s, row, w[kWordP0]) : max_row_floats(agent, &s, row);
      store_floats(agent, &out, row, 0, 1, &result);
    } else {
      const long result = max_row_integers(agent, &s, row);
      store_bits(agent, &out, row, 0, 1, &result);
    }
  }
  if (staged) unstage(agent, &out, &column);
}

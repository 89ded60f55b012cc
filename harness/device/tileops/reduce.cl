// Reductions of a row into one column and of a column into one row (pto-isa 2.4): the latter on transposed tiles. A sum
// is taken in chunks of P0 elements: inside a chunk eight interleaved partial sums are added pairwise, chunks are added
// in ascending order, so every order a profile with that chunk allows is kept; P0 = 1 adds strictly left to right. -0 is
// the neutral element: a line of -0 sums to -0. Products go from left to right.

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

static float reduce_floats(Agent* agent, const Tile* s, long row, int sub) {
  float result = sub == kReduceMax ? -INFINITY : sub == kReduceMin ? INFINITY : 1.0f;
  float x[ASSAY_CHUNK];
  for (long col = 0; col < s->valid_cols; col += ASSAY_CHUNK) {
    const int n = (int)min((long)ASSAY_CHUNK, s->valid_cols - col);
    load_floats(agent, s, row, col, 0, 1, n, x);
    for (int k = 0; k < n; ++k)
      result = sub == kReduceMax   ? float_max(result, x[k])
               : sub == kReduceMin ? float_min(result, x[k])
                                   : result * x[k];
  }
  return result;
}

// Wraps in 64 bits; the low ones are those of the narrower sum or product.
static long reduce_integers(Agent* agent, const Tile* s, long row, int sub) {
  long result = sub == kReduceMax ? LONG_MIN : sub == kReduceMin ? LONG_MAX : sub == kReduceProduct;
  for (long col = 0; col < s->valid_cols; ++col) {
    long x;
    load_bits(agent, s, row, col, 0, 1, 1, &x);
    result = sub == kReduceMax       ? max(result, x)
             : sub == kReduceMin     ? min(result, x)
             : sub == kReduceProduct ? (long)((ulong)result * (ulong)x)
                                     : (long)((ulong)result + (ulong)x);
  }
  return result;
}

// Where the extremum stands first. NaN is neither.
static long place_of_extremum(Agent* agent, const Tile* s, long row, int greatest) {
  long place = 0;
  float best = 0;
  for (long col = 0; col < s->valid_cols; ++col) {
    float x;
    load_floats(agent, s, row, col, 0, 1, 1, &x);
    if (col == 0 || isnan(best) || (greatest ? x > best : x < best)) {
      if (col == 0 || !isnan(x)) place = col, best = x;
    }
  }
  return place;
}

// D = reduction Sub of A; P1: of its columns.
static void reduce(Agent* agent, const __global int* w) {
  const int sub = w[kWordSub];
  Tile d = load_tile(agent, w[kWordD]);
  Tile s = load_tile(agent, w[kWordA]);
  if (w[kWordP1]) {
    d = transposed_tile(d);
    s = transposed_tile(s);
  }
  if (!source_covers(agent, &s, d.valid_rows, s.valid_cols) || d.valid_cols == 0) return;
  const int staged = overlap(&s, d.valid_rows, s.valid_cols, &d, d.valid_rows, d.valid_cols);
  Tile column = d;
  column.valid_cols = 1;
  const Tile out = staged ? dense_tile(column, agent->stage, d.element) : d;
  for (long row = agent->lane; row < d.valid_rows; row += ASSAY_WIDTH) {
    if (sub == kReduceArgMax || sub == kReduceArgMin) {
      const long result = place_of_extremum(agent, &s, row, sub == kReduceArgMax);
      store_bits(agent, &out, row, 0, 1, &result);
    } else if (is_float_element(d.element)) {
      const float result = sub == kReduceSum ? sum_row(agent, &s, row, w[kWordP0]) : reduce_floats(agent, &s, row, sub);
      store_floats(agent, &out, row, 0, 1, &result);
    } else {
      const long result = reduce_integers(agent, &s, row, sub);
      store_bits(agent, &out, row, 0, 1, &result);
    }
  }
  if (staged) unstage(agent, &out, &column);
}

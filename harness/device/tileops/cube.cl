// The cube (pto-isa 2.2) and what moves to and from it (2.1, 2.7). A product is two instructions: the first puts both
// operands into the stage, dense along k and padded with zeros, floats as f32; the second adds the products. In between
// stands the interpreter's barrier.
//
// i8 is exact and wraps. Floats are multiplied and added in f32: sixteen interleaved partial sums inside a chunk of P0
// terms, chunks onto what the destination starts with in ascending order; P0 = 1 adds strictly in order.

enum { kDepthUnit = 32 };

static long padded_depth(long k) { return (k + kDepthUnit - 1) / kDepthUnit * kDepthUnit; }

// Lines of a tile of i8 as dense rows of `depth` bytes.
static void stage_bytes(Agent* agent, const Tile* t, long lines, long k, long depth, __global uchar* to) {
  for (long line = agent->lane; line < lines; line += ASSAY_WIDTH) {
    __global uchar* out = to + line * depth;
    for (long col = 0; col < k;) {
      long step;
      const int run = run_in_box(t, line, col, 0, 1, (int)(k - col), &step);
      const __global uchar* from = agent->arena + element_address(t, line, col);
      if (step == 1)
        for (int i = 0; i < run; ++i) out[col + i] = from[i];
      else
        for (int i = 0; i < run; ++i) out[col + i] = from[i * step];
      col += run;
    }
    for (long col = k; col < depth; ++col) out[col] = 0;
  }
}

static void stage_floats(Agent* agent, const Tile* t, long lines, long k, long depth, __global uchar* to) {
  for (long line = agent->lane; line < lines; line += ASSAY_WIDTH) {
    __global AliasedU32* out = (__global AliasedU32*)to + line * depth;
    for (long col = 0; col < depth; col += ASSAY_CHUNK) {
      float x[ASSAY_CHUNK];
      const int n = (int)min((long)ASSAY_CHUNK, depth - col), valid = (int)clamp(k - col, 0L, (long)n);
      load_floats(agent, t, line, col, 0, 1, valid, x);
      for (int i = 0; i < valid; ++i) out[col + i] = as_uint(x[i]);
      for (int i = valid; i < n; ++i) out[col + i] = 0;
    }
  }
}

static int check_product(Agent* agent, const Tile* left, const Tile* right) {
  const long extents[3] = {left->valid_rows, left->valid_cols, right->valid_cols};
  if (right->valid_rows != left->valid_cols) {
    raise_fault(agent, kFaultDepth, left->valid_cols, right->valid_rows, 0, 0);
    return 0;
  }
  if (extents[0] == 0 || extents[2] == 0) return 1;
  for (int i = 0; i < 3; ++i)
    if (extents[i] < 1 || extents[i] > 4095) {
      raise_fault(agent, kFaultCubeRange, extents[i], 4095, 0, 0);
      return 0;
    }
  return 1;
}

// Right operands follow the left one, on the next 64 bytes.
static long right_stage(const Tile* left, long depth) {
  return (left->valid_rows * depth * (left->bytes == 1 ? 1 : 4) + 63) / 64 * 64;
}

static void stage_operands(Agent* agent, const __global int* w) {
  const Tile left = load_tile(agent, w[kWordA]);
  const Tile right = load_tile(agent, w[kWordB]);
  if (!check_product(agent, &left, &right)) return;
  const Tile turned = transposed_tile(right);
  const long k = left.valid_cols, depth = padded_depth(k);
  __global uchar* const area = agent->arena + agent->stage;
  if (left.bytes == 1) {
    stage_bytes(agent, &left, left.valid_rows, k, depth, area);
    stage_bytes(agent, &turned, right.valid_cols, k, depth, area + right_stage(&left, depth));
  } else {
    stage_floats(agent, &left, left.valid_rows, k, depth, area);
    stage_floats(agent, &turned, right.valid_cols, k, depth, area + right_stage(&left, depth));
  }
}

static int dot_bytes(const __global char* a, const __global char* b, long n) {
  int sum = 0;
  for (long k = 0; k < n; ++k) sum += (int)a[k] * (int)b[k];
  return sum;
}

// begin and end are multiples of 16 but in the last chunk, behind which are zeros.
static float dot_floats(const __global float* a, const __global float* b, long begin, long end) {
  float lanes[16];
  for (int i = 0; i < 16; ++i) lanes[i] = 0.0f;
  for (long k = begin; k < end; k += 16)
    for (int i = 0; i < 16; ++i) lanes[i] = lanes[i] + a[k + i] * b[k + i];
  for (int width = 8; width > 0; width /= 2)
    for (int i = 0; i < width; ++i) lanes[i] = lanes[i] + lanes[i + width];
  return lanes[0];
}

static float dot_in_order(const __global float* a, const __global float* b, long begin, long end) {
  float sum = 0.0f;
  for (long k = begin; k < end; ++k) sum = sum + a[k] * b[k];
  return sum;
}

static float sum_products(float start, const __global float* a, const __global float* b, long k, long chunk) {
  float total = start;
  if (chunk == 1)
    for (long i = 0; i < k; ++i) total = total + a[i] * b[i];
  else
    for (long begin = 0; begin < k; begin += chunk) {
      const long end = min(begin + chunk, k);
      total = total + (chunk % 16 ? dot_in_order(a, b, begin, end) : dot_floats(a, b, begin, end));
    }
  return total;
}

// D = [D or C +] A x B.
static void multiply(Agent* agent, const __global int* w) {
  const int sub = w[kWordSub];
  const Tile d = load_tile(agent, w[kWordD]);
  const Tile left = load_tile(agent, w[kWordA]);
  const Tile right = load_tile(agent, w[kWordB]);
  const long m = left.valid_rows, n = right.valid_cols, k = left.valid_cols, depth = padded_depth(k);
  if (m == 0 || n == 0 || !source_covers(agent, &d, m, n)) return;
  Tile start = d;
  if (sub != kProductAlone) start = load_tile(agent, w[kWordC]);
  if (sub == kProductOntoDestination && !same_elements(&start, &d)) {
    raise_fault(agent, kFaultAccumulator, 0, 0, 0, 0);
    return;
  }
  if (sub == kProductOntoBias && !source_covers(agent, &start, 1, n)) return;
  const __global uchar* const rows = agent->arena + agent->stage;
  const __global uchar* const columns = rows + right_stage(&left, depth);
  for (long index = agent->lane; index < m * n; index += ASSAY_WIDTH) {
    const long row = index / n, col = index % n, start_row = sub == kProductOntoBias ? 0 : row;
    if (d.element == kElementI32) {
      long sum = 0;
      if (sub != kProductAlone) load_bits(agent, &start, start_row, col, 0, 1, 1, &sum);
      sum += dot_bytes((const __global char*)rows + row * depth, (const __global char*)columns + col * depth, depth);
      store_bits(agent, &d, row, col, 1, &sum);
    } else {
      float sum = 0.0f;
      if (sub != kProductAlone) load_floats(agent, &start, start_row, col, 0, 1, 1, &sum);
      sum = sum_products(sum, (const __global float*)rows + row * depth, (const __global float*)columns + col * depth, k,
                         w[kWordP0]);
      store_floats(agent, &d, row, col, 1, &sum);
    }
  }
}

// ---- moves

// The tile from (row, col) on, where a box begins.
static Tile window_tile(Tile t, long row, long col) {
  t.address = element_address(&t, row, col);
  t.rows -= row;
  t.cols -= col;
  return t;
}

// D = A's window at (B, C) (textract, tmov), or D's window at (B, C) = A (Sub: tinsert); the parameter is E, its kind
// F.
static void move_part(Agent* agent, const __global int* w) {
  const int insert = w[kWordSub];
  Tile d = load_tile(agent, w[kWordD]);
  Tile s = load_tile(agent, w[kWordA]);
  const long row = register_or(agent, w[kWordB], 0), col = register_or(agent, w[kWordC], 0);
  const long rows = insert ? s.valid_rows : d.valid_rows, cols = insert ? s.valid_cols : d.valid_cols;
  const Tile* whole = insert ? &d : &s;
  if (row < 0 || col < 0 || row > whole->rows - rows || col > whole->cols - cols) {
    raise_fault(agent, kFaultWindow, row, col, whole->rows, whole->cols);
    return;
  }
  if (rows == 0 || cols == 0) return;
  if (w[kWordF] == kParameterTile) {
    const Tile words = load_tile(agent, w[kWordE]);
    if (!source_covers(agent, &words, 1, cols)) return;
  }
  long from_row = insert ? 0 : row, from_col = insert ? 0 : col, to_row = insert ? row : 0, to_col = insert ? col : 0;
  const int staged = overlap(&s, s.rows, s.cols, &d, d.rows, d.cols);
  if (staged && (to_row % d.box_rows != 0 || to_col % d.box_cols != 0)) {
    raise_fault(agent, kFaultAlignment, to_row % d.box_rows ? to_row : to_col,
                to_row % d.box_rows ? d.box_rows : d.box_cols, 0, 0);
    return;
  }
  Tile written = d;
  Tile out = d;
  if (staged) {
    written = window_tile(d, to_row, to_col);
    written.valid_rows = rows;
    written.valid_cols = cols;
    out = dense_tile(written, agent->stage, d.element);
    to_row = to_col = 0;
  }
  // Down the columns where both layouts run that way.
  const int down = !staged && w[kWordP0] == kFixNone && runs_down(&s) && runs_down(&out);
  if (down) {
    s = transposed_tile(s);
    out = transposed_tile(out);
  }
  const long lines = down ? cols : rows, length = down ? rows : cols;
  const long s_line = down ? from_col : from_row, s_at = down ? from_row : from_col;
  const long d_line = down ? to_col : to_row, d_at = down ? to_row : to_col;
  FOR_LANE_CHUNKS(index, lines, length) {
    const Chunk c = chunk_at(index, length);
    long bits[ASSAY_CHUNK];
    load_bits(agent, &s, s_line + c.row, s_at + c.col, 0, 1, c.count, bits);
    convert_chunk(agent, w, w[kWordF], w[kWordE], s.element, d.element, c.col, c.count, bits);
    store_bits(agent, &out, d_line + c.row, d_at + c.col, c.count, bits);
  }
  if (staged) {
    out.valid_rows = rows;
    out.valid_cols = cols;
    unstage(agent, &out, &written);
  }
}

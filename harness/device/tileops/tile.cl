// Tiles: where an element is, and loading and storing chunks of a row.

static Tile load_tile(Agent* agent, int slot) {
  const __global long* r = agent->registers + slot;
  Tile t;
  t.address = r[kTileAddress];
  t.rows = r[kTileRows];
  t.cols = r[kTileCols];
  t.valid_rows = r[kTileValidRows];
  t.valid_cols = r[kTileValidCols];
  t.element = (int)r[kTileElement];
  t.bytes = element_bytes(t.element);
  t.column_major = (int)r[kTileColumnMajor];
  t.box_rows = r[kTileBoxRows];
  t.box_cols = r[kTileBoxCols];
  t.outer_row = r[kTileOuterRow];
  t.outer_col = r[kTileOuterCol];
  t.inner_row = r[kTileInnerRow];
  t.inner_col = r[kTileInnerCol];
  return t;
}

// A dense row-major tile of the destination's valid shape in the area at `address`.
static Tile dense_tile(Tile like, long address, int element) {
  like.address = address;
  like.rows = like.valid_rows;
  like.cols = like.valid_cols;
  like.element = element;
  like.bytes = element_bytes(element);
  like.box_rows = like.box_cols = 1;
  like.outer_row = like.cols;
  like.outer_col = 1;
  like.column_major = 0;
  return like;
}

static int is_boxed(const Tile* t) { return t->box_rows * t->box_cols != 1; }

static long element_offset(const Tile* t, long row, long col) {
  if (!is_boxed(t)) return row * t->outer_row + col * t->outer_col;
  return (row / t->box_rows) * t->outer_row + (col / t->box_cols) * t->outer_col + (row % t->box_rows) * t->inner_row +
         (col % t->box_cols) * t->inner_col;
}

static long element_address(const Tile* t, long row, long col) {
  return t->address + element_offset(t, row, col) * t->bytes;
}

// First byte after the leading rows x cols elements.
static long end_address(const Tile* t, long rows, long cols) {
  if (rows <= 0 || cols <= 0) return t->address;
  const long boxes = ((rows - 1) / t->box_rows) * t->outer_row + ((cols - 1) / t->box_cols) * t->outer_col;
  return t->address + (boxes + t->box_rows * t->box_cols) * t->bytes;
}

static int same_elements(const Tile* a, const Tile* b) {
  return a->address == b->address && a->bytes == b->bytes && a->outer_row == b->outer_row &&
         a->outer_col == b->outer_col && a->box_rows == b->box_rows && a->box_cols == b->box_cols &&
         a->inner_row == b->inner_row && a->inner_col == b->inner_col;
}

static int overlap(const Tile* a, long a_rows, long a_cols, const Tile* b, long b_rows, long b_cols) {
  return a->address < end_address(b, b_rows, b_cols) && b->address < end_address(a, a_rows, a_cols);
}

// Whether the source has the rows x cols elements an op reads; a fault otherwise.
static int source_covers(Agent* agent, const Tile* source, long rows, long cols) {
  if (rows <= 0 || cols <= 0 || (source->rows >= rows && source->cols >= cols)) return 1;
  raise_fault(agent, kFaultSourceBounds, rows, cols, source->rows, source->cols);
  return 0;
}

// ---- chunks: n elements from (row, col) on, the next one `dr` rows and `dc` columns further

typedef ushort __attribute__((may_alias)) AliasedU16;
typedef uint __attribute__((may_alias)) AliasedU32;
typedef ulong __attribute__((may_alias)) AliasedU64;

#define FOR_CHUNK(STATEMENT)              \
  if (step == 1) {                        \
    for (int k = 0; k < n; ++k) {         \
      const long i = k;                   \
      STATEMENT;                          \
    }                                     \
  } else {                                \
    for (int k = 0; k < n; ++k) {         \
      const long i = k * step;            \
      STATEMENT;                          \
    }                                     \
  }
#define LOAD_CHUNK(T, VALUE)                              \
  {                                                       \
    const __global T* p = (const __global T*)(base);      \
    FOR_CHUNK(const T x = p[i]; out[k] = VALUE)           \
  }
#define STORE_CHUNK(T, VALUE)                 \
  {                                           \
    __global T* p = (__global T*)(base);      \
    FOR_CHUNK(p[i] = (T)(VALUE))              \
  }

static void load_floats_strided(const __global uchar* base, int element, long step, int n, float* out) {
  switch (element) {
    case kF32:
      LOAD_CHUNK(AliasedU32, as_float((uint)x))
      break;
    case kF16:
      LOAD_CHUNK(AliasedU16, f16_to_f32(x))
      break;
    default:
      LOAD_CHUNK(AliasedU16, bf16_to_f32(x))
  }
}

// Sign- or zero-extended integers; of floats the bits.
static void load_bits_strided(const __global uchar* base, int element, long step, int n, long* out) {
  switch (element) {
    case kElementI8:
      LOAD_CHUNK(uchar, (long)(char)x)
      break;
    case kElementI16:
      LOAD_CHUNK(AliasedU16, (long)(short)x)
      break;
    case kElementI32:
      LOAD_CHUNK(AliasedU32, (long)(int)x)
      break;
    case kElementI64:
    case kElementU64:
      LOAD_CHUNK(AliasedU64, (long)x)
      break;
    case kF32:
    case kElementU32:
      LOAD_CHUNK(AliasedU32, (long)(ulong)x)
      break;
    case kF16:
    case kBf16:
    case kElementU16:
      LOAD_CHUNK(AliasedU16, (long)x)
      break;
    default:
      LOAD_CHUNK(uchar, (long)x)
  }
}

static void store_floats_strided(__global uchar* base, int element, long step, int n, const float* in) {
  switch (element) {
    case kF32:
      STORE_CHUNK(AliasedU32, as_uint(in[k]))
      break;
    case kF16:
      STORE_CHUNK(AliasedU16, f32_to_f16(as_uint(in[k]), kRint, 0))
      break;
    default:
      STORE_CHUNK(AliasedU16, f32_to_bf16(as_uint(in[k]), kRint, 0))
  }
}

static void store_bits_strided(__global uchar* base, int bytes, long step, int n, const long* in) {
  switch (bytes) {
    case 8:
      STORE_CHUNK(AliasedU64, in[k])
      break;
    case 4:
      STORE_CHUNK(AliasedU32, in[k])
      break;
    case 2:
      STORE_CHUNK(AliasedU16, in[k])
      break;
    default:
      STORE_CHUNK(uchar, in[k])
  }
}

// Of n elements from (row, col) on, those before the next box, and the step between them.
static int run_in_box(const Tile* t, long row, long col, long dr, long dc, int n, long* step) {
  if (!is_boxed(t)) {
    *step = dr * t->outer_row + dc * t->outer_col;
    return n;
  }
  *step = dr ? t->inner_row : t->inner_col;
  if (dr == 1 && dc == 0) return (int)min((long)n, t->box_rows - row % t->box_rows);
  if (dr == 0 && dc == 1) return (int)min((long)n, t->box_cols - col % t->box_cols);
  return 1;
}

#define FOR_RUNS(STATEMENT)                                          \
  for (int k = 0; k < n;) {                                          \
    const long r = row + k * dr, c = col + k * dc;                   \
    long step;                                                       \
    const int run = run_in_box(t, r, c, dr, dc, n - k, &step);       \
    __global uchar* const at = agent->arena + element_address(t, r, c); \
    STATEMENT;                                                       \
    k += run;                                                        \
  }

static void load_floats(Agent* agent, const Tile* t, long row, long col, long dr, long dc, int n, float* out) {
  FOR_RUNS(load_floats_strided(at, t->element, step, run, out + k))
}

static void load_bits(Agent* agent, const Tile* t, long row, long col, long dr, long dc, int n, long* out) {
  FOR_RUNS(load_bits_strided(at, t->element, step, run, out + k))
}

static void store_floats(Agent* agent, const Tile* t, long row, long col, int n, const float* in) {
  const long dr = 0, dc = 1;
  FOR_RUNS(store_floats_strided(at, t->element, step, run, in + k))
}

static void store_bits(Agent* agent, const Tile* t, long row, long col, int n, const long* in) {
  const long dr = 0, dc = 1;
  FOR_RUNS(store_bits_strided(at, t->bytes, step, run, in + k))
}

// The same bytes with rows as columns.
static Tile transposed_tile(Tile t) {
  Tile turned = t;
  turned.rows = t.cols;
  turned.cols = t.rows;
  turned.valid_rows = t.valid_cols;
  turned.valid_cols = t.valid_rows;
  turned.box_rows = t.box_cols;
  turned.box_cols = t.box_rows;
  turned.outer_row = t.outer_col;
  turned.outer_col = t.outer_row;
  turned.inner_row = t.inner_col;
  turned.inner_col = t.inner_row;
  turned.column_major = !t.column_major;
  return turned;
}

// Whether neighbours of a column, not of a row, are neighbours in memory.
static int runs_down(const Tile* t) { return is_boxed(t) ? t->inner_row == 1 : t->outer_row == 1 && t->outer_col != 1; }

// ---- the chunks of a rectangle, dealt to the lanes

typedef struct {
  long row, col;
  int count;
} Chunk;

static long chunk_count(long rows, long cols) {
  return rows <= 0 || cols <= 0 ? 0 : rows * ((cols + ASSAY_CHUNK - 1) / ASSAY_CHUNK);
}

static Chunk chunk_at(long index, long cols) {
  const long per_row = (cols + ASSAY_CHUNK - 1) / ASSAY_CHUNK;
  Chunk chunk;
  chunk.row = index / per_row;
  chunk.col = (index % per_row) * ASSAY_CHUNK;
  chunk.count = (int)min((long)ASSAY_CHUNK, cols - chunk.col);
  return chunk;
}

#define FOR_LANE_CHUNKS(INDEX, ROWS, COLS) \
  for (long INDEX = agent->lane; INDEX < chunk_count(ROWS, COLS); INDEX += ASSAY_WIDTH)

// ---- sources: a tile seen through a mode, or a scalar

typedef struct {
  Tile tile;
  int mode;
  long scalar;  // kFromScalar: bits of the destination's element type
} Source;

static Source tile_source(Agent* agent, int slot, int mode) {
  Source source;
  source.tile = load_tile(agent, slot);
  source.mode = mode;
  source.scalar = 0;
  return source;
}

static Source scalar_source(Agent* agent, int slot, int element) {
  Source source = {0};
  source.tile.element = element;
  source.mode = kFromScalar;
  source.scalar = agent->registers[slot];
  return source;
}

// Rows and columns of the tile that a rows x cols destination reads.
static long rows_read(const Source* s, long rows, long cols) {
  return s->mode == kFromColumn ? min(rows, 1L) : s->mode == kTransposed ? cols : rows;
}
static long cols_read(const Source* s, long rows, long cols) {
  switch (s->mode) {
    case kFromRow:
      return min(cols, 1L);
    case kFromBlock:
      return min(cols, (long)(32 / s->tile.bytes));
    case kTransposed:
      return rows;
    default:
      return cols;
  }
}

static int covers(Agent* agent, const Source* s, long rows, long cols) {
  return s->mode == kFromScalar ||
         source_covers(agent, &s->tile, rows_read(s, rows, cols), cols_read(s, rows, cols));
}

// Whether writing the destination element by element could change what is still to be read.
static int needs_stage(const Source* s, const Tile* destination) {
  if (s->mode == kFromScalar) return 0;
  if (s->mode == kSameElement && same_elements(&s->tile, destination)) return 0;
  const long rows = destination->valid_rows, cols = destination->valid_cols;
  return overlap(&s->tile, rows_read(s, rows, cols), cols_read(s, rows, cols), destination, rows, cols);
}

static void source_floats(Agent* agent, const Source* s, Chunk c, float* out) {
  const Tile* t = &s->tile;
  switch (s->mode) {
    case kFromScalar:
    case kFromRow: {
      float value;
      if (s->mode == kFromRow)
        load_floats(agent, t, c.row, 0, 0, 0, 1, &value);
      else
        value = t->element == kF16    ? f16_to_f32((uint)s->scalar)
                : t->element == kBf16 ? bf16_to_f32((uint)s->scalar)
                                      : as_float((uint)s->scalar);
      for (int k = 0; k < c.count; ++k) out[k] = value;
      break;
    }
    case kFromBlock:
      for (int k = 0; k < c.count; ++k)
        load_floats(agent, t, c.row, (c.col + k) % (32 / t->bytes), 0, 0, 1, out + k);
      break;
    case kFromColumn:
      load_floats(agent, t, 0, c.col, 0, 1, c.count, out);
      break;
    case kTransposed:
      load_floats(agent, t, c.col, c.row, 1, 0, c.count, out);
      break;
    default:
      load_floats(agent, t, c.row, c.col, 0, 1, c.count, out);
  }
}

static void source_bits(Agent* agent, const Source* s, Chunk c, long* out) {
  const Tile* t = &s->tile;
  switch (s->mode) {
    case kFromScalar:
    case kFromRow: {
      long value = s->scalar;
      if (s->mode == kFromRow) load_bits(agent, t, c.row, 0, 0, 0, 1, &value);
      for (int k = 0; k < c.count; ++k) out[k] = value;
      break;
    }
    case kFromBlock:
      for (int k = 0; k < c.count; ++k) load_bits(agent, t, c.row, (c.col + k) % (32 / t->bytes), 0, 0, 1, out + k);
      break;
    case kFromColumn:
      load_bits(agent, t, 0, c.col, 0, 1, c.count, out);
      break;
    case kTransposed:
      load_bits(agent, t, c.col, c.row, 1, 0, c.count, out);
      break;
    default:
      load_bits(agent, t, c.row, c.col, 0, 1, c.count, out);
  }
}

// Asks for the destination's valid rectangle to be copied out of the stage once every source has been read. Barriers
// stand in the interpreter's loop alone: a function with a barrier costs CPU compilers dearly.
static void unstage(Agent* agent, const Tile* stage, const Tile* destination) {
  agent->staged = 1;
  agent->result = *stage;
  agent->destination = *destination;
}

static void copy_result(Agent* agent) {
  const Tile* d = &agent->destination;
  FOR_LANE_CHUNKS(index, d->valid_rows, d->valid_cols) {
    const Chunk c = chunk_at(index, d->valid_cols);
    long bits[ASSAY_CHUNK];
    load_bits(agent, &agent->result, c.row, c.col, 0, 1, c.count, bits);
    store_bits(agent, d, c.row, c.col, c.count, bits);
  }
}

// tload, tstore: global memory and tiles (pto-format 3.2). The partition's leading dimensions collapse into rows.

typedef struct {
  long tensor, offset, rank;
  long shape[5], stride[5];
} View;

static View load_view(Agent* agent, int slot) {
  const __global long* r = agent->registers + slot;
  View v;
  v.tensor = r[kViewTensor];
  v.offset = r[kViewOffset];
  v.rank = r[kViewRank];
  for (int d = 0; d < 5; ++d) {
    v.shape[d] = r[kViewShape + d];
    v.stride[d] = r[kViewStride + d];
  }
  return v;
}

static long view_rows(const View* v) {
  long rows = 1;
  for (int d = 0; d + 1 < v->rank; ++d) rows *= v->shape[d];
  return rows;
}

// Offset in elements of the collapsed row.
static long row_offset(const View* v, long row) {
  long offset = v->offset;
  for (int d = (int)v->rank - 2; d > 0; --d) {
    offset += (row % v->shape[d]) * v->stride[d];
    row /= v->shape[d];
  }
  return v->rank > 1 ? offset + row * v->stride[0] : offset;
}

// Whether the leading rows x cols elements of the partition exist and lie in the tensor; a fault otherwise.
static int view_covers(Agent* agent, const View* v, long rows, long cols, int bytes) {
  const long limit = (long)1 << 40;
  long first = v->offset, last = v->offset;
  for (int d = 0; d < v->rank; ++d) {
    const int is_column = d == v->rank - 1;
    // Outer dimensions count whole; reaching fewer rows than the partition has is decided row by row below.
    const long extent = is_column ? cols : v->rank == 2 ? rows : v->shape[d];
    if (extent < 0 || extent > limit || v->stride[d] > limit || v->stride[d] < -limit ||
        !product_fits(extent, v->stride[d])) {
      raise_fault(agent, kFaultOverflow, extent, v->stride[d], 0, 0);
      return 0;
    }
  }
  const long columns = v->rank ? v->shape[v->rank - 1] : 1;
  if (rows > view_rows(v) || cols > columns) {
    raise_fault(agent, kFaultPartition, rows, cols, view_rows(v), columns);
    return 0;
  }
  for (long row = 0; row < rows; ++row) {
    const long offset = row_offset(v, row);
    const long reach = offset + (cols - 1) * (v->rank ? v->stride[v->rank - 1] : 0);
    first = row ? min(first, min(offset, reach)) : min(offset, reach);
    last = row ? max(last, max(offset, reach)) : max(offset, reach);
    if (v->rank <= 2 && row + 2 < rows) row = rows - 2;  // rows in between lie in between
  }
  const __global long* tensor = agent->tensors + v->tensor * kTensorSlots;
  const long elements = tensor[kTensorElements] * tensor[kTensorElementBytes] / bytes;
  if (rows > 0 && cols > 0 && (first < 0 || last >= elements)) {
    raise_fault(agent, kFaultGlobalBounds, first, last, elements, v->tensor);
    return 0;
  }
  return 1;
}

// Fills columns (or, column-major, rows) after the valid ones up to the next 32 byte block (pto-isa 1.6).
static void pad_to_block(Agent* agent, const Tile* t, long value) {
  const long block = 32 / t->bytes;
  const long valid = t->column_major ? t->valid_rows : t->valid_cols;
  const long end = min(t->column_major ? t->rows : t->cols, (valid + block - 1) / block * block);
  const long lines = t->column_major ? t->valid_cols : t->valid_rows;
  for (long line = agent->lane; line < lines; line += ASSAY_WIDTH)
    for (long i = valid; i < end; ++i)
      store_bits(agent, t, t->column_major ? i : line, t->column_major ? line : i, 1, &value);
}

static void tload(Agent* agent, const __global int* w) {
  const Tile whole = load_tile(agent, w[kWordD]);
  Tile t = whole;
  View v = load_view(agent, w[kWordA]);
  if (!view_covers(agent, &v, t.valid_rows, t.valid_cols, t.bytes) || t.valid_rows == 0 || t.valid_cols == 0) return;
  if (v.rank == 2 && v.stride[0] == 1 && runs_down(&t)) {  // column by column, as both lie in memory
    t = transposed_tile(t);
    v.stride[0] = v.stride[1];
    v.stride[1] = 1;
  }
  const long stride = v.rank ? v.stride[v.rank - 1] : 0;
  const __global uchar* base = agent->gm + agent->tensors[v.tensor * kTensorSlots + kTensorBase];
  FOR_LANE_CHUNKS(index, t.valid_rows, t.valid_cols) {
    const Chunk c = chunk_at(index, t.valid_cols);
    long bits[ASSAY_CHUNK];
    load_bits_strided(base + (row_offset(&v, c.row) + c.col * stride) * t.bytes, t.element, stride, c.count, bits);
    store_bits(agent, &t, c.row, c.col, c.count, bits);
  }
  const __global long* r = agent->registers + w[kWordD];
  if (w[kWordSub] && r[kTilePads]) pad_to_block(agent, &whole, r[kTilePadValue]);
}

// Whether two elements of the partition may be the same element of the tensor.
static int aliases_itself(const View* v) {
  long reach = 0;
  for (int d = (int)v->rank - 1; d >= 0; --d) {
    if (v->shape[d] <= 1) continue;
    if (v->stride[d] <= reach) return 1;
    reach += (v->shape[d] - 1) * v->stride[d];
  }
  return 0;
}

// What is there plus what is stored, rounded once.
static void add_chunk(const __global uchar* target, int element, long stride, int n, long* bits) {
  for (int k = 0; k < n; ++k) {
    const __global uchar* p = target + k * stride * element_bytes(element);
    if (is_float_element(element)) {
      float there, stored;
      load_floats_strided(p, element, 1, 1, &there);
      stored = element == kF32   ? as_float((uint)bits[k])
               : element == kF16 ? f16_to_f32((uint)bits[k])
                                 : bf16_to_f32((uint)bits[k]);
      const uint sum = as_uint(there + stored);
      bits[k] = (long)(element == kF32 ? sum : element == kF16 ? f32_to_f16(sum, kRint, 0) : f32_to_bf16(sum, kRint, 0));
    } else {
      long there;
      load_bits_strided(p, element, 1, 1, &there);
      bits[k] = (long)((ulong)there + (ulong)bits[k]);
    }
  }
}

// The elements may pass the fixpipe on their way: Kind is what they become, C the parameter, E its kind.
static void tstore(Agent* agent, const __global int* w) {
  const Tile t = load_tile(agent, w[kWordA]);
  const View v = load_view(agent, w[kWordB]);
  const int element = w[kWordKind], bytes = element_bytes(element);
  if (!view_covers(agent, &v, t.valid_rows, t.valid_cols, bytes) || t.valid_rows == 0 || t.valid_cols == 0) return;
  if (w[kWordE] == kParameterTile) {
    const Tile words = load_tile(agent, w[kWordC]);
    if (!source_covers(agent, &words, 1, t.valid_cols)) return;
  }
  const long stride = v.rank ? v.stride[v.rank - 1] : 0;
  __global long* tensor = agent->tensors + v.tensor * kTensorSlots;
  __global uchar* base = agent->gm + tensor[kTensorBase];
  const int serial = aliases_itself(&v);
  if (agent->lane == 0) tensor[kTensorWritten] = 1;
  if (serial && agent->lane != 0) return;
  const long lanes = serial ? 1 : ASSAY_WIDTH;
  for (long index = agent->lane; index < chunk_count(t.valid_rows, t.valid_cols); index += lanes) {
    Chunk c = chunk_at(index, t.valid_cols);
    const int n = c.count;
    const int together = serial ? 1 : n;  // elements that alias are stored one by one, row by row
    for (int k = 0; k < n; k += together) {
      long bits[ASSAY_CHUNK];
      __global uchar* target = base + (row_offset(&v, c.row) + (c.col + k) * stride) * bytes;
      load_bits(agent, &t, c.row, c.col + k, 0, 1, together, bits);
      convert_chunk(agent, w, w[kWordE], w[kWordC], t.element, element, c.col + k, together, bits);
      if (w[kWordSub]) add_chunk(target, element, stride, together, bits);
      store_bits_strided(target, bytes, stride, together, bits);
    }
  }
}

// Ops that make or change descriptors of tiles and views, and move single elements.

// Checks that the descriptor's whole rows x cols lie in its memory space and that elements are aligned.
static void check_extent(Agent* agent, int slot, long alignment) {
  const __global long* r = agent->registers + slot;
  const Tile t = load_tile(agent, slot);
  const long base = r[kTileBase];
  const long begin = t.address - base;
  const long end = end_address(&t, t.rows, t.cols) - base;
  if (begin < 0 || end < begin || end > r[kTileLimit] - base)
    raise_fault(agent, kFaultCapacity, begin, end, r[kTileLimit] - base, r[kTileSpace]);
  else if (begin % alignment != 0)
    raise_fault(agent, kFaultAlignment, begin, alignment, 0, 0);
}

static void set_valid(Agent* agent, int slot, long rows, long cols) {
  __global long* r = agent->registers + slot;
  if (rows < 0 || cols < 0) {
    raise_fault(agent, kFaultNegativeValid, rows, cols, 0, 0);
  } else if (rows > r[kTileRows] || cols > r[kTileCols]) {
    raise_fault(agent, kFaultValidShape, rows, cols, r[kTileRows], r[kTileCols]);
  } else {
    r[kTileValidRows] = rows;
    r[kTileValidCols] = cols;
  }
}

static long register_or(Agent* agent, int slot, long otherwise) {
  return slot == kNone ? otherwise : agent->registers[slot];
}

static void allocate(Agent* agent, const __global int* w) {
  __global long* r = agent->registers + w[kWordD];
  if (w[kWordA] != kNone) {
    const long address = agent->registers[w[kWordA]];
    const long space = r[kTileLimit] - r[kTileBase];
    if (address < 0 || address > space) {
      raise_fault(agent, kFaultCapacity, address, address, space, r[kTileSpace]);
      return;
    }
    r[kTileAddress] = r[kTileBase] + address;
  }
  check_extent(agent, w[kWordD], w[kWordImmediateLow]);
  set_valid(agent, w[kWordD], register_or(agent, w[kWordB], w[kWordP0]), register_or(agent, w[kWordC], w[kWordP1]));
}

static void subview(Agent* agent, const __global int* w) {
  __global long* r = agent->registers + w[kWordD];
  const __global long* parent = agent->registers + w[kWordA];
  const Tile p = load_tile(agent, w[kWordA]);
  const long row = agent->registers[w[kWordB]], col = agent->registers[w[kWordC]];
  if (row < 0 || col < 0 || row > p.rows - r[kTileRows] || col > p.cols - r[kTileCols]) {
    raise_fault(agent, kFaultWindow, row, col, p.rows, p.cols);
    return;
  }
  if (row % p.box_rows != 0 || col % p.box_cols != 0) {
    raise_fault(agent, kFaultAlignment, row % p.box_rows != 0 ? row : col, row % p.box_rows != 0 ? p.box_rows : p.box_cols,
                0, 0);
    return;
  }
  r[kTileAddress] = element_address(&p, row, col);
  r[kTileBase] = parent[kTileBase];
  r[kTileLimit] = parent[kTileLimit];
  for (int slot = kTileBoxRows; slot <= kTileInnerCol; ++slot) r[slot] = parent[slot];
  set_valid(agent, w[kWordD], register_or(agent, w[kWordE], w[kWordP0]), register_or(agent, w[kWordF], w[kWordP1]));
}

// treshape and bitcast: the parent's bytes under another type. Extents of kNone are the parent's.
static void reshape(Agent* agent, const __global int* w) {
  __global long* r = agent->registers + w[kWordD];
  const __global long* parent = agent->registers + w[kWordA];
  r[kTileAddress] = parent[kTileAddress];
  r[kTileBase] = parent[kTileBase];
  r[kTileLimit] = parent[kTileLimit];
  check_extent(agent, w[kWordD], element_bytes((int)r[kTileElement]));
  set_valid(agent, w[kWordD], w[kWordP0] == kNone ? parent[kTileValidRows] : w[kWordP0],
            w[kWordP1] == kNone ? parent[kTileValidCols] : w[kWordP1]);
}

static void assign_address(Agent* agent, const __global int* w) {
  __global long* r = agent->registers + w[kWordD];
  const __global long* source = agent->registers + w[kWordA];
  const long address = agent->registers[w[kWordB]];
  const long space = source[kTileLimit] - source[kTileBase];
  if (w[kWordD] != w[kWordA])
    for (int slot = 0; slot < kTileSlots; ++slot) r[slot] = source[slot];
  if (address < 0 || address > space) {
    raise_fault(agent, kFaultCapacity, address, address, space, source[kTileSpace]);
    return;
  }
  r[kTileAddress] = r[kTileBase] + address;
  check_extent(agent, w[kWordD], w[kWordImmediateLow]);
}

// The address of one element of a tensor, or null after a fault.
static __global uchar* global_element(Agent* agent, int pointer, long offset, int bytes) {
  const long tensor = agent->registers[pointer + kPointerTensor];
  const __global long* row = agent->tensors + tensor * kTensorSlots;
  const long index = agent->registers[pointer + kPointerOffset] + offset;
  const long elements = row[kTensorElements] * row[kTensorElementBytes] / bytes;
  if (index < 0 || index >= elements) {
    raise_fault(agent, kFaultGlobalBounds, index, index, elements, tensor);
    return 0;
  }
  return agent->gm + row[kTensorBase] + index * bytes;
}

static void load_scalar(Agent* agent, const __global int* w) {
  const int element = w[kWordSub];
  const __global uchar* p = global_element(agent, w[kWordA], agent->registers[w[kWordB]], element_bytes(element));
  long value = 0;
  if (p) load_bits_strided(p, element, 1, 1, &value);
  agent->registers[w[kWordD]] = canonical(value, w[kWordKind]);
}

static void store_scalar(Agent* agent, const __global int* w) {
  const int bytes = element_bytes(w[kWordSub]);
  __global uchar* p = global_element(agent, w[kWordA], agent->registers[w[kWordB]], bytes);
  if (!p) return;
  const long value = agent->registers[w[kWordC]];
  store_bits_strided(p, bytes, 1, 1, &value);
  agent->tensors[agent->registers[w[kWordA] + kPointerTensor] * kTensorSlots + kTensorWritten] = 1;
}

// The element a linear index names: the tile's elements in the order of its major dimension. Null after a fault.
static __global uchar* linear_element(Agent* agent, const Tile* t, long index) {
  if (index < 0 || index >= t->rows * t->cols) {
    raise_fault(agent, kFaultElementBounds, index, t->rows * t->cols, 0, 0);
    return 0;
  }
  const long row = t->column_major ? index % t->rows : index / t->cols;
  const long col = t->column_major ? index / t->rows : index % t->cols;
  return agent->arena + element_address(t, row, col);
}

static void get_value(Agent* agent, const __global int* w) {
  const Tile t = load_tile(agent, w[kWordA]);
  const __global uchar* p = linear_element(agent, &t, agent->registers[w[kWordB]]);
  long value = 0;
  if (p) load_bits_strided(p, t.element, 1, 1, &value);
  agent->registers[w[kWordD]] = canonical(value, w[kWordKind]);
}

static void set_value(Agent* agent, const __global int* w) {
  const Tile t = load_tile(agent, w[kWordD]);
  __global uchar* p = linear_element(agent, &t, agent->registers[w[kWordB]]);
  const long value = agent->registers[w[kWordC]];
  if (p) store_bits_strided(p, t.bytes, 1, 1, &value);
}

static void array_access(Agent* agent, const __global int* w, int set) {
  const long index = agent->registers[w[kWordB]];
  if (index < 0 || index >= w[kWordP0])
    raise_fault(agent, kFaultElementBounds, index, w[kWordP0], 0, 0);
  else if (set)
    agent->registers[w[kWordA] + index] = agent->registers[w[kWordC]];
  else
    agent->registers[w[kWordD]] = agent->registers[w[kWordA] + index];
}

// D += A * B, the step from a view to a partition of it.
static void add_offset(Agent* agent, const __global int* w) {
  const long factor = agent->registers[w[kWordA]], stride = agent->registers[w[kWordB]];
  const long limit = (long)1 << 48;
  const long product = factor * stride;
  if (!product_fits(factor, stride) || product > limit || product < -limit)
    raise_fault(agent, kFaultOverflow, factor, stride, 0, 0);
  else
    agent->registers[w[kWordD]] += product;
}

// tsort32 and tmrgsort (pto-isa 2.4): pairs of 8 bytes, a value and in the last four its index, descending by value. An
// f32 pair is two elements, an f16 pair four, of which the second is 0. NaN stands before every number, as in the
// simulator; the specification does not say.

static int precedes(float a, float b) {
  if (isnan(a) || isnan(b)) return isnan(a) && !isnan(b);
  return a > b;
}

static float value_of(int element, ulong pair) {
  return element == kF32 ? as_float((uint)pair) : f16_to_f32((uint)pair & 0xffffu);
}

static __global AliasedU64* pairs_at(Agent* agent, const Tile* t, long row, long col) {
  return (__global AliasedU64*)(agent->arena + element_address(t, row, col));
}

// Where the destination overlaps a source the result goes through the stage.
static Tile list_output(Agent* agent, const Tile* d, long rows, long cols, int staged, Tile* written) {
  *written = *d;
  written->valid_rows = rows;
  written->valid_cols = cols;
  return staged ? dense_tile(*written, agent->stage, d->element) : *d;
}

// D: pairs of A's values and B's indices, each 32 of a row sorted, equal values by ascending index.
static void sort_blocks(Agent* agent, const __global int* w) {
  const Tile d = load_tile(agent, w[kWordD]);
  const Tile s = load_tile(agent, w[kWordA]);
  const Tile indices = load_tile(agent, w[kWordB]);
  const long rows = s.valid_rows, cols = s.valid_cols, width = 8 / s.bytes, blocks = (cols + 31) / 32;
  if (d.valid_rows != rows) {
    raise_fault(agent, kFaultMask, d.valid_rows, rows, 0, 0);
    return;
  }
  if (!source_covers(agent, &indices, rows, cols) || !source_covers(agent, &d, rows, cols * width)) return;
  const int staged =
      overlap(&s, rows, cols, &d, rows, cols * width) || overlap(&indices, rows, cols, &d, rows, cols * width);
  Tile written;
  const Tile out = list_output(agent, &d, rows, cols * width, staged, &written);
  for (long index = agent->lane; index < rows * blocks; index += ASSAY_WIDTH) {
    const long row = index / blocks, begin = index % blocks * 32;
    const int n = (int)min(32L, cols - begin);
    ulong pairs[32];
    for (int k = 0; k < n; ++k) {
      long value, place;
      load_bits(agent, &s, row, begin + k, 0, 1, 1, &value);
      load_bits(agent, &indices, row, begin + k, 0, 1, 1, &place);
      const ulong pair = (ulong)value | (ulong)(uint)place << 32;
      const float x = value_of(s.element, pair);
      int at = k;
      for (; at > 0; --at) {
        const float y = value_of(s.element, pairs[at - 1]);
        if (precedes(y, x) || (!precedes(x, y) && (uint)(pairs[at - 1] >> 32) <= (uint)place)) break;
        pairs[at] = pairs[at - 1];
      }
      pairs[at] = pair;
    }
    __global AliasedU64* target = pairs_at(agent, &out, row, begin * width);
    for (int k = 0; k < n; ++k) target[k] = pairs[k];
  }
  if (staged) unstage(agent, &out, &written);
}

typedef struct {
  const __global AliasedU64* pairs;
  long length, taken;
} PairList;

// Ties take the earlier list. Gives the pairs written.
static long merge_pairs(int element, PairList* lists, int count, int until_exhausted, __global AliasedU64* out,
                        long room) {
  long written = 0;
  while (1) {
    int best = -1;
    float best_value = 0;
    for (int k = 0; k < count; ++k) {
      if (lists[k].taken == lists[k].length) {
        if (until_exhausted) return written;
        continue;
      }
      const float value = value_of(element, lists[k].pairs[lists[k].taken]);
      if (best < 0 || precedes(value, best_value)) {
        best = k;
        best_value = value;
      }
    }
    if (best < 0) return written;
    const ulong pair = lists[best].pairs[lists[best].taken++];
    if (written < room) out[written] = pair;
    ++written;
  }
}

// Lists of pairs lie in one row.
static int is_list(Agent* agent, const Tile* t) {
  if (t->rows == 1) return 1;
  raise_fault(agent, kFaultList, t->rows, t->cols, 0, 0);
  return 0;
}

// D: every four neighbouring sorted blocks of B elements of A become one.
static void merge_blocks(Agent* agent, const __global int* w) {
  const Tile d = load_tile(agent, w[kWordD]);
  const Tile s = load_tile(agent, w[kWordA]);
  const long length = agent->registers[w[kWordB]], cols = s.valid_cols, width = 8 / s.bytes;
  if (!is_list(agent, &s) || !is_list(agent, &d)) return;
  if (length <= 0 || length % 64 != 0 || cols % (4 * length) != 0) {
    raise_fault(agent, kFaultList, length, cols, 0, 0);
    return;
  }
  if (s.valid_rows == 0 || !source_covers(agent, &d, 1, cols)) return;
  const int staged = overlap(&s, 1, cols, &d, 1, cols);
  Tile written;
  const Tile out = list_output(agent, &d, 1, cols, staged, &written);
  for (long begin = agent->lane * 4 * length; begin < cols; begin += ASSAY_WIDTH * 4 * length) {
    PairList lists[4];
    for (int k = 0; k < 4; ++k) {
      lists[k].pairs = pairs_at(agent, &s, 0, begin + k * length);
      lists[k].length = length / width;
      lists[k].taken = 0;
    }
    merge_pairs(s.element, lists, 4, 0, pairs_at(agent, &out, 0, begin), 4 * length / width);
  }
  if (staged) unstage(agent, &out, &written);
}

// D, and in the local array P0 how many pairs each list gave: lists A, B, C, E merged, absent ones kNone; Sub: until one
// is exhausted.
static void merge_lists(Agent* agent, const __global int* w) {
  const Tile d = load_tile(agent, w[kWordD]);
  if (!is_list(agent, &d)) return;
  PairList lists[4];
  int count = 0, staged = 0;
  long total = 0;
  const long width = 8 / d.bytes;
  for (int k = 0; k < 4; ++k) {
    const int slot = w[kWordA + k];
    if (slot == kNone) continue;
    const Tile s = load_tile(agent, slot);
    if (!is_list(agent, &s)) return;
    const long cols = s.valid_rows == 0 ? 0 : s.valid_cols;
    staged |= overlap(&s, 1, cols, &d, 1, d.cols);
    lists[count].pairs = pairs_at(agent, &s, 0, 0);
    lists[count].length = cols / width;
    lists[count].taken = 0;
    total += lists[count++].length;
  }
  const long room = d.valid_rows == 0 ? 0 : min(total, d.valid_cols / width);
  Tile written;
  const Tile out = list_output(agent, &d, room ? 1 : 0, room * width, staged, &written);
  if (agent->lane == 0) {
    merge_pairs(d.element, lists, count, w[kWordSub], pairs_at(agent, &out, 0, 0), room);
    for (int k = 0; k < 4; ++k) agent->registers[w[kWordP0] + k] = k < count ? lists[k].taken : 0;
  }
  if (staged) unstage(agent, &out, &written);
}

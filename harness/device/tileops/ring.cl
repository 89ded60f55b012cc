// Rings between the cube core of a block and its vector cores (pto-format 3.7). Entry n lies in slot n mod P1 of its
// producer's arena: a header, then dense rows. Every core counts the entries it has pushed, popped and freed; an entry
// takes a slot once all readers of the one before have freed it. Words of all these instructions: ring P0, slots P1,
// split Sub, direction Kind, bytes of a slot F, offset of the slots in the arena and their stride in the immediates.

enum { kSlotHeader = 32 };  // rows, columns, split, bytes of an element

static volatile __global int* ring_count(Agent* agent, long slot, int ring, int which) {
  return (volatile __global int*)(agent->states + slot * kStateSlots + kStateRings + ring * kRingCounts + which);
}
static long counted(Agent* agent, long slot, const __global int* w, int which) {
  return atomic_add(ring_count(agent, slot, w[kWordP0], which), 0);
}

static long lanes_of(Agent* agent) { return agent->state[kStateCores] > 1 ? agent->state[kStateCores] - 1 : 1; }
static long own_lane(Agent* agent) {
  return agent->state[kStateCores] > 1 && agent->registers[kRegisterIsVector] ? agent->registers[kRegisterSubBlock] : 0;
}
static long cube_agent(Agent* agent) {
  const long first = agent->state[kStateFirst], cores = agent->state[kStateCores];
  return first + (agent->slot - first) / cores * cores;
}
static long vector_agent(Agent* agent, long lane) {
  return agent->state[kStateCores] > 1 ? cube_agent(agent) + 1 + lane : agent->slot;
}
static long producer(Agent* agent, const __global int* w, long lane) {
  return w[kWordKind] == kRingToVector ? cube_agent(agent) : vector_agent(agent, lane);
}

static __global uchar* ring_slot(Agent* agent, const __global int* w, long owner, long number) {
  return agent->arenas + owner * agent->arena_bytes + w[kWordImmediateLow] +
         number % w[kWordP1] * (long)w[kWordImmediateHigh];
}

static int by_rows(int split) { return split == 1 || split == 3; }

// Whether the slot of the entry that is pushed next is free.
static void push_ready(Agent* agent, const __global int* w) {
  const long number = counted(agent, agent->slot, w, kRingPushed) - w[kWordP1];
  int ready = 1;
  if (number >= 0) {
    const int to_vector = w[kWordKind] == kRingToVector;
    const int split = (int)((const __global long*)ring_slot(agent, w, agent->slot, number))[2];
    const long readers = to_vector && split ? lanes_of(agent) : 1;
    for (long lane = 0; lane < readers; ++lane)
      ready = ready && counted(agent, to_vector ? vector_agent(agent, lane) : cube_agent(agent), w, kRingFreed) > number;
  }
  give_way(agent, ready);
}

// Whether every part of the entry that is popped next is there.
static void pop_ready(Agent* agent, const __global int* w) {
  const long number = counted(agent, agent->slot, w, kRingPopped);
  if (w[kWordKind] == kRingToVector && own_lane(agent) != 0 && !w[kWordSub]) {
    raise_fault(agent, kFaultUnsupported, 0, 0, 0, 0);  // copies for a second reader of what is not split
    return;
  }
  const long writers = w[kWordKind] == kRingToCube && w[kWordSub] ? lanes_of(agent) : 1;
  int ready = 1;
  for (long lane = 0; lane < writers; ++lane)
    ready = ready && counted(agent, producer(agent, w, lane), w, kRingPushed) > number;
  give_way(agent, ready);
}

// One more entry pushed, popped or freed (E).
static void count_entry(Agent* agent, const __global int* w) {
  if (w[kWordE] == kRingFreed &&
      counted(agent, agent->slot, w, kRingPopped) <= counted(agent, agent->slot, w, kRingFreed)) {
    raise_fault(agent, kFaultFree, 0, 0, 0, 0);
    return;
  }
  mem_fence(CLK_GLOBAL_MEM_FENCE);
  atomic_add(ring_count(agent, agent->slot, w[kWordP0], w[kWordE]), 1);
}

// The tile D in the consumer's slot: A is where its slots begin, E how many they are, B and C the valid extents.
static void pop_tile(Agent* agent, const __global int* w) {
  __global long* r = agent->registers + w[kWordD];
  const long number = counted(agent, agent->slot, w, kRingPopped);
  r[kTileAddress] = r[kTileBase] + agent->registers[w[kWordA]] + number % w[kWordE] * w[kWordF];
  check_extent(agent, w[kWordD], 1);
  if (w[kWordB] != kNone) set_valid(agent, w[kWordD], agent->registers[w[kWordB]], agent->registers[w[kWordC]]);
}

// A's valid rectangle into the slot of the next entry.
static void push_copy(Agent* agent, const __global int* w) {
  const Tile t = load_tile(agent, w[kWordA]);
  const int two_parts = w[kWordKind] == kRingToCube && w[kWordSub];
  const long bytes = t.valid_rows * t.valid_cols * t.bytes;
  if (bytes * (two_parts ? 2 : 1) > w[kWordF]) {
    raise_fault(agent, kFaultSlot, bytes, w[kWordF], two_parts, 0);
    return;
  }
  __global uchar* slot = ring_slot(agent, w, agent->slot, counted(agent, agent->slot, w, kRingPushed));
  if (agent->lane == 0) {
    __global long* header = (__global long*)slot;
    header[0] = t.valid_rows;
    header[1] = t.valid_cols;
    header[2] = w[kWordSub];
    header[3] = t.bytes;
  }
  FOR_LANE_CHUNKS(index, t.valid_rows, t.valid_cols) {
    const Chunk c = chunk_at(index, t.valid_cols);
    long bits[ASSAY_CHUNK];
    load_bits(agent, &t, c.row, c.col, 0, 1, c.count, bits);
    store_bits_strided(slot + kSlotHeader + (c.row * t.valid_cols + c.col) * t.bytes, t.bytes, 1, c.count, bits);
  }
}

// The part of the next entry that is this core's into D: all of it, a half, or both cores' halves together.
static void pop_copy(Agent* agent, const __global int* w) {
  const Tile d = load_tile(agent, w[kWordD]);
  const int split = w[kWordSub], to_vector = w[kWordKind] == kRingToVector, rows_split = by_rows(split);
  const long number = counted(agent, agent->slot, w, kRingPopped), odd = split > 2;
  const long parts = !to_vector && split ? lanes_of(agent) : 1;
  const long skip = to_vector && split && own_lane(agent) == 1 ? (rows_split ? d.valid_rows : d.valid_cols) + odd : 0;
  long to_row = 0, to_col = 0;
  for (long part = 0; part < parts; ++part) {
    const __global uchar* slot = ring_slot(agent, w, producer(agent, w, part), number);
    const __global long* header = (const __global long*)slot;
    const long cols = header[1];
    if (header[2] != split || header[3] != d.bytes) {
      raise_fault(agent, kFaultEntry, header[2], split, header[3], d.bytes);
      return;
    }
    const long from_row = rows_split ? skip : 0, from_col = rows_split ? 0 : skip;
    const long take_rows = clamp(header[0] - from_row, 0L, max(d.valid_rows - to_row, 0L));
    const long take_cols = clamp(cols - from_col, 0L, max(d.valid_cols - to_col, 0L));
    FOR_LANE_CHUNKS(index, take_rows, take_cols) {
      const Chunk c = chunk_at(index, take_cols);
      long bits[ASSAY_CHUNK];
      load_bits_strided(slot + kSlotHeader + ((from_row + c.row) * cols + from_col + c.col) * d.bytes, d.element, 1,
                        c.count, bits);
      store_bits(agent, &d, to_row + c.row, to_col + c.col, c.count, bits);
    }
    if (rows_split)
      to_row += header[0];
    else
      to_col += cols;
  }
}

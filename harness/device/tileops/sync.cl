// What agents wait for: signals, flags of other cores, the barrier of all cores (pto-format 3.6, 3.8; pto-isa 2.5).
// Nothing waits here: an operation that cannot go on says so and the agent returns to the host. One that can go on
// returns too, after it: work-groups see one another's memory for certain only in the next launch.

static volatile __global int* word_at(__global uchar* base, long offset) { return (volatile __global int*)(base + offset); }

static int compare_word(int sub, int value, int against) {
  return holds(sub, value < against, value == against, value > against);
}

static void give_way(Agent* agent, int can_go_on) { agent->state[kStateTurn] = can_go_on ? kTurnGivesWay : kTurnBlocked; }

// The view's word (row, col).
static volatile __global int* signal_word(Agent* agent, const View* v, long row, long col) {
  const __global long* tensor = agent->tensors + v->tensor * kTensorSlots;
  const long offset = row_offset(v, row) + col * (v->rank ? v->stride[v->rank - 1] : 0);
  return word_at(agent->gm + tensor[kTensorBase], offset * 4);
}

// The word at A becomes B, or B is added (Sub).
static void notify(Agent* agent, const __global int* w) {
  const View v = load_view(agent, w[kWordA]);
  if (!view_covers(agent, &v, 1, 1, 4)) return;
  volatile __global int* word = signal_word(agent, &v, 0, 0);
  const int value = (int)agent->registers[w[kWordB]];
  mem_fence(CLK_GLOBAL_MEM_FENCE);
  if (w[kWordSub])
    atomic_add(word, value);
  else
    atomic_xchg(word, value);
  agent->tensors[v.tensor * kTensorSlots + kTensorWritten] = 1;
}

static int all_words_hold(Agent* agent, const View* v, int sub, int against) {
  const long rows = view_rows(v), cols = v->rank ? v->shape[v->rank - 1] : 1;
  for (long row = 0; row < rows; ++row)
    for (long col = 0; col < cols; ++col)
      if (!compare_word(sub, atomic_add(signal_word(agent, v, row, col), 0), against)) return 0;
  return 1;
}

// Until every word of A compares with B as Sub says; with D, whether they do now.
static void wait_signal(Agent* agent, const __global int* w) {
  const View v = load_view(agent, w[kWordA]);
  if (!view_covers(agent, &v, view_rows(&v), v.rank ? v.shape[v.rank - 1] : 1, 4)) return;
  const int satisfied = all_words_hold(agent, &v, w[kWordSub], (int)agent->registers[w[kWordB]]);
  if (w[kWordD] != kNone) agent->registers[w[kWordD]] = satisfied;
  give_way(agent, satisfied || w[kWordD] != kNone);
}

// The host lets the cores go when all have arrived.
static void sync_all(Agent* agent, const __global int* w) {
  const int released = agent->state[kStateBarrier] == kBarrierReleased;
  agent->state[kStateBarrier] = released ? 0 : w[kWordSub] + 1;
  give_way(agent, released);
}

// ---- flags between cores: every core counts what it set, every core what it has waited for

static volatile __global int* set_count(Agent* agent, long slot, int scope, long id) {
  return (volatile __global int*)(agent->states + slot * kStateSlots + kStateSets + scope * kFlagIds + id);
}

static int flag_id(Agent* agent, const __global int* w, long* id) {
  *id = w[kWordA] == kNone ? w[kWordP0] : agent->registers[w[kWordA]];
  const long ids = w[kWordSub] == kScopeIntraBlock && agent->registers[kRegisterIsCube] ? 32 : 16;
  if (*id >= 0 && *id < ids) return 1;
  raise_fault(agent, kFaultFlagId, *id, ids, 0, 0);
  return 0;
}

static void set_cross_flag(Agent* agent, const __global int* w) {
  long id;
  if (!flag_id(agent, w, &id)) return;
  mem_fence(CLK_GLOBAL_MEM_FENCE);
  atomic_add(set_count(agent, agent->slot, w[kWordSub], id), 1);
}

// Whether every core in [first, last) of the kind has set the flag more often than it was waited for here.
static int all_have_set(Agent* agent, long first, long last, int cube, int scope, long id, long waited) {
  const long cores = agent->state[kStateCores];
  for (long slot = first; slot < last; ++slot) {
    const int is_cube = cores > 1 ? (slot - agent->state[kStateFirst]) % cores == 0 : cube;
    if (is_cube == cube && atomic_add(set_count(agent, slot, scope, id), 0) <= waited) return 0;
  }
  return 1;
}

static void wait_cross_flag(Agent* agent, const __global int* w) {
  long id;
  const int scope = w[kWordSub];
  if (!flag_id(agent, w, &id)) return;
  __global long* waited = agent->state + kStateWaits + scope * kFlagIds + id;
  const int cube = (int)agent->registers[kRegisterIsCube];
  const long cores = agent->state[kStateCores], first = agent->state[kStateFirst];
  const long block = first + (agent->slot - first) / cores * cores;
  int set = 0;
  if (scope == kScopeAll)
    set = all_have_set(agent, first, first + agent->state[kStateAgents], cube, scope, id, *waited);
  else if (scope == kScopeKind)
    set = all_have_set(agent, block, block + cores, cube, scope, id, *waited);
  else if (cores == 1)
    set = 0;  // the block has no core of the other kind
  else if (scope == kScopeBlock)
    set = all_have_set(agent, block, block + cores, !cube, scope, id, *waited);
  else if (cube)
    set = all_have_set(agent, block + 1 + id / 16, block + 2 + id / 16, 0, scope, id % 16, *waited);
  else
    set = all_have_set(agent, block, block + 1, 1, scope, id + 16 * agent->registers[kRegisterSubBlock], *waited);
  if (set) ++*waited;
  give_way(agent, set);
}

// ---- tput, tget

// D's elements = B's, or their sums (Sub), Kind the element type. The tile in between holds nothing afterwards.
static void transfer(Agent* agent, const __global int* w) {
  const View to = load_view(agent, w[kWordA]), from = load_view(agent, w[kWordB]);
  const int element = w[kWordKind], bytes = element_bytes(element);
  const long rows = view_rows(&from), cols = from.rank ? from.shape[from.rank - 1] : 1;
  if (!view_covers(agent, &to, rows, cols, bytes) || !view_covers(agent, &from, rows, cols, bytes)) return;
  const long to_stride = to.rank ? to.stride[to.rank - 1] : 0, from_stride = from.rank ? from.stride[from.rank - 1] : 0;
  __global long* tensor = agent->tensors + to.tensor * kTensorSlots;
  __global uchar* target = agent->gm + tensor[kTensorBase];
  const __global uchar* source = agent->gm + agent->tensors[from.tensor * kTensorSlots + kTensorBase];
  if (agent->lane == 0) tensor[kTensorWritten] = 1;
  FOR_LANE_CHUNKS(index, rows, cols) {
    const Chunk c = chunk_at(index, cols);
    long bits[ASSAY_CHUNK];
    __global uchar* at = target + (row_offset(&to, c.row) + c.col * to_stride) * bytes;
    load_bits_strided(source + (row_offset(&from, c.row) + c.col * from_stride) * bytes, element, from_stride, c.count,
                      bits);
    if (w[kWordSub]) add_chunk(at, element, to_stride, c.count, bits);
    store_bits_strided(at, bytes, to_stride, c.count, bits);
  }
}

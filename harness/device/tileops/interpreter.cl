// The program: one work-group per agent runs its bytecode until it is done, broken, or has spent its share, then returns
// to the host. Nothing here waits for another agent.

static void scalar_step(Agent* agent, const __global int* w) {
  __global long* r = agent->registers;
  const int kind = w[kWordKind], sub = w[kWordSub];
  switch (w[kWordOp]) {
    case kOpCopy:
      for (int i = 0; i < w[kWordP0]; ++i) r[w[kWordD] + i] = r[w[kWordA] + i];
      break;
    case kOpSelect:
      for (int i = 0; i < w[kWordP0]; ++i) r[w[kWordD] + i] = r[(r[w[kWordA]] ? w[kWordB] : w[kWordC]) + i];
      break;
    case kOpInteger:
      r[w[kWordD]] = integer_op(agent, sub, kind, r[w[kWordA]], r[w[kWordB]]);
      break;
    case kOpCompareInteger:
      r[w[kWordD]] = compare_integer(sub, kind, r[w[kWordA]], r[w[kWordB]]);
      break;
    case kOpCompareFloat:
      r[w[kWordD]] = compare_float(sub, scalar_to_f32(r[w[kWordA]], kind), scalar_to_f32(r[w[kWordB]], kind));
      break;
    case kOpFloat: {
      const float a = scalar_to_f32(r[w[kWordA]], kind), b = scalar_to_f32(r[w[kWordB]], kind);
      float result;
      binary_floats(sub, 1, &a, &b, &result);
      r[w[kWordD]] = f32_to_scalar(result, kind);
      break;
    }
    case kOpCast:
      r[w[kWordD]] = cast(sub, kind, w[kWordP0], r[w[kWordA]]);
      break;
    case kOpArrayGet:
    case kOpArraySet:
      array_access(agent, w, w[kWordOp] == kOpArraySet);
      break;
    case kOpLoopCheck:
      if (r[w[kWordA]] <= 0) raise_fault(agent, kFaultStep, r[w[kWordA]], 0, 0, 0);
      break;
    case kOpTrap:
      raise_fault(agent, sub, 0, 0, 0, 0);
      break;
    case kOpHalt:
      agent->state[kStateStatus] = kDone;
      break;
    default:
      break;
  }
}

static void descriptor_step(Agent* agent, const __global int* w) {
  switch (w[kWordOp]) {
    case kOpOffset:
      add_offset(agent, w);
      break;
    case kOpAlloc:
      allocate(agent, w);
      break;
    case kOpSetValid:
      set_valid(agent, w[kWordD], agent->registers[w[kWordA]], agent->registers[w[kWordB]]);
      break;
    case kOpSubview:
      subview(agent, w);
      break;
    case kOpReshape:
      reshape(agent, w);
      break;
    case kOpAssign:
      assign_address(agent, w);
      break;
    case kOpLoadScalar:
      load_scalar(agent, w);
      break;
    case kOpStoreScalar:
      store_scalar(agent, w);
      break;
    case kOpGetValue:
      get_value(agent, w);
      break;
    default:
      set_value(agent, w);
  }
}

static void tile_step(Agent* agent, const __global int* w) {
  switch (w[kWordOp]) {
    case kOpLoad:
      tload(agent, w);
      break;
    case kOpStore:
      tstore(agent, w);
      break;
    case kOpMove:
      move_tile(agent, w);
      break;
    case kOpBinary:
      binary(agent, w);
      break;
    case kOpUnary:
      unary(agent, w);
      break;
    case kOpConvert:
      convert_tile(agent, w);
      break;
    case kOpRowSum:
    case kOpRowMax:
      reduce_rows(agent, w, w[kWordOp] == kOpRowSum);
      break;
    case kOpFillPad:
      fill_pad(agent, w);
      break;
    case kOpIota:
      iota(agent, w);
      break;
    case kOpGather:
      gather(agent, w);
      break;
    default:
      concat(agent, w);
  }
}

// Executes one instruction and returns the next pc. Scalars and descriptors belong to lane 0; tiles to all lanes.
static long step(Agent* agent, const __global int* w, long pc) {
  const __global long* r = agent->registers;
  const int op = w[kWordOp];
  if (op == kOpJump) return w[kWordP0];
  if (op == kOpBranchZero) return r[w[kWordA]] == 0 ? w[kWordP0] : pc + 1;
  if (op == kOpLoopTest) return r[w[kWordA]] < r[w[kWordB]] ? pc + 1 : w[kWordP0];
  if (op >= kOpLoad)
    tile_step(agent, w);
  else if (agent->lane == 0) {
    if (op >= kOpOffset)
      descriptor_step(agent, w);
    else
      scalar_step(agent, w);
  }
  return pc + 1;
}

// Runs every agent of the launch for at most `budget` instructions; with `trace` it also stops after an observable one.
__kernel __attribute__((reqd_work_group_size(ASSAY_WIDTH, 1, 1))) void assay_run(
    const __global int* code, __global long* registers, __global long* states, __global uchar* arenas,
    __global uchar* gm, __global long* tensors, long register_count, long arena_bytes, long stage, long fuse, long budget,
    int trace) {
  const long number = get_group_id(0);
  Agent value;
  Agent* const agent = &value;
  agent->arena = arenas + number * arena_bytes;
  agent->gm = gm;
  agent->registers = registers + number * register_count;
  agent->state = states + number * kStateSlots;
  agent->tensors = tensors;
  agent->stage = stage;
  agent->fuse = fuse;
  agent->lane = (int)get_local_id(0);
  long pc = agent->state[kStatePc], last = agent->state[kStateLast], executed = 0;
  int running = agent->state[kStateStatus] == kRunning;
  AGENT_BARRIER();
  while (running && executed < budget) {
    const __global int* w = code + pc * kWordsPerInstruction;
    last = pc;
    agent->staged = 0;
    pc = step(agent, w, pc);
    ++executed;
    AGENT_BARRIER();
    if (agent->staged) copy_result(agent);
    AGENT_BARRIER();
    running = agent->state[kStateStatus] == kRunning && !(trace && w[kWordObservable]);
#if ASSAY_WIDTH > 1
    AGENT_BARRIER();  // all lanes have read the status before one may change it
#endif
  }
  if (agent->lane == 0) {
    agent->state[kStatePc] = pc;
    agent->state[kStateLast] = last;
    agent->state[kStateExecuted] += executed;
  }
}

// Starts the agents of a launch: registers from the image, on-chip memory full of a pattern that depends on the seed,
// the agent and the address (splitmix64).
__kernel void assay_start(const __global long* image, __global long* registers, __global long* states,
                          __global ulong* arenas, long register_count, long arena_words, long first_block, long blocks,
                          ulong seed) {
  const long lane = get_global_id(0), lanes = get_global_size(0), agent = get_global_id(1);
  for (long i = lane; i < register_count; i += lanes)
    registers[agent * register_count + i] = i == kRegisterBlock ? first_block + agent : i == kRegisterBlocks ? blocks : image[i];
  for (long i = lane; i < kStateSlots; i += lanes) states[agent * kStateSlots + i] = 0;
  for (long i = lane; i < arena_words; i += lanes) {
    ulong x = seed * 0xd1342543de82ef95UL + (ulong)(first_block + agent) * 0x2545f4914f6cdd1dUL + (ulong)i * 0x9e3779b97f4a7c15UL;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9UL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebUL;
    arenas[agent * arena_words + i] = x ^ (x >> 31);
  }
}

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
    case kOpNotify:
      notify(agent, w);
      break;
    case kOpWaitSignal:
      wait_signal(agent, w);
      break;
    case kOpSyncAll:
      sync_all(agent, w);
      break;
    case kOpSetFlag:
      set_cross_flag(agent, w);
      break;
    case kOpWaitFlag:
      wait_cross_flag(agent, w);
      break;
    case kOpPushReady:
      push_ready(agent, w);
      break;
    case kOpPopReady:
      pop_ready(agent, w);
      break;
    case kOpPopTile:
      pop_tile(agent, w);
      break;
    case kOpCountEntry:
      count_entry(agent, w);
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
    case kOpReduce:
      reduce(agent, w);
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
    case kOpConcat:
      concat(agent, w);
      break;
    case kOpTernary:
      ternary(agent, w);
      break;
    case kOpPartial:
      partial(agent, w);
      break;
    case kOpCompareTile:
      compare_tile(agent, w);
      break;
    case kOpSelectTile:
      select_tile(agent, w);
      break;
    case kOpGatherPattern:
      gather_pattern(agent, w);
      break;
    case kOpSortBlocks:
      sort_blocks(agent, w);
      break;
    case kOpMergeBlocks:
      merge_blocks(agent, w);
      break;
    case kOpMergeLists:
      merge_lists(agent, w);
      break;
    case kOpPushCopy:
      push_copy(agent, w);
      break;
    case kOpPopCopy:
      pop_copy(agent, w);
      break;
    case kOpTransfer:
      transfer(agent, w);
      break;
    case kOpMatrixStage:
      stage_operands(agent, w);
      break;
    case kOpMatrixMultiply:
      multiply(agent, w);
      break;
    default:
      move_part(agent, w);
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

// Runs agents for at most `budget` instructions each, from the first one on; an agent that waits, or has waited, returns
// at once. With `trace` an agent also stops after an observable instruction.
__kernel __attribute__((reqd_work_group_size(ASSAY_WIDTH, 1, 1))) void assay_run(
    const __global int* code, __global long* registers, __global long* states, __global uchar* arenas,
    __global uchar* gm, __global long* tensors, long register_count, long arena_bytes, long first_agent, long budget,
    int trace) {
  const long number = first_agent + get_group_id(0);
  Agent value;
  Agent* const agent = &value;
  agent->arena = arenas + number * arena_bytes;
  agent->arenas = arenas;
  agent->arena_bytes = arena_bytes;
  agent->gm = gm;
  agent->registers = registers + number * register_count;
  agent->states = states;
  agent->state = states + number * kStateSlots;
  agent->tensors = tensors;
  agent->slot = number;
  agent->stage = agent->state[kStateStage];
  agent->fuse = agent->state[kStateFuse];
  agent->lane = (int)get_local_id(0);
  const __global int* const program = code + agent->state[kStateCode] * kWordsPerInstruction;
  long pc = agent->state[kStatePc], last = agent->state[kStateLast], executed = 0;
  int running = agent->state[kStateStatus] == kRunning;
  AGENT_BARRIER();
  if (agent->lane == 0) agent->state[kStateTurn] = kTurnGoesOn;
  AGENT_BARRIER();
  while (running && executed < budget) {
    const __global int* w = program + pc * kWordsPerInstruction;
    last = pc;
    agent->staged = 0;
    pc = step(agent, w, pc);
    ++executed;
    AGENT_BARRIER();
    if (agent->staged) copy_result(agent);
    AGENT_BARRIER();
    const long turn = agent->state[kStateTurn];
    if (turn == kTurnBlocked) {
      pc = last;
      --executed;
    }
    running = agent->state[kStateStatus] == kRunning && turn == kTurnGoesOn && !(trace && w[kWordObservable]);
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

// Starts agents of a task from `first_agent` on: registers from the image, the state the host has written for the first
// of them, on-chip memory full of a pattern that depends on the seed, the core and the address (splitmix64).
__kernel void assay_start(const __global long* image, __global long* registers, __global long* states,
                          __global ulong* arenas, long image_count, long register_count, long arena_words,
                          long first_agent, long first_block, long cores, long number_of_first, ulong seed) {
  const long lane = get_global_id(0), lanes = get_global_size(0), index = get_global_id(1);
  const long agent = first_agent + index, block = first_block + index / cores, core = index % cores;
  for (long i = lane; i < image_count; i += lanes) {
    long value = image[i];
    if (i == kRegisterBlock) value = block;
    if (cores > 1) {
      if (i == kRegisterIsCube) value = core == 0;
      if (i == kRegisterIsVector) value = core != 0;
      if (i == kRegisterSubBlock) value = core == 0 ? 0 : core - 1;
      if (i == kRegisterSubBlocks) value = core == 0 ? 1 : cores - 1;
    }
    registers[agent * register_count + i] = value;
  }
  for (long i = lane; i < kStateSlots && index > 0; i += lanes) {
    const int shared = i == kStateCode || i == kStateStage || i == kStateFuse || i == kStateFirst || i == kStateAgents ||
                       i == kStateCores;
    states[agent * kStateSlots + i] = shared ? states[first_agent * kStateSlots + i] : 0;
  }
  for (long i = lane; i < arena_words; i += lanes) {
    ulong x = seed * 0xd1342543de82ef95UL + (ulong)(number_of_first + index) * 0x2545f4914f6cdd1dUL +
              (ulong)i * 0x9e3779b97f4a7c15UL;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9UL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebUL;
    arenas[agent * arena_words + i] = x ^ (x >> 31);
  }
}

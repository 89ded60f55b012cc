// What the families share: barriers, the agent's context, faults. ASSAY_WIDTH work-items execute one agent; on a CPU
// that is one, and the loops over a chunk are what its compiler vectorises. ASSAY_CHUNK elements are held in private
// memory at a time.
#if ASSAY_WIDTH > 1
#define AGENT_BARRIER() barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE)
#else
// Keeps the compiler from moving a load of one element type over a store of another between instructions.
#define AGENT_BARRIER() mem_fence(CLK_GLOBAL_MEM_FENCE)
#endif

typedef struct {
  long address, rows, cols, valid_rows, valid_cols;
  long box_rows, box_cols, outer_row, outer_col, inner_row, inner_col;
  int element, bytes, column_major;
} Tile;

typedef struct {
  __global uchar* arena;
  __global uchar* arenas;  // of all agents
  long arena_bytes;
  __global uchar* gm;
  __global long* registers;
  __global long* state;
  __global long* states;  // of all agents
  __global long* tensors;
  long stage;  // arena offset of the area for results that may not overwrite their sources yet
  long fuse;   // arena offset of the area for the result of a fused pair
  long slot;  // the agent's number
  int lane;
  int staged;  // 1: `result` is to be copied to `destination` when every lane has finished its part of the instruction
  Tile result, destination;
} Agent;

// Every lane that gets here writes the same values, or one of several equally true ones.
static void raise_fault(Agent* agent, int rule, long d0, long d1, long d2, long d3) {
  agent->state[kStateRule] = rule;
  agent->state[kStateDetail0] = d0;
  agent->state[kStateDetail1] = d1;
  agent->state[kStateDetail2] = d2;
  agent->state[kStateDetail3] = d3;
  agent->state[kStateStatus] = kFaulted;
}

static int element_bytes(int element) {
  switch (element) {
    case kElementI64:
    case kElementU64:
      return 8;
    case kF32:
    case kElementI32:
    case kElementU32:
      return 4;
    case kF16:
    case kBf16:
    case kElementI16:
    case kElementU16:
      return 2;
    default:
      return 1;
  }
}

static int is_float_element(int element) { return element <= kBf16; }

// Whether a * b fits 64 bits; addresses beyond that are no addresses.
static int product_fits(long a, long b) { return mul_hi(a, b) == ((a * b) >> 63); }

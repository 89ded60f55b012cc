// The contract between the lowering (C++) and the device program (OpenCL C): read by both compilers, so only enums.
// A program is an array of instructions of kWordsPerInstruction 32-bit words; an agent is one core of a block with a file of
// 64-bit registers, a state record and a byte-addressed arena that holds its on-chip memories.
#ifndef ASSAY_DEVICE_ABI_H
#define ASSAY_DEVICE_ABI_H

// Words of an instruction. D, A, B, C, E, F are register numbers, kNone where the operand is absent.
enum InstructionWord {
  kWordOp,
  kWordSite,  // which operation of the source this comes from; the host's table
  kWordD,
  kWordA,
  kWordB,
  kWordC,
  kWordE,
  kWordF,
  kWordKind,  // ScalarCode of scalars, ElementCode elsewhere
  kWordSub,   // which of the op's variants
  kWordP0,    // small constants: jump target, static valid extent, count
  kWordP1,
  kWordImmediateLow,
  kWordImmediateHigh,
  kWordObservable,  // 1: a trace shows what this instruction wrote
  kWordFuse,        // FuseCode
  kWordsPerInstruction
};
enum { kNone = -1 };

enum DeviceOp {
  // scalar.cl
  kOpHalt,
  kOpJump,        // pc = P0
  kOpBranchZero,  // A == 0: pc = P0
  kOpLoopTest,    // !(A < B): pc = P0
  kOpLoopCheck,   // A <= 0: fault
  kOpCopy,        // P0 registers from A to D
  kOpSelect,      // D = A ? B : C, P0 registers
  kOpInteger,     // D = A Sub B
  kOpCompareInteger,
  kOpFloat,
  kOpCompareFloat,
  kOpCast,  // Kind is the destination's, P0 the source's ScalarCode
  kOpArrayGet,
  kOpArraySet,
  kOpTrap,  // fault with rule Sub
  // sync.cl, by lane 0
  kOpNotify,
  kOpWaitSignal,
  kOpSyncAll,
  kOpSetFlag,
  kOpWaitFlag,
  kOpPushReady,
  kOpPopReady,
  kOpPopTile,
  kOpCountEntry,
  // memory.cl
  kOpOffset,  // D += A * B
  kOpAlloc,
  kOpSetValid,
  kOpSubview,
  kOpReshape,
  kOpAssign,
  kOpLoadScalar,
  kOpStoreScalar,
  kOpGetValue,
  kOpSetValue,
  // tile families
  kOpLoad,
  kOpStore,
  kOpMove,
  kOpBinary,
  kOpUnary,
  kOpConvert,
  kOpReduce,
  kOpFillPad,
  kOpIota,
  kOpGather,
  kOpConcat,
  kOpTernary,
  kOpPartial,
  kOpCompareTile,
  kOpSelectTile,
  kOpGatherPattern,
  kOpSortBlocks,
  kOpMergeBlocks,
  kOpMergeLists,
  kOpTransfer,
  kOpPushCopy,
  kOpPopCopy,
  kOpMatrixStage,     // operands of the product that follows, dense, along k
  kOpMatrixMultiply,
  kOpMovePart         // tmov, textract, tinsert where a tile is not in vec
};

// pto::ScalarKind in its order.
enum ScalarCode { kI1, kI8, kI16, kI32, kI64, kUi8, kUi16, kUi32, kUi64, kIndex, kScalarF16, kScalarBf16, kScalarF32 };

// assay::DType in its order.
enum ElementCode {
  kF32,
  kF16,
  kBf16,
  kE4m3fn,
  kE4m3fnuz,
  kE5m2,
  kE2m1,
  kElementI8,
  kElementU8,
  kElementI16,
  kElementU16,
  kElementI32,
  kElementU32,
  kElementI64,
  kElementU64
};

enum IntegerSub {
  kAdd,
  kSub,
  kMul,
  kDivSigned,
  kDivUnsigned,
  kRemSigned,
  kRemUnsigned,
  kFloorDiv,
  kCeilDiv,
  kAnd,
  kOr,
  kXor,
  kShiftLeft,
  kShiftRightSigned,
  kShiftRightUnsigned,
  kMinSigned,
  kMaxSigned,
  kMinUnsigned,
  kMaxUnsigned
};
// arith.cmpi and arith.cmpf predicates, in MLIR's order.
enum IntegerPredicate { kEq, kNe, kSlt, kSle, kSgt, kSge, kUlt, kUle, kUgt, kUge };
enum FloatPredicate {
  kFalse,
  kOeq,
  kOgt,
  kOge,
  kOlt,
  kOle,
  kOne,
  kOrd,
  kUeq,
  kFUgt,
  kFUge,
  kFUlt,
  kFUle,
  kUne,
  kUno,
  kTrue
};
enum CastSub {
  kExtendSigned,
  kExtendUnsigned,
  kTruncate,
  kIndexCast,
  kIndexCastUnsigned,
  kSignedToFloat,
  kUnsignedToFloat,
  kFloatToSigned,
  kFloatToUnsigned,
  kFloatToFloat,
  kBitcast
};

// Elementwise bodies; also the bodies of arith's float ops.
enum BinarySub {
  kBinaryAdd,
  kBinarySub,
  kBinaryMul,
  kBinaryDiv,
  kBinaryMax,
  kBinaryMin,
  kBinaryAnd,
  kBinaryOr,
  kBinaryXor,
  kBinaryShiftLeft,
  kBinaryShiftRight,
  kBinaryFmod,    // sign of the dividend
  kBinaryRem,     // sign of the divisor
  kBinaryPow,
  kBinaryLeaky,   // a > 0 ? a : a * b
  kBinaryExpDif,  // exp(a - b)
  kBinaryAddRelu,
  kBinarySubRelu
};
enum UnarySub {
  kUnaryNeg,
  kUnaryAbs,
  kUnaryRelu,
  kUnaryExp,
  kUnaryLog,
  kUnarySqrt,
  kUnaryRecip,
  kUnaryRsqrt,
  kUnaryNot
};
enum TernarySub { kTernaryAdd, kTernarySub, kTernaryMultiplyAdd, kTernaryMultiplyAddRelu };
enum ReduceSub { kReduceSum, kReduceMax, kReduceMin, kReduceProduct, kReduceArgMax, kReduceArgMin };
enum CompareSub { kCompareEq, kCompareNe, kCompareLt, kCompareLe, kCompareGt, kCompareGe };
enum ProductSub { kProductAlone, kProductOntoDestination, kProductOntoBias };

// What leaves an accumulator (isa 2.7), and the bias rows that become f32 (isa 2.1).
enum FixpipeMode {
  kFixNone,
  kFixNarrow,  // f32 to f16, bf16
  kFixScale,   // f32, i32 to f16, bf16 times the parameter's scale
  kFixByte,    // f32, i32 to 8 bits
  kFixShift,   // i32 to i16
  kFixWiden    // f16, bf16 to f32
};
enum ParameterKind { kParameterNone, kParameterScalar, kParameterTile };

// How a source supplies the element for (row, column) of the destination.
enum SourceMode {
  kSameElement,  // (row, column)
  kFromScalar,   // a register
  kFromRow,      // (row, 0)
  kFromBlock,    // (row, column modulo the elements of 32 bytes)
  kFromColumn,   // (0, column)
  kTransposed,   // (column, row)
  kExpandedRow   // kFromRow or kFromBlock: whichever operand lacks the destination's valid shape, found when executed
};

// assay::Rounding in its order.
enum RoundingCode { kRint, kRound, kFloor, kCeil, kTrunc, kOdd };

// An instruction whose product the next one adds or subtracts (RunOptions::contract_fma), and that next one.
enum FuseCode { kFuseNone, kFuseAdd, kFuseSubtract, kFuseSubtractFrom, kFuseConsumer };

// A pointer: tensor number and element offset.
enum PointerSlot { kPointerTensor, kPointerOffset, kPointerSlots };

// A view: pointer, rank, shape and strides in elements.
enum ViewSlot {
  kViewTensor,
  kViewOffset,
  kViewRank,
  kViewShape,
  kViewStride = kViewShape + 5,
  kViewSlots = kViewStride + 5
};

// A tile. Element (r, c) is at ADDRESS + esz * ((r / BR) * OUTER_ROW + (c / BC) * OUTER_COL + (r % BR) * INNER_ROW +
// (c % BC) * INNER_COL); unboxed tiles have 1 x 1 boxes. Addresses are bytes from the start of the agent's arena.
enum TileSlot {
  kTileAddress,
  kTileBase,   // of the memory space
  kTileLimit,  // end of the memory space
  kTileRows,
  kTileCols,
  kTileValidRows,
  kTileValidCols,
  kTileElement,
  kTileColumnMajor,
  kTilePads,      // 1: padding is defined
  kTilePadValue,  // bits of one element
  kTileBoxRows,
  kTileBoxCols,
  kTileOuterRow,
  kTileOuterCol,
  kTileInnerRow,
  kTileInnerCol,
  kTileSpace,  // pto::Space
  kTileSlots
};

enum ReservedRegister {
  kRegisterBlock,
  kRegisterBlocks,
  kRegisterIsCube,    // 1: the agent is its block's cube core
  kRegisterIsVector,  // 1: it is a vector core
  kRegisterSubBlock,
  kRegisterSubBlocks,
  kReservedRegisters
};

// Flags between cores (isa 2.5): all cores of a kind, those of a block, from one kind to the other (the FFTS modes), and
// set_intra_block.
enum FlagScope { kScopeAll, kScopeKind, kScopeBlock, kScopeIntraBlock };
enum { kFlagIds = 32 };  // of a scope

// State of an agent. It lives in device memory between launches: an agent never waits inside one.
enum StateSlot {
  kStatePc,
  kStateStatus,
  kStateExecuted,  // instructions since the start
  kStateLast,      // pc of the instruction executed last
  kStateFused,     // 1: the result of the fused pair that starts at kStateLast waits in the fuse area
  kStateRule,
  kStateDetail0,
  kStateDetail1,
  kStateDetail2,
  kStateDetail3,
  kStateTurn,     // TurnCode: why the last launch ended
  kStateCode,     // the program's first instruction
  kStateStage,    // arena offset of the area for results that may not overwrite their sources yet
  kStateFuse,     // arena offset of the area for the result of a fused pair
  kStateFirst,    // agent number of the first of the same task
  kStateAgents,   // agents of the task that are resident
  kStateCores,    // agents of a block, the cube core first
  kStateBarrier,  // 1 + the cores that a syncall waits for, kBarrierReleased, or 0
  kStateSets,     // by scope and id: flags set
  kStateWaits = kStateSets + 128,  // and waited for
  kStateRings = kStateWaits + 128,  // by ring: entries pushed, popped, freed
  kStateSlots = kStateRings + 24
};
enum RingCount { kRingPushed, kRingPopped, kRingFreed, kRingCounts };
enum { kRings = 8 };  // of a block at most
enum RingDirection { kRingToVector, kRingToCube };
enum { kBarrierReleased = -1 };
enum BarrierCores { kCoresAll, kCoresCube, kCoresVector };
// Blocked: not executed, to be tried again. GivesWay: executed, what others did is to be seen from here on.
enum TurnCode { kTurnGoesOn, kTurnBlocked, kTurnGivesWay };
enum AgentStatus { kRunning, kDone, kFaulted };

// Broken rules and what their details mean.
enum FaultRule {
  kFaultNone,
  kFaultGlobalBounds,   // first, last element reached, elements in the tensor, tensor
  kFaultOverflow,       // the two factors of an address computation
  kFaultCapacity,       // first byte in the space, end byte, bytes of the space
  kFaultAlignment,      // byte address, alignment
  kFaultNegativeValid,  // valid rows, valid columns
  kFaultValidShape,     // valid rows, valid columns, physical rows, physical columns
  kFaultSourceBounds,   // rows, columns needed, rows, columns of the source tile
  kFaultElementBounds,  // index, elements
  kFaultWindow,         // offset row, offset column, rows, columns of the parent
  kFaultPartition,      // valid rows, valid columns of the tile, rows, columns of the partition
  kFaultExpand,         // no operand of a row expansion fits: valid rows, columns of both
  kFaultDivision,       // dividend
  kFaultShift,          // amount, width
  kFaultNullPad,        // nothing
  kFaultStep,           // step
  kFaultDepth,          // valid columns of the left operand, valid rows of the right one
  kFaultCubeRange,      // extent, most
  kFaultAccumulator,    // nothing
  kFaultMask,           // valid rows of the mask, of the operands
  kFaultList,           // rows, columns
  kFaultFlagId,         // id, ids
  kFaultSlot,           // bytes pushed, bytes of a slot, whether it is one of two parts
  kFaultEntry,          // split pushed, popped, bytes of an element pushed, popped
  kFaultFree,           // nothing
  kFaultUnsupported,    // not a broken rule: what the device does not do
  kFaultConversion      // known when lowered
};

// One tensor of the launch in the table of tensors.
enum TensorSlot { kTensorBase, kTensorElements, kTensorElementBytes, kTensorWritten, kTensorSlots };

#endif

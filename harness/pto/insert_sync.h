// Source form to synchronised form: flags between pipes, barriers on one, write-backs of scalar caches, as a compiler's
// synchronisation pass adds them. Its output is checked like any kernel (assay lint, order=inserted).
#pragma once

#include "harness/core/profile/profile.h"
#include "harness/pto/ir.h"

namespace assay::pto {

// The module with synchronisation in every function that orders no pipes itself; the others are as they were.
//
// Two operations of one core that touch a common byte, not both reading, are ordered, along every path: a flag is set
// behind the earlier one where both stand in one block, else in front of the later one, so that set and wait always
// stand in one block and no flag crosses a branch or a back edge. What flags, barriers and earlier waits have already
// ordered is not ordered again. Where no event id is free, and around calls and transfers between ranks, everything is
// drained. Scalar stores are written back before transfers of the same bytes and before the function ends; scalar
// loads see no line that an earlier task or a transfer has outdated.
//
// Nothing is added between cores, blocks or ranks. Different pointer arguments are taken to be different memory.
// `profile`: pipes that overlap with themselves, and the number of event ids. The module has passed the verifier.
Module insert_sync(const Module& module, const Profile& profile);

}  // namespace assay::pto

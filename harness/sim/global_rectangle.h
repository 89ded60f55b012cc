// Rectangles of global memory as communication moves them: all rows and columns of a view, between ranks.
#pragma once

#include "harness/sim/machine.h"
#include "harness/sim/shared.h"

namespace assay::sim {

// Rows (all dimensions but the last, collapsed) and columns of the view. 0 x 0 where an extent is negative.
struct RectangleShape {
  std::int64_t rows = 0, cols = 0;
};
RectangleShape shape_of(const View& view);

// The view's tensor belongs to this rank, or is another's window (rule "foreign-memory").
bool check_owner(Machine& m, const View& view);

// No more elements than the tensor has, up to some: a view that shows elements again and again is no transfer's (rule
// "transfer-shape").
bool check_extent(Machine& m, const View& view);

// All of the view; false after a fault.
bool load_rectangle(Machine& m, const View& view, Cargo& cargo);
// The cargo into the view's leading rows and columns.
bool store_rectangle(Machine& m, const View& view, const Cargo& cargo, bool atomic_add);

// Where part `index` of parts stacked along the last dimension but one lies (along the only one of rank 1), each of the
// extent of `part`.
View band(const View& whole, std::int64_t index, const View& part);

// Element by element into `a`, rounded to its type after each step: what the vector core's tadd, tmax and tmin do.
enum class Combine : std::uint8_t { sum, max, min };
void combine(Combine how, DType dtype, std::byte* a, const std::byte* b, std::int64_t count);

}  // namespace assay::sim

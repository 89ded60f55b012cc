// What every tile operation is defined to give (pto-isa.md section 2, pto-format.md section 3), element by element and
// from the mathematics: exact integers and dyadic rationals, MPFR for the transcendental functions. Slow. The simulator
// and the devices are held against it; it shares nothing with them.
//
// Where the specification is silent an element is open. This holds for: maximum and minimum with a NaN operand; integer
// results outside their type (sum, difference, product, negation, magnitude, iota); a float to integer conversion of
// NaN, or without saturation of what does not fit in 32 bits; a saturating conversion of NaN between floats; reductions
// over no element; a sum that can overflow in some order; the pad of a tfillpad whose pad is null; tci over several
// rows that are not full; rsqrt of -0; everything that involves a subnormal where the profile flushes them. Zeros of
// either sign are both admissible where only comparison decides (max, min, relu), where a sum cancels exactly, in sqrt
// of a zero and where f32 is rounded to an integral f32. Every NaN stands for every other.
//
// Open besides, in the operations of tiers T3 to T6:
//   products (trowprod, tcolprod) that some order takes out of the normal range; integer sums and products likewise
//   arg reductions where the extremum occurs twice, or with NaN; tpartargmax and tpartargmin where both values are
//   equal shifts by less than 0 or by the width or more; remainders by zero, and trem by an infinity of the other sign
//   tpow with NaN, 0^0, and where the sign of an infinite result or a limit is a convention
//   tprelu and tlrelu of a zero times an infinite slope
//   bits of a mask's last byte beyond the valid columns; bytes of a mask beyond the last one needed
//   partial shapes where neither operand has an element
//   the compare form of tgather behind the last place it found
//   an element of tpairreducesum that no pair makes
//   sorting: blocks with NaN, the index beside a value that occurs twice under indices not in order, the upper half of
//     an f16 value's word, everything behind the last pair
//   tscatter and mscatter: places written twice; places of a tile that no index names
//   tquant.mx of blocks with NaN or an infinity, but for their exponent; and of blocks whose largest magnitude is 0 or
//     below 2^-118, where public sources differ, the exponent 0 excepted
//   a fused half result beyond the largest finite value (isa 2.7 says nothing of its saturation)
// Both a multiplication and an addition rounded each and their exact value rounded once are right in tmuladddst,
// tfusedmuladd, tfusedmuladdrelu, taxpy, and likewise in what rounds several times on the way (taddc and its relatives,
// fused half results, expdif): only hardware says which, and the profile's contraction speaks of FP32 operations that
// a kernel writes apart.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "harness/core/dtype.h"
#include "harness/core/error.h"
#include "harness/core/profile/profile.h"

namespace assay::goldens {

enum class PadWord : std::uint8_t { null, zero, max, min };

// A tile's shape: physical and valid extents, elements in row-major order over the physical ones.
struct TileShape {
  DType dtype = DType::f32;
  std::int64_t rows = 0, cols = 0;
  std::int64_t valid_rows = 0, valid_cols = 0;
};

struct TileValue {
  TileShape shape;
  std::vector<std::uint64_t> bits;  // rows * cols; element (i, j) at i * cols + j, whatever the layout in memory

  std::uint64_t at(std::int64_t i, std::int64_t j) const { return bits[static_cast<std::size_t>(i * shape.cols + j)]; }
};

struct ScalarValue {
  DType dtype = DType::f32;
  std::uint64_t bits = 0;
};

using TileOperand = std::variant<TileValue, ScalarValue>;

struct TileOpRequest {
  std::string op;                // "tadd", without dialect prefix
  std::vector<TileOperand> ins;  // in the order written, scratch tiles left out
  TileShape out;
  PadWord pad = PadWord::null;                         // of the destination, for tfillpad
  std::string rmode, satmode;                          // tcvt, as written; empty when absent
  bool descending = false;                             // tci
  std::vector<TileShape> more_outs = {};               // destinations after the first
  std::map<std::string, std::string> attributes = {};  // as written: {"cmpMode", "gt"}
  std::vector<std::uint64_t> before = {};  // the first destination's elements, where the operation reads them
};

// What one element may be: bits of the least and the greatest value, equal where one value is right; a NaN in `lo`
// means any NaN. Between zeros, -0 lies below +0. Only the bits in `care` are held against it, all of them unless the
// value is a mask.
struct Admissible {
  std::uint64_t lo = 0, hi = 0;
  bool open = false;
  std::uint64_t care = ~std::uint64_t{0};
};
bool admits(DType dtype, const Admissible& admissible, std::uint64_t bits);

// One entry per element of the destination's valid rectangle, row-major; `output` counts the destinations. Errors: an
// unknown operation, operands that contradict it, a conversion the profile does not have.
Result<std::vector<Admissible>> evaluate(const TileOpRequest& request, const Profile& profile, std::size_t output = 0);

// Names of all operations defined here, sorted.
std::vector<std::string_view> tile_op_names();

}  // namespace assay::goldens

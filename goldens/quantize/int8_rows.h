// Rows quantised to INT8 with the freedom that interval inputs leave, and their exact integer products (dsv4-chain 1).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "goldens/enclosure/hull.h"
#include "goldens/enclosure/strict.h"
#include "harness/core/profile/profile.h"

namespace assay::goldens {

// An element whose code is not determined: every code from the row's least one to `greatest` is admissible.
struct WiderCode {
  std::uint32_t row = 0, column = 0;
  std::int8_t greatest = 0;
};

// The codes of quantised rows, and the scale 1 / s_q that goes with each (Number of the arithmetic that made them).
template <class Number>
struct Int8Rows {
  std::size_t rows = 0, columns = 0;
  std::vector<std::int8_t> least;  // [rows, columns]; the code itself where it is determined
  std::vector<WiderCode> wider;    // ascending (row, column); empty for strict arithmetic
  std::vector<Number> quant;       // s_q, [rows]
  std::vector<Number> dequant;     // s_dq = 1 / s_q, [rows]
};

// Q of every row of x [rows, columns] (dsv4-chain 1): amax over the row, RND = mode (rint or round). Every element
// finite; the caller keeps other rows away.
Int8Rows<float> quantize_rows(const StrictArithmetic& math, std::span<const float> x, std::size_t columns,
                              Rounding mode);
Int8Rows<Hull> quantize_rows(const HullArithmetic& math, std::span<const Hull> x, std::size_t columns, Rounding mode);

// float(acc)[r, n] with acc[r, n] = sum over k of q[r, k] * w[n, k], exact in int32. w is [outputs, columns].
std::vector<float> int8_products(const Int8Rows<float>& q, std::span<const std::int8_t> w, std::size_t outputs);
std::vector<Hull> int8_products(const Int8Rows<Hull>& q, std::span<const std::int8_t> w, std::size_t outputs);

}  // namespace assay::goldens

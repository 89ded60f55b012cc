// tmatmul and tgemv in their three forms (pto-isa 2.2; pto-format 3.4). M, K and N are the valid extents of the
// operands; C is seeded with nothing, with itself (.acc) or with the bias row. INT8 is exact and wraps; floats are
// multiplied and added in f32 in the order products.h states. The MX forms scale blocks of 32 along K.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "harness/pto/product.h"
#include "harness/sim/ops/products.h"
#include "harness/sim/ops/support.h"
#include "harness/sim/ops/table.h"
#include "harness/sim/relayout.h"

namespace assay::sim {
namespace {

using pto::OpCode;

constexpr std::size_t kLeftStage = 0, kRightStage = 1, kSeedStage = 2;

struct Operands {
  pto::ProductForm form;
  const Tile *left, *right, *seed = nullptr;  // seed: acc_in or the bias
  const Tile *left_scales = nullptr, *right_scales = nullptr;
  const Tile* out;
  ProductShape shape;
};

Operands operands_of(Machine& m, const Instruction& i) {
  Operands o{};
  o.form = *pto::product_form(i.code);
  o.left = &m.tile(i.operands[o.form.left()]);
  o.right = &m.tile(i.operands[o.form.right()]);
  if (o.form.scaled) {
    o.left_scales = &m.tile(i.operands[o.form.left_scales()]);
    o.right_scales = &m.tile(i.operands[o.form.right_scales()]);
  }
  if (o.form.accumulates) o.seed = &m.tile(i.operands[0]);
  if (o.form.biased) o.seed = &m.tile(i.operands[o.form.bias()]);
  o.out = &destination(m, i);
  o.shape = {o.left->valid_rows, o.left->valid_cols, o.right->valid_cols};
  return o;
}

// isa 1.2: the instruction's fields for m, k and n hold 1 to 4095. An empty result is no instruction at all.
bool check_shape(Machine& m, const Operands& o) {
  constexpr std::int64_t kLargest = 4095;
  const ProductShape& s = o.shape;
  if (o.right->valid_rows != s.k)
    return m.fault_at_tile("valid-mismatch",
                           fmt::format("the left operand has {} valid columns, the right one, the {}, {} valid rows",
                                       s.k, describe(*o.right), o.right->valid_rows),
                           *o.right);
  if (s.m == 0 || s.n == 0) return true;
  if (o.form.vector && s.m != 1)
    return m.fault_at_tile("operand-range", fmt::format("{} valid rows in the vector, the {}", s.m, describe(*o.left)),
                           *o.left);
  for (const auto& [extent, letter] : {std::pair(s.m, 'm'), std::pair(s.k, 'k'), std::pair(s.n, 'n')})
    if (extent < 1 || extent > kLargest)
      return m.fault_at_tile("operand-range", fmt::format("{} = {}, the cube takes 1 to {}", letter, extent, kLargest),
                             letter == 'n' ? *o.right : *o.left);
  return true;
}

bool same_storage(const Tile& a, const Tile& b) {
  return a.space == b.space && a.address == b.address && a.box_rows == b.box_rows && a.box_cols == b.box_cols &&
         a.boxes_across == b.boxes_across && a.boxes_col_major == b.boxes_col_major && a.row_stride == b.row_stride &&
         a.col_stride == b.col_stride;
}

// isa 2.2: the device ignores acc_in and accumulates into the destination in place. A kernel that names another tile
// there gets another sum than it asked for.
bool check_accumulator(Machine& m, const Operands& o) {
  if (same_storage(*o.seed, *o.out)) return true;
  return m.fault_at_tile("accumulator-ignored",
                         fmt::format("acc_in is the {}, but the device adds to what the destination, the {}, holds",
                                     describe(*o.seed), describe(*o.out)),
                         *o.seed);
}

// What C holds before the products are added: m x n, in the output stage. Null after a fault.
template <class T>
T* seeded(Machine& m, const Operands& o) {
  const ProductShape& s = o.shape;
  auto* c = reinterpret_cast<T*>(m.staging(kOutputStage, s.m * s.n * 4));
  const auto row = static_cast<std::size_t>(s.n) * 4;
  if (!o.seed) {
    std::memset(c, 0, row * static_cast<std::size_t>(s.m));
    return c;
  }
  const bool bias = o.form.biased;
  const std::byte* seed = m.read(bias ? *o.seed : *o.out, bias ? 1 : s.m, s.n, kSeedStage);
  if (!seed) return nullptr;
  for (std::int64_t r = 0; r < s.m; ++r)
    std::memcpy(c + r * s.n, seed + (bias ? 0 : static_cast<std::size_t>(r) * row), row);
  return c;
}

// The boxes of L0B as the INT8 kernels want them: Zn with boxes of 32 k's of 16 columns.
bool has_int8_boxes(const Tile& right) {
  return right.inner_col_major && right.box_rows == kBoxDepth && right.box_cols == kPanelCols;
}

bool int8_by_panels(Machine& m, const Operands& o, std::int32_t* c) {
  const ProductShape& s = o.shape;
  const std::byte* left = m.read_in_place(*o.left, s.m, s.k);
  const std::byte* right = left ? m.read_in_place(*o.right, s.k, s.n) : nullptr;
  if (!right) return false;
  const std::int64_t depth = padded_depth(s.k), row_bytes = s.m * depth;
  // Rows, their sums.
  std::byte* rows = m.staging(kLeftStage, row_bytes + s.m * 4);
  if (depth != s.k) std::memset(rows, 0, static_cast<std::size_t>(row_bytes));
  Tile padded;
  padded.dtype = DType::i8;
  padded.row_stride = depth;
  padded.col_stride = 1;
  relayout({*o.left, left}, {padded, rows}, s.m, s.k);
  Int8Left a{reinterpret_cast<const std::int8_t*>(rows), s.m, depth, nullptr};
  auto* sums = reinterpret_cast<std::int32_t*>(rows + row_bytes);
  sum_rows(a.rows, s.m, depth, sums);
  a.row_sums = sums;
  // Room for the turned boxes, aligned, and for a panel.
  std::byte* room = m.staging(kRightStage, depth * kPanelCols + 64 + s.m * kPanelCols * 4);
  std::byte* scratch = room + (64 - reinterpret_cast<std::uintptr_t>(room) % 64) % 64;
  auto* panel = reinterpret_cast<std::int32_t*>(scratch + depth * kPanelCols);
  const Int8Panel multiply = best_panel();
  const std::int64_t step = element_offset(*o.right, kBoxDepth, 0);
  for (std::int64_t col = 0; col < s.n; col += kPanelCols) {
    multiply(a, right + element_offset(*o.right, 0, col), step, scratch, panel);
    const std::int64_t width = std::min(kPanelCols, s.n - col);
    for (std::int64_t row = 0; row < s.m; ++row)
      for (std::int64_t j = 0; j < width; ++j) {
        std::int32_t& sum = c[row * s.n + col + j];
        sum = static_cast<std::int32_t>(static_cast<std::uint32_t>(sum) +
                                        static_cast<std::uint32_t>(panel[row * kPanelCols + j]));
      }
  }
  return true;
}

bool int8_product(Machine& m, const Operands& o, std::int32_t* c) {
  if (has_int8_boxes(*o.right)) return int8_by_panels(m, o, c);
  const std::byte* left = m.read(*o.left, o.shape.m, o.shape.k, kLeftStage);
  const std::byte* right = left ? m.read(*o.right, o.shape.k, o.shape.n, kRightStage) : nullptr;
  if (!right) return false;
  plain_product(reinterpret_cast<const std::int8_t*>(left), reinterpret_cast<const std::int8_t*>(right), o.shape, c);
  return true;
}

bool float_product(Machine& m, const Operands& o, float* c) {
  const ProductShape& s = o.shape;
  const std::byte* left = m.read(*o.left, s.m, s.k, kLeftStage);
  const std::byte* right = left ? m.read(*o.right, s.k, s.n, kRightStage) : nullptr;
  if (!right) return false;
  const float* a = widen(m, o.left->dtype, left, s.m * s.k, kLeftStage);
  const float* b = widen(m, o.right->dtype, right, s.k * s.n, kRightStage);
  const std::int64_t chunk = m.profile().sum_order == SumOrder::chunked ? m.profile().sum_chunk : 0;
  fast_product(a, b, s, chunk, c);
  for (std::int64_t j = 0; j < s.m * s.n; ++j) c[j] = quiet(c[j]);
  flush(m, c, s.m * s.n);
  return true;
}

// One scale for 32 k's of each row and column, at the place the cube takes them from: it knows the operands' addresses
// alone (product.h).
bool check_scales(Machine& m, const Operands& o) {
  const std::int64_t blocks = pto::scale_blocks(o.shape.k);
  if (!m.check_covers(*o.left_scales, o.shape.m, blocks) || !m.check_covers(*o.right_scales, blocks, o.shape.n))
    return false;
  for (const auto& [operand, scales] : {std::pair(o.left, o.left_scales), std::pair(o.right, o.right_scales)})
    if (operand->storage < 0 && scales->storage < 0 && scales->address != operand->address >> pto::kScaleAddressShift)
      return m.fault_at_tile(
          "scale-address",
          fmt::format("the cube takes the scales of the {} from 0x{:X}, they are the {}", describe(*operand),
                      operand->address >> pto::kScaleAddressShift, describe(*scales)),
          *scales);
  return true;
}

// OCP OFP8: e4m3fn has one NaN and no infinity, e5m2 is IEEE's layout. Every finite code is an f32.
float of_fp8(DType dtype, std::uint8_t code) {
  const int fraction_bits = dtype == DType::e4m3fn ? 3 : 2, bias = dtype == DType::e4m3fn ? 7 : 15;
  const int magnitude = code & 0x7F, field = magnitude >> fraction_bits,
            fraction = magnitude & ((1 << fraction_bits) - 1);
  float value = std::ldexp(static_cast<float>(fraction + (field == 0 ? 0 : 1 << fraction_bits)),
                           std::max(field, 1) - bias - fraction_bits);
  if (dtype == DType::e4m3fn ? magnitude == 0x7F : magnitude > 0x7C)
    value = kCanonicalNaN;
  else if (dtype == DType::e5m2 && magnitude == 0x7C)
    value = std::numeric_limits<float>::infinity();
  return (code & 0x80) != 0 ? -value : value;
}

std::vector<float> widen_fp8(DType dtype, const std::byte* codes, std::int64_t count) {
  std::array<float, 256> table;
  for (std::size_t code = 0; code < table.size(); ++code) table[code] = of_fp8(dtype, static_cast<std::uint8_t>(code));
  std::vector<float> values(static_cast<std::size_t>(count));
  for (std::size_t k = 0; k < values.size(); ++k) values[k] = table[static_cast<std::size_t>(codes[k])];
  return values;
}

// OCP MX 1.0, 6.2: the dot product of two blocks is that of their elements times both scales; the blocks' are summed.
// Inside a block ascending, in f32; the product with the scales rounds once; blocks ascending onto what C holds.
bool scaled_product(Machine& m, const Operands& o, float* c) {
  constexpr std::uint8_t kNaN = 0xFF;
  const ProductShape& s = o.shape;
  const std::int64_t blocks = pto::scale_blocks(s.k);
  std::vector<float> left, right, sums(static_cast<std::size_t>(s.n));
  std::vector<std::uint8_t> left_scales(static_cast<std::size_t>(s.m * blocks)),
      right_scales(static_cast<std::size_t>(blocks * s.n));
  const auto take = [&](const Tile& tile, std::int64_t rows, std::int64_t cols, auto& into) {
    const std::byte* data = m.read(tile, rows, cols, kLeftStage);
    if (data) std::memcpy(into.data(), data, into.size());
    return data != nullptr;
  };
  const auto factor = [&](const Tile& tile, std::int64_t rows, std::int64_t cols, std::vector<float>& into) {
    const std::byte* data = m.read(tile, rows, cols, kLeftStage);
    if (data) into = widen_fp8(tile.dtype, data, rows * cols);
    return data != nullptr;
  };
  if (!factor(*o.left, s.m, s.k, left) || !factor(*o.right, s.k, s.n, right) ||
      !take(*o.left_scales, s.m, blocks, left_scales) || !take(*o.right_scales, blocks, s.n, right_scales))
    return false;
  for (std::int64_t row = 0; row < s.m; ++row)
    for (std::int64_t block = 0; block < blocks; ++block) {
      std::fill(sums.begin(), sums.end(), 0.0F);
      for (std::int64_t k = block * pto::kScaleBlock; k < std::min(s.k, (block + 1) * pto::kScaleBlock); ++k) {
        const float a = left[static_cast<std::size_t>(row * s.k + k)];
        for (std::int64_t j = 0; j < s.n; ++j)
          sums[static_cast<std::size_t>(j)] += a * right[static_cast<std::size_t>(k * s.n + j)];
      }
      const std::uint8_t left_scale = left_scales[static_cast<std::size_t>(row * blocks + block)];
      for (std::int64_t j = 0; j < s.n; ++j) {
        const std::uint8_t right_scale = right_scales[static_cast<std::size_t>(block * s.n + j)];
        // 24 bits times a power of two of at most 2^254: exact in f64.
        const double scale = std::ldexp(1.0, left_scale + right_scale - 2 * 127);
        const double scaled = static_cast<double>(sums[static_cast<std::size_t>(j)]) * scale;
        const bool is_nan = left_scale == kNaN || right_scale == kNaN;
        c[row * s.n + j] += is_nan ? kCanonicalNaN : static_cast<float>(scaled);
      }
    }
  for (std::int64_t j = 0; j < s.m * s.n; ++j) c[j] = quiet(c[j]);
  flush(m, c, s.m * s.n);
  return true;
}

bool multiply(Machine& m, const Instruction& i) {
  if (!enter_tile_op(m, i)) return false;
  const Operands o = operands_of(m, i);
  if (!check_shape(m, o) || (o.form.accumulates && !check_accumulator(m, o))) return false;
  const std::int64_t rows = o.shape.m, cols = o.shape.n;
  if (rows == 0 || cols == 0) return true;
  if (!m.check_covers(*o.out, rows, cols)) return false;
  if (o.out->dtype == DType::i32) {
    auto* c = seeded<std::int32_t>(m, o);
    return c && int8_product(m, o, c) && finish(m, *o.out, rows, cols, reinterpret_cast<const std::byte*>(c));
  }
  if (o.form.scaled && !check_scales(m, o)) return false;
  auto* c = seeded<float>(m, o);
  return c && (o.form.scaled ? scaled_product(m, o, c) : float_product(m, o, c)) &&
         finish(m, *o.out, rows, cols, reinterpret_cast<const std::byte*>(c));
}

}  // namespace

Body matmul_body(OpCode code) { return pto::product_form(code) ? multiply : nullptr; }

}  // namespace assay::sim

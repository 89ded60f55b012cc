// trowsum and trowmax: the source's valid columns into the destination's one column (pto-isa 2.4, 2.8).
//
// A sum is an f32 sum in an order every profile with these chunks allows: chunks in ascending order, inside a chunk the
// upper half is added onto the lower one until one element is left, as the device's vadd trees do. f16 rows are summed
// in f32 and rounded once.
#include <algorithm>
#include <vector>

#include "harness/sim/ops/support.h"
#include "harness/sim/ops/table.h"

namespace assay::sim {
namespace {

using pto::OpCode;

constexpr std::int64_t kDefaultChunk = 512;

// Destroys x[0, n); n > 0.
float halving_sum(float* x, std::int64_t n) {
  while (n > 1) {
    const std::int64_t half = (n + 1) / 2;
    for (std::int64_t k = 0; k < n - half; ++k) x[k] += x[half + k];
    n = half;
  }
  return x[0];
}

float sequential_sum(const float* x, std::int64_t n) {
  float sum = x[0];
  for (std::int64_t k = 1; k < n; ++k) sum += x[k];
  return sum;
}

float sum_row(const Profile& profile, float* x, std::int64_t n) {
  if (profile.sum_order == SumOrder::sequential) return sequential_sum(x, n);
  const bool chunked = profile.sum_order == SumOrder::chunked && profile.sum_chunk > 0;
  const std::int64_t chunk = chunked ? profile.sum_chunk : kDefaultChunk;
  float total = halving_sum(x, std::min(chunk, n));
  for (std::int64_t begin = chunk; begin < n; begin += chunk)
    total += halving_sum(x + begin, std::min(chunk, n - begin));
  return total;
}

template <class T>
T max_row(const T* x, std::int64_t n) {
  T best = x[0];
  for (std::int64_t k = 1; k < n; ++k) best = maximum_of(best, x[k]);
  return best;
}

struct Rows {
  const std::byte* data;
  std::int64_t rows, cols;
};

bool open_rows(Machine& m, const Instruction& i, Rows& rows) {
  if (!enter_tile_op(m, i)) return false;
  const Tile &s = m.tile(i.operands[0]), &d = destination(m, i);
  if (d.valid_cols > 1)
    return m.fault_at_tile(
        "valid-mismatch",
        fmt::format("the {} has {} valid columns, a reduction has one result per row", describe(d), d.valid_cols), d);
  rows = {m.read(s, d.valid_rows, s.valid_cols, 0), d.valid_rows, s.valid_cols};
  return rows.data != nullptr;
}

bool is_empty(const Tile& d, const Rows& rows) { return d.valid_cols == 0 || rows.rows == 0 || rows.cols == 0; }

bool finish_empty(Machine& m, const Tile& d) {
  m.trace_tile(d, 0, 0, m.staging(kOutputStage, 8));
  return true;
}

bool trowsum(Machine& m, const Instruction& i) {
  Rows rows{};
  if (!open_rows(m, i, rows)) return false;
  const Tile& d = destination(m, i);
  if (is_empty(d, rows)) return finish_empty(m, d);
  const float* x = widen(m, d.dtype, rows.data, rows.rows * rows.cols, 0);
  auto* scratch = reinterpret_cast<float*>(m.staging(1, rows.cols * 4));
  auto* out = reinterpret_cast<float*>(m.staging(kOutputStage, rows.rows * 4));
  for (std::int64_t row = 0; row < rows.rows; ++row) {
    std::copy_n(x + row * rows.cols, rows.cols, scratch);
    out[row] = quiet(sum_row(m.profile(), scratch, rows.cols));
  }
  if (d.dtype == DType::f32) flush(m, out, rows.rows);
  narrow(d.dtype, out, rows.rows, reinterpret_cast<std::byte*>(out));
  return finish(m, d, rows.rows, 1, reinterpret_cast<std::byte*>(out));
}

bool trowmax(Machine& m, const Instruction& i) {
  Rows rows{};
  if (!open_rows(m, i, rows)) return false;
  const Tile& d = destination(m, i);
  if (is_empty(d, rows)) return finish_empty(m, d);
  std::byte* out = m.staging(kOutputStage, rows.rows * 8);
  if (info(d.dtype).is_float) {
    const float* x = widen(m, d.dtype, rows.data, rows.rows * rows.cols, 0);
    auto* values = reinterpret_cast<float*>(out);
    for (std::int64_t row = 0; row < rows.rows; ++row) values[row] = quiet(max_row(x + row * rows.cols, rows.cols));
    narrow(d.dtype, values, rows.rows, out);
  } else {
    visit_integer(d.dtype, [&](auto type) {
      using T = decltype(type);
      const T* x = reinterpret_cast<const T*>(rows.data);
      for (std::int64_t row = 0; row < rows.rows; ++row)
        reinterpret_cast<T*>(out)[row] = max_row(x + row * rows.cols, rows.cols);
      return true;
    });
  }
  return finish(m, d, rows.rows, 1, out);
}

}  // namespace

Body reduce_body(OpCode code) {
  if (code == OpCode::trowsum) return trowsum;
  return code == OpCode::trowmax ? trowmax : nullptr;
}

}  // namespace assay::sim

#include "harness/sim/ops/products.h"

#include <algorithm>
#include <array>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace assay::sim {
namespace {

std::size_t at(std::int64_t index) { return static_cast<std::size_t>(index); }

void add_wrapping(std::int32_t& sum, std::int32_t term) {
  sum = static_cast<std::int32_t>(static_cast<std::uint32_t>(sum) + static_cast<std::uint32_t>(term));
}

// ---- f32

constexpr std::int64_t kStrip = 64;  // columns whose sums are kept at hand

// One strip of one row: sums[j] += a[0..depth) * b[.., j], in ascending order. The columns are independent, so any
// width of vectors gives the same bits.
inline __attribute__((always_inline)) void add_strip(const float* a, const float* b, std::int64_t depth, std::int64_t n,
                                                     float* sums) {
  float kept[kStrip];
  std::memcpy(kept, sums, sizeof(kept));
  for (std::int64_t k = 0; k < depth; ++k) {
    const float factor = a[k];
    const float* row = b + k * n;
    for (std::int64_t j = 0; j < kStrip; ++j) kept[j] += factor * row[j];
  }
  std::memcpy(sums, kept, sizeof(kept));
}
void add_tail(const float* a, const float* b, std::int64_t depth, std::int64_t n, std::int64_t width, float* sums) {
  for (std::int64_t k = 0; k < depth; ++k)
    for (std::int64_t j = 0; j < width; ++j) sums[j] += a[k] * b[k * n + j];
}

inline __attribute__((always_inline)) void product_by_strips(const float* a, const float* b, const ProductShape& s,
                                                             std::int64_t chunk, float* c) {
  const std::int64_t step = chunk > 0 ? chunk : s.k;
  for (std::int64_t row = 0; row < s.m; ++row) {
    for (std::int64_t col = 0; col < s.n; col += kStrip) {
      const std::int64_t width = std::min(kStrip, s.n - col);
      float* out = c + row * s.n + col;
      for (std::int64_t k = 0; k < s.k; k += step) {
        const std::int64_t depth = std::min(step, s.k - k);
        float partial[kStrip] = {};
        float* sums = chunk > 0 ? partial : out;
        const float *left = a + row * s.k + k, *right = b + k * s.n + col;
        if (width == kStrip)
          add_strip(left, right, depth, s.n, sums);
        else
          add_tail(left, right, depth, s.n, width, sums);
        for (std::int64_t j = 0; chunk > 0 && j < width; ++j) out[j] += partial[j];
      }
    }
  }
}

#if defined(__x86_64__)
__attribute__((target("avx512f,avx512bw,avx512vl"))) void product_avx512(const float* a, const float* b,
                                                                         const ProductShape& s, std::int64_t chunk,
                                                                         float* c) {
  product_by_strips(a, b, s, chunk, c);
}
__attribute__((target("avx2"))) void product_avx2(const float* a, const float* b, const ProductShape& s,
                                                  std::int64_t chunk, float* c) {
  product_by_strips(a, b, s, chunk, c);
}
#endif

// ---- INT8

// Dot products of a row with the sixteen columns of a box, column by column as they lie.
inline __attribute__((always_inline)) void panel_by_dots(const Int8Left& a, const std::byte* boxes,
                                                         std::int64_t box_step, std::int32_t* panel) {
  std::memset(panel, 0, at(a.m * kPanelCols) * sizeof(std::int32_t));
  for (std::int64_t k = 0; k < a.depth; k += kBoxDepth, boxes += box_step) {
    const auto* box = reinterpret_cast<const std::int8_t*>(boxes);
    for (std::int64_t row = 0; row < a.m; ++row) {
      const std::int8_t* left = a.rows + row * a.depth + k;
      for (std::int64_t col = 0; col < kPanelCols; ++col) {
        std::int32_t sum = 0;
        for (std::int64_t j = 0; j < kBoxDepth; ++j)
          sum += static_cast<std::int32_t>(left[j]) * static_cast<std::int32_t>(box[col * kBoxDepth + j]);
        add_wrapping(panel[row * kPanelCols + col], sum);
      }
    }
  }
}

void plain(const Int8Left& a, const std::byte* boxes, std::int64_t box_step, std::byte*, std::int32_t* panel) {
  panel_by_dots(a, boxes, box_step, panel);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) void dots_avx2(const Int8Left& a, const std::byte* boxes, std::int64_t box_step,
                                               std::byte*, std::int32_t* panel) {
  panel_by_dots(a, boxes, box_step, panel);
}

#define ASSAY_VNNI __attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni")))

// Of four vectors of (group, four columns) quarters, four vectors of one group and sixteen columns each.
ASSAY_VNNI inline void write_groups(const __m512i* quad, std::byte* to) {
  const __m512i ab_low = _mm512_shuffle_i32x4(quad[0], quad[1], 0x44);
  const __m512i ab_high = _mm512_shuffle_i32x4(quad[0], quad[1], 0xEE);
  const __m512i cd_low = _mm512_shuffle_i32x4(quad[2], quad[3], 0x44);
  const __m512i cd_high = _mm512_shuffle_i32x4(quad[2], quad[3], 0xEE);
  _mm512_store_si512(to, _mm512_shuffle_i32x4(ab_low, cd_low, 0x88));
  _mm512_store_si512(to + 64, _mm512_shuffle_i32x4(ab_low, cd_low, 0xDD));
  _mm512_store_si512(to + 128, _mm512_shuffle_i32x4(ab_high, cd_high, 0x88));
  _mm512_store_si512(to + 192, _mm512_shuffle_i32x4(ab_high, cd_high, 0xDD));
}

// A box turned so that a vector holds four k's of all sixteen columns; 128 added to every element makes it unsigned, as
// the instruction wants one side.
ASSAY_VNNI void turn_box(const std::byte* box, std::byte* out) {
  const __m512i flip = _mm512_set1_epi8(static_cast<char>(0x80));
  // Word w of vector i: column 2i + w / 8, group (of four k's) w % 8.
  __m512i v[8];
  for (int i = 0; i < 8; ++i) v[i] = _mm512_xor_si512(_mm512_loadu_si512(box + 64 * i), flip);
  const __m512i first = _mm512_setr_epi32(0, 8, 16, 24, 1, 9, 17, 25, 2, 10, 18, 26, 3, 11, 19, 27);
  const __m512i second = _mm512_setr_epi32(4, 12, 20, 28, 5, 13, 21, 29, 6, 14, 22, 30, 7, 15, 23, 31);
  __m512i low[4], high[4];  // columns 4i to 4i + 3 of groups 0 to 3, of groups 4 to 7
  for (int i = 0; i < 4; ++i) {
    low[i] = _mm512_permutex2var_epi32(v[2 * i], first, v[2 * i + 1]);
    high[i] = _mm512_permutex2var_epi32(v[2 * i], second, v[2 * i + 1]);
  }
  write_groups(low, out);
  write_groups(high, out + 256);
}

template <int kRows>
ASSAY_VNNI void rows_vnni(const Int8Left& a, std::int64_t first, const std::byte* turned, std::int32_t* panel) {
  __m512i sums[kRows];
  for (int r = 0; r < kRows; ++r) sums[r] = _mm512_setzero_si512();
  const std::int8_t* left = a.rows + first * a.depth;
  for (std::int64_t k = 0; k < a.depth; k += 4, turned += 64) {
    const __m512i right = _mm512_load_si512(turned);
    for (int r = 0; r < kRows; ++r) {
      std::int32_t four;
      std::memcpy(&four, left + r * a.depth + k, 4);
      sums[r] = _mm512_dpbusd_epi32(sums[r], right, _mm512_set1_epi32(four));
    }
  }
  for (int r = 0; r < kRows; ++r) {  // 128 was added to every element of the right side
    const __m512i surplus =
        _mm512_set1_epi32(static_cast<std::int32_t>(static_cast<std::uint32_t>(a.row_sums[first + r]) * 128U));
    _mm512_storeu_si512(panel + (first + r) * kPanelCols, _mm512_sub_epi32(sums[r], surplus));
  }
}

ASSAY_VNNI void vnni(const Int8Left& a, const std::byte* boxes, std::int64_t box_step, std::byte* scratch,
                     std::int32_t* panel) {
  for (std::int64_t k = 0; k < a.depth; k += kBoxDepth)
    turn_box(boxes + k / kBoxDepth * box_step, scratch + k * kPanelCols);
  std::int64_t row = 0;
  for (; row + 16 <= a.m; row += 16) rows_vnni<16>(a, row, scratch, panel);
  for (; row + 4 <= a.m; row += 4) rows_vnni<4>(a, row, scratch, panel);
  for (; row < a.m; ++row) rows_vnni<1>(a, row, scratch, panel);
}
#endif

struct Panels {
  std::array<NamedPanel, 3> kernels{};
  std::size_t count = 0;
  Panels() {
    kernels[count++] = {"plain", plain};
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2")) kernels[count++] = {"avx2", dots_avx2};
    if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512vnni"))
      kernels[count++] = {"vnni", vnni};
#endif
  }
};
const Panels& all_panels() {
  static const Panels panels;
  return panels;
}

}  // namespace

void plain_product(const std::int8_t* a, const std::int8_t* b, const ProductShape& s, std::int32_t* c) {
  for (std::int64_t row = 0; row < s.m; ++row)
    for (std::int64_t k = 0; k < s.k; ++k)
      for (std::int64_t col = 0; col < s.n; ++col)
        add_wrapping(c[row * s.n + col], a[row * s.k + k] * b[k * s.n + col]);
}

void plain_product(const float* a, const float* b, const ProductShape& s, std::int64_t chunk, float* c) {
  const std::int64_t step = chunk > 0 ? chunk : s.k;
  for (std::int64_t row = 0; row < s.m; ++row)
    for (std::int64_t col = 0; col < s.n; ++col)
      for (std::int64_t begin = 0; begin < s.k; begin += step) {
        float& sum = c[row * s.n + col];
        float partial = chunk > 0 ? 0.0F : sum;
        for (std::int64_t k = begin; k < std::min(begin + step, s.k); ++k)
          partial += a[row * s.k + k] * b[k * s.n + col];
        sum = chunk > 0 ? sum + partial : partial;
      }
}

void fast_product(const float* a, const float* b, const ProductShape& s, std::int64_t chunk, float* c) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
    return product_avx512(a, b, s, chunk, c);
  if (__builtin_cpu_supports("avx2")) return product_avx2(a, b, s, chunk, c);
#endif
  product_by_strips(a, b, s, chunk, c);
}

void sum_rows(const std::int8_t* rows, std::int64_t m, std::int64_t depth, std::int32_t* sums) {
  for (std::int64_t row = 0; row < m; ++row) {
    std::int32_t sum = 0;
    for (std::int64_t k = 0; k < depth; ++k) sum += rows[row * depth + k];
    sums[row] = sum;
  }
}

Int8Panel plain_panel() { return plain; }
const NamedPanel* panels(std::size_t& count) {
  count = all_panels().count;
  return all_panels().kernels.data();
}
Int8Panel best_panel() { return all_panels().kernels[all_panels().count - 1].kernel; }

}  // namespace assay::sim

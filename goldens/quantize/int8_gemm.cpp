#include "goldens/quantize/int8_gemm.h"

#include <omp.h>
#include <oneapi/dnnl/dnnl.h>

#include <algorithm>

#include "goldens/parallel.h"

namespace assay::goldens {
namespace {

// Outputs per piece of work: enough to keep oneDNN's kernels busy, few enough to share between threads.
constexpr std::size_t kBlock = 256;

// oneDNN multiplies pairs of 8-bit numbers into saturating 16-bit sums where the machine has no VNNI or AMX, which is
// inexact ("INT8 computation aspects" in its guide); its kernels for AVX2 with VNNI are not relied on.
bool library_is_exact() {
  constexpr unsigned avx512_vnni = dnnl_cpu_isa_avx512_core_vnni & ~dnnl_cpu_isa_avx512_core;
  static const bool exact = (static_cast<unsigned>(dnnl_get_effective_cpu_isa()) & avx512_vnni) != 0;
  return exact;
}

// Debian's oneDNN runs on OpenMP, whose teams would compete with our own threads and do not survive a fork: none is
// made while only one thread is asked for. The setting belongs to the calling thread.
class OneOpenMpThread {
 public:
  OneOpenMpThread() : before_(omp_get_max_threads()) { omp_set_num_threads(1); }
  ~OneOpenMpThread() { omp_set_num_threads(before_); }
  OneOpenMpThread(const OneOpenMpThread&) = delete;
  OneOpenMpThread& operator=(const OneOpenMpThread&) = delete;

 private:
  int before_;
};

// The outputs [first, first + count) of every row; b and acc start at output `first`.
bool library_block(const std::int8_t* a, const std::int8_t* b, Int8GemmShape shape, std::size_t count,
                   std::int32_t* acc) {
  const OneOpenMpThread one_thread;
  const auto extent = [](std::size_t n) { return static_cast<dnnl_dim_t>(n); };
  const std::int32_t no_offset = 0;
  return dnnl_gemm_s8s8s32('N', 'T', 'F', extent(shape.rows), extent(count), extent(shape.columns), 1.0f, a,
                           extent(shape.columns), 0, b, extent(shape.columns), 0, 0.0f, acc, extent(shape.outputs),
                           &no_offset) == dnnl_success;
}

void plain_block(const std::int8_t* a, const std::int8_t* b, Int8GemmShape shape, std::size_t count,
                 std::int32_t* acc) {
  for (std::size_t n = 0; n < count; ++n)
    for (std::size_t r = 0; r < shape.rows; ++r) {
      const std::int8_t* x = a + r * shape.columns;
      const std::int8_t* w = b + n * shape.columns;
      std::int32_t sum = 0;
      for (std::size_t k = 0; k < shape.columns; ++k) sum += std::int32_t{x[k]} * std::int32_t{w[k]};
      acc[r * shape.outputs + n] = sum;
    }
}

template <class Block>
void for_blocks(std::span<const std::int8_t> a, std::span<const std::int8_t> b, Int8GemmShape shape,
                std::span<std::int32_t> acc, Block block) {
  if (shape.rows == 0 || shape.outputs == 0) return;
  if (shape.columns == 0) {
    std::ranges::fill(acc, 0);
    return;
  }
  parallel_for((shape.outputs + kBlock - 1) / kBlock, [&](std::size_t i) {
    const std::size_t first = i * kBlock;
    block(a.data(), b.data() + first * shape.columns, shape, std::min(kBlock, shape.outputs - first),
          acc.data() + first);
  });
}

}  // namespace

void int8_gemm(std::span<const std::int8_t> a, std::span<const std::int8_t> b, Int8GemmShape shape,
               std::span<std::int32_t> acc) {
  if (!library_is_exact()) return plain_int8_gemm(a, b, shape, acc);
  for_blocks(a, b, shape, acc,
             [](const std::int8_t* x, const std::int8_t* w, Int8GemmShape whole, std::size_t count, std::int32_t* sum) {
               if (!library_block(x, w, whole, count, sum)) plain_block(x, w, whole, count, sum);
             });
}

void plain_int8_gemm(std::span<const std::int8_t> a, std::span<const std::int8_t> b, Int8GemmShape shape,
                     std::span<std::int32_t> acc) {
  for_blocks(a, b, shape, acc, plain_block);
}

}  // namespace assay::goldens

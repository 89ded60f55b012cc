#include "goldens/quantize/int8_kernels.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

// Inlined into one function per instruction set, which compiles it with that set.
#define ASSAY_LOOP [[gnu::always_inline]] inline

namespace assay::goldens {
namespace {

constexpr std::uint32_t kSign = 0x80000000, kMagnitude = 0x7FFFFFFF;

float plain_amax(const float* x, std::size_t count) {
  float amax = kInt8AmaxEps;
  for (std::size_t j = 0; j < count; ++j) amax = std::max(amax, std::fabs(x[j]));
  return amax;
}

template <Rounding mode>
void plain_quantize(const float* x, std::size_t count, float scale, std::int8_t* q) {
  for (std::size_t j = 0; j < count; ++j) q[j] = round_to_code(x[j] * scale, mode);
}

// Finite magnitudes order as their bit patterns do.
ASSAY_LOOP float amax_loop(const float* x, std::size_t count) {
  auto amax = std::bit_cast<std::int32_t>(kInt8AmaxEps);
  for (std::size_t j = 0; j < count; ++j)
    amax = std::max(amax, static_cast<std::int32_t>(std::bit_cast<std::uint32_t>(x[j]) & kMagnitude));
  return std::bit_cast<float>(amax);
}

// Adding 1.5 * 2^23 leaves no bit for a fraction, and the addition's own rounding is to nearest even: the sum's lowest
// bits are the integer in two's complement.
ASSAY_LOOP void rint_loop(const float* x, std::size_t count, float scale, std::int8_t* q) {
  for (std::size_t j = 0; j < count; ++j)
    q[j] = static_cast<std::int8_t>(std::bit_cast<std::uint32_t>(x[j] * scale + 0x1.8p23f));
}

// Truncates z + h, h of z's sign and the float below 1/2. With n the integer below |z|: |z| < n + 1/2 is at most
// n + 1/2 - ulp, so the exact sum is below n + 1 by more than half an ulp there, and stays below; |z| >= n + 1/2 gives
// at least n + 1 - 2^-25, which rounds to n + 1 (from n = 0 by the tie to even).
ASSAY_LOOP void round_loop(const float* x, std::size_t count, float scale, std::int8_t* q) {
  constexpr std::uint32_t below_half = 0x3EFFFFFF;
  for (std::size_t j = 0; j < count; ++j) {
    const float z = x[j] * scale;
    const float half = std::bit_cast<float>(below_half | (std::bit_cast<std::uint32_t>(z) & kSign));
    q[j] = static_cast<std::int8_t>(static_cast<std::int32_t>(z + half));
  }
}

#if defined(__x86_64__)
#define ASSAY_KERNELS(suffix, features)                                                                            \
  [[gnu::target(features)]] float amax_##suffix(const float* x, std::size_t count) { return amax_loop(x, count); } \
  [[gnu::target(features)]] void rint_##suffix(const float* x, std::size_t count, float scale, std::int8_t* q) {   \
    rint_loop(x, count, scale, q);                                                                                 \
  }                                                                                                                \
  [[gnu::target(features)]] void round_##suffix(const float* x, std::size_t count, float scale, std::int8_t* q) {  \
    round_loop(x, count, scale, q);                                                                                \
  }
ASSAY_KERNELS(avx2, "avx2")
ASSAY_KERNELS(avx512, "avx512f,avx512bw,avx512dq,avx512vl,prefer-vector-width=512")
#undef ASSAY_KERNELS
#endif

std::vector<Int8Kernels> find_kernels() {
  std::vector<Int8Kernels> kernels{
      {"plain", plain_amax, plain_quantize<Rounding::rint>, plain_quantize<Rounding::round>}};
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) kernels.push_back({"avx2", amax_avx2, rint_avx2, round_avx2});
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl"))
    kernels.push_back({"avx512", amax_avx512, rint_avx512, round_avx512});
#endif
  return kernels;
}

}  // namespace

std::span<const Int8Kernels> int8_kernels() {
  static const std::vector<Int8Kernels> kernels = find_kernels();
  return kernels;
}

Int8Scale quantize_int8_row(const Int8Kernels& kernels, std::span<const float> x, Rounding mode,
                            std::span<std::int8_t> q) {
  const Int8Scale scale = int8_scale(kernels.amax(x.data(), x.size()));
  (mode == Rounding::round ? kernels.round : kernels.rint)(x.data(), x.size(), scale.quant, q.data());
  return scale;
}

}  // namespace assay::goldens

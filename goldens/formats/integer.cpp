#include "goldens/formats/integer.h"

#include "goldens/formats/integer_rounding.h"

namespace assay::goldens {
namespace {

template <class Int, Rounding mode>
[[gnu::always_inline]] inline void convert_all(const float* x, std::size_t count, Int* y) {
  for (std::size_t i = 0; i < count; ++i)
    y[i] = static_cast<Int>(
        saturate_to_integer(std::bit_cast<std::uint32_t>(x[i]), std::numeric_limits<Int>::digits + 1, mode));
}

template <class Int, Rounding mode>
void convert_plain(const float* x, std::size_t count, Int* y) {
  convert_all<Int, mode>(x, count, y);
}
template <class Int, Rounding mode>
ASSAY_AVX2 void convert_avx2(const float* x, std::size_t count, Int* y) {
  convert_all<Int, mode>(x, count, y);
}
template <class Int, Rounding mode>
ASSAY_AVX512 void convert_avx512(const float* x, std::size_t count, Int* y) {
  convert_all<Int, mode>(x, count, y);
}

template <class Int, Rounding mode>
void run(std::span<const float> x, std::span<Int> y, InstructionSet set) {
  switch (set) {
    case InstructionSet::avx512:
      return convert_avx512<Int, mode>(x.data(), x.size(), y.data());
    case InstructionSet::avx2:
      return convert_avx2<Int, mode>(x.data(), x.size(), y.data());
    case InstructionSet::plain:
      return convert_plain<Int, mode>(x.data(), x.size(), y.data());
  }
}

template <class Int>
void run(std::span<const float> x, Rounding mode, std::span<Int> y, InstructionSet set) {
  switch (mode) {
    case Rounding::rint:
      return run<Int, Rounding::rint>(x, y, set);
    case Rounding::round:
      return run<Int, Rounding::round>(x, y, set);
    case Rounding::floor:
      return run<Int, Rounding::floor>(x, y, set);
    case Rounding::ceil:
      return run<Int, Rounding::ceil>(x, y, set);
    case Rounding::trunc:
      return run<Int, Rounding::trunc>(x, y, set);
    case Rounding::odd:
      return run<Int, Rounding::odd>(x, y, set);
  }
}

}  // namespace

std::optional<std::int64_t> to_integer(double x, Rounding mode, int bits, bool saturate) {
  using Bits = std::uint64_t;
  const auto pattern = std::bit_cast<Bits>(x);
  const Bits magnitude = pattern & Source<Bits>::kMagnitude, negative = pattern >> Source<Bits>::kSignShift;
  if (magnitude > Source<Bits>::kInfinity) return std::nullopt;
  const bool fits = round_to_integral_magnitude(magnitude, negative, mode) <= integer_limit<Bits>(bits, negative != 0);
  if (!fits && !saturate) return std::nullopt;
  return static_cast<std::int64_t>(saturate_to_integer(pattern, bits, mode));
}

void to_integers(std::span<const float> x, Rounding mode, std::span<std::int8_t> y, InstructionSet set) {
  run(x, mode, y, set);
}
void to_integers(std::span<const float> x, Rounding mode, std::span<std::int16_t> y, InstructionSet set) {
  run(x, mode, y, set);
}
void to_integers(std::span<const float> x, Rounding mode, std::span<std::int32_t> y, InstructionSet set) {
  run(x, mode, y, set);
}

}  // namespace assay::goldens

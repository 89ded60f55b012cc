#include "goldens/formats/encode_loops.h"

#include "goldens/formats/float_rounding.h"

namespace assay::goldens {
namespace {

template <class Code>
using Loop = void (*)(const float* x, std::size_t count, const Outcomes& at, Code* y);

template <class Code, BinaryFormat format, Rounding mode, bool by_default>
[[gnu::always_inline]] inline void encode_all(const float* x, std::size_t count, const Outcomes& outcomes, Code* y) {
  const Outcomes at = outcomes;  // y may alias what the reference names, but not a copy
  for (std::size_t i = 0; i < count; ++i)
    if constexpr (by_default)
      y[i] = static_cast<Code>(narrow_by_default(std::bit_cast<std::uint32_t>(x[i]), format, mode));
    else
      y[i] = static_cast<Code>(narrow(std::bit_cast<std::uint32_t>(x[i]), format, mode, at));
}

template <class Code, BinaryFormat format, Rounding mode, bool by_default>
void encode_plain(const float* x, std::size_t count, const Outcomes& at, Code* y) {
  encode_all<Code, format, mode, by_default>(x, count, at, y);
}
template <class Code, BinaryFormat format, Rounding mode, bool by_default>
ASSAY_AVX2 void encode_avx2(const float* x, std::size_t count, const Outcomes& at, Code* y) {
  encode_all<Code, format, mode, by_default>(x, count, at, y);
}
template <class Code, BinaryFormat format, Rounding mode, bool by_default>
ASSAY_AVX512 void encode_avx512(const float* x, std::size_t count, const Outcomes& at, Code* y) {
  encode_all<Code, format, mode, by_default>(x, count, at, y);
}

template <class Code, BinaryFormat format, Rounding mode, bool by_default>
Loop<Code> loop(InstructionSet set) {
  switch (set) {
    case InstructionSet::avx512:
      return encode_avx512<Code, format, mode, by_default>;
    case InstructionSet::avx2:
      return encode_avx2<Code, format, mode, by_default>;
    case InstructionSet::plain:
      break;
  }
  return encode_plain<Code, format, mode, by_default>;
}

template <class Code, BinaryFormat format, bool by_default>
Loop<Code> loop(InstructionSet set, Rounding mode) {
  switch (mode) {
    case Rounding::rint:
      return loop<Code, format, Rounding::rint, by_default>(set);
    case Rounding::round:
      return loop<Code, format, Rounding::round, by_default>(set);
    case Rounding::floor:
      return loop<Code, format, Rounding::floor, by_default>(set);
    case Rounding::ceil:
      return loop<Code, format, Rounding::ceil, by_default>(set);
    case Rounding::trunc:
      return loop<Code, format, Rounding::trunc, by_default>(set);
    case Rounding::odd:
      return loop<Code, format, Rounding::odd, by_default>(set);
  }
  return nullptr;
}

template <class Code, BinaryFormat format>
void run(InstructionSet set, std::span<const float> x, Rounding mode, const NarrowingRules& rules, std::span<Code> y) {
  const Outcomes at = outcomes(format, mode, rules);
  if constexpr (format.bias() == kF32.bias())
    if (rules == NarrowingRules{}) return loop<Code, format, true>(set, mode)(x.data(), x.size(), at, y.data());
  loop<Code, format, false>(set, mode)(x.data(), x.size(), at, y.data());
}

}  // namespace

void encode_codes(DType destination, InstructionSet set, std::span<const float> x, Rounding mode,
                  const NarrowingRules& rules, std::span<std::uint16_t> y) {
  if (destination == DType::f16) return run<std::uint16_t, kF16>(set, x, mode, rules, y);
  run<std::uint16_t, kBf16>(set, x, mode, rules, y);
}

void encode_codes(DType destination, InstructionSet set, std::span<const float> x, Rounding mode,
                  const NarrowingRules& rules, std::span<std::uint8_t> y) {
  switch (destination) {
    case DType::e4m3fn:
      return run<std::uint8_t, kE4m3fn>(set, x, mode, rules, y);
    case DType::e4m3fnuz:
      return run<std::uint8_t, kE4m3fnuz>(set, x, mode, rules, y);
    case DType::e5m2:
      return run<std::uint8_t, kE5m2>(set, x, mode, rules, y);
    default:
      return run<std::uint8_t, kE2m1>(set, x, mode, rules, y);
  }
}

}  // namespace assay::goldens

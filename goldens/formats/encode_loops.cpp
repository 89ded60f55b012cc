#include "goldens/formats/encode_loops.h"

#include "goldens/formats/float_rounding.h"

namespace assay::goldens {
namespace {

template <class Code>
using Loop = void (*)(const float* x, std::size_t count, const Outcomes& at, Code* y);

template <class Code, BinaryFormat format, Rounding mode>
[[gnu::always_inline]] inline void encode_all(const float* x, std::size_t count, const Outcomes& outcomes, Code* y) {
  const Outcomes at = outcomes;  // y may alias what the reference names, but not a copy
  for (std::size_t i = 0; i < count; ++i)
    y[i] = static_cast<Code>(narrow(std::bit_cast<std::uint32_t>(x[i]), format, mode, at));
}

template <class Code, BinaryFormat format, Rounding mode>
void encode_plain(const float* x, std::size_t count, const Outcomes& at, Code* y) {
  encode_all<Code, format, mode>(x, count, at, y);
}
template <class Code, BinaryFormat format, Rounding mode>
ASSAY_AVX2 void encode_avx2(const float* x, std::size_t count, const Outcomes& at, Code* y) {
  encode_all<Code, format, mode>(x, count, at, y);
}
template <class Code, BinaryFormat format, Rounding mode>
ASSAY_AVX512 void encode_avx512(const float* x, std::size_t count, const Outcomes& at, Code* y) {
  encode_all<Code, format, mode>(x, count, at, y);
}

template <class Code, BinaryFormat format, Rounding mode>
Loop<Code> loop(InstructionSet set) {
  switch (set) {
    case InstructionSet::avx512:
      return encode_avx512<Code, format, mode>;
    case InstructionSet::avx2:
      return encode_avx2<Code, format, mode>;
    case InstructionSet::plain:
      break;
  }
  return encode_plain<Code, format, mode>;
}

template <class Code, BinaryFormat format>
Loop<Code> loop(InstructionSet set, Rounding mode) {
  switch (mode) {
    case Rounding::rint:
      return loop<Code, format, Rounding::rint>(set);
    case Rounding::round:
      return loop<Code, format, Rounding::round>(set);
    case Rounding::floor:
      return loop<Code, format, Rounding::floor>(set);
    case Rounding::ceil:
      return loop<Code, format, Rounding::ceil>(set);
    case Rounding::trunc:
      return loop<Code, format, Rounding::trunc>(set);
    case Rounding::odd:
      return loop<Code, format, Rounding::odd>(set);
  }
  return nullptr;
}

template <class Code, BinaryFormat format>
void run(InstructionSet set, std::span<const float> x, Rounding mode, const NarrowingRules& rules, std::span<Code> y) {
  loop<Code, format>(set, mode)(x.data(), x.size(), outcomes(format, mode, rules), y.data());
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

// tcvt (pto-isa 2.6): the profile says which mathematical rounding and which saturation a written conversion means.
#include "goldens/exact/rounding.h"
#include "goldens/ops/element.h"
#include "goldens/ops/element_ops.h"

namespace assay::goldens::ops {
namespace {

using boost::multiprecision::cpp_int;

Admissible to_float(DType to, const Number& x, ConversionMeaning meaning) {
  const BinaryFormat format = format_of(to);
  if (x.is_nan()) return meaning.saturate ? open_element() : any_nan(to);
  const std::uint32_t sign = x.negative ? format.sign_bit() : 0;
  if (x.is_infinite()) return exactly(sign | (meaning.saturate ? format.max_finite() : format.infinity()));
  if (x.is_zero()) return zero(to, x.negative);
  return exactly(round_exact(format, x.value, meaning.rounding, meaning.saturate));
}

Admissible to_integer(DType to, const Number& x, ConversionMeaning meaning) {
  if (x.is_nan()) return open_element();
  if (x.is_infinite()) {
    if (!meaning.saturate) return open_element();
    const cpp_int beyond = cpp_int(1) << 100;
    return exactly(integer_bits(to, clamp_to(to, x.negative ? cpp_int(-beyond) : beyond)));
  }
  const cpp_int rounded = round_to_integer(x.value, meaning.rounding);
  if (fits(to, rounded)) return exactly(integer_bits(to, rounded));
  if (meaning.saturate) return exactly(integer_bits(to, clamp_to(to, rounded)));
  return fits(DType::i32, rounded) ? exactly(integer_bits(to, rounded)) : open_element();
}

// f32 to f32: rounded to an integral value.
Admissible to_integral(DType to, const Number& x, ConversionMeaning meaning) {
  if (x.is_nan()) return meaning.saturate ? open_element() : any_nan(to);
  if (x.is_infinite()) return meaning.saturate ? open_element() : infinity(to, x.negative);
  const cpp_int rounded = round_to_integer(x.value, meaning.rounding);
  return rounded == 0 ? either_zero(to) : nearest(to, {rounded, 0}, false);
}

}  // namespace

Admissible convert(DType from, DType to, std::uint64_t a, ConversionMeaning meaning) {
  const Number x = decode(from, a);
  if (!is_float(from) && !is_float(to)) {
    const cpp_int& value = x.value.significand;
    return exactly(integer_bits(to, meaning.saturate ? clamp_to(to, value) : value));
  }
  if (!is_float(to)) return to_integer(to, x, meaning);
  if (from == to) return to_integral(to, x, meaning);
  return to_float(to, x, meaning);
}

}  // namespace assay::goldens::ops

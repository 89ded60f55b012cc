// cast: y = x in another element type (pto-isa 2.6, ep-dispatch-combine 3). The written mode and saturation mean what
// the machine profile's table says of the pair of types. Pairs that the table lacks: NONE is RINT between floats and
// TRUNC to an integer, and what overflow, NaN and -0 give are the profile's narrowing rules; integers saturate when
// asked to.
//
// Open, because the specification does not say: integers from NaN, and from what does not fit without saturation; NaN
// in a format that has none.
#include <array>
#include <bit>
#include <cmath>

#include "goldens/formats/binary_format.h"
#include "goldens/formats/integer.h"
#include "goldens/formats/narrow.h"
#include "goldens/stages/registry.h"
#include "goldens/stages/support.h"

namespace assay::goldens {
namespace {

const std::vector<DType> kSources{DType::f32,      DType::f16,  DType::bf16, DType::e4m3fn,
                                  DType::e4m3fnuz, DType::e5m2, DType::e2m1};
const std::vector<DType> kDestinations{DType::bf16, DType::f16,  DType::f32, DType::e4m3fn, DType::e4m3fnuz,
                                       DType::e5m2, DType::e2m1, DType::i8,  DType::i16,    DType::i32};

struct Meaning {
  DType destination = DType::bf16;
  Rounding rounding = Rounding::rint;
  bool saturate = false;  // integers
  NarrowingRules rules;   // floats
};

Result<DType> destination_of(const StageRequest& request) {
  std::vector<std::string_view> names;
  for (const DType dtype : kDestinations) names.push_back(name(dtype));
  const auto text = option(request, "to", names.front(), names);
  if (!text) return tl::unexpected(text.error());
  return *parse_dtype(*text);
}

bool has_row(const Profile& profile, DType source, DType destination) {
  for (const Profile::ConversionRow& row : profile.conversions)
    if (row.source == source && row.destination == destination) return true;
  return false;
}

Result<Meaning> meaning_of(const StageRequest& request) {
  constexpr std::array<std::string_view, 7> kModes{"RINT", "ROUND", "FLOOR", "CEIL", "TRUNC", "ODD", "NONE"};
  constexpr std::array<std::string_view, 3> kSaturations{"default", "ON", "OFF"},
      kOverflows{"nonsat", "satfinite", "satall"};
  const auto destination = destination_of(request);
  if (!destination) return tl::unexpected(destination.error());
  const auto mode = option(request, "mode", "RINT", kModes);
  if (!mode) return tl::unexpected(mode.error());
  const auto saturation = option(request, "saturation", "default", kSaturations);
  if (!saturation) return tl::unexpected(saturation.error());
  const auto overflow = option(request, "overflow", "nonsat", kOverflows);
  if (!overflow) return tl::unexpected(overflow.error());

  Meaning meaning{.destination = *destination, .rules = request.profile.narrowing(*destination)};
  const bool to_float = info(*destination).is_float, by_default = *saturation == "default";
  const DType source = input(request, "x").dtype();
  if (has_row(request.profile, source, *destination)) {
    const auto row = request.profile.conversion(source, *destination, *mode, by_default ? "" : *saturation);
    if (!row) return tl::unexpected(row.error());
    meaning.rounding = row->rounding;
    meaning.saturate = row->saturate;
  } else {
    meaning.rounding = parse_rounding(*mode).value_or(to_float ? Rounding::rint : Rounding::trunc);
    meaning.saturate = *saturation == "ON";
  }
  if (to_float && !by_default) meaning.rules.overflow = saturating(meaning.saturate).overflow;
  if (request.options.contains("overflow")) {
    if (!to_float) return bad_input("option overflow={}: {} is no floating-point type", *overflow, name(*destination));
    if (!by_default)
      return bad_input("options overflow={} and saturation={}: expected one of them", *overflow, *saturation);
    for (std::size_t i = 0; i < kOverflows.size(); ++i)
      if (*overflow == kOverflows[i]) meaning.rules.overflow = static_cast<Overflow>(i);
  }
  return meaning;
}

// The element's bits, or nothing where the specification leaves it open.
std::optional<std::uint64_t> cast_one(float x, const Meaning& meaning) {
  const DTypeInfo& type = info(meaning.destination);
  if (!type.is_float) {
    const auto integer = to_integer(x, meaning.rounding, type.bits, meaning.saturate);
    if (!integer) return std::nullopt;
    return static_cast<std::uint64_t>(*integer) & ((std::uint64_t{1} << type.bits) - 1);
  }
  if (std::isnan(x) && !binary_format(meaning.destination).has_nan()) return std::nullopt;
  if (meaning.destination == DType::f32) return std::bit_cast<std::uint32_t>(x);
  return encode(meaning.destination, x, meaning.rounding, meaning.rules);
}

// A subnormal operand may become a zero of either sign first.
void include_zeros(GoldenOutput& y, std::int64_t i, bool negative, const Meaning& meaning) {
  const auto minus = cast_one(-0.0F, meaning), plus = cast_one(0.0F, meaning);
  if (!minus || !plus) return;
  // The operand's own value lies beyond the zero of its sign, so the other zero is the other end.
  y.lo.set_bits(i, negative ? y.value.bits(i) : *minus);
  y.hi.set_bits(i, negative ? *plus : y.value.bits(i));
}

Result<GoldenMap> evaluate_cast(const StageRequest& request) {
  const auto meaning = meaning_of(request);
  if (!meaning) return tl::unexpected(meaning.error());
  const Tensor& x = input(request, "x");
  std::vector<float> values(static_cast<std::size_t>(x.size()));
  decode(x.dtype(), x.bytes(), values);
  GoldenOutput y = determined(Tensor(meaning->destination, x.shape()));
  for (std::int64_t i = 0; i < x.size(); ++i) {
    const float value = values[static_cast<std::size_t>(i)];
    const auto bits = cast_one(value, *meaning);
    y.open[static_cast<std::size_t>(i)] = !bits;
    for (Tensor* tensor : {&y.value, &y.lo, &y.hi}) tensor->set_bits(i, bits.value_or(0));
    if (bits && request.profile.flush_subnormals && std::fpclassify(value) == FP_SUBNORMAL)
      include_zeros(y, i, std::signbit(value), *meaning);
  }
  GoldenMap outputs;
  outputs["y"] = std::move(y);
  return outputs;
}

}  // namespace

Stage cast() {
  return {.name = "cast",
          .clause = "pto-isa 2.6",
          .inputs = {{"x", kSources, {"T", "D"}}},
          .outputs = {{"y", kDestinations, {"T", "D"}}},
          .parameters = {},
          .options = {"to", "mode", "saturation", "overflow"},
          .evaluate = evaluate_cast,
          .relations = {RowsRelation{"T"}, RowsRelation{"D"}}};
}

}  // namespace assay::goldens

// What the stages share: reading inputs as float32, options, and writing outputs with their hulls.
#pragma once

#include <initializer_list>
#include <span>
#include <string_view>
#include <vector>

#include "goldens/enclosure/hull.h"
#include "goldens/enclosure/strict.h"
#include "goldens/stages/stage.h"

namespace assay::goldens {

// The named input, which bind_inputs has found.
const Tensor& input(const StageRequest& request, std::string_view name);
// Null where an optional input is absent.
const Tensor* optional_input(const StageRequest& request, std::string_view name);
// A parameter of the stage; evaluate() has filled in the fallbacks.
std::int64_t parameter(const StageRequest& request, std::string_view name);
// The elements of an f32, bf16 or f16 tensor as float32: exact.
std::vector<float> as_f32(const Tensor& tensor);

// The option's value, or `fallback`. Error: not one of `legal`.
Result<std::string> option(const StageRequest& request, std::string_view name, std::string_view fallback,
                           std::span<const std::string_view> legal);
Result<Rounding> rounding_option(const StageRequest& request, std::span<const Rounding> legal);

// An output whose every element is determined: lo and hi are the value, nothing is open.
GoldenOutput determined(Tensor value);

// Whether the profile lets implementations of float32 arithmetic differ.
inline bool has_freedom(const Profile& profile) {
  return profile.contraction == Contraction::allowed || profile.flush_subnormals;
}
inline HullArithmetic hull_arithmetic(const Profile& profile) { return HullArithmetic(NumericFreedom::of(profile)); }
inline StrictArithmetic strict_arithmetic(const Profile& profile) { return StrictArithmetic::of(profile); }

// Rounds to the dtype f32 (unchanged), bf16 or f16. Non-saturating.
struct OutputType {
  DType dtype = DType::f32;
  Rounding rounding = Rounding::rint;
  bool saturate = false;
};

// An output of float32 results, rounded once more to `type`.
GoldenOutput determined(std::span<const float> values, Shape shape, OutputType type);
// lo and hi from the hulls. Where an implementation may return both NaN and numbers no interval can say so: open.
GoldenOutput enclosed(std::span<const float> values, std::span<const Hull> hulls, Shape shape, OutputType type);

// Integer codes: what an element may be is every code from `least` to `greatest`, tensors of value's dtype and shape.
GoldenOutput enclosed_codes(Tensor value, Tensor least, Tensor greatest);
// The specification leaves rows of the leading axis open: row r where rows[r] is not 0.
void open_rows(GoldenOutput& output, std::span<const std::uint8_t> rows);

// Evaluates a stage's one definition, `compute(arithmetic)` -> std::vector<Number>, strictly and over hulls. For
// definitions with sums or functions, whose order and accuracy a profile leaves open.
template <class Compute>
GoldenOutput evaluate_enclosed(const Profile& profile, Shape shape, OutputType type, Compute compute) {
  const std::vector<float> values = compute(strict_arithmetic(profile));
  const std::vector<Hull> hulls = compute(hull_arithmetic(profile));
  return enclosed(values, hulls, std::move(shape), type);
}

// The same for definitions of additions and multiplications alone, in which only contraction and flushing are freedom:
// hulls are evaluated only where the profile has one of them.
template <class Compute>
GoldenOutput evaluate_output(const Profile& profile, Shape shape, OutputType type, Compute compute) {
  if (has_freedom(profile)) return evaluate_enclosed(profile, std::move(shape), type, compute);
  return determined(compute(strict_arithmetic(profile)), std::move(shape), type);
}

}  // namespace assay::goldens

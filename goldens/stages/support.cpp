#include "goldens/stages/support.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "goldens/formats/bf16.h"
#include "goldens/formats/f16.h"

namespace assay::goldens {
namespace {

Tensor rounded(std::span<const float> values, const Shape& shape, OutputType type) {
  Tensor result(type.dtype, shape);
  if (type.dtype == DType::bf16)
    encode_bf16(values, type.rounding, type.saturate, result.as<std::uint16_t>());
  else if (type.dtype == DType::f16)
    std::ranges::transform(values, result.as<std::uint16_t>().begin(),
                           [&](float x) { return encode_f16(x, type.rounding, type.saturate); });
  else
    std::ranges::copy(values, result.as<float>().begin());
  return result;
}

}  // namespace

const Tensor& input(const StageRequest& request, std::string_view name) { return *request.inputs.find(name)->second; }

const Tensor* optional_input(const StageRequest& request, std::string_view name) {
  const auto found = request.inputs.find(name);
  return found == request.inputs.end() ? nullptr : found->second;
}

std::int64_t parameter(const StageRequest& request, std::string_view name) {
  return request.parameters.find(name)->second;
}

std::vector<float> as_f32(const Tensor& tensor) {
  std::vector<float> result(static_cast<std::size_t>(tensor.size()));
  if (tensor.dtype() == DType::bf16)
    decode_bf16(tensor.as<std::uint16_t>(), result);
  else if (tensor.dtype() == DType::f16)
    std::ranges::transform(tensor.as<std::uint16_t>(), result.begin(), decode_f16);
  else
    std::ranges::copy(tensor.as<float>(), result.begin());
  return result;
}

Result<std::string> option(const StageRequest& request, std::string_view name, std::string_view fallback,
                           std::span<const std::string_view> legal) {
  const auto found = request.options.find(name);
  if (found == request.options.end()) return std::string(fallback);
  if (std::ranges::count(legal, std::string_view(found->second))) return found->second;
  return bad_input("option {}={}: expected {}", name, found->second, fmt::join(legal, " or "));
}

Result<Rounding> rounding_option(const StageRequest& request, std::span<const Rounding> legal) {
  const auto found = request.options.find("rounding");
  if (found == request.options.end()) return Rounding::rint;
  const std::optional<Rounding> mode = parse_rounding(found->second);
  if (mode && std::ranges::count(legal, *mode)) return *mode;
  std::vector<std::string_view> names;
  for (const Rounding each : legal) names.push_back(name(each));
  return bad_input("option rounding={}: expected {}", found->second, fmt::join(names, " or "));
}

GoldenOutput determined(Tensor value) {
  GoldenOutput result;
  result.lo = value;
  result.hi = value;
  result.open.assign(static_cast<std::size_t>(value.size()), 0);
  result.value = std::move(value);
  return result;
}

GoldenOutput determined(std::span<const float> values, Shape shape, OutputType type) {
  return determined(rounded(values, shape, type));
}

GoldenOutput enclosed(std::span<const float> values, std::span<const Hull> hulls, Shape shape, OutputType type) {
  const std::size_t count = hulls.size();
  std::vector<float> lo(count), hi(count);
  GoldenOutput result;
  result.open.assign(count, 0);
  for (std::size_t i = 0; i < count; ++i) {
    const Hull& hull = hulls[i];
    lo[i] = hull.has_number() ? hull.lo : std::numeric_limits<float>::quiet_NaN();
    hi[i] = hull.has_number() ? hull.hi : std::numeric_limits<float>::quiet_NaN();
    result.open[i] = hull.has_number() && hull.nan;
  }
  result.value = rounded(values, shape, type);
  result.lo = rounded(lo, shape, type);  // rounding is monotone
  result.hi = rounded(hi, shape, type);
  return result;
}

GoldenOutput enclosed_codes(Tensor value, Tensor least, Tensor greatest) {
  GoldenOutput result;
  result.open.assign(static_cast<std::size_t>(value.size()), 0);
  result.value = std::move(value);
  result.lo = std::move(least);
  result.hi = std::move(greatest);
  return result;
}

void open_rows(GoldenOutput& output, std::span<const std::uint8_t> rows) {
  const std::size_t width = rows.empty() ? 0 : output.open.size() / rows.size();
  for (std::size_t r = 0; r < rows.size(); ++r)
    if (rows[r]) std::fill_n(output.open.begin() + static_cast<std::ptrdiff_t>(r * width), width, std::uint8_t{1});
}

}  // namespace assay::goldens

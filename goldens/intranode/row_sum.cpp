#include "goldens/intranode/row_sum.h"

#include <algorithm>
#include <cmath>

#include "goldens/formats/narrow.h"

namespace assay::goldens::intranode {
namespace {

std::size_t last_extent(const Tensor& tensor) { return static_cast<std::size_t>(tensor.shape().back()); }

std::size_t row_bytes(const Tensor& tensor) {
  return static_cast<std::size_t>(bytes_of(tensor.dtype(), tensor.shape().back()));
}

void encode_row(std::span<const float> values, const NarrowingRules& rules, Tensor& tensor, std::size_t row) {
  const std::size_t size = row_bytes(tensor);
  encode(tensor.dtype(), values, Rounding::rint, rules, tensor.bytes().subspan(row * size, size));
}

}  // namespace

RowValues::RowValues(const Tensor& tensor) : tensor_(&tensor), columns_(last_extent(tensor)) {}

RowValues::RowValues(const Tensor& tensor, DType wire, const NarrowingRules& rules)
    : tensor_(&tensor), columns_(last_extent(tensor)), through_wire_(std::size_t{1} << 16) {
  for (std::uint32_t code = 0; code < through_wire_.size(); ++code)
    through_wire_[code] = decode(wire, encode(wire, decode(DType::bf16, code), Rounding::rint, rules));
}

std::vector<float> RowValues::row(std::size_t index) const {
  std::vector<float> values(columns_);
  if (through_wire_.empty()) {
    const std::size_t size = row_bytes(*tensor_);
    decode(tensor_->dtype(), tensor_->bytes().subspan(index * size, size), values);
    return values;
  }
  const auto codes = tensor_->as<std::uint16_t>().subspan(index * columns_, columns_);
  for (std::size_t h = 0; h < columns_; ++h) values[h] = through_wire_[codes[h]];
  return values;
}

TwoStarts sum_rows(std::span<const TwoStarts> addends, std::size_t columns) {
  TwoStarts sum{std::vector<float>(columns), {}};
  for (const TwoStarts& addend : addends)
    for (std::size_t h = 0; h < columns; ++h) sum.from_zero[h] += addend.from_zero[h];
  sum.from_first = sum.from_zero;
  if (addends.empty()) return sum;
  for (std::size_t h = 0; h < columns; ++h) {
    if (sum.from_zero[h] != 0) continue;
    sum.from_first[h] = -0.0F;
    for (const TwoStarts& addend : addends) sum.from_first[h] += addend.from_first[h];
  }
  return sum;
}

RowRange RowRange::of(const TwoStarts& sum) {
  return {sum.from_zero, sum.from_first, sum.from_zero, std::vector<std::uint8_t>(sum.from_zero.size())};
}

void RowRange::set(std::size_t column, const Hull& hull) {
  lo[column] = hull.has_number() ? hull.lo : value[column];
  hi[column] = hull.has_number() ? hull.hi : value[column];
  nan_beside_numbers[column] = hull.nan && hull.has_number();
}

StoredRows::StoredRows(DType dtype, Shape shape, const NarrowingRules& rules) : rules_(rules) {
  output_.value = Tensor(dtype, std::move(shape));
  output_.lo = output_.hi = output_.value;
  output_.open.assign(static_cast<std::size_t>(output_.value.size()), 1);
}

void StoredRows::set(std::size_t row, const RowRange& range) {
  const std::size_t columns = range.value.size(), size = row_bytes(output_.value);
  const auto codes = [&](Tensor& tensor) { return tensor.bytes().subspan(row * size, size); };
  encode_row(range.value, rules_, output_.value, row);
  encode_row(range.lo, rules_, output_.lo, row);
  encode_row(range.hi, rules_, output_.hi, row);
  const bool equal = std::ranges::equal(codes(output_.value), codes(output_.lo)) &&
                     std::ranges::equal(codes(output_.value), codes(output_.hi));
  const bool has_nan = info(dtype()).bits > 4;
  for (std::size_t h = 0; h < columns; ++h) {
    bool open = range.nan_beside_numbers[h] != 0;
    if (!has_nan) open = open || std::isnan(range.value[h]);
    if (has_nan && !equal) open = open || nan_depends_on_the_end(row * columns + h);
    output_.open[row * columns + h] = open;
  }
}

bool StoredRows::nan_depends_on_the_end(std::size_t at) const {
  const auto is_nan = [&](const Tensor& tensor) {
    return std::isnan(decode(tensor.dtype(), static_cast<std::uint32_t>(tensor.bits(static_cast<std::int64_t>(at)))));
  };
  const bool value = is_nan(output_.value);
  return is_nan(output_.lo) != value || is_nan(output_.hi) != value;
}

std::vector<float> stored(std::span<const float> values, DType dtype, const NarrowingRules& rules) {
  std::vector<std::byte> codes(static_cast<std::size_t>(bytes_of(dtype, static_cast<std::int64_t>(values.size()))));
  encode(dtype, values, Rounding::rint, rules, codes);
  std::vector<float> result(values.size());
  decode(dtype, codes, result);
  return result;
}

}  // namespace assay::goldens::intranode

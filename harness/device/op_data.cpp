#include "harness/device/op_data.h"

#include <algorithm>
#include <charconv>
#include <numeric>

#include "harness/core/fill.h"
#include "harness/core/random.h"
#include "harness/pto/op_table.h"

namespace assay::device {
namespace {

std::int64_t number_behind_colon(std::string_view fill) {
  const std::size_t colon = fill.find(':');
  std::int64_t value = 0;
  if (colon != std::string_view::npos) std::from_chars(fill.data() + colon + 1, fill.data() + fill.size(), value);
  return value;
}

void permute(Tensor& tensor, std::int64_t below, const RandomStream& random) {
  std::vector<std::int64_t> numbers(static_cast<std::size_t>(std::max<std::int64_t>(below, 1)));
  std::iota(numbers.begin(), numbers.end(), std::int64_t{0});
  for (std::size_t i = numbers.size(); i > 1; --i) std::swap(numbers[i - 1], numbers[scale_to(random.bits(i), i)]);
  for (std::int64_t i = 0; i < tensor.size(); ++i)
    tensor.set_bits(i, static_cast<std::uint64_t>(numbers[static_cast<std::size_t>(i) % numbers.size()]));
}

std::uint64_t one_of(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return 0x3F800000;
    case DType::f16:
      return 0x3C00;
    case DType::bf16:
      return 0x3F80;
    default:
      return 1;
  }
}

// Descending values without NaN: bit patterns of a float of one sign are in its order.
std::uint64_t value_pattern(DType dtype, std::uint64_t rank) {
  const std::uint64_t negative = dtype == DType::f32 ? 0x80000000U : 0x8000U;
  const std::uint64_t unit = dtype == DType::f32 ? 0x00400000U : 0x0200U;  // half of an exponent's step
  // Ranks 0 to 99 are positive and fall, those above are negative and grow in size.
  return rank < 100 ? (100 - rank) / 2 * unit + unit : negative | ((rank - 99) / 2 * unit);
}

void fill_pairs(Tensor& tensor, std::int64_t length, const RandomStream& random) {
  const DType dtype = tensor.dtype();
  const std::int64_t step = 64 / info(dtype).bits;
  const std::int64_t block = length > 0 ? length : tensor.size();
  for (std::int64_t begin = 0; begin < tensor.size(); begin += block) {
    std::vector<std::uint64_t> ranks;
    const std::int64_t end = std::min(begin + block, tensor.size());
    for (std::int64_t j = begin; j < end; j += step)
      ranks.push_back(scale_to(random.bits(static_cast<std::uint64_t>(j)), 120));
    std::sort(ranks.begin(), ranks.end());
    for (std::size_t k = 0; k < ranks.size(); ++k) {
      const std::int64_t at = begin + static_cast<std::int64_t>(k) * step;
      const auto index = static_cast<std::uint64_t>(at / step);
      tensor.set_bits(at, value_pattern(dtype, ranks[k]));
      if (dtype == DType::f32) {
        tensor.set_bits(at + 1, index);
        continue;
      }
      tensor.set_bits(at + 1, 0);
      tensor.set_bits(at + 2, index & 0xFFFF);
      tensor.set_bits(at + 3, index >> 16);
    }
  }
}

// A scale of 11 significant bits around 2^-6, a shift, a small offset of either sign.
std::uint64_t quantisation_word(std::uint64_t random, std::string_view target) {
  const std::uint64_t exponent = 127 - 9 + (random & 7), fraction = random >> 3 & 0x3FF, shift = random >> 13 & 7;
  const bool to_byte = target == "i8" || target == "u8";
  const std::uint64_t offset = to_byte ? (random >> 16 & 0x1F) - 16 : 0;
  return exponent << 23 | fraction << 13 | shift << 32 | (offset & 0x1FF) << 37 |
         (target == "i8" ? std::uint64_t{1} << 46 : 0);
}

bool fill_together(Tensor& tensor, std::string_view fill, std::uint64_t seed, std::string_view stream) {
  const RandomStream random(seed, stream);
  if (fill.starts_with("@iota")) {
    for (std::int64_t i = 0; i < tensor.size(); ++i) tensor.set_bits(i, static_cast<std::uint64_t>(i));
  } else if (fill.starts_with("@permutation")) {
    permute(tensor, number_behind_colon(fill), random);
  } else if (fill.starts_with("@identity")) {
    const std::int64_t cols = tensor.shape().back();
    for (std::int64_t i = 0; i < tensor.size(); ++i)
      tensor.set_bits(i, i / cols == i % cols ? one_of(tensor.dtype()) : 0);
  } else if (fill.starts_with("@pairs")) {
    fill_pairs(tensor, number_behind_colon(fill), random);
  } else if (fill.starts_with("@words:")) {
    for (std::int64_t i = 0; i < tensor.size(); ++i)
      tensor.set_bits(i, quantisation_word(random.bits(static_cast<std::uint64_t>(i)), fill.substr(7)));
  } else {
    return false;
  }
  return true;
}

Tensor filled(const OpOperand& operand, std::uint64_t seed, std::string_view stream) {
  Tensor tensor(operand.shape.dtype, {operand.shape.rows, operand.shape.cols});
  if (fill_together(tensor, operand.fill, seed, stream)) return tensor;
  // A fill that makes no sense for the dtype gives way to one that every dtype has.
  if (!fill(tensor, operand.fill, seed, stream)) (void)fill(tensor, "uniform", seed, stream);
  return tensor;
}

}  // namespace

OpData make_op_data(const OpCase& c) {
  OpData data;
  for (std::size_t i = 0; i < c.ins.size(); ++i) data.ins.push_back(filled(c.ins[i], c.seed, fmt::format("x{}", i)));
  std::vector<OpOperand> outs{c.out};
  outs.insert(outs.end(), c.more_outs.begin(), c.more_outs.end());
  for (std::size_t k = 0; k < outs.size(); ++k) {
    OpOperand before = outs[k], poison = outs[k];
    poison.fill = "uniform";
    // Accumulated content is made like an operand's, any other is anything.
    if (!c.accumulates) before.fill = "uniform";
    data.befores.push_back(filled(before, c.seed, k == 0 ? "d" : fmt::format("d{}", k)));
    data.results.push_back(filled(poison, c.seed, k == 0 ? "y" : fmt::format("y{}", k)));
  }
  // The destination lies on the first bytes of the first operand, which may have wider elements.
  if (c.in_place) {
    auto bytes = data.befores[0].bytes();
    std::copy_n(data.ins[0].bytes().begin(), bytes.size(), bytes.begin());
  }
  if (writes_memory(c) && !c.accumulates) data.befores[0] = data.results[0];
  return data;
}

std::vector<std::uint64_t> bits_of(const Tensor& tensor) {
  std::vector<std::uint64_t> bits;
  for (std::int64_t i = 0; i < tensor.size(); ++i) bits.push_back(tensor.bits(i));
  return bits;
}

bool needs_cube(const OpCase& c) {
  return c.op.starts_with("tmatmul") || c.op.starts_with("tgemv") || c.op == "textract" || c.op == "tinsert" ||
         c.property.ends_with("/acc");
}

bool writes_memory(const OpCase& c) { return c.op == "tstore" || c.op == "mscatter" || needs_cube(c); }

}  // namespace assay::device

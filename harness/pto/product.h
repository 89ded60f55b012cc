// The forms of matrix products and where their operands stand (pto-format 3.4; isa 2.2).
#pragma once

#include <optional>
#include <vector>

#include "harness/pto/ir.h"

namespace assay::pto {

// k's that share a scale, in each row of the left operand and each column of the right one (OCP MX 1.0, 5.1).
inline constexpr std::int64_t kScaleBlock = 32;
inline constexpr std::int64_t scale_blocks(std::int64_t k) { return (k + kScaleBlock - 1) / kScaleBlock; }
// A5 takes the scales from the operand's address in L0, shifted right by this (public page TGET_SCALE_ADDR).
inline constexpr int kScaleAddressShift = 4;

// ins: [accumulator,] left[, its scales], right[, its scales][, bias].
struct ProductForm {
  bool accumulates = false, biased = false, scaled = false;
  bool vector = false;  // tgemv: m is 1

  std::size_t left() const { return accumulates ? 1 : 0; }
  std::size_t left_scales() const { return left() + 1; }
  std::size_t right() const { return left() + (scaled ? 2 : 1); }
  std::size_t right_scales() const { return right() + 1; }
  std::size_t bias() const { return right() + (scaled ? 2 : 1); }
  // Of ins in order, then of the destination.
  std::vector<Space> spaces() const {
    std::vector<Space> all;
    if (accumulates) all.push_back(Space::acc);
    all.push_back(Space::left);
    if (scaled) all.push_back(Space::scale_left);
    all.push_back(Space::right);
    if (scaled) all.push_back(Space::scale_right);
    if (biased) all.push_back(Space::bias);
    all.push_back(Space::acc);
    return all;
  }
};

// Nothing for operations that are no product.
constexpr std::optional<ProductForm> product_form(OpCode code) {
  switch (code) {
    case OpCode::tmatmul:
      return ProductForm{};
    case OpCode::tmatmul_acc:
      return ProductForm{.accumulates = true};
    case OpCode::tmatmul_bias:
      return ProductForm{.biased = true};
    case OpCode::tgemv:
      return ProductForm{.vector = true};
    case OpCode::tgemv_acc:
      return ProductForm{.accumulates = true, .vector = true};
    case OpCode::tgemv_bias:
      return ProductForm{.biased = true, .vector = true};
    case OpCode::tmatmul_mx:
      return ProductForm{.scaled = true};
    case OpCode::tmatmul_mx_acc:
      return ProductForm{.accumulates = true, .scaled = true};
    case OpCode::tmatmul_mx_bias:
      return ProductForm{.biased = true, .scaled = true};
    case OpCode::tgemv_mx:
      return ProductForm{.scaled = true, .vector = true};
    case OpCode::tgemv_mx_acc:
      return ProductForm{.accumulates = true, .scaled = true, .vector = true};
    case OpCode::tgemv_mx_bias:
      return ProductForm{.biased = true, .scaled = true, .vector = true};
    default:
      return std::nullopt;
  }
}

}  // namespace assay::pto

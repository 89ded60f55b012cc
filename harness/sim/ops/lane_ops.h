// Which operators have a loop over lanes (lanes/lanes.h).
#pragma once

#include <optional>

#include "harness/sim/lanes/lanes.h"
#include "harness/sim/ops/arithmetic.h"

namespace assay::sim {

template <class Op>
inline constexpr std::optional<lanes::Binary> kLanes;
template <>
inline constexpr std::optional<lanes::Binary> kLanes<Add> = lanes::Binary::add;
template <>
inline constexpr std::optional<lanes::Binary> kLanes<Subtract> = lanes::Binary::subtract;
template <>
inline constexpr std::optional<lanes::Binary> kLanes<Multiply> = lanes::Binary::multiply;
template <>
inline constexpr std::optional<lanes::Binary> kLanes<Divide> = lanes::Binary::divide;
template <>
inline constexpr std::optional<lanes::Binary> kLanes<Maximum> = lanes::Binary::maximum;
template <>
inline constexpr std::optional<lanes::Binary> kLanes<Minimum> = lanes::Binary::minimum;

}  // namespace assay::sim

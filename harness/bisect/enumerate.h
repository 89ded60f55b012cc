// Inside bisection: what the enumeration of edits and the insertion of operations share.
#pragma once

#include <array>
#include <span>
#include <string>
#include <vector>

#include "harness/bisect/edit.h"

namespace assay::bisect {

// "%name", or "%v12" for a value without one.
std::string label(const pto::Function& function, pto::ValueId value);
Edit edit_of(EditKind kind, const pto::Operation& op, std::string description);

// Insertions in front of the operation of something that writes a tile it reads, and behind it of a store of a tile it
// writes.
void edits_of_missing_operation(const pto::Function& function, const pto::Operation& op, std::vector<Edit>& edits);

// Tile operations of one signature, exchangeable for one another.
using Group = std::span<const pto::OpCode>;
namespace groups {
using enum pto::OpCode;
inline constexpr std::array kBinary{tadd, tsub, tmul, tdiv, tmax, tmin};
inline constexpr std::array kWithScalar{tadds, tsubs, tmuls, tdivs, tmaxs, tmins};
inline constexpr std::array kUnary{tneg, tabs, trelu, texp, tlog, tsqrt, trsqrt, trecip};
inline constexpr std::array kRowExpand{trowexpandadd, trowexpandsub, trowexpandmul, trowexpanddiv};
inline constexpr std::array kColExpand{tcolexpandadd, tcolexpandsub, tcolexpandmul, tcolexpanddiv};
inline constexpr std::array kExpand{trowexpand, tcolexpand};
inline constexpr std::array kReduce{trowsum, trowmax};
}  // namespace groups

}  // namespace assay::bisect

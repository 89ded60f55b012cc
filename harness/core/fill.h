// Fills: what tensors hold before a run. A fill is named by a text such as "normal", "uniform:lo=-1,hi=1" or
// "choice:0x3F800000|1.5"; docs/fills.md describes every one. The bytes depend on (text, dtype, shape, seed, stream)
// and on nothing else: integer arithmetic only, no libm, the same on every machine and thread count.
//
// Fills store bits and never round: a number with more digits than the dtype holds is cut off toward zero.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "harness/core/error.h"
#include "harness/core/tensor.h"

namespace assay {

struct FillSpec {
  std::string name;
  // In the order written; a positional value ("constant:1.5") has an empty key.
  std::vector<std::pair<std::string, std::string>> arguments;

  bool operator==(const FillSpec&) const = default;
};
std::string to_string(const FillSpec& spec);

// NAME[:ARGUMENT{,ARGUMENT}], ARGUMENT = [KEY=]VALUE. Errors: unknown fill (lists the known ones), unknown key, a text
// over 4096 bytes.
Result<FillSpec> parse_fill(std::string_view text);

// Fills the whole tensor. `seed` is overridden by an argument seed=N, which every fill accepts. `stream` separates the
// tensors of one case: pass the tensor's name. Errors: a value out of range, a fill that makes no sense for the dtype.
Result<void> fill(Tensor& tensor, const FillSpec& spec, std::uint64_t seed, std::string_view stream);
Result<void> fill(Tensor& tensor, std::string_view spec, std::uint64_t seed, std::string_view stream);

// Names of all fills, sorted.
std::span<const std::string_view> fill_names();

}  // namespace assay

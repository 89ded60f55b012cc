// Operands on which outside oracles are compared with the goldens.
#pragma once

#include <vector>

#include "goldens/exact/float_samples.h"
#include "goldens/formats/format_samples.h"
#include "goldens/formats/narrow.h"

namespace assay::goldens {

// Every bf16 pattern; then, of either sign, every step of every format with one ulp to either side, the ends of the
// ranges, and random patterns of every class. The same numbers on every machine.
inline std::vector<float> oracle_operands() {
  std::vector<float> x;
  for (std::uint32_t pattern = 0; pattern < 0x10000; ++pattern) x.push_back(decode(DType::bf16, pattern));
  for (const DType dtype : kNarrowFormats)
    for (const float probe : step_probes<float>(binary_format(dtype))) x.insert(x.end(), {probe, -probe});
  FloatSamples samples(31);
  for (int i = 0; i < 100000; ++i) x.push_back(samples.any());
  return x;
}

inline std::vector<double> oracle_doubles() {
  std::vector<double> x;
  for (const DType dtype : kNarrowFormats)
    for (const double probe : step_probes<double>(binary_format(dtype))) x.insert(x.end(), {probe, -probe});
  FloatSamples samples(32);
  for (int i = 0; i < 50000; ++i) x.push_back(std::bit_cast<double>(samples.bits()));
  return x;
}

}  // namespace assay::goldens

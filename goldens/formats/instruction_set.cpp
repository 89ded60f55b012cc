#include "goldens/formats/instruction_set.h"

#include <array>
#include <vector>

namespace assay::goldens {

std::string_view name(InstructionSet set) {
  constexpr std::array<std::string_view, 3> kNames{"plain", "avx2", "avx512"};
  return kNames[static_cast<std::size_t>(set)];
}

std::span<const InstructionSet> instruction_sets() {
  static const std::vector<InstructionSet> sets = [] {
    std::vector found{InstructionSet::plain};
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2")) found.push_back(InstructionSet::avx2);
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
      found.push_back(InstructionSet::avx512);
#endif
    return found;
  }();
  return sets;
}

}  // namespace assay::goldens

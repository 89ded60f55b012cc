// The instruction sets that loops over whole tensors are compiled for. Every one gives the same bytes.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace assay::goldens {

enum class InstructionSet : std::uint8_t { plain, avx2, avx512 };
std::string_view name(InstructionSet set);

// Those this machine runs, least first; `plain` always.
std::span<const InstructionSet> instruction_sets();

}  // namespace assay::goldens

// Function attributes; none where the compiler targets another architecture, and instruction_sets() then is plain
// alone.
#if defined(__x86_64__)
#define ASSAY_AVX2 __attribute__((target("avx2")))
#define ASSAY_AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,prefer-vector-width=512")))
#else
#define ASSAY_AVX2
#define ASSAY_AVX512
#endif

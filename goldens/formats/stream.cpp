#include "goldens/formats/stream.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "goldens/formats/instruction_set.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace assay::goldens {

#if defined(__x86_64__)

namespace {

// Whole lines of 64 bytes; `to` is aligned to them.
ASSAY_AVX512 void stream_lines_avx512(char* to, const char* from, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; i += 64)
    _mm512_stream_si512(reinterpret_cast<__m512i*>(to + i), _mm512_loadu_si512(from + i));
}

void stream_lines(char* to, const char* from, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; i += 16)
    _mm_stream_si128(reinterpret_cast<__m128i*>(to + i), _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + i)));
}

}  // namespace

void stream_copy(void* target, const void* source, std::size_t bytes) {
  auto* to = static_cast<char*>(target);
  const auto* from = static_cast<const char*>(source);
  // Whole cache lines only: a line that is written in part costs a read of it.
  const std::size_t head = std::min<std::size_t>(-reinterpret_cast<std::uintptr_t>(to) % 64, bytes);
  std::memcpy(to, from, head);
  const std::size_t lines = (bytes - head) / 64 * 64, i = head + lines;
  const bool wide = instruction_sets().back() == InstructionSet::avx512;
  (wide ? stream_lines_avx512 : stream_lines)(to + head, from + head, lines);
  std::memcpy(to + i, from + i, bytes - i);
}

void stream_fence() { _mm_sfence(); }

#else

void stream_copy(void* target, const void* source, std::size_t bytes) { std::memcpy(target, source, bytes); }
void stream_fence() {}

#endif

}  // namespace assay::goldens

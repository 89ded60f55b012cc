#include "goldens/formats/stream.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace assay::goldens {

#if defined(__SSE2__)

void stream_copy(void* target, const void* source, std::size_t bytes) {
  auto* to = static_cast<char*>(target);
  const auto* from = static_cast<const char*>(source);
  // Whole cache lines only: a line that is written in part costs a read of it.
  const std::size_t head = std::min<std::size_t>(-reinterpret_cast<std::uintptr_t>(to) % 64, bytes);
  std::memcpy(to, from, head);
  std::size_t i = head;
  for (; i + 64 <= bytes; i += 64)
    for (std::size_t j = i; j < i + 64; j += 16)
      _mm_stream_si128(reinterpret_cast<__m128i*>(to + j), _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + j)));
  std::memcpy(to + i, from + i, bytes - i);
}

void stream_fence() { _mm_sfence(); }

#else

void stream_copy(void* target, const void* source, std::size_t bytes) { std::memcpy(target, source, bytes); }
void stream_fence() {}

#endif

}  // namespace assay::goldens

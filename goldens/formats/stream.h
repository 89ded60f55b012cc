// Copies whose stores bypass the caches: for outputs that are larger than the caches, and so are not read again soon.
#pragma once

#include <cstddef>

namespace assay::goldens {

// memcpy. Stores of other threads and of this one are ordered after these only by stream_fence().
void stream_copy(void* target, const void* source, std::size_t bytes);
void stream_fence();

}  // namespace assay::goldens

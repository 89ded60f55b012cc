// Independent pieces of work over the available threads. Each piece depends on its index alone, so results are the same
// bytes for every thread count.
#pragma once

#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>

#include <cstddef>

namespace assay::goldens {

// body(i) for every i in [0, count).
template <class Body>
void parallel_for(std::size_t count, const Body& body) {
  tbb::parallel_for(tbb::blocked_range<std::size_t>(0, count), [&](const tbb::blocked_range<std::size_t>& part) {
    for (std::size_t i = part.begin(); i != part.end(); ++i) body(i);
  });
}

}  // namespace assay::goldens

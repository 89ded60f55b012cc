// What a PE receives: copies of the senders' rows by slot, and which elements are settled before the order of slots is
// known (ep-dispatch-combine 1.3, 1.7 S1 and S2).
//
// With an observed source map every row in use is determined. Without one, slot s may hold any candidate of its PE: an
// element is determined where all candidates agree bit for bit, and open elsewhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "goldens/intranode/routing.h"

namespace assay::goldens::intranode {

// Rows to copy from, by source; each a whole number of bytes.
struct SourceRows {
  DType dtype = DType::u8;
  std::int64_t columns = 0;
  std::span<const std::byte> bytes;

  std::size_t row_bytes() const { return static_cast<std::size_t>(bytes_of(dtype, columns)); }
  std::span<const std::byte> row(std::int64_t source) const {
    return bytes.subspan(static_cast<std::size_t>(source) * row_bytes(), row_bytes());
  }
  // A tensor [WS, M, columns].
  static SourceRows of(const Tensor& tensor) { return {tensor.dtype(), tensor.shape()[2], tensor.bytes()}; }
};

// 1 per element in which not all the given rows agree bit for bit.
std::vector<std::uint8_t> differing(const SourceRows& rows, std::span<const std::int32_t> sources);

// Every element open.
GoldenOutput open_output(Tensor value);

// [WS, R, columns]. Rows from n_p on are zero and open.
GoldenOutput received_rows(const Routing& routing, const std::vector<Arrivals>& arrived, const SourceRows& rows);

// What dispatch does before any expert-major layout.
struct Dispatched {
  Routing routing;
  std::vector<Arrivals> arrived;  // by PE
  GoldenMap outputs;
};

// Inputs x [WS, M, H], indices and weights [WS, M, K], tokens [WS], scales [WS, M, S] (optional); parameters epr, cap,
// scale_dim, scale_type_size (both -1: not stated); option sentinel. Outputs total_recv [WS], src [WS, R],
// tok [WS, R, H], idx and wts [WS, R, K], recv_scales [WS, R, S] (with scales). Takes the observed `src`.
Result<Dispatched> dispatch(const StageRequest& request);

// The observed tensor of that name, or null. Error: another dtype or shape.
Result<const Tensor*> observed(const StageRequest& request, std::string_view name, DType dtype, const Shape& shape);

}  // namespace assay::goldens::intranode

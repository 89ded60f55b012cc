// The receive buffers of dispatch (dsv4-chain 3.3): [N, L, R] rows of which each expert's first ones are in use.
#pragma once

#include <cstdint>
#include <vector>

#include "goldens/stages/stage.h"
#include "harness/core/tensor.h"

namespace assay::goldens {

// INT8 rows come with their scales, BF16 rows without. Error: not so.
Result<void> check_payload(const Tensor& x, const Tensor* scale);

// [ranks, L, R, channels] from the parameters L and R. Errors: L or R below 1, or buffers beyond 2^28 elements
// or 2^22 rows.
Result<Shape> window_shape(const StageRequest& request, std::int64_t ranks, std::int64_t channels);

// A tensor of rows, each open until something is written to it.
class ReceivedRows {
 public:
  // `rows` leading axes count rows; what follows is a row.
  ReceivedRows(DType dtype, Shape shape, std::size_t row_axes);
  // Row `to` becomes the bits of row `from` of a tensor of equal row size and dtype.
  void copy(const Tensor& source, std::size_t from, std::size_t to);
  void put(std::int32_t value, std::size_t row);  // rows of one i32
  void zero_unwritten();                          // zeros that a kernel writes: not open
  GoldenOutput output() &&;

 private:
  Tensor tensor_;
  std::size_t row_elements_ = 0;
  std::vector<std::uint8_t> written_;
};

struct ReceiveWindow {
  // shape: [N, L, R, D].
  ReceiveWindow(DType dtype, const Shape& shape);
  ReceivedRows x, scale, weight, address;

  // recv_x, recv_w, recv_scale if there are scales, and the addresses by the given name.
  GoldenMap outputs(const char* address_name, bool with_scale) &&;
};

}  // namespace assay::goldens

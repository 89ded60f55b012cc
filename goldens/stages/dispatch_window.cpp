#include "goldens/stages/dispatch_window.h"

#include <cstring>

#include "goldens/stages/support.h"

namespace assay::goldens {
namespace {

constexpr std::int64_t kLargestWindow = std::int64_t{1} << 28;  // elements; the largest published one has 2^27.4
constexpr std::int64_t kMostRows = std::int64_t{1} << 22;       // the same one has 2^14.6

Shape leading(const Shape& shape, std::size_t axes) {
  return {shape.begin(), shape.begin() + static_cast<std::ptrdiff_t>(axes)};
}

}  // namespace

Result<void> check_payload(const Tensor& x, const Tensor* scale) {
  const bool quantised = x.dtype() == DType::i8;
  if (quantised == (scale != nullptr)) return {};
  return bad_input("input 'x_norm' is {} {} 'x_norm_scale', expected i8 with it or bf16 without", name(x.dtype()),
                   scale ? "with" : "without");
}

Result<Shape> window_shape(const StageRequest& request, std::int64_t ranks, std::int64_t channels) {
  Shape shape{ranks, parameter(request, "L"), parameter(request, "R"), channels};
  for (const auto& [what, extent] : {std::pair{"L", shape[1]}, std::pair{"R", shape[2]}})
    if (extent < 1 || extent > kLargestWindow)
      return bad_input("parameter {} is {}, expected 1 to {}", what, extent, kLargestWindow);
  std::int64_t elements = 1;
  for (const std::int64_t extent : shape)
    if (__builtin_mul_overflow(elements, std::max<std::int64_t>(extent, 1), &elements) || elements > kLargestWindow)
      return bad_input("receive buffers of {} elements, expected at most {}", to_string(shape), kLargestWindow);
  const std::int64_t rows = element_count(leading(shape, 3));  // no more than the elements
  if (rows > kMostRows) return bad_input("receive buffers of {} rows, expected at most {}", rows, kMostRows);
  return shape;
}

ReceivedRows::ReceivedRows(DType dtype, Shape shape, std::size_t row_axes)
    : tensor_(dtype, shape),
      row_elements_(static_cast<std::size_t>(
          element_count({shape.begin() + static_cast<std::ptrdiff_t>(row_axes), shape.end()}))),
      written_(static_cast<std::size_t>(element_count(leading(shape, row_axes))), 0) {}

void ReceivedRows::copy(const Tensor& source, std::size_t from, std::size_t to) {
  const std::size_t bytes = row_elements_ * static_cast<std::size_t>(info(tensor_.dtype()).bits) / 8;
  if (bytes != 0) std::memcpy(tensor_.bytes().data() + to * bytes, source.bytes().data() + from * bytes, bytes);
  written_[to] = 1;
}

void ReceivedRows::put(std::int32_t value, std::size_t row) {
  tensor_.as<std::int32_t>()[row] = value;
  written_[row] = 1;
}

void ReceivedRows::zero_unwritten() { written_.assign(written_.size(), 1); }

GoldenOutput ReceivedRows::output() && {
  GoldenOutput result = determined(std::move(tensor_));
  for (std::size_t i = 0; i < result.open.size(); ++i) result.open[i] = !written_[i / row_elements_];
  return result;
}

ReceiveWindow::ReceiveWindow(DType dtype, const Shape& shape)
    : x(dtype, shape, 3),
      scale(DType::f32, leading(shape, 3), 3),
      weight(DType::f32, leading(shape, 3), 3),
      address(DType::i32, leading(shape, 3), 3) {}

GoldenMap ReceiveWindow::outputs(const char* address_name, bool with_scale) && {
  GoldenMap result;
  result["recv_x"] = std::move(x).output();
  result["recv_w"] = std::move(weight).output();
  if (with_scale) result["recv_scale"] = std::move(scale).output();
  result[address_name] = std::move(address).output();
  return result;
}

}  // namespace assay::goldens

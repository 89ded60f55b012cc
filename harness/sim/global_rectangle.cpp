#include "harness/sim/global_rectangle.h"

#include <algorithm>
#include <cstring>

#include "harness/sim/ops/support.h"
#include "harness/sim/ops/window.h"

namespace assay::sim {
namespace {

std::size_t bytes(std::int64_t count) { return static_cast<std::size_t>(count); }

float value_of(DType dtype, const std::byte* at) {
  std::uint32_t bits = 0;
  std::memcpy(&bits, at, dtype == DType::f32 ? 4 : 2);
  if (dtype == DType::f32) return std::bit_cast<float>(bits);
  return dtype == DType::f16 ? f16_value(static_cast<std::uint16_t>(bits))
                             : bf16_value(static_cast<std::uint16_t>(bits));
}

template <class T>
T combined(Combine how, T a, T b) {
  if (how == Combine::max) return maximum_of(a, b);
  if (how == Combine::min) return minimum_of(a, b);
  if constexpr (std::is_floating_point_v<T>) return quiet(a + b);
  return static_cast<T>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}

}  // namespace

RectangleShape shape_of(const View& view) {
  RectangleShape shape{1, view.shape[view.rank - 1]};
  for (std::size_t d = 0; d + 1 < view.rank; ++d)
    if (__builtin_mul_overflow(shape.rows, view.shape[d], &shape.rows)) return {INT64_MAX, shape.cols};
  return shape.rows < 0 || shape.cols < 0 ? RectangleShape{} : shape;
}

bool check_owner(Machine& m, const View& view) {
  const auto placements = m.launch().placements;
  if (view.base.tensor >= placements.size()) return true;
  const device::Placement& placement = placements[view.base.tensor];
  if (placement.rank == m.who().rank || placement.window) return true;
  return m.fault("foreign-memory",
                 fmt::format("rank {} reaches memory of rank {} that is no window", m.who().rank, placement.rank),
                 view.made_by ? view.made_by->location : m.function().location);
}

bool check_extent(Machine& m, const View& view) {
  constexpr std::int64_t kFew = 1 << 16;
  const RectangleShape shape = shape_of(view);
  const std::int64_t size = view.base.tensor == kNoTensor ? 0 : m.tensor(view.base.tensor).size();
  if (shape.rows == 0 || shape.cols <= std::max(size, kFew) / shape.rows) return true;
  return m.fault("transfer-shape", fmt::format("{}x{} elements of a tensor of {}", shape.rows, shape.cols, size),
                 view.made_by ? view.made_by->location : m.function().location);
}

View band(const View& whole, std::int64_t index, const View& part) {
  const auto axis = [](const View& view) { return view.rank >= 2 ? view.rank - 2 : 0; };
  const std::size_t d = axis(whole);
  const std::int64_t extent = part.shape[axis(part)];
  View view = whole;
  view.base.offset += index * extent * view.strides[d];
  view.limits[d] -= index * extent;
  view.shape[d] = std::clamp<std::int64_t>(view.shape[d] - index * extent, 0, extent);
  return view;
}

bool load_rectangle(Machine& m, const View& view, Cargo& cargo) {
  const RectangleShape shape = shape_of(view);
  if (!m.access_window(AccessKind::read, view, shape.rows, shape.cols)) return false;
  const std::int64_t width = info(view.base.element).bits / 8;
  cargo.dtype = view.base.element;
  cargo.rows = shape.rows;
  cargo.cols = shape.cols;
  cargo.data.resize(bytes(shape.rows * shape.cols * width));
  const std::byte* global = m.global(view.base.tensor);
  for_each_row(view, shape.rows, shape.cols, [&](std::int64_t row, std::int64_t offset, std::int64_t stride) {
    std::byte* line = cargo.data.data() + row * shape.cols * width;
    for (std::int64_t col = 0; col < shape.cols; ++col)
      std::memcpy(line + col * width, global + (offset + col * stride) * width, bytes(width));
  });
  return true;
}

bool store_rectangle(Machine& m, const View& view, const Cargo& cargo, bool atomic_add) {
  const AccessKind kind = atomic_add ? AccessKind::atomic : AccessKind::write;
  if (!m.access_window(kind, view, cargo.rows, cargo.cols)) return false;
  const std::int64_t width = info(view.base.element).bits / 8;
  std::byte* global = m.global(view.base.tensor);
  std::vector<std::int64_t> offsets;
  std::vector<std::byte> written;
  for_each_row(view, cargo.rows, cargo.cols, [&](std::int64_t row, std::int64_t offset, std::int64_t stride) {
    const std::byte* line = cargo.data.data() + row * cargo.cols * width;
    for (std::int64_t col = 0; col < cargo.cols; ++col) {
      std::byte* to = global + (offset + col * stride) * width;
      if (atomic_add)
        combine(Combine::sum, view.base.element, to, line + col * width, 1);
      else
        std::memcpy(to, line + col * width, bytes(width));
      if (!m.tracing()) continue;
      offsets.push_back(offset + col * stride);
      written.insert(written.end(), to, to + width);
    }
  });
  if (m.tracing()) m.trace_global(view.base, cargo.rows, cargo.cols, std::move(offsets), std::move(written));
  return true;
}

void combine(Combine how, DType dtype, std::byte* a, const std::byte* b, std::int64_t count) {
  const std::int64_t width = info(dtype).bits / 8;
  for (std::int64_t i = 0; i < count; ++i, a += width, b += width) {
    if (dtype == DType::f32 || dtype == DType::f16 || dtype == DType::bf16) {
      const float result = combined(how, value_of(dtype, a), value_of(dtype, b));
      narrow(dtype, &result, 1, a);
      continue;
    }
    visit_integer(dtype, [&](auto type) {
      using T = decltype(type);
      T x, y;
      std::memcpy(&x, a, sizeof(T));
      std::memcpy(&y, b, sizeof(T));
      x = combined(how, x, y);
      std::memcpy(a, &x, sizeof(T));
      return true;
    });
  }
}

}  // namespace assay::sim

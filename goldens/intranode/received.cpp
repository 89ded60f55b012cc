#include "goldens/intranode/received.h"

#include <algorithm>
#include <cstring>

#include "goldens/parallel.h"
#include "goldens/stages/support.h"

namespace assay::goldens::intranode {
namespace {

GoldenOutput counts(const Routing& routing) {
  Tensor total(DType::i32, {routing.geometry.ranks});
  for (std::int64_t pe = 0; pe < routing.geometry.ranks; ++pe)
    total.as<std::int32_t>()[static_cast<std::size_t>(pe)] = static_cast<std::int32_t>(routing.accepted_at(pe));
  return determined(std::move(total));
}

GoldenOutput source_map(const Routing& routing, const std::vector<Arrivals>& arrived) {
  const Geometry& geometry = routing.geometry;
  Tensor value(DType::i32, {geometry.ranks, geometry.receive_slots});
  std::vector<std::uint8_t> open(static_cast<std::size_t>(value.size()), 1);
  for (std::size_t pe = 0; pe < arrived.size(); ++pe) {
    const std::size_t first = pe * static_cast<std::size_t>(geometry.receive_slots);
    std::ranges::copy(arrived[pe].sources, value.as<std::int32_t>().begin() + static_cast<std::ptrdiff_t>(first));
    if (arrived[pe].known)
      std::fill_n(open.begin() + static_cast<std::ptrdiff_t>(first), arrived[pe].sources.size(), std::uint8_t{0});
  }
  GoldenOutput result = determined(std::move(value));
  result.open = std::move(open);
  return result;
}

// All-or-none: a tensor exactly where a row has bytes (1.1).
Result<void> check_scales(const StageRequest& request) {
  const Tensor* scales = optional_input(request, "scales");
  const std::int64_t dim = parameter(request, "scale_dim"), size = parameter(request, "scale_type_size");
  const std::int64_t bytes = scales == nullptr ? 0 : scales->shape()[2];
  if (scales != nullptr && bytes == 0)
    return bad_input("'scales' has rows of 0 bytes, expected 1 or more, or no tensor (ep-dispatch-combine 1.1)");
  if (dim == -1 && size == -1) return {};
  if (dim < 0 || size < 0)
    return bad_input("scale_dim is {} and scale_type_size is {}, expected both 0 or more (ep-dispatch-combine 1.1)",
                     dim, size);
  const bool matches = size == 0 ? bytes == 0 : bytes % size == 0 && bytes / size == dim;
  if (matches) return {};
  return bad_input(
      "'scales' has rows of {} bytes (0: no tensor), expected scale_dim * scale_type_size = {} * {} "
      "(ep-dispatch-combine 1.1)",
      bytes, dim, size);
}

SourceRows id_rows(const Routing& routing) {
  return {DType::i32, routing.geometry.top_k, std::as_bytes(std::span(routing.ids))};
}

}  // namespace

std::vector<std::uint8_t> differing(const SourceRows& rows, std::span<const std::int32_t> sources) {
  std::vector<std::uint8_t> result(static_cast<std::size_t>(rows.columns));
  if (sources.size() < 2) return result;
  const std::span<const std::byte> first = rows.row(sources.front());
  Tensor difference(rows.dtype, {rows.columns});  // not zero in the elements that differ
  const std::span<std::byte> bytes = difference.bytes();
  for (const std::int32_t source : sources.subspan(1)) {
    const std::span<const std::byte> row = rows.row(source);
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] |= first[i] ^ row[i];
  }
  for (std::size_t i = 0; i < result.size(); ++i) result[i] = difference.bits(static_cast<std::int64_t>(i)) != 0;
  return result;
}

GoldenOutput open_output(Tensor value) {
  GoldenOutput result = determined(std::move(value));
  std::ranges::fill(result.open, std::uint8_t{1});
  return result;
}

GoldenOutput received_rows(const Routing& routing, const std::vector<Arrivals>& arrived, const SourceRows& rows) {
  const Geometry& geometry = routing.geometry;
  Tensor value(rows.dtype, {geometry.ranks, geometry.receive_slots, rows.columns});
  std::vector<std::uint8_t> open(static_cast<std::size_t>(value.size()), 1);
  const auto slots = static_cast<std::size_t>(geometry.receive_slots);
  std::vector<std::vector<std::uint8_t>> unsettled(arrived.size());
  parallel_for(arrived.size(), [&](std::size_t pe) {
    unsettled[pe] = arrived[pe].known ? std::vector<std::uint8_t>(static_cast<std::size_t>(rows.columns))
                                      : differing(rows, routing.candidates[pe]);
  });
  parallel_for(arrived.size() * slots, [&](std::size_t row) {
    const std::vector<std::int32_t>& sources = arrived[row / slots].sources;
    if (row % slots >= sources.size()) return;
    const std::span<const std::byte> from = rows.row(sources[row % slots]);
    const std::vector<std::uint8_t>& mask = unsettled[row / slots];
    std::memcpy(value.bytes().data() + row * from.size(), from.data(), from.size());
    std::memcpy(open.data() + row * mask.size(), mask.data(), mask.size());
  });
  GoldenOutput result;
  result.lo = value;
  result.hi = value;
  result.value = std::move(value);
  result.open = std::move(open);
  return result;
}

Result<const Tensor*> observed(const StageRequest& request, std::string_view name, DType dtype, const Shape& shape) {
  if (request.observed == nullptr) return nullptr;
  const auto found = request.observed->find(name);
  if (found == request.observed->end() || found->second == nullptr) return nullptr;
  const Tensor& tensor = *found->second;
  if (tensor.dtype() == dtype && tensor.shape() == shape) return &tensor;
  return bad_input("the observed '{}' is {} {}, expected {} {}", name, assay::name(tensor.dtype()),
                   to_string(tensor.shape()), assay::name(dtype), to_string(shape));
}

Result<Dispatched> dispatch(const StageRequest& request) {
  const Tensor& x = input(request, "x");
  auto routing = read_routing(request);
  if (!routing) return tl::unexpected(routing.error());
  if (auto checked = check_row_bytes("x", x.dtype(), x.shape()[2]); !checked) return tl::unexpected(checked.error());
  if (auto checked = check_scales(request); !checked) return tl::unexpected(checked.error());
  const auto src = observed(request, "src", DType::i32, {routing->geometry.ranks, routing->geometry.receive_slots});
  if (!src) return tl::unexpected(src.error());
  Dispatched result{std::move(*routing), {}, {}};
  result.arrived = arrivals(result.routing, *src);
  GoldenMap& outputs = result.outputs;
  outputs["total_recv"] = counts(result.routing);
  outputs["src"] = source_map(result.routing, result.arrived);
  outputs["tok"] = received_rows(result.routing, result.arrived, SourceRows::of(x));
  outputs["idx"] = received_rows(result.routing, result.arrived, id_rows(result.routing));
  outputs["wts"] = received_rows(result.routing, result.arrived, SourceRows::of(input(request, "weights")));
  if (const Tensor* scales = optional_input(request, "scales"))
    outputs["recv_scales"] = received_rows(result.routing, result.arrived, SourceRows::of(*scales));
  if (result.routing.undefined)
    for (auto& [name, output] : outputs) std::ranges::fill(output.open, std::uint8_t{1});
  return result;
}

}  // namespace assay::goldens::intranode

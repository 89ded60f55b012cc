#include "goldens/intranode/combine.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "goldens/parallel.h"

namespace assay::goldens::intranode {
namespace {

constexpr std::array<std::string_view, 2> kTransports{"push", "zero_copy"};
constexpr std::array<std::string_view, 2> kQuants{"none", "fp8_direct_cast"};
constexpr std::array<std::string_view, 3> kWires{"none", "e4m3fn", "e4m3fnuz"};
constexpr std::array<std::string_view, 4> kOverflows{"profile", "nonsat", "satfinite", "satall"};

Result<std::optional<DType>> wire_format(const StageRequest& request, DType combine_dtype) {
  const auto transport = option(request, "transport", "push", kTransports);
  if (!transport) return tl::unexpected(transport.error());
  const auto quant = option(request, "quant", "none", kQuants);
  if (!quant) return tl::unexpected(quant.error());
  const auto wire = option(request, "wire", "none", kWires);
  if (!wire) return tl::unexpected(wire.error());
  if (*quant == "none") {
    if (*wire == "none") return std::nullopt;
    return bad_input("option wire={} without quant=fp8_direct_cast (ep-dispatch-combine 1.5)", *wire);
  }
  if (combine_dtype != DType::bf16)
    return bad_input("option quant=fp8_direct_cast with combine dtype {}, expected bf16 (ep-dispatch-combine 1.1)",
                     name(combine_dtype));
  if (*transport == "zero_copy")
    return bad_input(
        "option quant=fp8_direct_cast with transport=zero_copy, expected transport=push "
        "(ep-dispatch-combine 1.1)");
  if (*wire == "none")
    return bad_input(
        "option quant=fp8_direct_cast without wire, expected wire=e4m3fn or wire=e4m3fnuz: the format on "
        "the wire is the target's (ep-dispatch-combine 1.5)");
  return parse_dtype(*wire);
}

bool is_fp8(DType dtype) { return dtype == DType::e4m3fn || dtype == DType::e4m3fnuz; }

// Any element of `addends` that a flush could touch, or of the partial sums.
bool flush_matters_in(std::span<const TwoStarts> addends, std::size_t column) {
  float sum = 0;
  return std::ranges::any_of(addends, [&](const TwoStarts& addend) {
    sum += addend.from_zero[column];
    return flush_matters(addend.from_zero[column]) || flush_matters(sum);
  });
}

Hull flushed_sum(std::span<const TwoStarts> addends, std::size_t column) {
  const HullArithmetic math(false, true);
  Hull sum = math.input(addends.front().from_zero[column]);
  for (const TwoStarts& addend : addends.subspan(1)) sum = math.sum(sum, math.input(addend.from_zero[column]));
  if (sum.contains(-0.0F)) sum.include(0.0F);
  return sum;
}

}  // namespace

Result<CombineOptions> combine_options(const StageRequest& request, DType combine_dtype) {
  const auto wire = wire_format(request, combine_dtype);
  if (!wire) return tl::unexpected(wire.error());
  const auto overflow = option(request, "overflow", "profile", kOverflows);
  if (!overflow) return tl::unexpected(overflow.error());
  CombineOptions options{request.profile.narrowing(combine_dtype), *wire, {}};
  if (*wire) options.wire_rules = request.profile.narrowing(**wire);
  if (*overflow == "profile") return options;
  if (!*wire && !is_fp8(combine_dtype))
    return bad_input(
        "option overflow={} with combine dtype {} and no wire format, expected e4m3fn or e4m3fnuz "
        "(ep-dispatch-combine 3.2)",
        *overflow, name(combine_dtype));
  NarrowingRules& rules = *wire ? options.wire_rules : options.narrowing;
  rules.overflow = *overflow == "nonsat"      ? Overflow::nonsat
                   : *overflow == "satfinite" ? Overflow::satfinite
                                              : Overflow::satall;
  return options;
}

bool flush_matters(float x) { return x != 0 && std::abs(x) <= std::numeric_limits<float>::min(); }

GoldenOutput combine_rows(const Accepted& accepted, StoredRows rows, const CombineRow& row) {
  const auto sources = static_cast<std::size_t>(accepted.routing().geometry.sources());
  parallel_for(sources, [&](std::size_t index) {
    const auto source = static_cast<std::int64_t>(index);
    if (accepted.is_combined(source)) rows.set(index, row(source, accepted.contributions(source)));
  });
  return std::move(rows).take();
}

RowRange summed(std::span<const TwoStarts> addends, std::size_t columns, bool flush) {
  RowRange range = RowRange::of(sum_rows(addends, columns));
  for (std::size_t h = 0; flush && h < columns; ++h)
    if (flush_matters_in(addends, h)) range.set(h, flushed_sum(addends, h));
  return range;
}

}  // namespace assay::goldens::intranode

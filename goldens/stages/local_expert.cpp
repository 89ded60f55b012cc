// local_expert: recv_y = bf16_rint(fl(float(recv_x) * recv_w)), what stands in for the experts where dispatch and combine
// are checked alone (dsv4-chain 3.3, EXDC: x * w; the peer's kernel rounds half away, its reference to even). Slots
// behind recv_count are open.
#include "goldens/stages/registry.h"
#include "goldens/stages/routes.h"
#include "goldens/stages/support.h"

namespace assay::goldens {
namespace {

Result<GoldenMap> evaluate_local_expert(const StageRequest& request) {
  const Tensor &recv_x = input(request, "recv_x"), &recv_w = input(request, "recv_w");
  const Tensor& recv_count = input(request, "recv_count");
  const Shape& shape = recv_x.shape();  // [L, R, D]
  if (const auto checked = check_range("recv_count", recv_count, 0, shape[1]); !checked)
    return tl::unexpected(checked.error());
  const std::vector<float> x = as_f32(recv_x);
  const auto weight = recv_w.as<float>();
  const auto channels = static_cast<std::size_t>(shape[2]), slots = static_cast<std::size_t>(shape[1]);
  const OutputType type{DType::bf16, Rounding::rint, false};
  GoldenOutput output = evaluate_output(request.profile, shape, type, [&]<class Arithmetic>(const Arithmetic& math) {
    std::vector<typename Arithmetic::Number> y;
    y.reserve(x.size());
    for (std::size_t i = 0; i < x.size(); ++i)
      y.push_back(math.product(math.input(x[i]), math.input(weight[i / channels])));
    return y;
  });
  output.open.resize(x.size(), 0);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::size_t row = i / channels;
    const auto used = static_cast<std::size_t>(recv_count.as<std::int32_t>()[row / slots]);
    if (row % slots >= used) output.open[i] = 1;
  }
  GoldenMap outputs;
  outputs["recv_y"] = std::move(output);
  return outputs;
}

}  // namespace

Stage local_expert() {
  return {.name = "local_expert",
          .clause = "dsv4-chain 3.3",
          .inputs = {{"recv_x", {DType::bf16}, {"L", "R", "D"}},
                     {"recv_w", {DType::f32}, {"L", "R"}},
                     {"recv_count", {DType::i32}, {"L"}}},
          .outputs = {{"recv_y", {DType::bf16}, {"L", "R", "D"}}},
          .parameters = {},
          .options = {},
          .evaluate = evaluate_local_expert,
          .relations = {RowsRelation{"L"}, RowsRelation{"D"},
                        PowerOfTwoRelation{{{"recv_x", 1}}, {{"recv_y", 1}}},
                        PowerOfTwoRelation{{{"recv_w", 1}}, {{"recv_y", 1}}},
                        PaddingRelation{"recv_count", {"recv_x", "recv_w"}, {"recv_y"}},
                        UnroutedRelation{"recv_count", {"recv_x", "recv_w"}}}};
}

}  // namespace assay::goldens

// ffn_add: ffn_out = bf16_rint(fl(routed_y + float(sh))) (dsv4-chain 3.7). infinity - infinity is NaN: any NaN; nothing
// is open by specification.
#include "goldens/stages/registry.h"
#include "goldens/stages/support.h"

namespace assay::goldens {
namespace {

Result<GoldenMap> evaluate_ffn_add(const StageRequest& request) {
  const Tensor& routed_y = input(request, "routed_y");
  const auto routed = routed_y.as<float>();
  const std::vector<float> shared = as_f32(input(request, "sh"));
  const OutputType type{DType::bf16, Rounding::rint, false};
  GoldenMap outputs;
  outputs["ffn_out"] =
      evaluate_output(request.profile, routed_y.shape(), type, [&]<class Arithmetic>(const Arithmetic& math) {
        std::vector<typename Arithmetic::Number> y;
        y.reserve(routed.size());
        for (std::size_t i = 0; i < routed.size(); ++i)
          y.push_back(math.sum(math.input(routed[i]), math.input(shared[i])));
        return y;
      });
  return outputs;
}

}  // namespace

Stage ffn_add() {
  return {.name = "ffn_add",
          .clause = "dsv4-chain 3.7",
          .inputs = {{"routed_y", {DType::f32}, {"T", "D"}}, {"sh", {DType::bf16}, {"T", "D"}}},
          .outputs = {{"ffn_out", {DType::bf16}, {"T", "D"}}},
          .parameters = {},
          .options = {},
          .evaluate = evaluate_ffn_add,
          .relations = {RowsRelation{"T"}, RowsRelation{"D"},
                        PowerOfTwoRelation{{{"routed_y", 1}, {"sh", 1}}, {{"ffn_out", 1}}}}};
}

}  // namespace assay::goldens

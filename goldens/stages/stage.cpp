#include "goldens/stages/stage.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "goldens/stages/binding.h"
#include "goldens/stages/registry.h"

namespace assay::goldens {

std::span<const Stage> stages() {
  static const std::vector<Stage> all{allgather_ffn(),
                                      allgather_ffn_down(),
                                      allgather_ffn_gather(),
                                      allgather_ffn_hidden(),
                                      allgather_ffn_reduce(),
                                      cast(),
                                      cast_bf16(),
                                      combine(),
                                      combine_card(),
                                      compressor(),
                                      compressor_kv_score(),
                                      compressor_norm_rope_write(),
                                      compressor_softmax_pool(),
                                      compressor_state_scatter(),
                                      compressor_state_scatter_next(),
                                      dequant_rows(),
                                      dispatch(),
                                      dispatch_card(),
                                      ffn_add(),
                                      gate(),
                                      hc_post(),
                                      hc_pre(),
                                      intranode_combine(),
                                      intranode_combine_std_moe(),
                                      intranode_dispatch(),
                                      intranode_dispatch_std_moe(),
                                      local_expert(),
                                      mix_x(),
                                      quant_rows(),
                                      routed_expert(),
                                      row_expand_mul_fillpad(),
                                      shared_expert()};
  return all;
}

Result<const Stage*> find_stage(std::string_view name) {
  const auto found = std::ranges::find(stages(), name, &Stage::name);
  if (found != stages().end()) return &*found;
  std::vector<std::string_view> known;
  for (const Stage& stage : stages()) known.push_back(stage.name);
  return bad_input("unknown stage '{}', expected {}", name, fmt::join(known, ", "));
}

Result<GoldenMap> evaluate(const Stage& stage, const StageRequest& request) {
  if (auto bound = bind_inputs(stage, request.inputs); !bound) return tl::unexpected(bound.error());
  if (auto checked = check_options(stage, request); !checked) return tl::unexpected(checked.error());
  Parameters parameters = request.parameters;
  for (const StageParameter& parameter : stage.parameters)
    if (parameter.fallback) parameters.try_emplace(std::string(parameter.name), *parameter.fallback);
  return stage.evaluate({request.inputs, parameters, request.options, request.profile, request.observed});
}

}  // namespace assay::goldens

// The built-in stages, one function per file.
#pragma once

#include "goldens/stages/stage.h"

namespace assay::goldens {

Stage allgather_ffn();
Stage allgather_ffn_down();
Stage allgather_ffn_gather();
Stage allgather_ffn_hidden();
Stage allgather_ffn_reduce();
Stage cast();
Stage cast_bf16();
Stage combine();
Stage combine_card();
Stage compressor();
Stage compressor_kv_score();
Stage compressor_norm_rope_write();
Stage compressor_softmax_pool();
Stage compressor_state_scatter();
Stage compressor_state_scatter_next();
Stage dequant_rows();
Stage dispatch();
Stage dispatch_card();
Stage ffn_add();
Stage gate();
Stage hc_post();
Stage hc_pre();
Stage intranode_combine();
Stage intranode_combine_std_moe();
Stage intranode_dispatch();
Stage intranode_dispatch_std_moe();
Stage local_expert();
Stage mix_x();
Stage quant_rows();
Stage routed_expert();
Stage row_expand_mul_fillpad();
Stage shared_expert();

}  // namespace assay::goldens

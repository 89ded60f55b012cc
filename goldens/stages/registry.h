// The built-in stages, one function per file.
#pragma once

#include "goldens/stages/stage.h"

namespace assay::goldens {

Stage cast_bf16();
Stage combine();
Stage combine_card();
Stage dequant_rows();
Stage dispatch();
Stage dispatch_card();
Stage ffn_add();
Stage hc_post();
Stage intranode_combine();
Stage intranode_combine_std_moe();
Stage intranode_dispatch();
Stage intranode_dispatch_std_moe();
Stage mix_x();
Stage quant_rows();
Stage routed_expert();
Stage row_expand_mul_fillpad();
Stage shared_expert();

}  // namespace assay::goldens

// The built-in stages, one function per file.
#pragma once

#include "goldens/stages/stage.h"

namespace assay::goldens {

Stage cast_bf16();
Stage dequant_rows();
Stage ffn_add();
Stage hc_post();
Stage intranode_combine();
Stage intranode_combine_std_moe();
Stage intranode_dispatch();
Stage intranode_dispatch_std_moe();
Stage mix_x();
Stage quant_rows();
Stage row_expand_mul_fillpad();

}  // namespace assay::goldens

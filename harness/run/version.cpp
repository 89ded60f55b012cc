#include "harness/run/version.h"

namespace assay::run {

std::string_view version() { return ASSAY_VERSION; }

}  // namespace assay::run

#pragma once

#include <string_view>

namespace assay::run {

// "0.1.0", from the build system.
std::string_view version();

}  // namespace assay::run

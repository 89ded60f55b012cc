// The .toml files of this folder as text, by name. The definitions are generated at build time
// (harness/core/profile/compile.cmake).
#pragma once

#include <map>
#include <string_view>

namespace assay::goldens {

const std::map<std::string_view, std::string_view>& compiled_chain_profiles();
const std::map<std::string_view, std::string_view>& compiled_model_configs();

}  // namespace assay::goldens

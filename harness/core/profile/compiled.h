// The .toml files of this folder as text, by name. The definition is generated at build time (compile.cmake).
#pragma once

#include <map>
#include <string_view>

namespace assay {

const std::map<std::string_view, std::string_view>& compiled_profiles();

}  // namespace assay

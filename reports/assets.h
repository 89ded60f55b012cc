// Files compiled into the program: the report's template, style and scripts, and Chart.js. Internal to reports.
#pragma once

#include <string_view>

namespace assay::reports {

extern const std::string_view kPage, kStyle, kScript, kChart;

}  // namespace assay::reports

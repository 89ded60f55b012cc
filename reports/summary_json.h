// The run and its summary as JSON, for summary.json and report.html. Internal to reports.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "reports/reporter.h"

namespace assay::reports {

nlohmann::json to_node(const RunInfo& info);
nlohmann::json to_node(const Summary& summary);
// Invalid UTF-8 becomes U+FFFD; `indent` as nlohmann::json::dump has it.
std::string dump(const nlohmann::json& node, int indent);

}  // namespace assay::reports

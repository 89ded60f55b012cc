// What a report says about the run as a whole, as facts in the store and back.
#pragma once

#include <string>

#include "harness/run/store.h"
#include "reports/reporter.h"

namespace assay::run {

StoreFacts facts_of(const reports::RunInfo& info);
reports::RunInfo info_of(const StoreFacts& facts);

std::string machine_description();  // "Intel Xeon ..., 2 threads, Linux 6.1"
std::string utc_now();              // "2026-01-02T03:04:05.678Z"

}  // namespace assay::run

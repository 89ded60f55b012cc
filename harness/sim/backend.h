// The simulator as a backend: one sequential machine that checks every rule it knows (design.md, "The simulator is a
// checked machine").
#pragma once

#include "harness/device/backend.h"

namespace assay::sim {

extern const device::BackendRecord kSimRecord;

}  // namespace assay::sim

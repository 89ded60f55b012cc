// A backend that is a command: it is handed a bundle and leaves outputs (bundle.h).
#pragma once

#include "harness/device/backend.h"

namespace assay::device {

// "process:COMMAND" or "process:timeout=SECONDS COMMAND". {bundle} in COMMAND is the bundle's folder; a command without
// it gets the folder as its last word. 60 s a launch unless told otherwise.
extern const BackendRecord kProcessRecord;

}  // namespace assay::device

// Failure folders: everything needed to look at one failing case without running it again.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "harness/core/error.h"
#include "harness/core/tensor.h"
#include "harness/run/case.h"

namespace assay::reports {

struct FailureTensors {
  TensorMap inputs;
  TensorMap golden;  // OUTPUT, and OUTPUT.lo, OUTPUT.hi where the golden is an enclosure
  std::map<std::string, TensorMap, std::less<>> actual;  // per backend
};

// Writes DIRECTORY/<id>/ with inputs/, golden/ and actual-<backend>/ (.npy and a manifest each), divergence.json (the
// case's result, to_json of run::CaseResult) and replay.txt. Returns the folder. An existing folder of the case is
// replaced file by file. Errors: an id or backend that is no file name; what writing reports.
Result<std::filesystem::path> write_failure(const std::filesystem::path& directory, const run::CaseResult& result,
                                            const FailureTensors& tensors);

}  // namespace assay::reports

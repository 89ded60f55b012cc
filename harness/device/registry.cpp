#include <array>

#include "harness/device/backend.h"
#include "harness/device/opencl/opencl_backend.h"
#include "harness/device/process/process_backend.h"
#include "harness/sim/backend.h"

namespace assay::device {
namespace {

const std::array<BackendRecord, 3>& records() {
  static const std::array<BackendRecord, 3> list{sim::kSimRecord, kOpenclRecord, kProcessRecord};
  return list;
}

}  // namespace

std::span<const BackendRecord> backend_records() { return records(); }

Result<std::unique_ptr<Backend>> create_backend(std::string_view specification) {
  const std::size_t colon = specification.find(':');
  const std::string_view wanted = specification.substr(0, colon);
  const std::string_view option = colon == std::string_view::npos ? "" : specification.substr(colon + 1);
  std::string known;
  for (const BackendRecord& record : backend_records()) {
    if (record.name == wanted) return record.create(option);
    known += (known.empty() ? "" : ", ") + std::string(record.name);
  }
  return bad_input("unknown backend '{}', expected one of: {}", wanted, known);
}

}  // namespace assay::device
